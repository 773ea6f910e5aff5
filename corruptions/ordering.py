"""Corruptions that hide nothing and move the text about inside each document."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from corruptions.draws import Draws
from corruptions.plan import Counts, Plan
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Window
from corruptions.render import Said, Shown


class Ordering(PlannedCorruption):
    """A subclass says how one stretch of text between protected tokens is moved about inside itself.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> class SwapHalves(Ordering):
    ...     def moved(self, window, start, end, draws):
    ...         middle = (start + end) // 2
    ...         return [(middle, end), (start, middle)]
    >>> letters(SwapHalves().corrupt(window_of("a b c d . e f"), Draws(1, 0, 0), LETTERS).source)
    'c d a b . f e .'
    """

    shown = Shown.NOTHING
    said = Said.WHOLE_TEXT

    @abstractmethod
    def moved(self, window: Window, start: int, end: int, draws: Draws) -> list[tuple[int, int]]:
        """The (start, end) of the pieces that make up tokens start .. end - 1, in their new order."""

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """Nothing is hidden."""
        return (Counts(0, 0),)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Move each stretch without protected tokens; these stay where they are."""
        order = np.arange(len(window.tokens), dtype=np.int32)
        begin = 0
        for place in [*np.flatnonzero(window.protected).tolist(), len(window.tokens)]:
            if place > begin:
                pieces = self.moved(window, begin, place, draws)
                order[begin:place] = np.concatenate([np.arange(start, end) for start, end in pieces])
            begin = place + 1
        return Plan.of_spans([], [], window_len=len(window.tokens), order=order)
