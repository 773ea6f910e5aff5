"""The laws of published code, against what was measured of it, and against their exact probabilities."""

from collections import Counter
from decimal import localcontext
from fractions import Fraction
from itertools import pairwise
from math import comb, exp, factorial, sqrt

import numpy as np
import pytest

from corruptions import BadCorruption, Draws, Window
from corruptions.letters import window_of
from corruptions.reference_laws import _fairseq_thresholds, fairseq_spans, hugging_face_spans, most_empty_spans

# What the published functions gave: mean and standard deviation over windows of 512 tokens, and how often the
# encoder's first and last token is a mask. docs/sources.md says what was run.
FAIRSEQ_WINDOWS = 10_000
FAIRSEQ = {
    # rate: hidden share, masks, pairs of masks side by side, a mask first, a mask last
    0.15: ((0.14158, 0.00600), (20.307, 2.692), (0.870, 0.916), 0.0461, 0.1412),
    0.30: ((0.26680, 0.01062), (36.065, 3.919), (3.039, 1.706), 0.0877, 0.2727),
    0.35: ((0.30561, 0.01175), (40.579, 4.179), (4.089, 2.019), 0.1011, 0.3043),
    0.50: ((0.41003, 0.01496), (51.653, 4.937), (7.409, 2.724), 0.1439, 0.4179),
}
HUGGING_FACE_WINDOWS = 20_000
HUGGING_FACE = ((0.2673, 0.0101), (35.93, 3.73))
NUM_WINDOWS = 600


def plain_window(window_len: int, *, word_len: int = 1, protected: tuple[int, ...] = ()) -> Window:
    places = np.arange(window_len)
    return Window(
        places.astype(np.int32) + 4, np.zeros(window_len, bool), places % word_len == 0, np.isin(places, protected)
    )


def spans_of(plan):
    return list(zip(plan.starts.tolist(), plan.lengths.tolist(), strict=True))


def read(plan):
    """What the encoder reads, as a text: a mark for each span and a dot for each visible token."""
    marks, at = [], 0
    for start, length in spans_of(plan):
        marks.append("." * (start - at) + "_")
        at = start + length
    return "".join(marks) + "." * (plan.window_len - at)


def agree(values, published, num_published):
    """Whether a mean is the published one, within four standard errors of their difference."""
    mean, deviation = published
    error = deviation * sqrt(1 / len(values) + 1 / num_published)
    return abs(np.mean(values) - mean) < 4 * error and 0.85 < np.std(values) / deviation < 1.15


@pytest.mark.parametrize("rate", FAIRSEQ)
def test_fairseqs_law_hides_and_masks_as_much_as_the_published_code(rate):
    hidden, masks, pairs, first, last = FAIRSEQ[rate]
    window = plain_window(512)
    plans = [
        fairseq_spans(window, rate=rate, mean_span_length=3.5, draws=Draws(1, 0, number))
        for number in range(NUM_WINDOWS)
    ]
    texts = [read(plan) for plan in plans]
    assert agree([plan.num_noise / 512 for plan in plans], hidden, FAIRSEQ_WINDOWS)
    assert agree([text.count("_") for text in texts], masks, FAIRSEQ_WINDOWS)
    side_by_side = [sum(two == ("_", "_") for two in pairwise(text)) for text in texts]
    assert agree(side_by_side, pairs, FAIRSEQ_WINDOWS)
    for share, place in ((first, 0), (last, -1)):
        error = sqrt(share * (1 - share) * (1 / NUM_WINDOWS + 1 / FAIRSEQ_WINDOWS))
        assert abs(np.mean([text[place] == "_" for text in texts]) - share) < 4 * error


