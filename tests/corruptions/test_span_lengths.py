"""The laws of span lengths, against all lists there are."""

from collections import Counter
from itertools import product
from math import factorial, prod

import numpy as np
import pytest
from test_statistics import made_window

from corruptions import BadCorruption, Draws, SpanCorruption, SpanLaw, Spans, TextInfilling
from corruptions.span_lengths import drawn_lengths, tilts_of


def is_of(expected: dict, observed: Counter) -> bool:
    """Whether the chi-square is below its 0.999 quantile (Wilson and Hilferty's approximation)."""
    assert set(observed) <= set(expected)
    freedom = len(expected) - 1
    quantile = freedom * (1 - 2 / (9 * freedom) + 3.09 * (2 / (9 * freedom)) ** 0.5) ** 3
    found = sum((observed[key] - count) ** 2 / count for key, count in expected.items())
    return found < quantile


def lists(total, parts, allowed):
    return [lengths for lengths in product(allowed, repeat=parts) if sum(lengths) == total]


@pytest.mark.parametrize(
    ("total", "parts", "max_length"),
    [(7, 3, None), (8, 3, 4), (10, 3, 4), (5, 3, 3), (7, 4, 3), (9, 4, 3)],  # below, above and at the middle
)
def test_lists_of_geometric_lengths_are_equally_likely_clipped_or_not(total, parts, max_length):
    expected = lists(total, parts, range(1, (max_length or total) + 1))
    num_drawn = 400 * len(expected)
    tilts = tilts_of(max_length) if max_length else None
    drawn = (drawn_lengths(SpanLaw.GEOMETRIC, total, parts, tilts, Draws(1, 0, n)) for n in range(num_drawn))
    observed = Counter(map(tuple, drawn))
    assert len(observed) == len(expected)
    assert is_of(dict.fromkeys(expected, 400), observed)


@pytest.mark.parametrize(("law", "least"), [(SpanLaw.POISSON, 0), (SpanLaw.POISSON_FROM_ONE, 1)])
def test_poisson_lengths_given_their_sum_are_multinomial(law, least):
    total, parts = 4 + 3 * least, 3
    found = lists(4, parts, range(5))
    weights = {tuple(n + least for n in lengths): 1 / prod(map(factorial, lengths)) for lengths in found}
    expected = {lengths: 6000 * weight / sum(weights.values()) for lengths, weight in weights.items()}
    observed = Counter(tuple(drawn_lengths(law, total, parts, None, Draws(2, 0, n))) for n in range(6000))
    assert is_of(expected, observed)


def test_fixed_lengths_are_as_equal_as_can_be_and_the_longer_ones_are_anywhere():
    observed = Counter(tuple(drawn_lengths(SpanLaw.FIXED, 14, 4, None, Draws(3, 0, n))) for n in range(3000))
    expected = {lengths: 500 for lengths in set(product((3, 4), repeat=4)) if sum(lengths) == 14}
    assert is_of(expected, observed)


def test_the_longest_span_is_never_passed_and_all_lists_are_found():
    """At every mean that a longest span of 10 allows; 1,024 lists without one that fits were never seen."""
    for mean in np.arange(1.0, 10.01, 0.25):
        for number in range(20):
            parts = 25
            lengths = drawn_lengths(SpanLaw.UNIFORM, int(mean * parts), parts, tilts_of(10), Draws(4, 0, number))
            assert sum(lengths) == int(mean * parts) and min(lengths) >= 1 and max(lengths) <= 10
    means = [np.std(drawn_lengths(SpanLaw.UNIFORM, 137, 25, tilts_of(10), Draws(4, 1, n))) for n in range(50)]
    assert np.mean(means) > 2  # as equal as can be, which stands for a list that was not found, has 0.5


def test_uniform_lengths_reach_up_to_twice_the_mean():
    assert Spans(law=SpanLaw.UNIFORM, mean_span_length=3.0).longest_span == 5
    assert Spans(law=SpanLaw.UNIFORM, mean_span_length=2.25).longest_span == 4
    window = made_window(568)
    corruption = SpanCorruption(span_law=SpanLaw.UNIFORM)
    lengths = np.concatenate([corruption.plan(window, Draws(5, 0, n)).lengths for n in range(40)])
    assert set(lengths.tolist()) == {1, 2, 3, 4, 5}


def test_what_no_text_could_have_is_refused_with_a_reason():
    with pytest.raises(
        BadCorruption, match=r"a visible token lies between any two, so that the mean must be at least 9"
    ):
        SpanCorruption(rate=0.9)
    with pytest.raises(BadCorruption, match=r"max_span_length of Spans is 2 and their mean length 3\.0"):
        SpanCorruption(max_span_length=2)
    with pytest.raises(BadCorruption, match="for the laws geometric and uniform"):
        SpanCorruption(span_law=SpanLaw.FIXED, max_span_length=5)
    assert SpanCorruption(rate=0.5, mean_span_length=1.0).longest(100).source == 101
    assert TextInfilling(rate=0.9, mean_span_length=9.0).longest(100) == (21, 101)
