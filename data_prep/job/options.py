"""What a user may choose when a corpus is prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import BadInput
from data_prep.job.config import CleanConfig
from data_prep.tokenizer import Tokenizer
from data_prep.tokenizing.training import TRAINING_BYTES

_DEFAULT_VOCAB_SIZE = 8192


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Options of a tokenizer that is trained."""

    vocab_size: int = _DEFAULT_VOCAB_SIZE
    """Number of ids, sentinels, mask and control words included; left alone when `tokenizer` is given."""
    num_sentinels: int = 100
    """Sentinels on top of the vocabulary: the most spans that a window may have, 0 or more."""
    tokenizer_training_bytes: int = TRAINING_BYTES
    """Bytes of text the vocabulary is trained on, drawn from all of the training split; at least 1000."""

    def __post_init__(self) -> None:
        _at_least("vocab_size", self.vocab_size, 1)
        _at_least("num_sentinels", self.num_sentinels, 0)
        _at_least("tokenizer_training_bytes", self.tokenizer_training_bytes, 1000)


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    """Options of a token store made of texts that are clean already."""

    tokenizer: Path
    """A SentencePiece .model file, or a folder of `denoise tokenizer` or `denoise prepare`."""
    num_sentinels: int = 100
    """Sentinels on top of the vocabulary of a .model file, 0 or more."""
    held_out_fraction: float = 0.04
    """Only where cleaning left nothing on one side: the fraction of documents that is never trained on."""
    language: str = "en"
    """Two-letter code (ISO 639-1) of the rules by which sentences end."""


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(CleanConfig, TokenizerConfig):
    """Options of preparation, those of cleaning first; the files depend on all of them."""

    tokenizer: Path | None = None
    """A SentencePiece .model file, or a prepared folder whose tokenizer to use; none: one is trained."""
    language: str = "en"
    """Two-letter code (ISO 639-1) of the rules by which sentences end."""

    def __post_init__(self) -> None:
        CleanConfig.__post_init__(self)
        TokenizerConfig.__post_init__(self)
        if self.tokenizer is not None and self.vocab_size != _DEFAULT_VOCAB_SIZE:
            raise BadInput(f"vocab_size {self.vocab_size} and a tokenizer are given; the tokenizer fixes it: drop one")


def given_tokenizer(path: Path, num_sentinels: int) -> Tokenizer:
    """The tokenizer of a prepared folder, or around a SentencePiece .model file. Raises BadTokenizer."""
    return Tokenizer.load(path) if path.is_dir() else Tokenizer.from_sentencepiece(path, num_sentinels)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise BadInput(f"{name} is {value}; it must be {least} or more")