def test_hugging_faces_law_hides_and_masks_as_much_as_the_published_code():
    hidden, masks = HUGGING_FACE
    window = plain_window(512)
    plans = [
        hugging_face_spans(window, rate=0.3, mean_span_length=3.0, draws=Draws(1, 0, number))
        for number in range(NUM_WINDOWS)
    ]
    # The code loses the mask of a row that is hidden at both ends: 469 of the rows that were run.
    lost = 469 / HUGGING_FACE_WINDOWS
    assert agree([plan.num_noise / 512 for plan in plans], hidden, HUGGING_FACE_WINDOWS)
    assert agree([len(plan.starts) for plan in plans], (masks[0] + lost, masks[1]), HUGGING_FACE_WINDOWS)
    assert any(plan.hidden()[0] and plan.hidden()[-1] and plan.starts[0] == 0 for plan in plans)


def poisson(mean: float, length: int) -> float:
    return exp(-mean) * mean**length / factorial(length)


def chi_square(seen: Counter, law: dict) -> float:
    """Of the outcomes in the law; whatever else was seen is one outcome more, where the law leaves room for it."""
    total = seen.total()
    rest = 1 - sum(law.values())
    cells = [(seen[outcome], total * share) for outcome, share in law.items()]
    others = total - sum(count for count, _ in cells)
    if rest < 1e-9:
        assert others == 0
    else:
        cells.append((others, total * rest))
    return sum((count - expected) ** 2 / expected for count, expected in cells)


def test_fairseqs_law_is_exact_on_three_tokens():
    """Two tokens to hide: one span of 2, trimmed if it was longer, or two of 1; each may follow empty ones."""
    none, one = poisson(2.0, 0), poisson(2.0, 1)
    two_spans, one_span = one * (1 - none), 1 - none - one
    law = {
        ((0, 1), (1, 1)): two_spans / 3,
        ((0, 1), (2, 1)): two_spans / 3,
        ((1, 1), (2, 1)): two_spans / 3,
        ((0, 2),): one_span / 3,
        ((1, 2),): one_span / 3,
        ((2, 1),): one_span / 3,  # it would pass the end
        # with one empty span in front, put between a mask and the token left
        ((0, 0), (0, 2)): none * one_span / 9,
        ((0, 2), (2, 0)): none * one_span / 9,
        ((0, 2), (3, 0)): none * one_span / 9,
        # two masks and a token have four places for an empty one, and it may come before either span is drawn
        ((0, 1), (1, 0), (1, 1)): 2 * none * two_spans / 12,
        ((0, 1), (1, 1), (3, 0)): 2 * none * two_spans / 12,
    }
    window = plain_window(3)
    seen = Counter(
        tuple(spans_of(fairseq_spans(window, rate=0.5, mean_span_length=2.0, draws=Draws(2, 0, number))))
        for number in range(8000)
    )
    assert chi_square(seen, law) < 31.3  # 11 degrees of freedom, p = 0.001


def test_hugging_faces_law_is_exact_on_three_tokens():
    """Two tokens to hide: a second span is left out if the sum is then as near; none is trimmed or empty."""
    some = 1 - poisson(2.0, 0)
    one, two = poisson(2.0, 1) / some, poisson(2.0, 2) / some
    two_ones, single, longer = one * one, one * (1 - one), 1 - one - two
    law = {
        (0, 1): two_ones / 3 + two / 3,
        (1, 2): two_ones / 3 + two / 3 + longer / 3,
        (0, 2): two_ones / 3,
        (0,): single / 3,
        (1,): single / 3,
        (2,): single / 3 + two / 3 + longer / 3,
        (0, 1, 2): longer / 3,
    }
    window = plain_window(3)
    seen = Counter(
        tuple(np.flatnonzero(plan.hidden()).tolist())
        for plan in (
            hugging_face_spans(window, rate=0.5, mean_span_length=2.0, draws=Draws(2, 0, number))
            for number in range(8000)
        )
    )
    assert chi_square(seen, law) < 22.5  # 6 degrees of freedom, p = 0.001


