"""The arrays that compiled loops work in, made once a thread."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.draws import STATE_SIZE
from corruptions.compiled.vectors import WIDTH

MAX_LENGTH = 1 << 14
"""Tokens of the longest window; longer ones take the plain path."""

_PLACES = MAX_LENGTH + 4 * WIDTH


def space_dtype(tokens: np.dtype) -> np.dtype:
    """The layout of the room for the work on one row: one record, so that it is passed as one pointer.

    Places are in what the encoder reads, after orderings.
    """
    fields = [
        ("state", np.uint64, STATE_SIZE),  # the stream of random words that is being read
        ("words", np.uint32, 4096),  # its words, made ahead
        ("bits", np.uint64, _PLACES // 64),  # a set of places
        ("clean", tokens, _PLACES),  # the window
        ("read", tokens, _PLACES),  # as the encoder would read it after one ordering or three
        ("moved", tokens, _PLACES),  # after two
        ("flags", np.uint8, _PLACES),  # its flags, and its tokens' after two orderings
        ("moved_flags", np.uint8, _PLACES),  # after one or three
        ("identity", np.int64, _PLACES),  # 0, 1, 2, ...
        ("origin", np.int64, _PLACES),  # where in the window each token was, after two orderings
        ("moved_origin", np.int64, _PLACES),  # after one or three
        ("ends", np.int64, _PLACES),  # places of the protected tokens, which no ordering moves
        ("positions", np.int64, _PLACES),  # of the unprotected tokens
        ("firsts", np.int64, _PLACES),  # where in them each unit begins, and at last their number
        ("starts", np.int64, _PLACES),  # where each span starts, at first in units
        ("lengths", np.int64, _PLACES),  # and how long it is
        ("chosen", np.int64, _PLACES),  # numbers that were drawn
        ("chosen_too", np.int64, _PLACES),  # and others
        ("is_hidden", np.uint8, _PLACES),  # tokens or words, while they are hidden one by one
    ]
    return np.dtype([(name, dtype, (size,)) for name, dtype, size in fields], align=True)


def made_space(tokens: np.dtype) -> np.ndarray:
    """The room: [1], of space_dtype."""
    space = np.zeros(1, dtype=space_dtype(tokens))
    space["identity"] = np.arange(_PLACES)
    return space
