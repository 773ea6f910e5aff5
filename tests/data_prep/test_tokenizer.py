"""Text goes to ids and comes back; special ids come from nowhere but us."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_texts import made_text

from data_prep.tokenizer import BadTokenizer, Tokenizer
from data_prep.tokenizing.training import train
from data_prep.vocab import NoControl

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"), max_size=80)
NEAR_TEXT = st.text(alphabet="the of. \n\t!?é你好。世界😀<extra_id_0></s>", max_size=60)
SPECIAL_SPELLINGS = "<extra_id_0> </s> <pad> <unk> <mask> <s> <0x41> [R] [SEP] [YES]"


@pytest.fixture(scope="session")
def t5(real_data: Path) -> Tokenizer:
    return Tokenizer.from_sentencepiece(real_data / "vocab" / "t5-spiece.model")


def marked(tokenizer: Tokenizer, text: str, which: str) -> list[str]:
    """The text cut at marks, for reading."""
    document = tokenizer.encode_document(text)
    marks = getattr(document, which)
    cuts = np.flatnonzero(marks) + (which == "sentence_ends")
    parts = np.split(document.ids, cuts)
    return [tokenizer.decode(part, show_special=True) for part in parts if len(part)]


@given(ANY_TEXT | NEAR_TEXT)
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == text


@given(ANY_TEXT | NEAR_TEXT)
def test_bytes_of_tokens_add_up_to_the_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.token_bytes[ids].sum() == len(text.encode()) + bool(text)


@given(ANY_TEXT | NEAR_TEXT)
def test_no_text_becomes_a_special_id(tokenizer: Tokenizer, text: str) -> None:
    assert not tokenizer.vocab.is_special[tokenizer.encode(text + SPECIAL_SPELLINGS)].any()


@given(ANY_TEXT | NEAR_TEXT)
def test_decoding_agrees_with_sentencepiece(tokenizer: Tokenizer, text: str) -> None:
    import sentencepiece

    spm = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    assert spm.encode(text) == tokenizer.encode(text).tolist()
    assert spm.decode(spm.encode(text)) == tokenizer.decode(tokenizer.encode(text))


def test_words_start_behind_white_space_and_at_each_unspaced_piece(tokenizer: Tokenizer) -> None:
    words = marked(tokenizer, "The zebra, xx.\nWas it", "word_starts")
    assert words == ["The", "zebra,", "xx.", "\n", "Was", "it"]
    assert marked(tokenizer, "have 你好", "word_starts") == ["have", "", "你", "好"]  # "": a space alone


def test_sentences_end_behind_the_line_ends_that_follow(tokenizer: Tokenizer) -> None:
    text = "The zebra was. Was it?!\n\nHave you 你好。世界！ \n no"
    sentences = marked(tokenizer, text, "sentence_ends")
    assert sentences == ["The zebra was.", "Was it?!\n\n", "Have you 你好。", "世界！ \n", "no"]
    assert marked(tokenizer, "It was.  zz it.", "sentence_ends") == ["It was.", "  zz it."[1:]]
    assert marked(tokenizer, "It was. ", "sentence_ends") == ["It was. "]
    assert marked(tokenizer, "\n ", "sentence_ends") == ["\n "]


@given(NEAR_TEXT.filter(bool))
def test_a_document_starts_with_a_word_and_ends_with_a_sentence(tokenizer: Tokenizer, text: str) -> None:
    document = tokenizer.encode_document(text)
    assert document.word_starts[0] and document.sentence_ends[-1]
    assert len(document.ids) == len(document.word_starts) == len(document.sentence_ends)


def test_nothing_encodes_to_nothing(tokenizer: Tokenizer) -> None:
    assert [len(part) for part in tokenizer.encode_document("")] == [0, 0, 0]
    assert tokenizer.decode([]) == ""


def test_the_layout_is_that_of_t5(tokenizer: Tokenizer) -> None:
    vocab = tokenizer.vocab
    assert (vocab.pad, vocab.eos, vocab.unk, vocab.size, vocab.mask) == (0, 1, 2, 400, 393)
    assert vocab.sentinels == tuple(range(392, 372, -1))
    assert vocab.text_ids == range(3, 373)
    assert vocab.controls == tuple(range(394, 400))
    assert [tokenizer.piece(i) for i in (0, 1, 2, 3, 373, 392, 393, 394, 399)] == [
        "<pad>", "</s>", "<unk>", "\n", "<extra_id_19>", "<extra_id_0>", "<mask>", "[R]", "[NO]",
    ]  # fmt: skip


def test_t5s_model_gets_t5s_sentinels(t5: Tokenizer) -> None:
    assert t5.vocab.sentinels[0] == 32_099 and t5.vocab.sentinels[99] == 32_000
    assert (t5.vocab.pad, t5.vocab.eos, t5.vocab.unk, t5.vocab.mask) == (0, 1, 2, 32_100)
    assert t5.decode(t5.encode("Hello  there.\n\nNext")) == "Hello there. Next"


def test_t5s_model_places_words_and_sentences(t5: Tokenizer) -> None:
    text = "Hello  there.\n\nNext one ﬁne 😀. End \n"
    assert marked(t5, text, "sentence_ends") == ["Hello there.", "Next one fine <unk>.", "End"]
    assert marked(t5, text, "word_starts")[:3] == ["Hello", "there.", "Next"]


def test_a_model_without_pad_gets_one(tmp_path: Path) -> None:
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([made_text(1).replace("\n", " ")]),
        model_writer=model,
        vocab_size=60,
        minloglevel=3,
    )
    (tmp_path / "plain.model").write_bytes(model.getvalue())
    vocab = Tokenizer.from_sentencepiece(tmp_path / "plain.model", num_sentinels=2).vocab
    assert (vocab.unk, vocab.eos, vocab.pad, vocab.sentinels, vocab.mask) == (0, 2, 60, (62, 61), 63)
    assert vocab.text_ids == range(3, 60) and vocab.controls == tuple(range(64, 70)) and vocab.size == 70


def test_special_ids_are_shown_only_on_request(tokenizer: Tokenizer) -> None:
    vocab = tokenizer.vocab
    ids = [
        *tokenizer.encode("The word"),
        vocab.sentinels[0],
        *tokenizer.encode("is"),
        vocab.mask,
        vocab.control("[SEP]"),
        vocab.eos,
        vocab.pad,
    ]
    assert tokenizer.decode(ids) == "The word is"
    assert tokenizer.decode(ids, show_special=True) == "The word<extra_id_0> is<mask>[SEP]</s><pad>"
    assert tokenizer.text_of(ids[-4:]) == "<mask>[SEP]</s><pad>"


def test_a_vocabulary_without_control_words_is_read_as_before(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The file and the fingerprint are byte for byte those of the time before there were control words."""
    vocab = dataclasses.replace(tokenizer.vocab, controls=(), size=394)
    old = Tokenizer(tokenizer.model, vocab)
    old.save(tmp_path)
    content = (
        f'{{"size": 394, "pad": 0, "eos": 1, "unk": 2, "mask": 393, "text_ids": [3, 373], '
        f'"sentinels": {list(range(392, 372, -1))}}}\n'
    )
    assert (tmp_path / "vocab.json").read_text() == content
    assert old.fingerprint == hashlib.sha256(tokenizer.model + b"\0" + content.encode()).hexdigest()
    assert Tokenizer.load(tmp_path).vocab == vocab
    assert Tokenizer.load(tmp_path).fingerprint != tokenizer.fingerprint
    with pytest.raises(NoControl, match=r"no control word \[R\], nor any other"):
        Tokenizer.load(tmp_path).vocab.control("[R]")


