"""BART's sentence permutation: the sentences of a document change places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.ordering import Ordering
from corruptions.protocol import Window


@dataclass(frozen=True, kw_only=True)
class SentencePermutation(Ordering):
    """The sentences of each document are shown in a random order; the decoder says the text in its own.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> window = window_of("a b, c d e, f . g, h i")
    >>> letters(SentencePermutation().corrupt(window, Draws(2, 0, 0), LETTERS).source)
    'f a b c d e . g h i .'

    Nothing is hidden. Sentences that the window's edges cut are sentences too. Every order of the
    sentences of a document is equally likely, their own among them; none leaves its document.

    Source: Lewis et al.: BART (2020), 2.2.
    """

    def moved(self, window: Window, start: int, end: int, draws: Draws) -> list[tuple[int, int]]:
        """The sentences of this piece of a document, permuted."""
        cuts = (np.flatnonzero(window.sentence_ends[start : end - 1]) + start + 1).tolist()
        sentences = list(zip([start, *cuts], [*cuts, end], strict=True))
        return [sentences[place] for place in draws.permutation(len(sentences)).tolist()]
