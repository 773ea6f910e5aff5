"""Ids on disk, memory-mapped, with document ends and with marks at words and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from os import fsync
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.manifest import SPLITS, BadStore, Manifest, SplitCounts
from data_prep.tokenizer import (
    MODEL_FILE,
    BadTokenizer,
    TokenizedBatch,
    Tokenizer,
    fingerprint,
    load_vocab,
)
from data_prep.vocab import SENTENCE_END, WORD_START, Vocab

TOKENS_FILE, MARKS_FILE, DOCUMENTS_FILE = "tokens.bin", "marks.bin", "documents.bin"


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenStore:
    """One split of a prepared corpus: its documents one behind the other, each with an eos at its end.

    Opening takes the same short time for a corpus of any size. A store travels to another process by name.
    """

    folder: Path
    """The prepared folder."""
    split: str
    """`train` or `held_out`."""
    tokens: np.ndarray
    """uint16 or uint32 [num_tokens], ids; read only."""
    marks: np.ndarray
    """uint8 [num_tokens], WORD_START and SENTENCE_END bits; 0 at the eos of a document; read only."""
    document_offsets: np.ndarray
    """int64 [num_documents + 1]; document d is tokens[document_offsets[d] : document_offsets[d + 1]]."""
    vocab: Vocab
    """What the ids mean."""
    manifest: Manifest
    """Counts, options and sources."""

    @classmethod
    def open(cls, folder: str | Path, split: str = "train") -> TokenStore:
        """The split of a prepared corpus. Raises BadStore, naming the file that is missing or damaged."""
        folder = Path(folder)
        if split not in SPLITS:
            raise BadStore(f"a prepared corpus has no split {split!r}; it has {' and '.join(SPLITS)}")
        manifest = Manifest.read(folder)
        for path, file in manifest.files.items():
            if path.startswith((split, "tokenizer")):
                _check_size(folder / path, file["num_bytes"])
        vocab = _checked_vocab(folder, manifest)
        tokens = _mapped(folder / split / TOKENS_FILE, token_dtype(vocab.size))
        marks = _mapped(folder / split / MARKS_FILE, np.dtype(np.uint8))
        offsets = _mapped(folder / split / DOCUMENTS_FILE, np.dtype("<i8"))
        counts = manifest.splits[split]
        if (
            not len(tokens) == len(marks) == offsets[-1] == counts.num_tokens
            or len(offsets) != counts.num_documents + 1
        ):
            raise BadStore(f"the files of {folder / split} do not belong together; prepare the corpus again")
        return cls(
            folder=folder,
            split=split,
            tokens=tokens,
            marks=marks,
            document_offsets=offsets,
            vocab=vocab,
            manifest=manifest,
        )

    def __reduce__(self) -> tuple[Callable[..., TokenStore], tuple[Path, str]]:
        return (TokenStore.open, (self.folder, self.split))

    @property
    def num_tokens(self) -> int:
        """Ids in this split, the eos of each document included."""
        return len(self.tokens)

    @property
    def num_documents(self) -> int:
        """Documents in this split."""
        return len(self.document_offsets) - 1

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of this split's contents and its tokenizer, taken when it was written."""
        return self.manifest.fingerprint_of(self.split)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the ids; loaded at its first use."""
        return Tokenizer.load(self.folder)

    def verify(self) -> None:
        """Read every byte of this split and compare it with the manifest. Raises BadStore."""
        for path, file in self.manifest.files.items():
            if path.startswith(self.split) and _sha256_of(self.folder / path) != file["sha256"]:
                raise BadStore(f"{self.folder / path} has changed since it was written; prepare the corpus again")


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """Little-endian uint16 where it holds every id, else uint32.

    >>> token_dtype(65536), token_dtype(65537)
    (dtype('uint16'), dtype('uint32'))
    """
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def _mapped(path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    """A plain array, since a slice of a numpy.memmap takes five times as long to make."""
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)


def _check_size(path: Path, num_bytes: int) -> None:
    try:
        size_bytes = path.stat().st_size
    except OSError:
        raise BadStore(f"{path} is missing; prepare the corpus again") from None
    if size_bytes != num_bytes:
        raise BadStore(f"{path} has {size_bytes} bytes, not the {num_bytes} written; prepare the corpus again")


def _checked_vocab(folder: Path, manifest: Manifest) -> Vocab:
    home = folder / "tokenizer"
    try:
        vocab = load_vocab(home)
        found = fingerprint((home / MODEL_FILE).read_bytes(), vocab)
    except (BadTokenizer, OSError) as error:
        raise BadStore(f"{home} cannot be read ({error}); prepare the corpus again") from None
    if found != manifest.tokenizer_fingerprint:
        raise BadStore(f"{home} is not the tokenizer that made these tokens; prepare the corpus again")
    return vocab


def _sha256_of(path: Path) -> str:
    total = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def described(path: Path) -> dict[str, Any]:
    """A file's entry in the manifest."""
    return {"num_bytes": path.stat().st_size, "sha256": _sha256_of(path)}


