"""Many documents at once are encoded and marked as each alone, by the plainest of means."""

from __future__ import annotations

import io
import json
import lzma
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from made_texts import made_text

from data_prep.sentences import sentence_ends, sentence_ends_of
from data_prep.tokenizer import BadTokenizer, Tokenizer, vocab_above
from data_prep.tokenizing.marks import Marker, keeps_text

WEIRD = "the of. \n\t!?é你好。世界😀▁ﬁ…\u3000\xa0\u200b\u2028\r\x0b\x00e\u0301ß ßßＡÅ\u1100\u1161"
DOCUMENTS = st.lists(
    st.text(st.sampled_from(WEIRD) | st.characters(exclude_categories=["Cs"]), max_size=40), max_size=6
)
MADE_MODELS: dict[str, dict[str, Any]] = {
    "changes the text": {"normalization_rule_name": "nmt_nfkc"},
    "changes it, spells bytes": {"normalization_rule_name": "nmt_nfkc_cf", "byte_fallback": True, "vocab_size": 335},
    "keeps the text, lacks characters": {"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    "changes letters, keeps white space": {"normalization_rule_name": "nmt_nfkc", "remove_extra_whitespaces": False},
    "space behind words": {"treat_whitespace_as_suffix": True},
    "no space before the text": {"add_dummy_prefix": False},
    "a piece of a character that it lacks": {"user_defined_symbols": ["ßß"]},
}


@cache
def made(name: str) -> Tokenizer:
    model = io.BytesIO()
    options = {"vocab_size": 120, "pad_id": 3, "minloglevel": 3, "num_threads": 1} | MADE_MODELS[name]
    texts = [made_text(i).replace("\n", " ") for i in range(50)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*texts, "é你好。!?."]), model_writer=model, character_coverage=1.0, **options
    )
    content = model.getvalue()
    return Tokenizer(content, vocab_above(sentencepiece.SentencePieceProcessor(model_proto=content), 5))


def plainly(tokenizer: Tokenizer, text: str, language: str = "en") -> tuple[list[int], list[bool], list[bool]]:
    """Ids, word starts and sentence ends of one text, from SentencePiece's own offsets and in plain loops."""
    spm = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    mapping = spm.encode(text, return_type="offset_mapping")
    ids, token_ends = mapping["ids"], [end for _, end in mapping["offsets"]]
    texts = [b"" if tokenizer.vocab.is_special[i] else tokenizer._marker.token_texts[i] for i in ids]
    words = [n == 0 or texts[n - 1].endswith(b"\n") or starts_word(text) for n, text in enumerate(texts)]
    is_blank = [bool(text) and text.isspace() for text in texts]
    visible = [n for n, blank in enumerate(is_blank) if not blank]
    marks = [False] * len(ids)
    for end in sentence_ends(text, language) if ids else ():
        last = next((n for n, token_end in enumerate(token_ends) if token_end >= end), len(ids) - 1)
        following = next((n for n in visible if n > last), len(ids))
        place = max([last, *(n for n in range(last + 1, following) if texts[n].endswith(b"\n"))])
        if not visible or place < visible[-1]:
            marks[place] = True
    if ids:
        marks[-1] = True
    return ids, words, marks


def starts_word(text: bytes) -> bool:
    if len(text) == 1:
        return text.isspace() or text[0] in b"\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xf0"
    return text[:1] in (b" ", b"\n") or "\u2e80" <= text.decode()[:1] <= "\u9fff"


def check(tokenizer: Tokenizer, texts: list[str], language: str = "en") -> None:
    batch = tokenizer.encode_documents(texts, language)
    assert batch.ids.dtype == np.int32 and batch.offsets.dtype == np.int64 and len(batch.offsets) == len(texts) + 1
    assert batch.offsets[0] == 0 and batch.offsets[-1] == len(batch.ids)
    assert len(batch.ids) == len(batch.word_starts) == len(batch.sentence_ends)
    for number, text in enumerate(texts):
        found = tuple(column.tolist() for column in batch.document(number))
        assert found == plainly(tokenizer, text, language), text


