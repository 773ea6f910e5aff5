"""Shards tokenized apart are joined to the corpus that one process would have written, or are named."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_texts import made_text

from data_prep import tokens
from data_prep.manifest import SPLITS, BadStore
from data_prep.pipeline import PrepareConfig, prepare
from data_prep.tokenizer import Tokenizer
from data_prep.tokenizing import token_shards
from data_prep.tokenizing.token_shards import SHARD_FILE, TokenShard, join_token_shards, write_token_shard
from data_prep.tokenizing.training import train
from data_prep.tokens import DOCUMENTS_FILE, MARKS_FILE, TOKENS_FILE, TokenStore, token_dtype

NAMES = [f"{split}/{name}" for split in SPLITS for name in (TOKENS_FILE, MARKS_FILE, DOCUMENTS_FILE)]
BOTH = [("train", made_text(1)), ("held_out", made_text(2)), ("train", "你好。\n\nA"), ("train", ""), ("train", "b")]


@pytest.fixture
def shards(tokenizer: Tokenizer, tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "0", tmp_path / "1"]
    for number, folder in enumerate(folders):
        write_token_shard([*BOTH, ("train", made_text(number + 5))], tokenizer, "en", folder)
    return folders


@given(
    st.lists(st.lists(st.tuples(st.sampled_from(SPLITS), st.text("a b.\n你", max_size=9)), max_size=4), max_size=4),
    st.sampled_from([1, 8, 1000]),
)
@settings(max_examples=40, deadline=None)
def test_joined_shards_are_their_documents_one_behind_the_other(
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer: Tokenizer,
    parts: list[list[tuple[str, str]]],
    batch_chars: int,
) -> None:
    parts = [[*part] for part in [*parts, [("train", "a"), ("held_out", "b")]]]
    home = tmp_path_factory.mktemp("join")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_shards, "_BATCH_CHARS", batch_chars)
        patch.setattr(token_shards, "_BLOCK_BYTES", 8 * batch_chars)
        patch.setattr(tokens, "fsync", lambda handle: None)
        for number, part in enumerate(parts):
            told = write_token_shard(part, tokenizer, "en", home / str(number))
            assert told.no_tokens == sum(not text for _, text in part)
            assert TokenShard.read(home / str(number)) == told
        splits, files = join_token_shards([home / str(n) for n in range(len(parts))], home / "out", tokenizer)
    for split in SPLITS:
        texts = [text for part in parts for side, text in part if side == split and text]
        check(home / "out" / split, texts, tokenizer)
        assert (splits[split].num_documents, splits[split].num_bytes) == (len(texts), len("".join(texts).encode()))
    assert files == {name: tokens.described(home / "out" / name) for name in NAMES}


def check(folder: Path, texts: list[str], tokenizer: Tokenizer) -> None:
    """The three files, built in plain loops."""
    ids, marks, ends = [], [], [0]
    for text in texts:
        document = tokenizer.encode_document(text)
        ids += [*document.ids.tolist(), tokenizer.vocab.eos]
        marks += [w + 2 * s for w, s in zip(document.word_starts, document.sentence_ends, strict=True)] + [0]
        ends.append(len(ids))
    assert (folder / TOKENS_FILE).read_bytes() == np.array(ids, dtype=token_dtype(tokenizer.vocab.size)).tobytes()
    assert (folder / MARKS_FILE).read_bytes() == np.array(marks, dtype=np.uint8).tobytes()
    assert (folder / DOCUMENTS_FILE).read_bytes() == np.array(ends, dtype="<i8").tobytes()


def test_shards_written_in_processes_are_the_prepared_corpus(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": made_text(i)}) + "\n" for i in range(60)))
    manifest = prepare(
        [tmp_path / "in.jsonl"], tmp_path / "store", PrepareConfig(vocab_size=406, held_out_fraction=0.2)
    )
    stores = {split: TokenStore.open(tmp_path / "store", split) for split in SPLITS}
    tokenizer = Tokenizer.load(tmp_path / "store")
    documents = [
        (split, tokenizer.decode(store.tokens[start:end]))
        for split, store in stores.items()
        for start, end in zip(store.document_offsets[:-1], store.document_offsets[1:], strict=True)
    ]
    folders = [tmp_path / str(n) for n in range(3)]
    workers = [
        multiprocessing.get_context("fork").Process(
            target=write_token_shard, args=(documents[25 * n : 25 * n + 25], tokenizer, "en", folder)
        )
        for n, folder in enumerate(folders)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    splits, files = join_token_shards(folders, tmp_path / "out", tokenizer)
    assert splits == manifest.splits
    assert files == {name: file for name, file in manifest.files.items() if name in NAMES}


def test_texts_without_tokens_are_counted_and_weigh_nothing(real_data: Path, tmp_path: Path) -> None:
    t5 = Tokenizer.from_sentencepiece(real_data / "vocab" / "t5-spiece.model")
    shard = write_token_shard([("train", "\u200b"), ("train", "é"), ("held_out", " \n")], t5, "en", tmp_path / "0")
    assert shard.no_tokens == 2
    assert (shard.splits["train"].num_documents, shard.splits["train"].num_bytes) == (1, 2)
    assert shard.splits["held_out"].num_documents == shard.splits["held_out"].num_bytes == 0


def test_a_shard_written_again_is_the_same(tokenizer: Tokenizer, shards: list[Path]) -> None:
    before = {name: (shards[0] / name).read_bytes() for name in NAMES}
    with pytest.raises(ZeroDivisionError):
        write_token_shard((BOTH[1 // (5 - n)] for n in range(9)), tokenizer, "en", shards[0])
    with pytest.raises(BadStore, match=r"shard\.json cannot be read"):
        join_token_shards(shards, shards[0].parent / "out", tokenizer)
    write_token_shard([*BOTH, ("train", made_text(5))], tokenizer, "en", shards[0])
    assert {name: (shards[0] / name).read_bytes() for name in NAMES} == before


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_shard_is_named(tokenizer: Tokenizer, shards: list[Path], tmp_path: Path, name: str) -> None:
    whole = (shards[1] / name).read_bytes()
    for content, what in (
        (whole[:-8], f"has {len(whole) - 8} bytes, not the {len(whole)} written"),
        (bytes([whole[0] ^ 1]) + whole[1:], "has changed since it was written"),
    ):
        (shards[1] / name).write_bytes(content)
        with pytest.raises(BadStore, match=rf"1/{name} {what}; tokenize this shard again"):
            join_token_shards(shards, tmp_path / "out", tokenizer)
    (shards[1] / name).unlink()
    with pytest.raises(BadStore, match=f"1/{name} is missing"):
        join_token_shards(shards, tmp_path / "out", tokenizer)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"splits": 3}', "[" * 99_999])
def test_a_damaged_account_of_a_shard_is_named(
    tokenizer: Tokenizer, shards: list[Path], tmp_path: Path, content: str
) -> None:
    (shards[0] / SHARD_FILE).write_text(content)
    with pytest.raises(BadStore, match=r"0/shard\.json is damaged"):
        join_token_shards(shards, tmp_path / "out", tokenizer)


def test_an_account_that_does_not_fit_the_files_is_refused(
    tokenizer: Tokenizer, shards: list[Path], tmp_path: Path
) -> None:
    account = json.loads((shards[0] / SHARD_FILE).read_text())
    for change in ("num_tokens", "num_documents"):
        splits = {**account["splits"], "train": {**account["splits"]["train"], change: 7}}
        (shards[0] / SHARD_FILE).write_text(json.dumps({**account, "splits": splits}))
        with pytest.raises(BadStore, match=r"train/[a-z]+\.bin do not fit their counts; tokenize all shards again"):
            join_token_shards(shards, tmp_path / "out", tokenizer)


def test_shards_of_two_tokenizers_are_not_joined(shards: list[Path], tmp_path: Path) -> None:
    other = train([made_text(i) for i in range(200, 400)], vocab_size=400, num_sentinels=20)
    with pytest.raises(BadStore, match="0 was made with another tokenizer"):
        join_token_shards(shards, tmp_path / "out", other)


def test_a_split_without_documents_is_no_corpus(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_token_shard([("train", "a")], tokenizer, "en", tmp_path / "0")
    for folders in ([tmp_path / "0"], []):
        with pytest.raises(BadStore, match=r"no document of the corpus is left for (held_out|train)"):
            join_token_shards(folders, tmp_path / "out", tokenizer)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_disk_is_one_sentence(
    tokenizer: Tokenizer, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tokens, "fsync", full)
    for write in (
        lambda: write_token_shard(BOTH, tokenizer, "en", tmp_path / "out"),
        lambda: join_token_shards(shards, tmp_path / "out", tokenizer),
    ):
        with pytest.raises(BadStore, match=rf"{os.strerror(number)} while writing .*out/train/tokens\.bin; make room"):
            write()
        assert not (tmp_path / "out" / SHARD_FILE).exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills_names_the_file(
    tokenizer: Tokenizer, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open

    def opened(path: Any, mode: str = "r", **options: Any) -> Any:
        return whole("/dev/full" if str(path).endswith("out/train/marks.bin") else path, mode, **options)

    monkeypatch.setattr(tokens, "open", opened, raising=False)
    for write in (
        lambda: write_token_shard(BOTH, tokenizer, "en", tmp_path / "out"),
        lambda: join_token_shards(shards, tmp_path / "out", tokenizer),
    ):
        with pytest.raises(BadStore, match=r"No space left on device while writing .*marks\.bin"):
            write()


GROWING = """
import resource, sys
from pathlib import Path
from made_texts import made_text
from data_prep.tokenizing.token_shards import join_token_shards, write_token_shard
from data_prep.tokenizer import Tokenizer
tokenizer, home = Tokenizer.load(sys.argv[1]), Path(sys.argv[2])
texts = [made_text(i, 200) for i in range(50)]
for copies in (2, 2, 40):
    write_token_shard((("held_out" if i % 9 == 0 else "train", t) for _ in range(copies) for i, t in enumerate(texts)),
        tokenizer, "en", home / "0")
    join_token_shards([home / "0"] * 3, home / "out", tokenizer)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_corpus(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer")
    said = subprocess.run(
        [sys.executable, "-c", GROWING, str(tmp_path / "tokenizer"), str(tmp_path)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    _, small_kb, large_kb = map(int, said.stdout.split())
    assert large_kb - small_kb < 10_000, "40 copies are 16 MB of text and 24 MB of files"
