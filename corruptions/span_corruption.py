"""T5's span corruption: spans give way to sentinels, and the decoder says each sentinel and its span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.placement import place_spans, uniform_composition
from corruptions.plan import Counts, Plan, exact, num_noise_spans, num_noise_tokens
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Window, demand, demand_rate
from corruptions.render import Said, Shown


@dataclass(frozen=True, kw_only=True)
class SpanCorruption(PlannedCorruption):
    """Spans are shown as one sentinel each; the decoder says each sentinel, then what it hides.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = SpanCorruption(rate=0.5).corrupt(window_of("a b c d e f g h"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('a b c d <0> .', '<0> e f g h .')

    Numbers of tokens and spans, and the law of span lengths, are T5's: each way to cut the noise into so
    many spans is equally likely. Where they lie is not: T5 always shows the first token of a window and
    always hides the last, and with a single span always hides the same place; here every choice of places
    is equally likely, at the same lengths of source and target. Spans never abut. As in T5, no sentinel
    closes the target.

    Source: Raffel et al.: T5 (2020), 3.1.4; random_spans_noise_mask in its preprocessors.py.
    """

    rate: float = 0.15
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""
    mean_span_length: float = 3.0
    """Hidden tokens a span, on average, before rounding to a whole number of spans; 1 or more."""

    shown = Shown.SENTINEL_A_SPAN
    said = Said.SPANS

    def __post_init__(self) -> None:
        demand_rate(self)
        demand(self, "mean_span_length", lambda mean: 1 <= mean < float("inf"), "of 1 or more")

    def fit(self, source_len: int, target_len: int | None = None) -> int:
        """The most raw tokens that stay within these lengths; None: any target.

        As in T5, at a rate of exactly one half the target is then held to the length of the source,
        which costs one token of an odd number.
        """
        if target_len is None and 2 * exact(self.rate) == 1:
            target_len = source_len
        return super().fit(source_len, target_len)

    def counts(self, window_len: int) -> Counts:
        """Hidden tokens and spans."""
        return self._counts(window_len, window_len)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the lengths of the spans, then their slots."""
        counts = self._counts(len(window.tokens), int(np.count_nonzero(~window.protected)))
        lengths = uniform_composition(*counts, draws) if counts.spans else []
        return place_spans(lengths, window.protected, draws)

    def _counts(self, window_len: int, num_eligible: int) -> Counts:
        num_noise = min(num_noise_tokens(window_len, self.rate), num_eligible)
        num_slots = min(num_eligible - num_noise + 1, num_noise)
        return Counts(num_noise, num_noise_spans(num_noise, self.mean_span_length, num_slots))
