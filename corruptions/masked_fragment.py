"""MASS: one fragment is masked, and the decoder says it at its own place in the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.plan import Counts, Plan, exact, num_noise_tokens
from corruptions.planned import PlannedCorruption
from corruptions.protocol import BadCorruption, Window, demand, demand_rate
from corruptions.render import Said, Shown


@dataclass(frozen=True, kw_only=True)
class MaskedFragment(PlannedCorruption):
    """One fragment of the window is masked token by token; the decoder says the fragment (MASS).

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = MaskedFragment().corrupt(window_of("a b c d e f g h"), Draws(2, 0, 0), LETTERS)
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

    rate: float = 0.5
    """Fraction of the tokens that the fragment holds, exact in every window; above 0 and below 1."""
    start_fraction: float = 0.2
    """Fraction of the windows whose fragment starts at the first token; 0 to 1."""
    end_fraction: float = 0.2
    """Fraction of the windows whose fragment ends at the last token; 0 to 1. In the rest, every place is
    equally likely."""

    shown = Shown.MASK_EACH
    said = Said.FRAGMENT

    def __post_init__(self) -> None:
        demand_rate(self)
        for field in ("start_fraction", "end_fraction"):
            demand(self, field, lambda fraction: 0 <= fraction <= 1, "from 0 to 1")
        if exact(self.start_fraction) + exact(self.end_fraction) > 1:
            raise BadCorruption(
                f"start_fraction {self.start_fraction} and end_fraction {self.end_fraction} of "
                "MaskedFragment must add up to at most 1; lower one of them"
            )

    def counts(self, window_len: int) -> Counts:
        """The length of the fragment."""
        num_noise = num_noise_tokens(window_len, self.rate)
        return Counts(num_noise, min(num_noise, 1))

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw where the fragment starts among the unprotected tokens."""
        eligible = np.flatnonzero(~window.protected)
        num_noise = min(self.counts(len(window.tokens)).noise, len(eligible))
        start = self._start(len(eligible) - num_noise, draws)
        return Plan.of_tokens(eligible[start : start + num_noise], window_len=len(window.tokens))

    def _start(self, last_start: int, draws: Draws) -> int:
        at_start, at_end = exact(self.start_fraction), exact(self.end_fraction)
        if draws.chance(at_start):
            return 0
        if at_start < 1 and draws.chance(at_end / (1 - at_start)):
            return last_start
        return draws.below(last_start + 1)
