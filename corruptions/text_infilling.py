"""BART's text infilling: spans give way to one mask each, and some masks stand for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from corruptions.draws import Draws
from corruptions.noise import Noise
from corruptions.plan import Plan, rounded_share
from corruptions.planned import NoisyCorruption
from corruptions.protocol import BadCorruption, Int32s, Window, demand
from corruptions.reference_noise import FairseqSpans, HuggingFaceSpans
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule
from corruptions.span_lengths import SpanLaw
from corruptions.spans import Spans, demand_mean
from data_prep.vocab import Vocab


class InfillingLaw(Enum):
    """Whose law says where the spans are."""

    EXACT = "exact"
    """Ours: numbers of tokens and of spans exact in every window, and spans never meet."""
    FAIRSEQ = "fairseq"
    """That of the code released with BART: spans overlap, and 30 % asked for are 27 % hidden."""
    HUGGING_FACE = "hugging face"
    """That of Hugging Face's run_bart_dlm_flax.py, window by window: spans that touch become one, none is empty."""


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
    so that the number of spans is random and 27 % of a text is hidden where 30 % was asked for.

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

    law: InfillingLaw = InfillingLaw.EXACT
    """Whose law says where the spans are. Those of others are for comparison: batches get padding, and
    they are not compiled."""

    shown = Shown.MASK_A_SPAN
    said = Said.WHOLE_TEXT

    def __post_init__(self) -> None:
        demand_mean(self, self.span_law)
        self._check_law()
        super().__post_init__()
        demand(self, "random_fraction", lambda fraction: 0 <= fraction <= 1, "from 0 to 1")

    def _check_law(self) -> None:
        if self.law is not InfillingLaw.EXACT and self.span_law is not SpanLaw.POISSON:
            raise BadCorruption(
                f"span_law of TextInfilling is {self.span_law.value}, but its law {self.law.value} draws Poisson "
                "lengths; leave span_law out, or take law: EXACT"
            )
        if self.law is InfillingLaw.HUGGING_FACE and self.whole_words:
            raise BadCorruption(
                "whole_words of TextInfilling is true, but the law of hugging face knows no words; "
                "leave it out, or take law: FAIRSEQ"
            )

    @cached_property
    def noise(self) -> Noise:
        """The spans."""
        if self.law is InfillingLaw.FAIRSEQ:
            return FairseqSpans(rate=self.rate, mean_span_length=self.mean_span_length, whole_words=self.whole_words)
        if self.law is InfillingLaw.HUGGING_FACE:
            return HuggingFaceSpans(rate=self.rate, mean_span_length=self.mean_span_length)
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
        for place in draws.choose(num_spans, self.num_random(num_spans)).tolist():
            shown[place] = vocab.text_ids.start + draws.below(len(vocab.text_ids))
        return shown

    def num_random(self, num_spans: int) -> int:
        """Of so many spans, those that are not shown as the mask."""
        return rounded_share(self.random_fraction, num_spans)
