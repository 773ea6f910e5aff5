"""How long spans are, given how many there are and how many tokens they hide."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate

import numpy as np

from corruptions.draws import Draws

MAX_TRIES = 1024
"""Lists of bounded lengths that are drawn before the search is given up."""
FREE_TRIES = 4
"""Lists without a longest length that are drawn first, where one of them is likely to do."""
TILT_LEVELS = 32
"""Mean lengths, between one and the middle, that have a proposal of their own."""


class SpanLaw(Enum):
    """The law of the span lengths, given their number and their sum: both are exact in every window.

    Each is what independent lengths of the law are when they happen to have that number and that sum.
    """

    GEOMETRIC = "geometric"
    """Each list of positive lengths equally likely: T5's law. With `max_span_length`, none above it
    (SpanBERT): the geometric law given the sum is uniform, clipped or not."""
    POISSON = "poisson"
    """Each hidden token joins a span at random, so that spans of no tokens occur (BART)."""
    POISSON_FROM_ONE = "poisson from one"
    """The same, with one token in each span to begin with: no span is empty."""
    FIXED = "fixed"
    """As equal as can be; those that are one token longer are drawn."""
    UNIFORM = "uniform"
    """Lengths 1 .. max_span_length, or 1 .. 2 * mean - 1 where none is given."""

    @property
    def has_empty_spans(self) -> bool:
        """Whether a span may hide nothing."""
        return self is SpanLaw.POISSON


def drawn_lengths(law: SpanLaw, total: int, parts: int, tilts: Tilts | None, draws: Draws) -> list[int]:
    """`parts` lengths that add up to `total`. `tilts`: for laws with a longest span, what tilts_of says.

    >>> drawn_lengths(SpanLaw.GEOMETRIC, 10, 4, None, Draws(1, 0, 0))
    [6, 1, 1, 2]
    >>> drawn_lengths(SpanLaw.POISSON, 10, 4, None, Draws(1, 0, 0))
    [1, 1, 5, 3]
    >>> drawn_lengths(SpanLaw.UNIFORM, 10, 4, tilts_of(5), Draws(1, 0, 0))
    [1, 1, 3, 5]
    """
    if law is SpanLaw.FIXED:
        return _equal(total, parts, draws)
    if law is SpanLaw.POISSON:
        return _multinomial(total, parts, draws)
    if law is SpanLaw.POISSON_FROM_ONE:
        return [1 + length for length in _multinomial(total - parts, parts, draws)]
    if tilts is None or total > parts * tilts.max_length:
        return composition(total, parts, draws)
    return _bounded(total, parts, tilts, draws)


def composition(total: int, parts: int, draws: Draws) -> list[int]:
    """`parts` positive lengths that add up to `total`, each such list equally likely."""
    cuts = draws.choose(total - 1, parts - 1) + 1
    return np.diff(cuts, prepend=0, append=total).tolist()


def _multinomial(total: int, parts: int, draws: Draws) -> list[int]:
    lengths = [0] * parts
    for _ in range(total):
        lengths[draws.below(parts)] += 1
    return lengths


def _equal(total: int, parts: int, draws: Draws) -> list[int]:
    length, num_longer = divmod(total, parts)
    lengths = [length] * parts
    for part in draws.choose(parts, num_longer).tolist():
        lengths[part] += 1
    return lengths


class Tilts:
    """The proposals from which lists of bounded lengths are drawn, as 64-bit thresholds.

    Each length is drawn from a geometric law cut at the longest, and a list is kept if what is left for the
    last one is allowed, with the chance that makes every list equally likely. The ratio of the law decides
    only how many lists are thrown away: there is one for each of a few mean lengths.
    """

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length
        self.at_most: list[list[int]] = []
        self.keep: list[list[int]] = []
        for level in range(TILT_LEVELS):
            ratio = _ratio(1 + Fraction(2 * level + 1, 4 * TILT_LEVELS) * (max_length - 1), max_length)
            weights = _weights(ratio, max_length)
            sums = list(accumulate(weights))
            # The least 64-bit numbers that stand for a longer length; the last is never asked for.
            self.at_most.append([(part << 64) // sums[-1] for part in sums[:-1]])
            self.keep.append([min((weight << 64) // weights[0], (1 << 64) - 1) for weight in weights])


@lru_cache(maxsize=64)
def tilts_of(max_length: int) -> Tilts:
    """The proposals for spans no longer than this."""
    return Tilts(max_length)


def _weights(ratio: int, max_length: int) -> list[int]:
    """The weights of the lengths 1 .. max_length under a geometric law of ratio / 256, as whole numbers."""
    return [ratio**k << 8 * (max_length - 1 - k) for k in range(max_length)]


def _ratio(mean: Fraction, max_length: int) -> int:
    """The least ratio, in 256ths, at which a geometric law cut at `max_length` reaches a mean; 256 if none does."""

    def mean_of(ratio: int) -> Fraction:
        weights = _weights(ratio, max_length)
        return Fraction(sum((k + 1) * weight for k, weight in enumerate(weights)), sum(weights))

    low, high = 1, 256
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if mean_of(middle) >= mean else (middle + 1, high)
    return low


def _bounded(total: int, parts: int, tilts: Tilts, draws: Draws) -> list[int]:
    """`parts` lengths of 1 .. max_length that add up to `total`, each such list equally likely.

    Where lengths are far below the longest, most lists without a longest have none above it: such are tried
    first. A mean above the middle would need a ratio above one, and a chance of keeping a list above one: such
    lengths are drawn as what they lack. Should no list be found, which has not been seen, lengths are as
    equal as can be.
    """
    longest = tilts.max_length
    if total in (parts, parts * longest):
        return [total // parts] * parts
    for _ in range(FREE_TRIES if 5 * total <= 2 * parts * longest else 0):
        lengths = composition(total, parts, draws)
        if max(lengths) <= longest:
            return lengths
    is_mirrored = 2 * total > parts * (longest + 1)
    if is_mirrored:
        total = parts * (longest + 1) - total
    level = min(2 * TILT_LEVELS * (total - parts) // (parts * (longest - 1)), TILT_LEVELS - 1)
    at_most, keep = tilts.at_most[level], tilts.keep[level]
    for _ in range(MAX_TRIES):
        lengths = []
        rest = total
        for _ in range(parts - 1):
            word = draws.word() << 32 | draws.word()
            lengths.append(1 + sum(word >= threshold for threshold in at_most))
            rest -= lengths[-1]
        if 1 <= rest <= longest and (rest == 1 or (draws.word() << 32 | draws.word()) < keep[rest - 1]):
            lengths.append(rest)
            break
    else:
        lengths = _equal(total, parts, draws)
    return [longest + 1 - length for length in lengths] if is_mirrored else lengths
