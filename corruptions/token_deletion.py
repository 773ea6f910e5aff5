"""BART's token deletion: single tokens vanish, and the decoder must also find where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.placement import place_tokens
from corruptions.plan import Counts, Plan, num_noise_tokens
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Window, demand_rate
from corruptions.render import Said, Shown


@dataclass(frozen=True, kw_only=True)
class TokenDeletion(PlannedCorruption):
    """Single tokens are left out of the source; the decoder says the whole text.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = TokenDeletion(rate=0.5).corrupt(window_of("a b c d e f g h"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('a b c d .', 'a b c d e f g h .')

    Source: Lewis et al.: BART (2020), 2.2, which gives no rate; 0.15 is BERT's.
    """

    rate: float = 0.15
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""

    shown = Shown.NOTHING
    said = Said.WHOLE_TEXT

    def __post_init__(self) -> None:
        demand_rate(self)

    def counts(self, window_len: int) -> Counts:
        """Hidden tokens; each counts as a span."""
        num_noise = num_noise_tokens(window_len, self.rate)
        return Counts(num_noise, num_noise)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Hide tokens, each set of them equally likely."""
        num_eligible = int(np.count_nonzero(~window.protected))
        return place_tokens(min(self.counts(len(window.tokens)).noise, num_eligible), window.protected, draws)
