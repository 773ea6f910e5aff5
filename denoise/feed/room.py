"""How much text each corruption of a run is given, so that all batches of the run have one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import numpy as np

from corruptions import Corruption, Draws, Lengths, Mixture, Window
from corruptions.protocol import read_only
from corruptions.schedules import schedules_in
from data_prep.vocab import Vocab


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
    has room for the part that says most, and up to the next multiple of pad_target_to; targets are padded. While an
    option changes with the step, a window never gets more tokens than at the ends of its schedule.

    Raises BadCorruption where no text fits.
    """

    def __init__(
        self, corruption: Corruption, source_len: int, target_len: int | None = None, *, pad_target_to: int = 1
    ) -> None:
        self.corruption = corruption
        variants = corruption.variants()
        # Pairs rather than a dictionary: parts may hold lists, and identities do not survive a trip to a worker.
        self._fitting = [(variant, variant.fit(source_len, target_len)) for variant in variants]
        longest = [variant.longest(window_len) for variant, window_len in self._fitting]
        most_said = max(each.target for each in longest)
        self._longest = Lengths(max(each.source for each in longest), most_said)
        self.pad_to = self._longest._replace(target=-(-most_said // pad_target_to) * pad_target_to)
        self.stride = max(window_len for _, window_len in self._fitting)
        self._schedules = schedules_in(corruption)
        self._current: tuple[list[float], Corruption] | None = None
        self._now_fitting: list[tuple[Corruption, int]] = []

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
        window_len = _longest_window(part, self._longest, self.stride)
        self._now_fitting = [*self._now_fitting[-63:], (part, window_len)]
        return window_len

    def _at(self, step: int) -> Corruption:
        """The corruption of a step: the same object for as long as its options stay the same."""
        if not self._schedules:
            return self.corruption.at(step)
        values = [schedule.at(step) for schedule in self._schedules]
        current = self._current  # read once: another thread may score while this one makes batches ahead
        if current is None or current[0] != values:
            current = self._current = values, self.corruption.at(step)
        return current[1]

    def _numbered(
        self, current: Corruption, seed: int, epochs: np.ndarray, windows: np.ndarray
    ) -> tuple[Sequence[Corruption], np.ndarray]:
        if _is_mixture(current):
            return current.parts, current.numbers_of(seed, epochs, windows)
        if type(current).chosen is Corruption.chosen:
            return (current,), np.zeros(len(windows), dtype=np.int64)
        addresses = zip(epochs.tolist(), windows.tolist(), strict=True)
        chosen = [current.chosen(Draws(seed, epoch, window)) for epoch, window in addresses]
        parts = list({id(part): part for part in chosen}.values())
        places = {id(part): number for number, part in enumerate(parts)}
        return parts, np.array([places[id(part)] for part in chosen], dtype=np.int64)


def _is_mixture(corruption: Corruption) -> TypeGuard[Mixture]:
    """Whether it is one whose parts are picked as Mixture does; a subclass may do otherwise, and is asked."""
    if not isinstance(corruption, Mixture):
        return False
    own = type(corruption)
    return (own.numbers_of, own.number_of, own.chosen) == (Mixture.numbers_of, Mixture.number_of, Mixture.chosen)


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
