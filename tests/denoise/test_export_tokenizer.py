"""An export's AutoTokenizer gives SentencePiece's own ids, and the model's marks."""

from __future__ import annotations

import json
import lzma
import os
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.tokenizer import Tokenizer
from denoise.hub.marks import BadText, marked, source_ids
from denoise.hub.vocabulary import tokenizer_files, tokenizer_of, vocab_of, vocab_words
from denoise.train.config import BadCheckpoint

HARD = [
    *("", " ", "  ", "\n", "\n\n ", "\t", "a\r\nb", "  leading", "trailing  ", "in  the   middle", "two\n\nlines\n"),
    *("\x00", "a\x00b", "\x00\x00", "a\x01b\x1f", "\x7f\x85", "\u2028", "\u200bzero", "\ufeffmark", "\xa0no break"),
    *("e\u0323\u0302", "A\u030angstro\u0308m", "각", "\u1100\u1161\u11a8", "ﬁ", "㎏", "１２３ ＡＢＣ", "Ⅷ ½", "ﷺ"),
    *("👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽", "你好，世界。", "日本語のテキスト", "שלום עולם", "مرحبا بالعالم", "ภาษาไทย", "\U0001f9ff"),
    *("▁", "▁a", "a▁b", "▁▁", "<unk>", "<unk> a <unk>", "<0x41>", "<extra_id_", "<extra_id_x>", "</s", "[r]", "<s>"),
    *("-" * length for length in range(1, 40)),
    *("a" * length for length in range(1, 40)),
    *("!?" * length for length in range(1, 20)),
]
SPELLED = ("<pad>", "</s>", "<mask>", "<extra_id_", "[R]", "[S]", "[X]", "[SEP]", "[YES]", "[NO]")


def exported(tokenizer: Tokenizer, folder: Path):
    transformers = pytest.importorskip("transformers")
    folder.mkdir(exist_ok=True)
    for name, content in tokenizer_files(tokenizer).items():
        (folder / name).write_bytes(content)
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "vocab_size": tokenizer.vocab.size}))
    return transformers.AutoTokenizer.from_pretrained(folder)


def shared_data() -> Path:
    folder = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here; DENOISE_DATA names its folder")
    return folder


@pytest.fixture(scope="module")
def ours(prepared: Path) -> Tokenizer:
    return Tokenizer.load(prepared)


@pytest.fixture(scope="module")
def theirs(ours: Tokenizer, tmp_path_factory: pytest.TempPathFactory):
    return exported(ours, tmp_path_factory.mktemp("tokenizer"))


def differing(theirs, ours: Tokenizer, texts: list[str]) -> list[str]:
    eos = ours.vocab.eos
    return [text for text in texts if theirs(text)["input_ids"] != [*ours.encode(text).tolist(), eos]]


def test_hard_texts_have_sentencepieces_ids_and_an_end(theirs, ours):
    assert differing(theirs, ours, HARD) == []


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_has_sentencepieces_ids(theirs, ours, text):
    if not any(name in text for name in SPELLED):
        assert differing(theirs, ours, [text]) == []


@pytest.mark.slow
def test_real_lines_have_the_ids_of_t5s_own_vocabulary(tmp_path):
    data = shared_data()
    tokenizer = Tokenizer.from_sentencepiece(data / "vocab" / "t5-spiece.model")
    lines = [*HARD, *(data / "languages" / "udhr.jsonl").read_text().splitlines()[:300]]
    for path in sorted((data / "corpus").glob("*.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            lines += [line for row in islice(file, 9) for line in json.loads(row)["text"].split("\n")[:200]]
    lines = [line for line in lines if not any(name in line for name in SPELLED)]
    assert len(lines) > 2000
    theirs = exported(tokenizer, tmp_path)
    assert differing(theirs, tokenizer, lines) == []
    assert theirs.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_99>"]) == [32099, 32000]  # as in T5


def test_every_mark_has_its_id_and_the_first_sentinel_is_the_highest(theirs, ours):
    vocab = ours.vocab
    names = [f"<extra_id_{number}>" for number in range(len(vocab.sentinels))]
    assert theirs.convert_tokens_to_ids(names) == list(vocab.sentinels) == sorted(vocab.sentinels, reverse=True)
    assert theirs.convert_tokens_to_ids(["<pad>", "</s>", "<mask>"]) == [vocab.pad, vocab.eos, vocab.mask]
    assert theirs.convert_tokens_to_ids(["[R]", "[S]", "[X]"]) == list(vocab.controls[:3])
    assert (theirs.pad_token_id, theirs.eos_token_id, len(theirs)) == (vocab.pad, vocab.eos, vocab.size)


@pytest.mark.parametrize(
    "text",
    [
        "The <extra_id_0> considered the <extra_id_1>.",
        "<extra_id_0> refused a new road <extra_id_1>",
        "neigh<extra_id_0>our",
        "The committee\n<extra_id_0>\n  twice.",
        "A <mask> paid for <mask> in the spring.",
        "[R] The committee <extra_id_0> twice.",
    ],
)
def test_marks_in_a_text_are_read_as_generate_reads_them(theirs, ours, text):
    assert theirs(text)["input_ids"] == source_ids(marked(text), ours).tolist()


def test_marked_text_is_what_a_run_shows_its_encoder(ours):
    whole = ours.encode("The committee considered the treaty after the war.").tolist()
    start = len(ours.encode("The committee considered"))
    stop = len(ours.encode("The committee considered the treaty"))
    shown = [*whole[:start], ours.vocab.sentinels[0], *whole[stop:], ours.vocab.eos]
    assert source_ids(marked("The committee considered <extra_id_0> after the war."), ours).tolist() == shown


def test_a_tokenizer_that_was_saved_again_still_gives_the_end(theirs, ours, tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs.save_pretrained(tmp_path)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = [*HARD, "The <extra_id_0> twice."]
    assert again(texts)["input_ids"] == theirs(texts)["input_ids"]


def test_batches_are_padded_behind_with_the_vocabularys_pad(theirs, ours):
    batch = theirs(["The committee refused the treaty.", "twice"], padding=True)
    assert batch["input_ids"][1][-1] == ours.vocab.pad
    assert batch["attention_mask"][1][-1] == 0


def test_a_sentinel_too_many_is_named(ours):
    with pytest.raises(BadText, match=r"no <extra_id_100>; it has <extra_id_0> to <extra_id_99>"):
        source_ids(marked("The <extra_id_100>"), ours)


def test_a_vocabulary_survives_json(ours):
    assert vocab_of(json.loads(json.dumps(vocab_words(ours.vocab)))) == ours.vocab


def test_a_vocabulary_file_that_is_none_is_named(ours, tmp_path):
    (tmp_path / "spiece.model").write_bytes(b"no model")
    with pytest.raises(BadCheckpoint, match=r"spiece\.model cannot be read"):
        tokenizer_of(tmp_path, vocab_words(ours.vocab))
