"""Where the code published with BART, and Hugging Face's copy of it, put their noise: two laws that are not ours.

Each gives the law of a published function, not its random numbers. docs/sources.md compares both with
measurements of the code itself; ours, with exact counts and spans that never meet, is TextInfilling's default.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from itertools import accumulate

import numpy as np

from corruptions.draws import Draws
from corruptions.plan import Plan, exact
from corruptions.protocol import BadCorruption, Bools, Window

FAIRSEQ_MEANS = (0.1, 16)
"""The least and the greatest mean. fairseq cuts its table of lengths at the first one rarer than 1e-7: above
ln(10^7), 16.118..., that is length 0 already, and its loop, which waits for tokens to hide, never ends. The least
is a limit of ours, to the number of empty spans."""
HUGGING_FACE_MEANS = (0.1, 1000)
"""The least and the greatest mean: limits of ours, to the table of lengths."""

_RAREST_IN_FAIRSEQ = Decimal("1e-7")
_RAREST_WINDOW = Decimal("1e-12")
_DIGITS = Context(prec=50, rounding=ROUND_HALF_EVEN)
_WORDS = 1 << 64
_NEVER = Decimal(2) ** -80  # too rare to change any threshold of 64 bits


def fairseq_spans(
    window: Window, *, rate: float, mean_span_length: float, draws: Draws, whole_words: bool = False
) -> Plan:
    """fairseq's spans for BART: overlapping ones become one mask, abutting ones stay two, empty ones are masks.

    >>> from corruptions.letters import window_of
    >>> window = window_of("a b c d e f g h i j k l m n o p")
    >>> plan = fairseq_spans(window, rate=0.5, mean_span_length=2.0, draws=Draws(57, 0, 0))
    >>> list(zip(plan.starts.tolist(), plan.lengths.tolist()))
    [(1, 2), (6, 1), (8, 2), (10, 1), (12, 0), (12, 1)]

    The rate is a budget for the sum of the lengths that are drawn, rounded up, the last one trimmed to
    meet it. What overlaps is hidden once only, so that less is lost than was asked for, and the numbers
    of hidden tokens and of masks differ from window to window. Lengths are in tokens, or in words with
    `whole_words`, where tokens before the first word's start are never hidden. A span ends before a
    protected token at the latest.

    Spans ascend by `starts`; two that touch are two entries, and a span of no tokens comes before the one
    that starts at its place. Several spans of no tokens may share a place; there are at most
    most_empty_spans, which leaves out none but in one window of 10^12.

    Raises BadCorruption for a mean outside FAIRSEQ_MEANS.
    Source: facebookresearch/fairseq, fairseq/data/denoising_dataset.py, add_whole_word_mask and
    add_insertion_noise with mask_length "span-poisson" and replace_length 1.
    """
    is_unit = window.word_starts & ~window.protected if whole_words else ~window.protected
    starts = np.flatnonzero(is_unit)
    budget = budget_of(rate, len(starts))
    if budget == 0:
        return Plan.of_spans([], [], window_len=len(window.tokens))
    drawn = _lengths_up_to(budget, _fairseq_thresholds(mean_span_length), draws)
    lengths = [length for length in drawn if length > 0]
    lengths[-1] += budget - sum(lengths)
    spans = []
    for unit, length in zip(_places(len(starts), len(lengths), draws), lengths, strict=True):
        start = int(starts[unit])
        after = int(starts[unit + length]) if unit + length < len(starts) else len(window.tokens)
        spans.append((start, _before_protected(start, after, window.protected)))
    num_empty = min(len(drawn) - len(lengths), most_empty_spans(len(starts), rate, mean_span_length))
    return _with_empty_spans(_joined(spans), num_empty, len(window.tokens), draws)


def hugging_face_spans(window: Window, *, rate: float, mean_span_length: float, draws: Draws) -> Plan:
    """The spans of Hugging Face's run_bart_dlm_flax.py: overlapping and abutting ones become one mask.

    >>> from corruptions.letters import window_of
    >>> window = window_of("a b c d e f g h i j k l m n o p")
    >>> plan = hugging_face_spans(window, rate=0.5, mean_span_length=2.0, draws=Draws(0, 0, 0))
    >>> list(zip(plan.starts.tolist(), plan.lengths.tolist()))
    [(0, 5), (9, 2), (15, 1)]

    There are no spans of no tokens. The lengths drawn stop where their sum is nearest to the rate's
    share, rounded up, on either side; the last is not trimmed. A span runs across protected tokens,
    which stay visible and cut it in two. Each window has a budget of its own, which is what the script
    does with a batch of one row; with more rows it has one for the whole batch.

    Not reproduced: the script loses the first mask of a row whose first and last token are both hidden.

    Raises BadCorruption for a mean outside HUGGING_FACE_MEANS.
    Source: huggingface/transformers, examples/flax/language-modeling/run_bart_dlm_flax.py, span_mask_tokens.
    """
    window_len = len(window.tokens)
    starts = np.flatnonzero(~window.protected)
    budget = budget_of(rate, len(starts))
    if budget == 0:
        return Plan.of_spans([], [], window_len=window_len)
    lengths = _lengths_up_to(budget, _hugging_face_thresholds(mean_span_length), draws)
    above = sum(lengths) - budget
    if len(lengths) > 1 and lengths[-1] - above <= above:  # as near without the last one; then it is left out
        lengths.pop()
    is_noise = np.zeros(window_len, dtype=bool)
    for place, length in zip(_places(len(starts), len(lengths), draws), lengths, strict=True):
        is_noise[starts[place] : starts[place] + length] = True
    is_noise &= ~window.protected
    return Plan.of_tokens(np.flatnonzero(is_noise), window_len=window_len)


def budget_of(rate: float, count: int) -> int:
    """rate * count, rounded up, in integers."""
    share = exact(rate)
    return -(-share.numerator * count // share.denominator)


def _lengths_up_to(budget: int, thresholds: tuple[int, ...], draws: Draws) -> list[int]:
    """Lengths, 0 among them, drawn one after another until their sum reaches the budget."""
    lengths = []
    missing = budget
    while missing > 0:
        length = bisect_right(thresholds, draws.word() << 32 | draws.word())
        lengths.append(length)
        missing -= length
    return lengths


def _places(num_units: int, num_spans: int, draws: Draws) -> Iterator[int]:
    """Distinct units in random order: lengths are not drawn alike, the last being trimmed or left out."""
    chosen = draws.choose(num_units, num_spans)
    return (int(chosen[place]) for place in draws.permutation(num_spans))


def _before_protected(start: int, end: int, protected: Bools) -> int:
    """The end of a span that stops before the first protected token after its start."""
    inside = protected[start:end]
    return start + int(inside.argmax()) if inside.any() else end


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(start, end) in ascending order, those that overlap as one; those that touch stay two."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _with_empty_spans(spans: list[tuple[int, int]], num_empty: int, window_len: int, draws: Draws) -> Plan:
    """The plan of these spans with so many empty ones more, put between what the encoder reads by then.

    That is the kept tokens and the masks. Each set of places in the result is equally likely, so that
    several may stand side by side.
    """
    num_read = window_len - sum(end - start - 1 for start, end in spans)
    num_read_before = (draws.choose(num_read + num_empty, num_empty) - np.arange(num_empty)).tolist()
    placed: list[tuple[int, int]] = []
    num_placed = num_swallowed = 0  # swallowed: in the window, but not read, since one mask stands for several
    for start, end in [*spans, (window_len, window_len)]:
        while num_placed < num_empty and num_read_before[num_placed] + num_swallowed <= start:
            placed.append((num_read_before[num_placed] + num_swallowed, 0))
            num_placed += 1
        if start < end:
            placed.append((start, end - start))
            num_swallowed += end - start - 1
    return Plan.of_spans([start for start, _ in placed], [length for _, length in placed], window_len=window_len)


@lru_cache(maxsize=256)
def most_empty_spans(num_units: int, rate: float, mean_span_length: float) -> int:
    """The most spans of no tokens in a window of so many tokens, or words: more are rarer than 1 in 10^12.

    >>> most_empty_spans(512, 0.3, 3.5)
    28

    There is a chance of P(0) of one before each of the others, of which there are at most as many as
    tokens to hide: fewer than a negative binomial number.
    """
    _demand_mean(mean_span_length, FAIRSEQ_MEANS, "fairseq")
    budget = budget_of(rate, num_units)
    with localcontext(_DIGITS):
        budget = budget_of(rate, num_units)
        is_empty = next(_poisson(mean_span_length))
        term = (1 - is_empty) ** budget
        more = 1 - term
        num_empty = 0
        while more > _RAREST_WINDOW:
            term *= is_empty * (budget + num_empty) / (num_empty + 1)
            more -= term
            num_empty += 1
        return num_empty


@lru_cache(maxsize=64)
def _fairseq_thresholds(mean: float) -> tuple[int, ...]:
    """Thresholds of Poisson lengths up to the first that is rarer than 1e-7, made to add up to 1."""
    _demand_mean(mean, FAIRSEQ_MEANS, "fairseq")
    probabilities = []
    with localcontext(_DIGITS):
        for probability in _poisson(mean):
            probabilities.append(probability)
            if probability < _RAREST_IN_FAIRSEQ:
                break
        return _thresholds(probabilities)


@lru_cache(maxsize=64)
def _hugging_face_thresholds(mean: float) -> tuple[int, ...]:
    """Thresholds of all Poisson lengths but 0 that 64 bits can tell from never."""
    _demand_mean(mean, HUGGING_FACE_MEANS, "hugging_face")
    probabilities = [Decimal(0)]
    with localcontext(_DIGITS):
        for length, probability in enumerate(_poisson(mean)):
            if length > 0:
                probabilities.append(probability)
            if length > mean and probability < _NEVER:
                break
        return _thresholds(probabilities)


def _demand_mean(mean: float, means: tuple[float, float], law: str) -> None:
    least, greatest = means
    if not least <= mean <= greatest:
        raise BadCorruption(
            f"mean_span_length is {mean}; under the {law} law it must lie from {least} to {greatest}: "
            "give such a mean, or take another law"
        )


def _poisson(mean: float) -> Iterator[Decimal]:
    """P(0), P(1), P(2), ...: decimals, rounded alike on every machine, in the context of whoever asks."""
    written = Decimal(str(mean))
    probability = (-written).exp()
    length = 0
    while True:
        yield probability
        length += 1
        probability = probability * written / length


def _thresholds(probabilities: list[Decimal]) -> tuple[int, ...]:
    """2^64 * P(at most k) for each k but the last: a 64-bit word has the length of the thresholds not above it."""
    sums = list(accumulate(probabilities))
    return tuple(int((part * _WORDS / sums[-1]).to_integral_value()) for part in sums[:-1])
