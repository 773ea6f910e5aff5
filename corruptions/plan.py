"""A window as what is read, in which order, and which of it is hidden; and how much a rate asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from corruptions.protocol import Bools, Int32s


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The order in which the encoder reads the window, and the spans of it that are hidden.

    Spans are places in what is read, ascending and disjoint. Between two lies a visible token, but in
    laws that say otherwise; two spans that touch are two marks. A span of no tokens is a mark put in between.

    >>> plan = Plan.of_spans([1, 4], [2, 0], window_len=6)
    >>> plan.hidden().tolist()
    [False, True, True, False, False, False]
    """

    window_len: int
    """Tokens of the window."""
    starts: Int32s
    """The place, in the encoder's order, where each span starts."""
    lengths: Int32s
    """The number of tokens of each span, 0 or more."""
    order: Int32s | None = None
    """int32[window]: the place in the window of each token as the encoder would read it. None: its own."""

    @staticmethod
    def of_spans(
        starts: Sequence[int] | Int32s,
        lengths: Sequence[int] | Int32s,
        *,
        window_len: int,
        order: Int32s | None = None,
    ) -> Plan:
        """The plan that hides these spans, given in ascending order."""
        return Plan(
            window_len=window_len,
            starts=np.asarray(starts, dtype=np.int32),
            lengths=np.asarray(lengths, dtype=np.int32),
            order=order,
        )

    @staticmethod
    def of_tokens(positions: Int32s, *, window_len: int) -> Plan:
        """The plan that hides the tokens at these ascending positions; neighbours are one span."""
        is_first = np.diff(positions, prepend=-2) > 1
        firsts = np.flatnonzero(is_first)
        lengths = np.diff(firsts, append=len(positions))
        return Plan.of_spans(positions[firsts], lengths, window_len=window_len)

    @property
    def num_noise(self) -> int:
        """The number of hidden tokens."""
        return int(self.lengths.sum())

    def noise_places(self) -> Int32s:
        """int32[num_noise]: the places of the hidden tokens in the encoder's order, ascending."""
        if not len(self.starts):
            return np.empty(0, dtype=np.int32)
        before = np.cumsum(self.lengths) - self.lengths
        return (np.arange(self.num_noise) + np.repeat(self.starts - before, self.lengths)).astype(np.int32)

    def noise_positions(self) -> Int32s:
        """int32[num_noise]: the places in the window of the hidden tokens, in the encoder's order."""
        places = self.noise_places()
        return places if self.order is None else self.order[places]

    def hidden(self) -> Bools:
        """bool[window]: true at the tokens of the window that are hidden."""
        hidden = np.zeros(self.window_len, dtype=bool)
        hidden[self.noise_positions()] = True
        return hidden


class Counts(NamedTuple):
    """How much of a window is hidden."""

    noise: int
    """Tokens."""
    spans: int
    """Spans; each is one sentinel or one mask where those are shown once a span."""


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
