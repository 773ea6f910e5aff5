"""A window as segments, each kept, hidden or moved; and how many tokens and spans a rate asks for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from corruptions.protocol import Bools, Int32s


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The window cut into segments, in the order in which the encoder reads them.

    Segments cover each token of the window exactly once. Hidden segments that follow one another
    directly are one span, whose pieces were moved next to each other; spans never do, for a visible
    token lies between any two. A hidden segment of no tokens is a span too: a mask put in between.

    >>> plan = Plan.of_spans([1, 4], [2, 0], window_len=6)
    >>> list(plan)
    [(0, 1, False), (1, 2, True), (3, 1, False), (4, 0, True), (4, 2, False)]
    >>> plan.hidden().tolist()
    [False, True, True, False, False, False]
    """

    starts: Int32s
    """The place in the window where each segment starts."""
    lengths: Int32s
    """The number of tokens of each segment, 0 or more."""
    is_noise: Bools
    """True for segments that are hidden from the encoder."""

    @staticmethod
    def of(segments: Iterable[tuple[int, int, bool]]) -> Plan:
        """The plan of these (start, length, is_noise)."""
        columns = tuple(zip(*segments, strict=True)) or ((), (), ())
        return Plan(
            starts=np.array(columns[0], dtype=np.int32),
            lengths=np.array(columns[1], dtype=np.int32),
            is_noise=np.array(columns[2], dtype=bool),
        )

    @staticmethod
    def of_spans(starts: Iterable[int], lengths: Iterable[int], *, window_len: int) -> Plan:
        """The plan that hides these spans, given in ascending order, and keeps the rest where it is."""
        segments = []
        at = 0
        for start, length in zip(starts, lengths, strict=True):
            if start > at:
                segments.append((at, start - at, False))
            segments.append((start, length, True))
            at = start + length
        if at < window_len:
            segments.append((at, window_len - at, False))
        return Plan.of(segments)

    @staticmethod
    def of_tokens(positions: Int32s, *, window_len: int) -> Plan:
        """The plan that hides the tokens at these ascending positions."""
        if len(positions) == 0:
            return Plan.of_spans([], [], window_len=window_len)
        is_first = np.diff(positions, prepend=-2) > 1
        firsts = np.flatnonzero(is_first)
        lengths = np.diff(firsts, append=len(positions))
        return Plan.of_spans(positions[firsts].tolist(), lengths.tolist(), window_len=window_len)

    def __iter__(self) -> Iterator[tuple[int, int, bool]]:
        return zip(self.starts.tolist(), self.lengths.tolist(), self.is_noise.tolist(), strict=True)

    @property
    def num_noise(self) -> int:
        """The number of hidden tokens."""
        return int(self.lengths[self.is_noise].sum())

    def order(self) -> Int32s:
        """int32[window]: the place in the window of each token that the encoder would read, unhidden."""
        ends = np.cumsum(self.lengths)
        moved_by = self.starts - (ends - self.lengths)
        return (np.arange(ends[-1] if len(ends) else 0) + np.repeat(moved_by, self.lengths)).astype(np.int32)

    def noise_positions(self) -> Int32s:
        """int32[num_noise]: the places in the window of the hidden tokens, in the encoder's order."""
        return self.order()[np.repeat(self.is_noise, self.lengths)]

    def hidden(self) -> Bools:
        """bool[window]: true at the tokens of the window that are hidden."""
        hidden = np.zeros(int(self.lengths.sum()), dtype=bool)
        hidden[self.noise_positions()] = True
        return hidden

    def then(self, later: Plan) -> Plan:
        """This order of the window, which hides nothing, and then a plan made for the moved text.

        >>> swapped = Plan.of([(2, 2, False), (0, 2, False)])
        >>> list(swapped.then(Plan.of_spans([1], [2], window_len=4)))
        [(2, 1, False), (3, 1, True), (0, 1, True), (1, 1, False)]
        """
        starts = self.starts.tolist()
        ends = np.cumsum(self.lengths).tolist()
        begins = (np.cumsum(self.lengths) - self.lengths).tolist()
        segments = []
        for place, length, is_noise in later:
            while True:
                at = bisect_right(ends, place)
                if at == len(ends):  # a span of no tokens, behind the last one
                    segments.append((place, 0, is_noise))
                    break
                num_taken = min(length, ends[at] - place)
                segments.append((starts[at] + place - begins[at], num_taken, is_noise))
                place, length = place + num_taken, length - num_taken
                if length == 0:
                    break
        return Plan.of(segments)


class Counts(NamedTuple):
    """How much of a window is hidden."""

    noise: int
    """Tokens."""
    spans: int
    """Stretches of hidden tokens; each is one sentinel or one mask where those are shown once a span."""


@lru_cache(maxsize=256)
def exact(number: float) -> Fraction:
    """The decimal that was written, not the binary number next to it: rounding is the same everywhere.

    >>> exact(0.15), round(exact(0.15) * 570), round(0.15 * 570)
    (Fraction(3, 20), 86, 86)
    >>> round(exact(0.35) * 90), round(0.35 * 90)
    (32, 31)
    """
    return Fraction(str(number))


def rounded(numerator: int, denominator: int) -> int:
    """The nearest integer, halves to the even one, as Python and T5 round.

    >>> rounded(3, 2), rounded(5, 2), rounded(7, 3)
    (2, 2, 2)
    """
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def rounded_share(share: float, count: int) -> int:
    """share * count, rounded."""
    fraction = exact(share)
    return rounded(fraction.numerator * count, fraction.denominator)


def num_noise_tokens(window_len: int, rate: float) -> int:
    """Hidden tokens of a window: its share, but at least one hidden and one kept; none below two tokens."""
    if window_len < 2:
        return 0
    return min(max(rounded_share(rate, window_len), 1), window_len - 1)


def num_noise_spans(num_noise: int, mean_span_length: float, num_slots: int) -> int:
    """Spans for this many hidden tokens: num_noise / mean, at least one, at most one a slot.

    Spans never abut, so that there is a slot before each kept token and one behind the last.
    """
    if num_noise == 0:
        return 0
    mean = exact(mean_span_length)
    return min(max(rounded(num_noise * mean.denominator, mean.numerator), 1), num_slots)
