"""A corpus tokenized in parts, each by whichever process, and joined to one.

SHARD/train/tokens.bin …      as in a prepared corpus (data_prep.tokens), as if the shard were all of it
SHARD/held_out/…
SHARD/shard.json              counts, sizes and hashes; written last, so that a shard that has it is whole
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.files import disk_trouble, sync_folder, write_json
from data_prep.manifest import SPLITS, BadStore, SplitCounts
from data_prep.tokenizer import Tokenizer
from data_prep.tokens import (
    DOCUMENTS_FILE,
    MARKS_FILE,
    TOKENS_FILE,
    OpenFile,
    SplitWriter,
    split_writers,
    token_dtype,
)

SHARD_FILE = "shard.json"

_FILES = [f"{split}/{name}" for split in SPLITS for name in (TOKENS_FILE, MARKS_FILE, DOCUMENTS_FILE)]
_AGAIN = "tokenize this shard again"
_BATCH_CHARS = 1 << 19
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class TokenShard:
    """What a shard says of itself."""

    tokenizer_fingerprint: str
    """Of the tokenizer that made its ids; shards of two tokenizers are not joined."""
    splits: dict[str, SplitCounts]
    """The counts of train and held_out; either may be empty."""
    no_tokens: int
    """Documents of which the tokenizer makes nothing; they are in no split."""
    files: dict[str, dict[str, Any]]
    """For each file, by its path in the folder, its size in bytes and SHA-256."""

    @classmethod
    def read(cls, folder: Path) -> TokenShard:
        """The shard in a folder. Raises BadStore where there is none that is whole."""
        path = folder / SHARD_FILE
        try:
            values = json.loads(path.read_bytes())
            splits = {split: SplitCounts(**values["splits"][split]) for split in SPLITS}
            shard = cls(**{**values, "splits": splits})
            expected = {name: (shard.files[name]["num_bytes"], shard.files[name]["sha256"]) for name in _FILES}
        except OSError as error:
            raise BadStore(f"{path} cannot be read ({error.strerror}); {_AGAIN}") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BadStore(f"{path} is damaged ({error}); {_AGAIN}") from None
        for name, (num_bytes, _) in expected.items():
            found = (folder / name).stat().st_size if (folder / name).is_file() else None
            if found != num_bytes:
                what = "is missing" if found is None else f"has {found} bytes, not the {num_bytes} written"
                raise BadStore(f"{folder / name} {what}; {_AGAIN}")
        return shard


def write_token_shard(
    documents: Iterable[tuple[str, str]], tokenizer: Tokenizer, language: str, folder: Path
) -> TokenShard:
    """Tokenize documents, each a split and a text, into a folder; memory does not grow with them.

    What another try has left in the folder is written over. Raises BadStore for a full disk, and BadTokenizer.
    """
    with _disk_trouble(folder):
        (folder / SHARD_FILE).unlink(missing_ok=True)
        with split_writers(folder, tokenizer.vocab) as writers:
            batches = {split: _Batch(writer, tokenizer, language) for split, writer in writers.items()}
            for split, text in documents:
                batches[split].add(text)
            no_tokens = sum(batch.finish() for batch in batches.values())
            finished = {split: writer.finish() for split, writer in writers.items()}
        shard = TokenShard(
            tokenizer_fingerprint=tokenizer.fingerprint,
            splits={split: counts for split, (counts, _) in finished.items()},
            no_tokens=no_tokens,
            files={name: file for _, files in finished.values() for name, file in files.items()},
        )
        _sync(folder)
        write_json(folder / SHARD_FILE, asdict(shard))
    return shard


class _Batch:
    """Texts of one split on their way to its writer."""

    def __init__(self, writer: SplitWriter, tokenizer: Tokenizer, language: str) -> None:
        self._writer, self._tokenizer, self._language = writer, tokenizer, language
        self._texts: list[str] = []
        self._num_chars = self._no_tokens = 0

    def add(self, text: str) -> None:
        self._texts.append(text)
        self._num_chars += len(text)
        if self._num_chars >= _BATCH_CHARS:
            self._write()

    def finish(self) -> int:
        """Write what is left; how many texts there were without tokens."""
        self._write()
        return self._no_tokens

    def _write(self) -> None:
        batch = self._tokenizer.encode_documents(self._texts, self._language)
        self._no_tokens += int(np.count_nonzero(np.diff(batch.offsets) == 0))
        self._writer.add(batch, [len(text if text.isascii() else text.encode()) for text in self._texts])
        self._texts, self._num_chars = [], 0


def join_token_shards(
    shards: Sequence[Path], out: Path, tokenizer: Tokenizer
) -> tuple[dict[str, SplitCounts], dict[str, dict[str, Any]]]:
    """Write the splits of a prepared corpus: the documents of all shards, in the order of the shards.

    The files have the bytes they would have had without shards. Returns the counts, and the files' entries in
    the manifest. Every byte is compared with what the shard's writer saw.

    Raises BadStore for a shard that is not whole or of another tokenizer, a split without documents, a full disk.
    """
    parts = [(folder, TokenShard.read(folder)) for folder in map(Path, shards)]
    for folder, shard in parts:
        if shard.tokenizer_fingerprint != tokenizer.fingerprint:
            raise BadStore(f"{folder} was made with another tokenizer; {_AGAIN}")
    splits = {split: _sum([shard.splits[split] for _, shard in parts]) for split in SPLITS}
    for split, counts in splits.items():
        if not counts.num_documents:
            raise BadStore(f"no document of the corpus is left for {split}; give more text, or hold out another part")
    item_bytes = token_dtype(tokenizer.vocab.size).itemsize
    files: dict[str, dict[str, Any]] = {}
    with _disk_trouble(out):
        for split, counts in splits.items():
            (out / split).mkdir(parents=True, exist_ok=True)
            expected = {
                TOKENS_FILE: counts.num_tokens * item_bytes,
                MARKS_FILE: counts.num_tokens,
                DOCUMENTS_FILE: (counts.num_documents + 1) * 8,
            }
            for name, num_bytes in expected.items():
                files[f"{split}/{name}"] = entry = _join(parts, f"{split}/{name}", out)
                if entry["num_bytes"] != num_bytes:
                    raise BadStore(f"the shards' {split}/{name} do not fit their counts; tokenize all shards again")
        _sync(out)
    return splits, files


def _join(parts: Sequence[tuple[Path, TokenShard]], name: str, out: Path) -> dict[str, Any]:
    is_documents = name.endswith(DOCUMENTS_FILE)
    num_tokens = 0
    with ExitStack() as stack:
        file = OpenFile(path=out / name, stack=stack)
        if is_documents:
            file.write(np.zeros(1, dtype="<i8"))
        for folder, shard in parts:
            is_first = is_documents
            for block in _checked_blocks(folder / name, shard.files[name]["sha256"]):
                array = np.frombuffer(block, dtype="<i8" if is_documents else np.uint8)
                if is_documents:
                    array = array[is_first:] + num_tokens
                    is_first = False
                file.write(array)
            num_tokens += shard.splits[name.partition("/")[0]].num_tokens
        return file.finish()


def _checked_blocks(path: Path, expected: str) -> Iterator[bytes]:
    total = sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                total.update(block)
                yield block
    except OSError as error:
        raise BadStore(f"{path} cannot be read ({error.strerror}); {_AGAIN}") from None
    if total.hexdigest() != expected:
        raise BadStore(f"{path} has changed since it was written; {_AGAIN}")


def _sum(counts: Sequence[SplitCounts]) -> SplitCounts:
    return SplitCounts(
        **{field.name: sum(getattr(part, field.name) for part in counts) for field in fields(SplitCounts)}
    )


def _sync(folder: Path) -> None:
    for path in (*(folder / split for split in SPLITS), folder):
        sync_folder(path)


@contextmanager
def _disk_trouble(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadStore(disk_trouble(error, folder)) from None
