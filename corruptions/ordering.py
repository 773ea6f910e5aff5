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

    def counts(self, window_len: int) -> Counts:
        """Nothing is hidden."""
        return Counts(0, 0)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Move each stretch without protected tokens; these stay where they are."""
        segments = []
        at = 0
        for place in [*np.flatnonzero(window.protected).tolist(), len(window.tokens)]:
            if place > at:
                pieces = self.moved(window, at, place, draws)
                segments += [(start, end - start, False) for start, end in pieces if end > start]
            if place < len(window.tokens):
                segments.append((place, 1, False))
            at = place + 1
        return Plan.of(segments)
