from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import CORRUPTIONS

from corruptions import BadCorruption, Corruption, Lengths, MaskedFragment, Prefixed, SpanCorruption, TextInfilling
from corruptions.plan import exact, num_noise_tokens, rounded_share


@pytest.mark.parametrize(
    ("rate", "mean", "source_len", "window_len", "target_len"),
    [
        (0.15, 3.0, 512, 568, 114),
        (0.15, 8.0, 512, 588, 100),
        (0.5, 3.0, 512, 766, 512),
        (0.5, 8.0, 512, 908, 512),
        (0.15, 64.0, 512, 600, 92),
        (0.5, 64.0, 512, 1006, 512),
        (0.15, 3.0, 1024, 1137, 229),
    ],
)
def test_fit_gives_the_lengths_of_t5_and_ul2(rate, mean, source_len, window_len, target_len):
    corruption = SpanCorruption(rate=rate, mean_span_length=mean)
    assert corruption.fit(source_len) == corruption.fit(source_len, target_len) == window_len
    assert corruption.longest(window_len) == (source_len, target_len)


def t5_fit(source_len, rate, mean):
    """The window length by T5's own search: up from the source length, while the source fits."""

    def lengths(window_len):
        noise = round(window_len * rate)
        spans = round(noise / mean)
        return window_len - noise + spans + 1, noise + spans + 1

    window_len = source_len
    while lengths(window_len + 1)[0] <= source_len:
        window_len += 1
    source, target = lengths(window_len)
    return window_len - 1 if rate == 0.5 and target > source else window_len


@pytest.mark.parametrize(("rate", "mean"), [(0.15, 3.0), (0.15, 8.0), (0.5, 3.0), (0.5, 8.0), (0.25, 2.0)])
def test_fit_is_t5s_at_all_lengths(rate, mean):
    for source_len in range(32, 700, 7):
        assert SpanCorruption(rate=rate, mean_span_length=mean).fit(source_len) == t5_fit(source_len, rate, mean)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 95), st.integers(2, 200), st.integers(8, 200), st.one_of(st.none(), st.integers(8, 200)))
def test_fit_is_the_most_there_is(percent, twice_mean, source_len, target_len):
    assume(2 * percent <= (100 - percent) * twice_mean)  # more spans than there are slots are refused
    corruption = SpanCorruption(rate=percent / 100, mean_span_length=twice_mean / 2)
    if target_len is None and percent == 50:
        target_len = source_len
    found = corruption.fit(source_len, target_len)
    brute = max(
        window_len
        for window_len in range(1, 3000)
        if corruption.longest(window_len).source <= source_len
        and (target_len is None or corruption.longest(window_len).target <= target_len)
    )
    assert found == brute or (target_len is None and found >= 2999)


def test_fit_fills_4096_quickly_and_to_the_last_token():
    assert SpanCorruption().longest(SpanCorruption().fit(4096)).source == 4096
    assert TextInfilling().longest(TextInfilling().fit(4096)).source == 4096


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_what_fits_stays_within_the_lengths_asked_for(corruption):
    for source_len, target_len in [(16, 16), (64, 80), (512, 512), (100, 30)]:
        try:
            window_len = corruption.fit(source_len, target_len)
        except BadCorruption:
            assert corruption.longest(1).target > target_len
            continue
        lengths = corruption.longest(window_len)
        assert lengths.source <= source_len and lengths.target <= target_len


def test_a_fragment_fits_a_source_one_longer_than_the_window():
    assert MaskedFragment().fit(512) == 511
    assert MaskedFragment().longest(511) == (512, 256)


class Bumpy(Corruption):
    """A plug-in whose lengths are not monotone: every eighth window is longer by five."""

    def corrupt(self, window, draws, vocab):
        raise NotImplementedError

    def longest(self, window_len):
        return Lengths(window_len + (5 if window_len % 8 == 0 else 0), 1)


def test_fit_looks_behind_a_bump():
    assert Bumpy().fit(103) == 103  # 96 makes 101, 104 makes 109
    assert Bumpy().fit(100) == 100  # although 96 does not fit


class Endless(Bumpy):
    """A plug-in that throws nearly everything away."""

    def longest(self, window_len):
        return Lengths(5, 5)


