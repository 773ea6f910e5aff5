"""BART's document rotation: a document starts at a random token and goes on from its end to its start."""

from __future__ import annotations

from dataclasses import dataclass

from corruptions.draws import Draws
from corruptions.ordering import Ordering
from corruptions.protocol import Window


@dataclass(frozen=True, kw_only=True)
class DocumentRotation(Ordering):
    """Each document is shown from a random token on, then its beginning; the decoder says it straight.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> letters(DocumentRotation().corrupt(window_of("a b c d e . f g h"), Draws(1, 0, 0), LETTERS).source)
    'e a b c d . h f g .'

    Nothing is hidden. The token is uniform among all but the first, so that a document of two tokens or
    more always changes.

    Source: Lewis et al.: BART (2020), 2.2.
    """

    def moved(self, window: Window, start: int, end: int, draws: Draws) -> list[tuple[int, int]]:
        """This piece of a document, rotated."""
        if end - start < 2:
            return [(start, end)]
        pivot = start + 1 + draws.below(end - start - 1)
        return [(pivot, end), (start, pivot)]