def test_abutting_spans_are_two_masks_for_fairseq_and_one_for_hugging_face():
    window = window_of("a b c d e f")
    options = {"window": window, "rate": 1 / 2, "mean_span_length": 1.0}
    fairseq = [spans_of(fairseq_spans(**options, draws=Draws(3, 0, number))) for number in range(50)]
    hugging_face = [spans_of(hugging_face_spans(**options, draws=Draws(3, 0, number))) for number in range(50)]

    def abut(spans):
        return any(a + length == b and length and other for (a, length), (b, other) in pairwise(spans))

    assert any(map(abut, fairseq)) and not any(map(abut, hugging_face))


@pytest.mark.parametrize("law", [fairseq_spans, hugging_face_spans])
def test_spans_ascend_and_never_overlap_and_leave_protected_tokens_alone(law):
    for number in range(400):
        window_len = number % 40
        protected = tuple(range(number % 7, window_len, 2 + number % 11)) if number % 3 else ()
        window = plain_window(window_len, protected=protected)
        mean = (0.3, 1.0, 3.5, 16.0)[number % 4]
        plan = law(window, rate=(0.05, 0.3, 0.99)[number % 3], mean_span_length=mean, draws=Draws(4, 0, number))
        ends = [start + length for start, length in spans_of(plan)]
        assert all(end <= start for end, start in zip(ends, plan.starts[1:], strict=False))
        assert not ends or (plan.starts[0] >= 0 and ends[-1] <= window_len)
        assert not plan.hidden()[window.protected].any()
        assert (plan.num_noise > 0) == (len(protected) < window_len)


def test_a_fairseq_span_stops_at_a_protected_token_and_a_hugging_face_span_goes_on_behind_it():
    window = plain_window(9, protected=(4,))
    options = {"window": window, "rate": 0.9, "mean_span_length": 16.0}
    fairseq = [spans_of(fairseq_spans(**options, draws=Draws(5, 0, number))) for number in range(200)]
    alone = {spans[0] for spans in fairseq if len(spans) == 1 and spans[0][0] in (0, 5)}
    assert alone == {(0, 4), (5, 4)}  # to the end of its half, though eight tokens or more were drawn
    both = [hugging_face_spans(**options, draws=Draws(5, 0, number)) for number in range(200)]
    assert any(spans_of(plan)[-1][0] == 5 and len(plan.starts) == 2 for plan in both)


def test_whole_words_are_hidden_from_their_starts_on():
    window = plain_window(60, word_len=3)
    window.word_starts[0] = False  # the window begins inside a word
    for number in range(100):
        plan = fairseq_spans(window, rate=0.5, mean_span_length=1.5, draws=Draws(6, 0, number), whole_words=True)
        assert plan.num_noise % 3 == 0 and plan.num_noise <= 30  # ten of the nineteen words
        for start, length in spans_of(plan):
            assert length == 0 or (start > 0 and start % 3 == 0 and length % 3 == 0)


def test_the_budget_is_the_rate_rounded_up_in_integers():
    """100 * 0.15 is 15.000001 in float32, and fairseq, which rounds that up, hides 16."""
    most = max(
        fairseq_spans(plain_window(100), rate=0.15, mean_span_length=16.0, draws=Draws(7, 0, number)).num_noise
        for number in range(60)
    )
    assert most == 15


def test_empty_spans_are_as_many_as_were_drawn_and_every_set_of_their_places_is_equally_likely():
    """One token to hide: the number of empty spans before the first that is not is geometric."""
    plans = [
        fairseq_spans(plain_window(2), rate=0.5, mean_span_length=1.0, draws=Draws(8, 0, number))
        for number in range(4000)
    ]
    law = {count: exp(-1) ** count * (1 - exp(-1)) for count in range(5)}
    assert chi_square(Counter(len(plan.starts) - 1 for plan in plans), law) < 20.6  # 5 degrees of freedom, p = 0.001
    # a mask and a token have three places for two empty ones: six sets, three of them of one place twice
    places = Counter(tuple(plan.starts[plan.lengths == 0].tolist()) for plan in plans if len(plan.starts) == 3)
    assert chi_square(Counter(one == two for one, two in places.elements()), {True: 1 / 2, False: 1 / 2}) < 10.9


