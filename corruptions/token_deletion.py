"""BART's token deletion: single tokens vanish, and the decoder must also find where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corruptions.noise import Tokens
from corruptions.planned import NoisyCorruption
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class TokenDeletion(NoisyCorruption):
    """Single tokens are left out of the source; the decoder says the whole text.

    >>> from corruptions import Draws
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = TokenDeletion(rate=0.5).corrupt(window_of("a b c d e f g h"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('a b c d .', 'a b c d e f g h .')

    Source: Lewis et al.: BART (2020), 2.2, which gives no rate; 0.15 is BERT's.
    """

    rate: float | Schedule = 0.15
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""

    whole_words: bool = False
    """Hide words and no parts of words, where the number of tokens can be kept."""

    shown = Shown.NOTHING
    said = Said.WHOLE_TEXT

    @cached_property
    def noise(self) -> Tokens:
        """The tokens."""
        return Tokens(rate=self.rate, whole_words=self.whole_words)
