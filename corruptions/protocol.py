"""What a corruption is: one window of text in, one training example out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from corruptions.draws import Draws
from data_prep.errors import BadInput
from data_prep.vocab import Vocab

Int32s = np.ndarray
"""A one-dimensional array of int32."""
Bools = np.ndarray
"""A one-dimensional array of bool."""


class BadCorruption(BadInput):
    """Options that make no sense together, or lengths that no window can be made to fit."""


class Window(NamedTuple):
    """A stretch of the token store; all four arrays are as long as it is and may not be written to."""

    tokens: Int32s
    """Ids."""
    sentence_ends: Bools
    """True at the last token of a sentence."""
    word_starts: Bools
    """True at the first token of a word."""
    protected: Bools
    """True at tokens that are never noise: document ends and other special ids."""


class Example(NamedTuple):
    """What the encoder reads and what the decoder must say."""

    source: Int32s
    """Ids for the encoder, its eos included."""
    target: Int32s
    """Ids the decoder must say; the loss is taken on every one."""
    decoder_input: Int32s | None = None
    """What the decoder reads at each place of the target. None: the target moved right behind a pad."""
    target_positions: Int32s | None = None
    """The position of each place of the target. None: 0, 1, 2, ... MASS keeps places in the window."""
    target_is_noise: Bools | None = None
    """True where the target is a token that was hidden from the encoder: the part of the loss that
    different objectives have in common. None: not known."""


class Lengths(NamedTuple):
    """How long a source and a target are, in tokens, each with its eos where it has one."""

    source: int
    target: int
