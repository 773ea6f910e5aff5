"""The arrays that compiled loops work in, made once a batch, and the codes by which a corruption is known to them."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.draws import STATE_SIZE
from corruptions.compiled.vectors import WIDTH

PROTECTED = 4
"""Bit of a token's flags, beside those of the store's marks."""

# Codes, in their order in Program.codes.
(
    NUM_ORDERINGS,
    ORDERINGS,  # and two places more
    _ORDERING_2,
    _ORDERING_3,
    NOISE,
    OPERATOR,
    SHOWN,
    SAID,
    HEAD,
    LAW,
    EDGES,
    WHOLE_WORDS,
    MAX_SPAN_LENGTH,
    RANDOM_MARKS,
    IS_AT_START,
    IS_AT_END,
    PAIR,
    NUM_CODES,
) = range(18)
MAX_ORDERINGS = 3

SENTENCES, ROTATION, SHUFFLE = 1, 2, 3
NO_NOISE, TOKENS, SPANS, FRAGMENT, SUFFIX = range(5)
SENTINEL_A_SPAN, MASK_A_SPAN, MASK_EACH, NOTHING = range(4)
SAY_TEXT, SAY_SPANS, SAY_NOISE, SAY_FRAGMENT = range(4)
GEOMETRIC, POISSON, POISSON_FROM_ONE, FIXED = range(4)
FREE, T5, ROLL = range(3)
ONLY_MASKS, OTHER_TOKENS, ANY_TOKENS = range(3)
NO_PAIR, IN_ORDER, FOLLOWING = range(3)

# Rows of Program.tables, by window length but for SPANS_OF, which is by hidden tokens, and MASKED_OF, which is
# by marks where those are spans.
NOISE_OF, SPANS_OF, MASKED_OF, FIRST_PIVOT, LAST_PIVOT, NUM_TABLES = range(6)

# The id of pad, eos, mask, the first text id, the number of text ids, the target's padding, [SEP], [YES] and [NO].
PAD, EOS, MASK, FIRST_TEXT, NUM_TEXT, IGNORED, SEPARATOR, YES, NO, NUM_IDS = range(10)

DONE, OUT_OF_SENTINELS, TOO_LONG, OUTSIDE = range(4)

# A number that stands in a call is a type of its own to Numba, and the function is compiled once more for it.
ZERO, ONE, TWO, NONE = np.int64(0), np.int64(1), np.int64(2), np.int64(-1)


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
