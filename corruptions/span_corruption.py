"""T5's span corruption: spans give way to sentinels, and the decoder says what each one stands for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corruptions.noise import number
from corruptions.plan import exact
from corruptions.planned import NoisyCorruption
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule
from corruptions.span_lengths import SpanLaw
from corruptions.spans import Edges, Spans, demand_mean


@dataclass(frozen=True, kw_only=True)
class SpanCorruption(NoisyCorruption):
    """Spans are shown as one sentinel each; the decoder says each sentinel, then what it hides.

    >>> from corruptions import Draws
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = SpanCorruption(rate=0.5).corrupt(window_of("a b c d e f g h"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('a b c d <0> .', '<0> e f g h .')

    Numbers of tokens and spans, and the law of span lengths, are T5's: each way to cut the noise into so
    many spans is equally likely. Where they lie is not, unless `edges` says so: T5 always shows the first
    token of a window and always hides the last, and with a single span always hides the same place; here
    every choice of places is equally likely, at the same lengths of source and target. Spans never abut.
    As in T5, no sentinel closes the target.

    Source: Raffel et al.: T5 (2020), 3.1.4; random_spans_noise_mask in its preprocessors.py.
    """

    rate: float | Schedule = 0.15
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""
    mean_span_length: float | Schedule = 3.0
    """Hidden tokens a span, on average, before rounding to a whole number of spans; 1 or more."""
    span_law: SpanLaw = SpanLaw.GEOMETRIC
    """How the lengths of the spans are drawn: geometric is T5's."""
    max_span_length: int | None = None
    """The longest span, in tokens, or in words with whole_words; for the laws geometric and uniform. None: no limit,
    and under the law uniform twice the mean less one. What document ends cost may make a span longer."""
    edges: Edges = Edges.FREE
    """How the spans lie between the ends of the window: free, or t5 or roll as T5's code has it."""
    whole_words: bool = False
    """Hide words and no parts of words, where the numbers of tokens and of spans can be kept."""

    shown = Shown.SENTINEL_A_SPAN
    said = Said.SPANS

    def __post_init__(self) -> None:
        demand_mean(self, self.span_law)
        super().__post_init__()

    @cached_property
    def noise(self) -> Spans:
        """The spans."""
        return Spans(
            rate=self.rate,
            mean_span_length=self.mean_span_length,
            law=self.span_law,
            max_span_length=self.max_span_length,
            edges=self.edges,
            whole_words=self.whole_words,
        )

    def fit(self, source_len: int, target_len: int | None = None) -> int:
        """The most raw tokens that stay within these lengths; None: any target.

        As in T5, at a rate of exactly one half the target is then held to the length of the source,
        which costs one token of an odd number.
        """
        if target_len is None and 2 * exact(number(self.rate)) == 1:
            target_len = source_len
        return super().fit(source_len, target_len)
