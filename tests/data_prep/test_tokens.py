"""What is written comes back, and a damaged folder is named, file and all."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_texts import made_text

from data_prep.manifest import BadStore, Manifest
from data_prep.pipeline import PrepareConfig, prepare
from data_prep.tokenizer import TokenizedBatch, Tokenizer
from data_prep.tokens import SENTENCE_END, WORD_START, TokenStore, split_writers, token_dtype

FILES = [
    "train/tokens.bin",
    "train/marks.bin",
    "train/documents.bin",
    "tokenizer/spm.model",
    "tokenizer/vocab.json",
]


@pytest.fixture(scope="module")
def prepared_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("tokens")
    lines = "".join(json.dumps({"text": made_text(i)}) + "\n" for i in range(60))
    (home / "texts.jsonl").write_text(lines)
    prepare([home / "texts.jsonl"], home / "store", PrepareConfig(vocab_size=406, held_out_fraction=0.2))
    return home / "store"


@pytest.fixture
def store_folder(prepared_once: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(prepared_once, tmp_path / "store"))


def test_every_text_is_found_again_with_its_end(prepared_once: Path) -> None:
    found = []
    for split in ("train", "held_out"):
        store = TokenStore.open(prepared_once, split)
        eos = store.vocab.eos
        for start, end in pairwise(store.document_offsets):
            assert store.tokens[end - 1] == eos and eos not in store.tokens[start : end - 1]
            assert store.marks[end - 1] == 0
            assert store.marks[start] & WORD_START and store.marks[end - 2] & SENTENCE_END
            found.append(store.tokenizer.decode(store.tokens[start:end]))
    assert sorted(found) == sorted(made_text(i) for i in range(60))


def test_marks_are_those_of_the_tokenizer(prepared_once: Path) -> None:
    store = TokenStore.open(prepared_once)
    ids = store.tokens[: store.document_offsets[1]]
    document = store.tokenizer.encode_document(store.tokenizer.decode(ids))
    np.testing.assert_array_equal(store.marks[: len(ids) - 1] & WORD_START > 0, document.word_starts)
    np.testing.assert_array_equal(store.marks[: len(ids) - 1] & SENTENCE_END > 0, document.sentence_ends)


def test_counts_are_those_of_the_files(prepared_once: Path) -> None:
    store = TokenStore.open(prepared_once)
    counts = store.manifest.splits["train"]
    assert store.num_tokens == counts.num_tokens == len(store.marks) == store.document_offsets[-1]
    assert store.num_documents == counts.num_documents == int((store.tokens == store.vocab.eos).sum())
    assert counts.num_words == int((store.marks & WORD_START > 0).sum())
    assert counts.num_sentences == int((store.marks & SENTENCE_END > 0).sum())
    text_bytes = store.tokenizer.token_bytes[store.tokens].sum() - store.num_documents
    assert counts.num_bytes == text_bytes
    store.verify()


@given(st.lists(st.lists(st.tuples(st.integers(3, 70_000), st.booleans(), st.booleans()), min_size=1), min_size=1))
@settings(max_examples=25)
def test_writing_and_reading_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer: Tokenizer,
    documents: list[list[tuple[int, bool, bool]]],
) -> None:
    folder = tmp_path_factory.mktemp("write")
    vocab = tokenizer.vocab
    wide = replace(vocab, size=70_001)
    with split_writers(folder, wide) as writers:
        for document in documents:
            ids, words, sentences = (np.array(column) for column in zip(*document, strict=True))
            writers["train"].add(TokenizedBatch(ids.astype(np.int32), words, sentences, np.array([0, len(ids)])), [1])
        counts, files = writers["train"].finish()
    tokens = np.fromfile(folder / "train" / "tokens.bin", dtype=token_dtype(70_001))
    marks = np.fromfile(folder / "train" / "marks.bin", dtype=np.uint8)
    expected = [entry for document in documents for entry in [*document, (vocab.eos, False, False)]]
    assert [(int(t), bool(m & 1), bool(m & 2)) for t, m in zip(tokens, marks, strict=True)] == expected
    ends = np.fromfile(folder / "train" / "documents.bin", dtype="<i8")
    assert np.diff(ends).tolist() == [len(document) + 1 for document in documents] and ends[0] == 0
    assert counts.num_tokens == len(expected) and files["train/tokens.bin"]["num_bytes"] == 4 * len(expected)


def test_a_store_is_read_only_and_travels_by_name(prepared_once: Path) -> None:
    store = TokenStore.open(prepared_once)
    with pytest.raises(ValueError, match="read-only"):
        store.tokens[0] = 1
    sent = pickle.dumps(store)
    assert len(sent) < 500
    np.testing.assert_array_equal(pickle.loads(sent).tokens, store.tokens)


def test_its_arrays_are_plain_since_those_are_cut_faster(prepared_once: Path) -> None:
    store = TokenStore.open(prepared_once)
    assert {type(store.tokens), type(store.marks), type(store.document_offsets)} == {np.ndarray}


@pytest.mark.parametrize("file", FILES)
def test_a_file_cut_short_is_named(store_folder: Path, file: str) -> None:
    content = (store_folder / file).read_bytes()
    (store_folder / file).write_bytes(content[:-1])
    with pytest.raises(BadStore, match=rf"{file} has {len(content) - 1} bytes, not the {len(content)} written"):
        TokenStore.open(store_folder)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(store_folder: Path, file: str) -> None:
    (store_folder / file).unlink()
    with pytest.raises(BadStore, match=f"{file} is missing"):
        TokenStore.open(store_folder)


@pytest.mark.parametrize("file", ["train/tokens.bin", "train/marks.bin", "train/documents.bin"])
def test_a_flipped_bit_is_found_by_verify(store_folder: Path, file: str) -> None:
    content = bytearray((store_folder / file).read_bytes())
    content[8] ^= 1
    (store_folder / file).write_bytes(content)
    with pytest.raises(BadStore, match=f"{file} has changed"):
        TokenStore.open(store_folder).verify()


def test_another_tokenizer_of_the_same_size_is_refused(store_folder: Path) -> None:
    path = store_folder / "tokenizer" / "vocab.json"
    path.write_text(path.read_text().replace('"pad": 0, "eos": 1', '"pad": 1, "eos": 0'))
    with pytest.raises(BadStore, match="not the tokenizer that made these tokens"):
        TokenStore.open(store_folder)


def test_files_of_two_stores_do_not_mix(store_folder: Path) -> None:
    manifest = json.loads((store_folder / "manifest.json").read_text())
    manifest["splits"]["train"]["num_tokens"] += 1
    (store_folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadStore, match="do not belong together"):
        TokenStore.open(store_folder)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format_version": 1, "splits": []}',
        '{"format_version": 1, "splits": {}}',
        "[" * 99_999,
    ],
)
def test_a_damaged_manifest_is_named(store_folder: Path, content: str) -> None:
    (store_folder / "manifest.json").write_text(content)
    with pytest.raises(BadStore, match=r"manifest\.json is (damaged|not the manifest)"):
        TokenStore.open(store_folder)


@pytest.mark.parametrize("field", list(Manifest.__dataclass_fields__))
def test_a_manifest_with_a_wrong_field_is_refused(store_folder: Path, field: str) -> None:
    whole = json.loads((store_folder / "manifest.json").read_text())
    without = {name: whole[name] for name in whole if name != field}
    for changed in ({**whole, field: None}, *([without] if field != "texts" else [])):  # older stores know no texts
        (store_folder / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises(BadStore):
            TokenStore.open(store_folder)


def test_another_format_is_refused(store_folder: Path) -> None:
    manifest = json.loads((store_folder / "manifest.json").read_text())
    (store_folder / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(BadStore, match="has format 99, this version of denoise reads 1"):
        TokenStore.open(store_folder)


def test_a_folder_that_was_never_prepared_says_what_to_run(tmp_path: Path, store_folder: Path) -> None:
    with pytest.raises(BadStore, match="is no folder; run: denoise prepare"):
        TokenStore.open(tmp_path / "none")
    with pytest.raises(BadStore, match=r"not a prepared corpus .* run: denoise prepare"):
        TokenStore.open(tmp_path)
    with pytest.raises(BadStore, match="no split 'test'; it has train and held_out"):
        TokenStore.open(store_folder, "test")
    (store_folder / "manifest.json").unlink()
    (store_folder / ".partial").mkdir()
    with pytest.raises(BadStore, match="interrupted or is still under way; run the same"):
        TokenStore.open(store_folder)
