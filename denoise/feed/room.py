"""How much text each corruption of a run is given, so that all batches of the run have one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import numpy as np

from corruptions import Corruption, Draws, Lengths, Mixture, Window
from corruptions.draws import PARTS, philox
from corruptions.schedules import schedules_in
from data_prep.vocab import Vocab
from denoise.feed.windows import read_only

_LOW_WORDS = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Assignment(NamedTuple):
    """What is done to each window of a batch."""

    parts: Sequence[Corruption]
    """The corruptions there are at this step."""
    numbers: np.ndarray
    """int64[B]: which of them is each window's."""
    lengths: np.ndarray
    """int64[B]: the raw tokens of each window."""


class Room:
    """The shape of a run's batches, and the windows that fill it under each part of its corruption.

    >>> from corruptions import PrefixLM, SpanCorruption
    >>> Room(SpanCorruption(), 512).pad_to, Room(SpanCorruption(), 512).stride
    (Lengths(source=512, target=114), 568)
    >>> mixture = Room(Mixture(parts=[SpanCorruption(), SpanCorruption(rate=0.5, mean_span_length=8.0)]), 512)
    >>> mixture.pad_to, mixture.stride
    (Lengths(source=512, target=512), 908)

    Every part gets as many raw tokens as its own `fit` says, so that all of them fill the encoder. The decoder
    has room for the part that says most; targets of the others are padded. While an option changes with the
    step, a window never gets more tokens than at the ends of its schedule.

    Raises BadCorruption where no text fits.
    """

    def __init__(self, corruption: Corruption, source_len: int, target_len: int | None = None) -> None:
        self.corruption = corruption
        variants = corruption.variants()
        # Pairs rather than a dictionary: parts may hold lists, and identities do not survive a trip to a worker.
        self._fitting = [(variant, variant.fit(source_len, target_len)) for variant in variants]
        longest = [variant.longest(window_len) for variant, window_len in self._fitting]
        self.pad_to = Lengths(max(each.source for each in longest), max(each.target for each in longest))
        self.stride = max(window_len for _, window_len in self._fitting)
        self._schedules = schedules_in(corruption)
        self._current: tuple[list[float], Corruption] | None = None
        self._now_fitting: list[tuple[Corruption, int]] = []
        self._patterns: dict[tuple[int, int], np.ndarray] = {}

    @property
    def has_schedules(self) -> bool:
        """Whether the corruption of one step may differ from that of another."""
        return bool(self._schedules) or type(self.corruption).at is not Corruption.at

    @property
    def period(self) -> int:
        """In how many windows in a row every part has its exact share; 1 but for stratified mixtures."""
        return self.corruption.period if _is_mixture(self.corruption) else 1

    @property
    def parts(self) -> Sequence[Corruption]:
        """The parts of a mixture in its own order, or the corruption alone."""
        return self.corruption.parts if _is_mixture(self.corruption) else (self.corruption,)

    def check(self, vocab: Vocab) -> None:
        """Corrupt one window of each part, so that what a vocabulary lacks is said before a run begins.

        Raises OutOfSentinels or NoControl.
        """
        for variant, window_len in self._fitting:
            tokens = np.full(window_len, vocab.text_ids[0], dtype=np.int32)
            no, yes = np.zeros(window_len, dtype=bool), np.ones(window_len, dtype=bool)
            variant.corrupt(read_only(Window(tokens, no, yes, no.copy())), Draws(0, 0, 0), vocab)

    def described_parts(self) -> dict[str, str]:
        """The parts of a mixture by the names they have in a log; none where there is no mixture."""
        if len(self.parts) < 2:
            return {}
        return {f"part_{number}": part.describe() for number, part in enumerate(self.parts, start=1)}

    def assign(self, step: int, *, seed: int, epochs: np.ndarray, windows: np.ndarray) -> Assignment:
        """The part and the raw length of the windows at these addresses, at a step of the run."""
        current = self._at(step)
        parts, numbers = self._numbered(current, seed, epochs, windows)
        lengths = np.zeros(len(parts), dtype=np.int64)
        for number in np.unique(numbers).tolist():
            lengths[number] = self.window_len(parts[number])
        return Assignment(parts, numbers, lengths[numbers])

    def window_len(self, part: Corruption) -> int:
        """Raw tokens that a part gets."""
        for known, window_len in (*self._fitting, *self._now_fitting):
            if known is part:
                return window_len
        window_len = _longest_window(part, self.pad_to, self.stride)
        self._now_fitting = [*self._now_fitting[-63:], (part, window_len)]
        return window_len

    def _at(self, step: int) -> Corruption:
        """The corruption of a step: the same object for as long as its options stay the same."""
        if not self._schedules:
            return self.corruption.at(step)
        values = [schedule.at(step) for schedule in self._schedules]
        if self._current is None or self._current[0] != values:
            self._current = values, self.corruption.at(step)
        return self._current[1]

    def _numbered(
        self, current: Corruption, seed: int, epochs: np.ndarray, windows: np.ndarray
    ) -> tuple[Sequence[Corruption], np.ndarray]:
        if _is_mixture(current):
            if current.period > 1:
                return current.parts, self._stratified(current, seed, epochs, windows)
            return current.parts, _drawn(current, seed, epochs, windows)
        if type(current).chosen is Corruption.chosen:
            return (current,), np.zeros(len(windows), dtype=np.int64)
        addresses = zip(epochs.tolist(), windows.tolist(), strict=True)
        chosen = [current.chosen(Draws(seed, epoch, window)) for epoch, window in addresses]
        parts = list({id(part): part for part in chosen}.values())
        places = {id(part): number for number, part in enumerate(parts)}
        return parts, np.array([places[id(part)] for part in chosen], dtype=np.int64)

    def _stratified(self, mixture: Mixture, seed: int, epochs: np.ndarray, windows: np.ndarray) -> np.ndarray:
        numbers = np.empty(len(windows), dtype=np.int64)
        for epoch in np.unique(epochs).tolist():
            if (seed, epoch) not in self._patterns:
                turn = [mixture.number_of(Draws(seed, epoch, window)) for window in range(mixture.period)]
                self._patterns = {(seed, epoch): np.array(turn, dtype=np.int64)}
            rows = epochs == epoch
            numbers[rows] = self._patterns[seed, epoch][windows[rows] % mixture.period]
        return numbers


