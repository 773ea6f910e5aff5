"""The laws of other people's code as noise, so that what was trained with them can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

from corruptions.draws import Draws
from corruptions.noise import Noise, number
from corruptions.plan import Counts, Plan
from corruptions.protocol import Window, demand_rate
from corruptions.reference_laws import budget_of, fairseq_spans, hugging_face_spans, most_empty_spans
from corruptions.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class FairseqSpans(Noise):
    """Spans as the code released with BART puts them: they overlap, and less is hidden than was asked for."""

    rate: float | Schedule = 0.3
    """Fraction of the tokens that the lengths of the spans add up to, overlaps counted twice; above 0 and below 1."""
    mean_span_length: float | Schedule = 3.5
    """Mean of the Poisson law; 0.1 to 16."""
    whole_words: bool = False
    """Spans begin and end at words, and are counted in words."""

    def __post_init__(self) -> None:
        demand_rate(self)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the spans."""
        rate, mean = number(self.rate), number(self.mean_span_length)
        return fairseq_spans(window, rate=rate, mean_span_length=mean, draws=draws, whole_words=self.whole_words)

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """All that may be hidden in one span; and nothing but empty spans."""
        rate, mean = number(self.rate), number(self.mean_span_length)
        most = window_len if self.whole_words else budget_of(rate, window_len)
        return Counts(most, 1), Counts(0, most_empty_spans(window_len, rate, mean))


@dataclass(frozen=True, kw_only=True)
class HuggingFaceSpans(Noise):
    """Spans as Hugging Face's BART script puts them: overlapping and touching ones become one mask."""

    rate: float | Schedule = 0.3
    """Fraction of the tokens that the lengths of the spans add up to, overlaps counted twice; above 0 and below 1."""
    mean_span_length: float | Schedule = 3.0
    """Mean of the Poisson law, whose zeros are left out; 0.1 to 1000."""

    def __post_init__(self) -> None:
        demand_rate(self)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the spans."""
        rate, mean = number(self.rate), number(self.mean_span_length)
        return hugging_face_spans(window, rate=rate, mean_span_length=mean, draws=draws)

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """Everything in one span, since a sum that is nearest to the budget may lie above it; and nothing."""
        return Counts(window_len, 1), Counts(0, 0)