def test_the_length_that_was_trimmed_may_lie_anywhere():
    """Three tokens to hide: where the lengths are 1 and 2, in whichever order drawn, either comes first."""
    lengths = Counter(
        tuple(fairseq_spans(plain_window(30), rate=0.1, mean_span_length=2.0, draws=Draws(9, 0, number)).lengths)
        for number in range(3000)
    )
    both = Counter({order: lengths[order] for order in ((1, 2), (2, 1))})
    assert chi_square(both, {(1, 2): 1 / 2, (2, 1): 1 / 2}) < 10.9  # 1 degree of freedom, p = 0.001


@pytest.mark.parametrize(("num_units", "rate", "mean"), [(10, 0.3, 1.0), (100, 0.15, 0.3), (512, 0.3, 3.5)])
def test_there_are_never_more_empty_spans_than_the_most(num_units, rate, mean):
    most = most_empty_spans(num_units, rate, mean)
    window = plain_window(num_units)
    for number in range(150):
        plan = fairseq_spans(window, rate=rate, mean_span_length=mean, draws=Draws(10, 0, number))
        assert np.count_nonzero(plan.lengths == 0) <= most
    # the sum of the tail of the negative binomial law, in floats
    budget = -(-round(rate * 100) * num_units // 100)
    empty = exp(-mean)

    def more_than(count):
        return 1 - sum(
            comb(budget + k - 1, k) * Fraction(empty) ** k * Fraction(1 - empty) ** budget for k in range(count + 1)
        )

    assert more_than(most) <= 1.001e-12 < more_than(most - 1)


@pytest.mark.parametrize(
    ("law", "mean", "range_of_means"),
    [
        (fairseq_spans, 16.2, "from 0.1 to 16"),
        (fairseq_spans, 0.0, "from 0.1 to 16"),
        (fairseq_spans, float("nan"), "from 0.1 to 16"),
        (hugging_face_spans, 0.0, "from 0.1 to 1000"),
        (hugging_face_spans, 1e9, "from 0.1 to 1000"),
    ],
)
def test_means_for_which_the_published_code_never_ends_are_refused(law, mean, range_of_means):
    with pytest.raises(BadCorruption, match=f"mean_span_length is {mean}; .*{range_of_means}"):
        law(plain_window(20), rate=0.3, mean_span_length=mean, draws=Draws(1, 0, 0))


def test_lengths_are_drawn_with_the_same_integers_on_every_machine():
    thresholds = _fairseq_thresholds(3.5)
    assert len(thresholds) == 18  # P(17) is above 1e-7 and P(18) below it, and the last length
    assert [f"{threshold:016x}" for threshold in thresholds[:3]] == [
        "07bb04071203d09f",
        "22c9921fd1112acd",
        "52230acb1f68889c",
    ]
    shares = np.diff([0, *thresholds, 1 << 64]) / 2.0**64
    assert np.allclose(shares.astype(float), [poisson(3.5, length) for length in range(19)], atol=1e-7)
    _fairseq_thresholds.cache_clear()
    with localcontext() as context:
        context.prec = 3
        assert _fairseq_thresholds(3.5) == thresholds


def test_plans_at_an_address_never_change():
    options = {"window": plain_window(40, word_len=2, protected=(17,)), "rate": 0.3, "mean_span_length": 2.0}
    plan = fairseq_spans(**options, draws=Draws(11, 0, 5))
    assert spans_of(plan) == [(0, 0), (6, 3), (12, 1), (16, 1), (24, 4), (32, 2), (35, 1)]
    plan = fairseq_spans(**options, draws=Draws(11, 0, 5), whole_words=True)
    assert spans_of(plan) == [(4, 4), (22, 8)]
    plan = hugging_face_spans(**options, draws=Draws(11, 0, 5))
    assert spans_of(plan) == [(13, 1), (15, 1), (18, 4), (26, 1), (31, 1), (37, 3)]