@pytest.mark.parametrize(
    ("corruption", "source_len", "target_len", "message"),
    [
        (
            SpanCorruption(),
            1,
            None,
            "no text fits a source of 1 tokens, since one token already makes a source of 2",
        ),
        (SpanCorruption(), 512, 0, "no text fits a source of 512 tokens and a target of 0 tokens"),
        (Endless(), 9, None, "windows of any length fit a source of 9 tokens; limit the target too"),
    ],
)
def test_lengths_that_cannot_be_met_are_refused_with_the_reason(corruption, source_len, target_len, message):
    with pytest.raises(BadCorruption, match=message):
        corruption.fit(source_len, target_len)


def test_counts_round_the_decimal_that_was_written():
    assert rounded_share(0.35, 90) == 32  # 31.5 exactly; 0.35 * 90 in binary is less, and rounds to 31
    assert rounded_share(np.float64(0.15), 10) == 2
    assert [num_noise_tokens(window_len, 0.9) for window_len in range(5)] == [0, 0, 1, 2, 3]
    assert [num_noise_tokens(window_len, 0.01) for window_len in range(5)] == [0, 0, 1, 1, 1]


def longest_sources(corruption, most):
    """int64[most + 1]: the longest source of windows of 0 .. most tokens, in whole-array integers."""
    rate, mean = exact(corruption.rate), exact(corruption.mean_span_length)
    window_len = np.arange(most + 1, dtype=np.int64)

    def rounded(numerator, denominator):
        whole, rest = numerator // denominator, numerator % denominator
        return whole + ((2 * rest > denominator) | ((2 * rest == denominator) & (whole % 2 == 1)))

    noise = np.clip(rounded(rate.numerator * window_len, rate.denominator), 1, np.maximum(window_len - 1, 0))
    noise[:2] = 0
    spans = np.clip(rounded(noise * mean.denominator, mean.numerator), 1, np.minimum(window_len - noise + 1, noise))
    spans[noise == 0] = 0
    return window_len - noise + spans + 1


@pytest.mark.slow
def test_fit_is_exact_for_every_rate_and_mean_length_there_can_be():
    """Every length of 64 .. 4096 at every rate .05 .. .95 and mean 1 .. 64: what `longest` says is the formula,
    which never falls by more than the reach of the search, and what `fit` finds is the last window that fits."""
    generator = np.random.default_rng(1)
    num_settings = num_refused = 0
    for percent, mean in product(range(5, 100, 5), range(1, 65)):
        if percent > (100 - percent) * mean:
            num_refused += 1
            with pytest.raises(BadCorruption, match="the mean must be at least"):
                SpanCorruption(rate=percent / 100, mean_span_length=mean)
            continue
        num_settings += 1
        corruption = SpanCorruption(rate=percent / 100, mean_span_length=mean)
        # The most raw tokens for a source of 4096: all but a share (1 - rate) + rate / mean of them are dropped.
        share = (100 - percent) / 100 + percent / 100 / mean
        sources = longest_sources(corruption, int(4200 / share) + 50)
        for window_len in generator.integers(1, len(sources), 3).tolist():
            assert corruption.longest(window_len).source == sources[window_len]
        # least[n]: the shortest source of any window of n tokens or more; the last n with least[n] <= s is the fit.
        least = np.minimum.accumulate(sources[::-1])[::-1]
        fits = np.searchsorted(least, np.arange(64, 4097), side="right") - 1
        reached = np.searchsorted(np.maximum.accumulate(sources), np.arange(64, 4097), side="right") - 1
        assert (fits - reached <= 64).all()  # the reach of the search beyond the first window that does not fit
        for source_len in generator.integers(64, 4097, 2).tolist():
            target_len = 10**9 if percent == 50 else None  # T5 holds it to the source's length there
            assert corruption.fit(source_len, target_len) == fits[source_len - 64]
    assert (num_settings, num_refused) == (1175, 41)


def test_a_prefixed_corruption_names_the_lengths_that_were_asked_for():
    prefixed = Prefixed(mode="[R]", corruption=SpanCorruption())
    assert prefixed.fit(513, 114) == SpanCorruption().fit(512, 114) == 568
    with pytest.raises(BadCorruption, match=r"source of 2\b"):
        prefixed.fit(2)