def test_bytes_that_are_no_text_are_shown_as_such(tokenizer: Tokenizer) -> None:
    lone = tokenizer.encode("😀")[:-1]
    assert tokenizer.decode(lone) == "\ufffd"


def test_half_a_surrogate_pair_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(BadTokenizer, match="character 1 of a text is half a surrogate pair"):
        tokenizer.encode_document("a\ud800")


def test_a_saved_tokenizer_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer")
    for folder in (tmp_path, tmp_path / "tokenizer"):
        again = Tokenizer.load(folder)
        assert again.vocab == tokenizer.vocab and again.fingerprint == tokenizer.fingerprint


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("spm.model", b"junk", "not a SentencePiece model"),
        ("spm.model", b"", "not a SentencePiece model"),
        ("vocab.json", b"{", "no vocabulary"),
        ("vocab.json", b"[]", "no vocabulary"),
        ("vocab.json", b'{"text_ids": [0, 9], "sentinels": [1]}', "no vocabulary"),
        ("vocab.json", b'{"text_ids": [0, 9], "sentinels": [1], "controls": 7}', "no vocabulary"),
    ],
)
def test_a_damaged_tokenizer_is_named(
    tokenizer: Tokenizer, tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BadTokenizer, match=message):
        Tokenizer.load(tmp_path)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTokenizer, match=r"none\.model cannot be read"):
        Tokenizer.from_sentencepiece(tmp_path / "none.model")


def test_too_small_a_corpus_names_the_largest_size_possible(capfd: pytest.CaptureFixture[str]) -> None:
    texts = [made_text(i) for i in range(5)]
    with pytest.raises(BadTokenizer, match=r"largest possible is [0-9]+") as told:
        train(texts, vocab_size=8192)
    largest = int(str(told.value).partition("possible is ")[2].partition(":")[0])
    assert train(texts, vocab_size=largest).vocab.size == largest
    assert capfd.readouterr() == ("", "")


def test_too_small_a_size_names_the_smallest_possible() -> None:
    texts = [made_text(i) for i in range(5)]
    with pytest.raises(BadTokenizer, match=r"set vocab_size to [0-9]+ or more") as told:
        train(texts, vocab_size=120)
    smallest = int(str(told.value).partition("vocab_size to ")[2].split()[0])
    assert train(texts, vocab_size=smallest).vocab.size == smallest


def test_no_text_trains_nothing() -> None:
    with pytest.raises(BadTokenizer, match="no text to train it on"):
        train(["\n \n"], vocab_size=400)
    with pytest.raises(BadTokenizer, match="must exceed 107"):
        train(["a"], vocab_size=107)


def test_training_gives_the_same_bytes_in_every_process() -> None:
    code = (
        "import hashlib; from made_texts import made_text; from data_prep.tokenizing.training import train;"
        "model = train(map(made_text, range(99)), vocab_size=400, num_sentinels=20).model;"
        "print(hashlib.sha256(model).hexdigest())"
    )
    here = train(map(made_text, range(99)), vocab_size=400, num_sentinels=20).model
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    assert said.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_line_starts_are_learnt_as_they_are_met(tokenizer: Tokenizer) -> None:
    """Behind a line end a word has no space; a vocabulary trained without line ends spells it out."""
    learnt = train([f"{made_text(i)}\n\nTherefore it was.\nTherefore" for i in range(200)], vocab_size=460)
    assert "Therefore" in [learnt.piece(i) for i in learnt.encode("So.\nTherefore")]


def test_the_order_of_the_texts_changes_no_byte_of_the_model() -> None:
    texts = [made_text(i) for i in range(99)]
    assert train(texts, vocab_size=420).model == train(texts[::-1], vocab_size=420).model
