"""Several corruptions in one run, one for each window: UL2's mixture of denoisers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cached_property
from math import lcm

import numpy as np

from corruptions.draws import PARTS, Draws, philox, threshold_of
from corruptions.noise import ends, number
from corruptions.plan import exact
from corruptions.protocol import BadCorruption, Bools, Corruption, Example, Lengths, Window
from corruptions.schedules import Schedule
from data_prep.vocab import Vocab

_MAX_PERIOD = 1000
_OFFSET_ADDRESS = 2**64 - 1
_LOW_WORD, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


class Draw(Enum):
    """How the part of a window is picked."""

    IID = "iid"
    """Each window for itself, by the weights."""
    STRATIFIED = "stratified"
    """In turn: of `period` windows in a row each part has its exact share, and so it has in every batch
    whose size is a multiple of the period."""


@dataclass(frozen=True, kw_only=True)
class Mixture(Corruption):
    """Each window is corrupted by one of several parts; which one is a function of its address.

    >>> from corruptions import PrefixLM, SpanCorruption
    >>> mixture = Mixture(parts=[SpanCorruption(), PrefixLM()])
    >>> [type(mixture.chosen(Draws(1, 0, window))).__name__ for window in range(3)]
    ['SpanCorruption', 'SpanCorruption', 'SpanCorruption']

    Parts need different numbers of raw tokens to fill the same encoder: a feed asks `chosen` first and
    reads as many as its part's `fit` says.

    Source: Tay et al.: UL2 (2022), 3.1.2.
    """

    parts: list[Corruption]
    """The corruptions; two or more, and no mixtures."""
    weights: list[float | Schedule] | None = None
    """How often each part is picked, relative to the others; 0 or more. None: equally often."""
    draw: Draw = Draw.IID
    """How the part of a window is picked. Weights that are schedules need iid."""

    def __post_init__(self) -> None:
        if len(self.parts) < 2 or any(isinstance(part, Mixture) for part in self.parts):
            raise BadCorruption(
                "parts of Mixture must be two corruptions or more, none of them a mixture; list the parts of an "
                "inner mixture in the outer one"
            )
        weights = self._weights
        if len(weights) != len(self.parts) or any(ends(w)[0] < 0 for w in weights) or not any(map(_may_be, weights)):
            raise BadCorruption(
                f"weights of Mixture are {self.weights}; give one number of 0 or more for each of its "
                f"{len(self.parts)} parts, not all 0"
            )
        if self.draw is Draw.STRATIFIED and any(isinstance(weight, Schedule) for weight in weights):
            raise BadCorruption("weights of Mixture change with the step and its draw is stratified; take draw: iid")
        if self.draw is Draw.STRATIFIED and self.period > _MAX_PERIOD:
            raise BadCorruption(
                f"weights of Mixture are {self.weights}, which hold exactly only over {self.period} windows; "
                "give small whole numbers such as [2, 1, 1], or take draw: iid"
            )

    @property
    def _weights(self) -> list[float | Schedule]:
        return self.weights if self.weights is not None else [1.0] * len(self.parts)

    @cached_property
    def shares(self) -> tuple[Fraction, ...]:
        """The share of the windows that each part has."""
        weights = [exact(number(weight)) for weight in self._weights]
        return tuple(weight / sum(weights) for weight in weights)

    @cached_property
    def thresholds(self) -> tuple[int, ...]:
        """The 64-bit number below which a draw picks each part or one before it."""
        return tuple(threshold_of(sum(self.shares[: place + 1], Fraction(0))) for place in range(len(self.parts)))

    @property
    def period(self) -> int:
        """In how many windows in a row every part has its exact share; 1 where parts are drawn one by one."""
        if self.draw is Draw.IID:
            return 1
        return lcm(*(share.denominator for share in self.shares))

    @cached_property
    def pattern(self) -> tuple[int, ...]:
        """The number of the part of each window of a period."""
        period = self.period
        return tuple(place for place, share in enumerate(self.shares) for _ in range(int(share * period)))

    def numbers_of(self, seed: int, epochs: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """int64[B]: the numbers of the parts that corrupt the windows of these addresses."""
        windows = windows.astype(np.uint64)
        if self.draw is Draw.STRATIFIED:
            turns = (windows % np.uint64(self.period)).astype(np.int64)
            for epoch in set(epochs.tolist()):
                turns[epochs == epoch] += Draws(seed, epoch, _OFFSET_ADDRESS, PARTS).below(self.period)
            return np.array(self.pattern, dtype=np.int64)[turns % self.period]
        counters = np.zeros((4, len(windows)), dtype=np.uint64)
        counters[1] = np.uint64(PARTS << 24) | epochs.astype(np.uint64)
        counters[2], counters[3] = windows & _LOW_WORD, windows >> _HALF
        words = philox(counters, seed)
        # A threshold of 2^64, behind which no draw lies, does not fit into 64 bits and is not needed.
        thresholds = np.array([threshold for threshold in self.thresholds if threshold < 1 << 64], dtype=np.uint64)
        return np.searchsorted(thresholds, words[0] << _HALF | words[1], side="right")

    def number_of(self, draws: Draws) -> int:
        """The number of the part that corrupts the window of this address."""
        seed, epoch, window, _ = draws.address
        return int(self.numbers_of(seed, np.array([epoch]), np.array([window], dtype=np.uint64))[0])

    def chosen(self, draws: Draws) -> Corruption:
        """The part that corrupts the window of this address."""
        return self.parts[self.number_of(draws)]

    def variants(self) -> tuple[Corruption, ...]:
        """Those of every part that may be picked."""
        pairs = zip(self.parts, self._weights, strict=True)
        return tuple(variant for part, weight in pairs if _may_be(weight) for variant in part.variants())

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        """The example of the part that is picked."""
        return self.chosen(draws).corrupt(window, draws, vocab)

    def longest(self, window_len: int) -> Lengths:
        """The longest of any part."""
        lengths = [variant.longest(window_len) for variant in self.variants()]
        return Lengths(max(length.source for length in lengths), max(length.target for length in lengths))

    def hidden(self, window: Window, draws: Draws, vocab: Vocab) -> Bools | None:
        """What the part that is picked hides."""
        return self.chosen(draws).hidden(window, draws, vocab)

    @property
    def hides_protected(self) -> bool:  # type: ignore[override]
        """Where any part does."""
        return any(part.hides_protected for part in self.parts)

    def describe(self) -> str:
        """The parts and their weights."""
        named = (f"{weight} × {part.describe()}" for weight, part in zip(self._weights, self.parts, strict=True))
        return f"mixture of {'; '.join(named)}"


def _may_be(weight: float | Schedule) -> bool:
    return ends(weight)[1] > 0
