"""Prefix language modelling: the encoder reads the beginning of a text, the decoder goes on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corruptions.noise import Split, Suffix
from corruptions.planned import NoisyCorruption
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class PrefixLM(NoisyCorruption):
    """A suffix of the window is not shown; the decoder says it.

    >>> from corruptions import Draws
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = PrefixLM().corrupt(window_of("a b c d e f g h"), Draws(3, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('a b c d e f .', 'g h .')

    The suffix holds whatever follows, document ends too. With a uniform split, T5's, lengths differ from
    window to window and batches are padded to the longest prefix and the longest suffix; a fixed split,
    as in the S denoiser of UL2, fills them.

    Source: Raffel et al.: T5 (2020), 3.3.1; Tay et al.: UL2 (2022), 3.1.2.
    """

    rate: float | Schedule = 0.5
    """Fraction of the tokens in the suffix, on average; above 0 and below 1, up to 0.5 for a uniform split."""
    split: Split = Split.UNIFORM
    """How the pivot is drawn: uniform, or fixed at the rate."""

    shown = Shown.NOTHING
    said = Said.NOISE

    @cached_property
    def noise(self) -> Suffix:
        """The suffix."""
        return Suffix(rate=self.rate, split=self.split)
