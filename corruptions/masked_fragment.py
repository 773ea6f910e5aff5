"""MASS: one fragment is masked, and the decoder says it at its own place in the text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corruptions.noise import Fragment
from corruptions.planned import NoisyCorruption
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class MaskedFragment(NoisyCorruption):
    """One fragment of the window is masked token by token; the decoder says the fragment (MASS).

    >>> from corruptions import Draws
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = MaskedFragment().corrupt(window_of("a b c d e f g h"), Draws(7, 0, 0), LETTERS)
    >>> letters(example.source)
    'a b c d _ _ _ _ .'
    >>> letters(example.decoder_input), letters(example.target), example.target_positions.tolist()
    ('d e f g', 'e f g h', [4, 5, 6, 7])

    The decoder reads the token that comes before each one in the clean text (a pad before the first)
    and has the positions of the fragment in the text; its target has no eos. Protected tokens inside
    the fragment stay visible and are not asked for, but they may be what the decoder reads.

    Source: Song et al.: MASS (2019), 3.1, and its code for unsupervised translation, which draws the
    same places; that code also shows some of the fragment, and never masks the first token.
    """

    rate: float | Schedule = 0.5
    """Fraction of the tokens that the fragment holds, exact in every window; above 0 and below 1."""
    start_fraction: float = 0.2
    """Fraction of the windows whose fragment starts at the first token; 0 to 1."""
    end_fraction: float = 0.2
    """Fraction of the windows whose fragment ends at the last token; 0 to 1. In the rest, every place is
    equally likely."""

    shown = Shown.MASK_EACH
    said = Said.FRAGMENT

    @cached_property
    def noise(self) -> Fragment:
        """The fragment."""
        return Fragment(rate=self.rate, start_fraction=self.start_fraction, end_fraction=self.end_fraction)