def _is_mixture(corruption: Corruption) -> TypeGuard[Mixture]:
    """Whether it is one whose parts are picked as Mixture does; a subclass may do otherwise, and is asked."""
    if not isinstance(corruption, Mixture):
        return False
    own = type(corruption)
    return (own.number_of, own.chosen) == (Mixture.number_of, Mixture.chosen)


def _drawn(mixture: Mixture, seed: int, epochs: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """`mixture.number_of` of every address: the first 64 bits of its stream against the thresholds."""
    numbers = windows.astype(np.uint64)
    counters = np.zeros((4, len(numbers)), dtype=np.uint64)
    counters[1] = np.uint64(PARTS << 24) | epochs.astype(np.uint64)
    counters[2], counters[3] = numbers & _LOW_WORDS, numbers >> _HALF
    words = philox(counters, seed)
    # A threshold of 2^64, behind which no draw lies, does not fit into 64 bits and is not needed.
    thresholds = [threshold for threshold in mixture.thresholds if threshold < 1 << 64]
    return np.searchsorted(np.array(thresholds, dtype=np.uint64), words[0] << _HALF | words[1], side="right")


def _longest_window(part: Corruption, pad_to: Lengths, at_most: int) -> int:
    """The most raw tokens that fit, quickly: a part whose options change is asked at every step.

    `fit` also tries what lies behind the first length that does not fit, and takes milliseconds; here a
    corruption whose lengths fall as the window grows may get fewer. The answer is a function of the arguments
    alone: a run that goes on in mid-schedule must read what an unbroken one reads.
    """

    def fits(window_len: int) -> bool:
        lengths = part.longest(window_len)
        return lengths.source <= pad_to.source and lengths.target <= pad_to.target

    low, high = 0, at_most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low or part.fit(*pad_to)