@dataclass(kw_only=True)
class OpenFile:
    """A file being written, its size and hash kept along the way."""

    path: Path
    """Where; what lay there is written over."""
    stack: ExitStack
    """Closes it."""
    num_bytes: int = 0
    total: Any = field(default_factory=sha256)

    def __post_init__(self) -> None:
        self.file = open(self.path, "wb", buffering=1 << 20)  # noqa: SIM115, the stack closes it
        self.stack.callback(self._close)

    def _close(self) -> None:
        # What `finish` brought to the disk is safe; of the rest nobody cares, least of all a full disk.
        with suppress(OSError):
            self.file.close()

    def write(self, array: np.ndarray) -> None:
        """Append an array's bytes."""
        content = array.tobytes()
        try:
            self.file.write(content)
        except OSError as error:
            error.filename = str(self.path)
            raise
        self.num_bytes += len(content)
        self.total.update(content)

    def finish(self) -> dict[str, Any]:
        """Bring the file to the disk; its entry in the manifest."""
        try:
            self.file.flush()
            fsync(self.file.fileno())
        except OSError as error:
            error.filename = str(self.path)
            raise
        return {"num_bytes": self.num_bytes, "sha256": self.total.hexdigest()}


class SplitWriter:
    """Writes one split, batch by batch; memory does not grow with it."""

    def __init__(self, folder: Path, vocab: Vocab, stack: ExitStack) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._vocab = folder, vocab
        self._columns = {
            name: OpenFile(path=folder / name, stack=stack) for name in (TOKENS_FILE, MARKS_FILE, DOCUMENTS_FILE)
        }
        self._columns[DOCUMENTS_FILE].write(np.zeros(1, dtype="<i8"))
        self._num_documents = self._num_tokens = self._num_bytes = self._num_words = self._num_sentences = 0

    def add(self, batch: TokenizedBatch, num_bytes: Sequence[int]) -> None:
        """Append the documents that have tokens, each with its eos; `num_bytes` are the sizes of their texts."""
        lengths = np.diff(batch.offsets)
        has_tokens = lengths > 0
        ends = np.cumsum(lengths[has_tokens] + 1)
        is_text = np.ones(len(batch.ids) + len(ends), dtype=bool)
        is_text[ends - 1] = False
        tokens = np.full(len(is_text), self._vocab.eos, dtype=token_dtype(self._vocab.size))
        tokens[is_text] = batch.ids
        marks = np.zeros(len(is_text), dtype=np.uint8)
        marks[is_text] = batch.word_starts * WORD_START + batch.sentence_ends * SENTENCE_END
        self._columns[TOKENS_FILE].write(tokens)
        self._columns[MARKS_FILE].write(marks)
        self._columns[DOCUMENTS_FILE].write((ends + self._num_tokens).astype("<i8"))
        self._num_documents += len(ends)
        self._num_tokens += len(tokens)
        self._num_bytes += int(np.asarray(num_bytes, dtype=np.int64)[has_tokens].sum())
        self._num_words += int(np.count_nonzero(batch.word_starts))
        self._num_sentences += int(np.count_nonzero(batch.sentence_ends))

    def finish(self) -> tuple[SplitCounts, dict[str, dict[str, Any]]]:
        """Bring the files to the disk; the counts, and the files' entries in the manifest."""
        counts = SplitCounts(
            num_documents=self._num_documents,
            num_tokens=self._num_tokens,
            num_bytes=self._num_bytes,
            num_words=self._num_words,
            num_sentences=self._num_sentences,
        )
        files = {f"{self._folder.name}/{name}": column.finish() for name, column in self._columns.items()}
        return counts, files


@contextmanager
def split_writers(folder: Path, vocab: Vocab) -> Iterator[dict[str, SplitWriter]]:
    """A writer for each split of `folder`; the files are closed at the end, whatever happens."""
    with ExitStack() as stack:
        yield {split: SplitWriter(folder / split, vocab, stack) for split in SPLITS}
