"""T5's deshuffling: the tokens of a document change places, and the decoder puts them in order."""

from __future__ import annotations

from dataclasses import dataclass

from corruptions.draws import Draws
from corruptions.ordering import Ordering
from corruptions.protocol import Window


@dataclass(frozen=True, kw_only=True)
class Deshuffling(Ordering):
    """All tokens of each document are shown in a random order; the decoder says the text in its own.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = Deshuffling().corrupt(window_of("a b c d e . f g h"), Draws(2, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('d a e b c . g h f .', 'a b c d e . f g h .')

    Nothing is hidden. Every order of the tokens of a document is equally likely, their own among them;
    none leaves its document. T5 shuffles examples that are one document each, which is the same.

    Source: Raffel et al.: T5 (2020), 3.3.1; permute_noise_tokens in its preprocessors.py, at a density of 1.
    """

    def moved(self, window: Window, start: int, end: int, draws: Draws) -> list[tuple[int, int]]:
        """The tokens of this piece of a document, permuted."""
        return [(start + place, start + place + 1) for place in draws.permutation(end - start).tolist()]
