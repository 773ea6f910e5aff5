"""The numbers by which compiled loops know a corruption, a vocabulary and how a row went; a twin of no other file."""

from __future__ import annotations

import numpy as np

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

FEW_WORDS = np.int64(64)
"""Random words to begin a stream with of which few are read."""

# A number that stands in a call is a type of its own to Numba, and the function is compiled once more for it.
ZERO, ONE, TWO, NONE = np.int64(0), np.int64(1), np.int64(2), np.int64(-1)
