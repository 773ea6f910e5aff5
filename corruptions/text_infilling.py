"""BART's text infilling: spans, empty ones among them, give way to one mask each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.placement import equal_multinomial, place_spans
from corruptions.plan import Counts, Plan, num_noise_spans, num_noise_tokens
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Window, demand, demand_rate
from corruptions.render import Said, Shown


@dataclass(frozen=True, kw_only=True)
class TextInfilling(PlannedCorruption):
    """Spans are shown as one mask each, however long; the decoder says the whole text.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = TextInfilling(rate=0.5).corrupt(window_of("a b c d e f g h"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('a b c _ h .', 'a b c d e f g h .')

    A span of no tokens puts a mask where nothing is missing. The numbers of hidden tokens and of spans
    are exact in every window, so that no batch has padding. The lengths of the spans are Poisson,
    given their sum: each hidden token joins a span at random, which is the same law. Spans never abut.
    The code released with BART draws Poisson lengths until the rate is reached and lets spans overlap,
    so that the number of spans is random and about 27 % of the noise that was asked for is lost.

    Source: Lewis et al.: BART (2020), 2.2; its released recipe has a mean of 3.5.
    """

    rate: float = 0.3
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""
    mean_span_length: float = 3.0
    """Hidden tokens a span, on average, before rounding to a whole number of spans; above 0. Below 1,
    most spans are empty."""

    shown = Shown.MASK_A_SPAN
    said = Said.WHOLE_TEXT

    def __post_init__(self) -> None:
        demand_rate(self)
        demand(self, "mean_span_length", lambda mean: 0 < mean < float("inf"), "above 0")

    def counts(self, window_len: int) -> Counts:
        """Hidden tokens and spans."""
        return self._counts(window_len, window_len)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the lengths of the spans, then their slots."""
        counts = self._counts(len(window.tokens), int(np.count_nonzero(~window.protected)))
        return place_spans(equal_multinomial(*counts, draws), window.protected, draws)

    def _counts(self, window_len: int, num_eligible: int) -> Counts:
        num_noise = min(num_noise_tokens(window_len, self.rate), num_eligible)
        num_slots = num_eligible - num_noise + 1
        return Counts(num_noise, num_noise_spans(num_noise, self.mean_span_length, num_slots))
