"""What a user may choose when a corpus is prepared, and what is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data_prep.crawl import LONGEST_DOCUMENT_CHARS
from data_prep.errors import BadInput
from data_prep.training import TRAINING_BYTES

_DEFAULT_VOCAB_SIZE = 8192


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Options of preparation; the files depend on all of them."""

    vocab_size: int = _DEFAULT_VOCAB_SIZE
    """Number of ids, sentinels, mask and control words included; left alone when `tokenizer` is given."""
    num_sentinels: int = 100
    """Sentinels on top of the vocabulary: the most spans that a window may have, 0 or more."""
    tokenizer: Path | None = None
    """A SentencePiece .model file, or a prepared folder whose tokenizer to use; none: one is trained."""
    held_out_fraction: float = 0.04
    """Fraction of the documents that is never trained on, above 0 and at most 0.5."""
    text_field: str = "text"
    """Field or column that holds the text, in JSON lines, Parquet and data sets."""
    language: str = "en"
    """Two-letter code (ISO 639-1) of the rules by which sentences end."""
    longest_document_chars: int = LONGEST_DOCUMENT_CHARS
    """Longer texts are cut into several documents, in characters; at least 1000."""
    tokenizer_training_bytes: int = TRAINING_BYTES
    """Bytes of text the vocabulary is trained on, drawn from all of the training split; at least 1000."""

    def __post_init__(self) -> None:
        _at_least("vocab_size", self.vocab_size, 1)
        _at_least("num_sentinels", self.num_sentinels, 0)
        _at_least("longest_document_chars", self.longest_document_chars, 1000)
        _at_least("tokenizer_training_bytes", self.tokenizer_training_bytes, 1000)
        if not 0 < self.held_out_fraction <= 0.5:
            raise BadInput(f"held_out_fraction is {self.held_out_fraction}; it must lie above 0 and at most at 0.5")
        if self.tokenizer is not None and self.vocab_size != _DEFAULT_VOCAB_SIZE:
            raise BadInput(f"vocab_size {self.vocab_size} and a tokenizer are given; the tokenizer fixes it: drop one")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise BadInput(f"{name} is {value}; it must be {least} or more")


class Progress(NamedTuple):
    """How far a stage has come."""

    stage: str
    """`reading`, `training the tokenizer`, `encoding`, or `already prepared`."""
    num_done: int
    """Documents so far."""
    num_total: int | None
    """Documents in all; none: not known yet."""


Report = Callable[[Progress], None]