@given(DOCUMENTS)
def test_a_batch_is_its_documents_one_by_one(tokenizer: Tokenizer, texts: list[str]) -> None:
    check(tokenizer, texts)


@pytest.mark.parametrize("name", MADE_MODELS)
@given(texts=DOCUMENTS)
@settings(max_examples=60)
def test_so_it_is_for_any_model(name: str, texts: list[str]) -> None:
    check(made(name), texts)


@pytest.mark.parametrize("name", MADE_MODELS)
def test_so_it_is_in_the_cases_that_models_take_apart(name: str) -> None:
    sentence = "The one ﬁne word…  Is it?\n\nYes 😀😀. 你好。世界！\u3000It ßß was ß. \n A"
    check(
        made(name),
        [sentence, "", "a", " ", "\n", "😀", "😀😀", "\u200b", "▁a▁▁b.", sentence, sentence + "\n\n", ".", "a\u200b"],
    )


def test_a_document_alone_is_a_batch_of_one(tokenizer: Tokenizer) -> None:
    texts = [made_text(3), "", "你好。A", made_text(4)]
    batch = tokenizer.encode_documents(texts)
    for number, text in enumerate(texts):
        for one, other in zip(batch.document(number), tokenizer.encode_document(text), strict=True):
            np.testing.assert_array_equal(one, other)


def test_no_documents_are_an_empty_batch(tokenizer: Tokenizer) -> None:
    assert [column.tolist() for column in tokenizer.encode_documents([])] == [[], [], [], [0]]
    assert [column.tolist() for column in made("changes the text").encode_documents([])] == [[], [], [], [0]]


def test_the_one_text_with_half_a_surrogate_pair_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(BadTokenizer, match="character 1 of a text is half a surrogate pair"):
        tokenizer.encode_documents(["fine", "a\ud800"])


def test_models_that_keep_a_text_are_known_by_their_options(tokenizer: Tokenizer) -> None:
    kept = {name for name in MADE_MODELS if keeps_text(made(name).model)}
    assert kept == {"keeps the text, lacks characters"} and keeps_text(tokenizer.model)


def test_sentencepiece_is_asked_for_places_only_where_lengths_do_not_tell(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    whole = Marker._asked
    monkeypatch.setattr(Marker, "_asked", lambda self, text, ends: asked.append(text) or whole(self, text, ends))
    texts = ["A word ß. Is it?", "One ﬁne word… 😀!\n\nIt was.", "It was ▁ it. 你好。"]
    tokenizer.encode_documents(texts)
    made("changes the text").encode_documents(texts)
    made("keeps the text, lacks characters").encode_documents(["a 😀", "😀", "", "😀😀."])
    assert not asked
    made("a piece of a character that it lacks").encode_documents(texts)
    assert asked == texts[:1]


def test_many_sentences_are_those_of_each_text() -> None:
    texts = [made_text(1), "", "你好。世界！", "\n"]
    ends, num_ends = sentence_ends_of(texts)
    assert np.split(ends, np.cumsum(num_ends))[-1].tolist() == []
    for text, found in zip(texts, np.split(ends, np.cumsum(num_ends)), strict=False):
        assert found.tolist() == sentence_ends(text).tolist()


@pytest.mark.parametrize("model", ["ours", "t5"])
def test_real_texts_are_marked_plainly(model: str, tokenizer: Tokenizer, real_data: Path) -> None:
    chosen = tokenizer if model == "ours" else Tokenizer.from_sentencepiece(real_data / "vocab" / "t5-spiece.model")
    for name, language in (
        ("corpus/chinese.jsonl.xz", "zh"),
        ("corpus/peps.jsonl.xz", "en"),
        ("languages/udhr.jsonl", "de"),
    ):
        path = real_data / name
        with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
            texts = [json.loads(line)["text"][:6_000] for line in file]
        check(chosen, random.Random(3).sample(texts, min(len(texts), 25)), language)
