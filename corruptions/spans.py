"""Spans that never abut: how many, how long, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf

import numpy as np

from corruptions.draws import Draws
from corruptions.noise import Noise, ends, num_words, number, plan_of
from corruptions.placement import Span, Units, mend, placed
from corruptions.plan import Counts, Plan, exact, num_noise_tokens, rounded
from corruptions.protocol import BadCorruption, Window, demand, demand_rate
from corruptions.schedules import Schedule
from corruptions.span_lengths import SpanLaw, Tilts, composition, drawn_lengths, tilts_of


class Edges(Enum):
    """How spans lie between the first and the last token of a window."""

    FREE = "free"
    """Every choice of places equally likely; the ends are like the middle."""
    T5 = "t5"
    """T5's law: the first token is never hidden and the last always is."""
    ROLL = "roll"
    """T5's law turned by a random number of tokens, as its `random_roll`: every token equally likely, but a
    span that is cut by the end of the window becomes two, so that examples may be a sentinel longer."""


@dataclass(frozen=True, kw_only=True)
class Spans(Noise):
    """Spans of tokens or of words that never abut.

    >>> from corruptions.letters import window_of
    >>> plan = Spans(rate=0.5).plan(window_of("a b c d e f g h i j k l"), Draws(1, 0, 0))
    >>> list(zip(plan.starts.tolist(), plan.lengths.tolist()))
    [(4, 5), (10, 1)]
    """

    rate: float | Schedule = 0.15
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""
    mean_span_length: float | Schedule = 3.0
    """Hidden tokens a span, on average, before rounding to a whole number of spans; 1 or more, and above
    0 where the law has empty spans."""
    law: SpanLaw = SpanLaw.GEOMETRIC
    """How the lengths of the spans are drawn."""
    max_span_length: int | None = None
    """The longest span, in tokens, or in words with `whole_words`; for the laws geometric and uniform. Never below
    mean_span_length. A span can be longer all the same where it makes good what document ends or the sizes of words
    cost, and in windows too short for enough spans."""
    edges: Edges = Edges.FREE
    """How the spans lie between the ends of the window."""
    whole_words: bool = False
    """Hide words and no parts of words, as in Tokens. Numbers of tokens and of spans stay exact."""

    def __post_init__(self) -> None:
        demand_rate(self)
        demand_mean(self, self.law)
        self._check_longest()
        rate, mean = exact(ends(self.rate)[1]), exact(ends(self.mean_span_length)[0])
        if rate > (1 - rate) * mean:
            raise BadCorruption(
                f"Spans of a mean length of {ends(self.mean_span_length)[0]} cannot hide {ends(self.rate)[1]} of a "
                f"text: a visible token lies between any two, so that the mean must be at least "
                f"{float(rate / (1 - rate)):.3g}; raise mean_span_length or lower rate"
            )

    def _check_longest(self) -> None:
        if self.max_span_length is None:
            return
        if self.law not in (SpanLaw.GEOMETRIC, SpanLaw.UNIFORM):
            raise BadCorruption(
                f"max_span_length of Spans is {self.max_span_length}, but the law is {self.law.value}; "
                "it is for the laws geometric and uniform: leave it out"
            )
        mean = ends(self.mean_span_length)[1]
        if self.max_span_length < mean:
            raise BadCorruption(
                f"max_span_length of Spans is {self.max_span_length} and their mean length {mean}; "
                "raise the one or lower the other"
            )

    @property
    def longest_span(self) -> int | None:
        """The greatest length of a span; None: there is none."""
        if self.law is SpanLaw.UNIFORM and self.max_span_length is None:
            twice = 2 * exact(number(self.mean_span_length))
            return max(-(-twice.numerator // twice.denominator) - 1, 1)
        return self.max_span_length

    @property
    def tilts(self) -> Tilts | None:
        """The proposals for lengths that have a longest; None: there is none."""
        longest = self.longest_span
        return tilts_of(longest) if longest is not None else None

    def num_spans(self, num_noise: int) -> int:
        """Spans for this many hidden tokens, if they find room: tokens / mean, at least one."""
        if num_noise == 0:
            return 0
        mean = exact(number(self.mean_span_length))
        num_spans = max(rounded(num_noise * mean.denominator, mean.numerator), 1)
        longest = self.longest_span
        return num_spans if longest is None else max(num_spans, -(-num_noise // longest))

    def num_spans_among(self, num_noise: int, num_hidden_units: int, num_kept_units: int) -> int:
        """The same where they must lie among so many tokens or words."""
        num_slots = max(num_kept_units + (self.edges is Edges.FREE), 1)
        most = num_slots if self.law.has_empty_spans else min(num_slots, num_hidden_units)
        return min(self.num_spans(num_noise), most)

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """Hidden tokens and spans; a window that is rolled may have one span more."""
        num_noise = num_noise_tokens(window_len, number(self.rate))
        num_spans = self.num_spans_among(num_noise, num_noise, window_len - num_noise)
        if self.edges is Edges.ROLL and num_noise > num_spans:
            return (Counts(num_noise, num_spans), Counts(num_noise, num_spans + 1))
        return (Counts(num_noise, num_spans),)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the lengths of the spans, then their places."""
        window_len = len(window.tokens)
        units = Units.of(window, whole_words=self.whole_words)
        num_eligible = len(units.positions)
        num_noise = min(num_noise_tokens(window_len, number(self.rate)), num_eligible)
        if num_noise == 0:
            return Plan.of_spans([], [], window_len=window_len)
        num_hidden = num_words(num_noise, units.num_units, num_eligible) if self.whole_words else num_noise
        num_kept = units.num_units - num_hidden
        num_spans = self.num_spans_among(num_noise, num_hidden, num_kept)
        lengths = drawn_lengths(self.law, num_hidden, num_spans, self.tilts, draws)
        spans = placed(units, *self._places(lengths, num_kept, draws), draws)
        missing = num_noise - sum(end - start for start, end in spans)
        if missing:
            shortest = 0 if self.law.has_empty_spans else 1
            mend(spans, missing, window, draws, whole_words=self.whole_words, shortest=shortest)
        return plan_of(spans, window_len)

    def _places(self, lengths: list[int], num_kept: int, draws: Draws) -> tuple[list[int], list[int]]:
        """The units where spans of these lengths start, among so many kept units, and their lengths."""
        if self.edges is Edges.FREE:
            before = draws.choose(num_kept + 1, len(lengths)).tolist()  # a slot is known by the units kept before
        elif num_kept >= len(lengths):
            before = np.cumsum(composition(num_kept, len(lengths), draws)).tolist()
        else:
            before = [num_kept] * len(lengths)  # only where nothing is kept, and one span hides everything
        hidden = np.cumsum([0, *lengths[:-1]]).tolist()
        starts = [kept + covered for kept, covered in zip(before, hidden, strict=True)]
        if self.edges is Edges.ROLL:
            return _rolled(starts, lengths, num_kept + sum(lengths), draws)
        return starts, lengths


def _rolled(starts: list[int], lengths: list[int], num_units: int, draws: Draws) -> tuple[list[int], list[int]]:
    """The spans turned by a random number of units; one that is cut by the end becomes two."""
    offset = draws.below(num_units)
    turned: list[Span] = []
    for start, length in zip(starts, lengths, strict=True):
        first = (start + offset) % num_units
        inside = min(length, num_units - first)
        turned.append((first, inside))
        if inside < length:
            turned.append((0, length - inside))
    turned.sort()
    return [start for start, _ in turned], [length for _, length in turned]


def demand_mean(options: object, law: SpanLaw) -> None:
    """Raise BadCorruption unless spans of this law can have the `mean_span_length` that options give."""
    if law.has_empty_spans:
        demand(options, "mean_span_length", lambda mean: 0 < mean < inf, "above 0")
    else:
        demand(options, "mean_span_length", lambda mean: 1 <= mean < inf, "of 1 or more")
