"""BART's text infilling: spans give way to one mask each, and some masks stand for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from corruptions.draws import Draws
from corruptions.plan import Plan, rounded_share
from corruptions.planned import NoisyCorruption
from corruptions.protocol import Int32s, Window, demand, demand_rate
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule
from corruptions.span_lengths import SpanLaw
from corruptions.spans import Spans
from data_prep.vocab import Vocab


@dataclass(frozen=True, kw_only=True)
class TextInfilling(NoisyCorruption):
    """Spans are shown as one mask each, however long; the decoder says the whole text.

    >>> from corruptions import Draws
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

    rate: float | Schedule = 0.3
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""
    mean_span_length: float | Schedule = 3.0
    """Hidden tokens a span, on average, before rounding to a whole number of spans; above 0. Below 1,
    most spans are empty."""
    span_law: SpanLaw = SpanLaw.POISSON
    """How the lengths of the spans are drawn: poisson is BART's, and has empty spans."""
    random_fraction: float = 0.0
    """Fraction of the spans that are shown as a random text id instead of the mask; 0 to 1."""
    whole_words: bool = False
    """Hide words and no parts of words, where the numbers of tokens and of spans can be kept."""

    shown = Shown.MASK_A_SPAN
    said = Said.WHOLE_TEXT

    def __post_init__(self) -> None:
        demand_rate(self)
        demand(self, "mean_span_length", lambda mean: 0 < mean < float("inf"), "above 0")
        self.noise  # noqa: B018, refuses what cannot be
        demand(self, "random_fraction", lambda fraction: 0 <= fraction <= 1, "from 0 to 1")

    @cached_property
    def noise(self) -> Spans:
        """The spans."""
        return Spans(
            rate=self.rate,
            mean_span_length=self.mean_span_length,
            law=self.span_law,
            whole_words=self.whole_words,
        )

    def replacements(self, plan: Plan, window: Window, draws: Draws, vocab: Vocab) -> Int32s:
        """Masks, and for a random few of the spans a text id."""
        num_spans = len(plan.starts)
        shown = np.full(num_spans, vocab.mask, dtype=np.int32)
        num_random = max(num_spans - self.num_masks(len(window.tokens)), 0)
        for place in draws.choose(num_spans, num_random).tolist():
            shown[place] = vocab.text_ids.start + draws.below(len(vocab.text_ids))
        return shown

    def num_masks(self, window_len: int) -> int:
        """Spans of a window that are shown as the mask."""
        num_spans = self.extremes(window_len)[0].spans
        return num_spans - rounded_share(self.random_fraction, num_spans)
