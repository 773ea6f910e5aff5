import math
from dataclasses import replace

import numpy as np
import pytest

from denoise.study.intervals import interval, t_quantile
from denoise.study.measures import exact_spans, exam_bits, exam_bits_in, hidden_bits, ranking
from denoise.study.results import about, results
from denoise.study.statistics import as_good_as_best, best, by_strategy, difference, over_seeds, two_sd
from tests.denoise.run_folders import run_of
from tests.study.examined import examined, papers


def test_the_exam_counts_the_adapted_paper_of_a_format_that_was_not_seen():
    run = replace(run_of("a", 1, 1.0), exam=papers({"sentinels": 2.0, "one_mask": 3.0}, unseen=("one_mask",)))
    assert exam_bits(run) == pytest.approx(2.5)
    assert exam_bits_in("one_mask")(run) == pytest.approx(3.0)
    assert exam_bits_in("one_mask", 0.5)(run) == pytest.approx(3.1)
    assert exact_spans(run) == pytest.approx(0.15)


def test_an_unfinished_run_has_no_exam():
    assert exam_bits(replace(examined("a", 1, 2.0), state="stopped")) is None


def test_strategies_are_ranked_by_the_exam_where_there_is_one():
    # Their own hidden text would turn the order round.
    runs = [examined(name, seed, x + seed / 100) for name, x in (("a", 2.0), ("b", 3.0)) for seed in (1, 2, 3)]
    assert ranking(runs).is_exam and best(by_strategy(runs), ranking(runs).measure).name == "a"
    assert [entry.is_best for entry in results(runs).column("Exam")] == [True, False]
    assert not any(entry.is_best for entry in results(runs).column("Bits per hidden byte"))
    without = [replace(run, exam=()) for run in runs]
    assert not ranking(without).is_exam and best(by_strategy(without), ranking(without).measure).name == "b"


def test_seeds_are_paired_whatever_the_order_and_lone_seeds_are_left_out():
    one = [examined("b", seed, bits) for seed, bits in ((3, 2.5), (1, 2.0), (7, 9.0))]
    other = [examined("a", seed, bits) for seed, bits in ((1, 1.0), (2, 9.0), (3, 2.0))]
    baseline, b = by_strategy([*one, *other])
    gap = difference(b, baseline, exam_bits)
    assert gap is not None and gap.num_seeds == 2 and gap.mean == pytest.approx(0.75)
    assert gap.low == pytest.approx(0.75 - 12.706 * 0.25, abs=1e-3) and gap.holds_zero


def test_strategies_without_a_shared_seed_are_not_compared():
    runs = [examined("a", 1, 2.0), examined("b", 2, 3.0)]
    baseline, b = by_strategy(runs)
    assert difference(b, baseline, exam_bits) is None
    assert [entry.text for entry in results(runs).column("Difference from ★")] == ["—", "no seed in common"]


def test_one_seed_has_a_difference_and_no_interval():
    baseline, b = by_strategy([examined("a", 1, 2.0), examined("b", 1, 3.0)])
    gap = difference(b, baseline, exam_bits)
    assert gap is not None and gap.mean == pytest.approx(1.0)
    assert gap.low is None and gap.high is None and gap.holds_zero


def test_pairing_takes_away_what_a_seed_does_to_all():
    noise = (0.3, -0.3, 0.1)
    runs = [examined(n, s, x + e) for n, x in (("a", 2.0), ("b", 2.05)) for s, e in enumerate(noise)]
    runs += [examined("c", s, 2.05 + e) for s, e in enumerate((-0.3, 0.1, 0.3))]
    baseline, b, c = by_strategy(runs)
    assert not difference(b, baseline, exam_bits).holds_zero and difference(c, baseline, exam_bits).holds_zero
    # T5's rule looks at one seed's sd, so it cannot see it.
    assert {s.name for s in as_good_as_best([baseline, b, c], exam_bits)} == {"a", "b", "c"}


def test_without_seeds_of_the_baseline_the_sd_is_pooled_over_all():
    bits = {"a": (2.0,), "b": (1.0, 1.2), "c": (2.0, 2.1, 2.5)}  # variances 0.02 and 0.07, of 1 and 2 degrees
    strategies = by_strategy(run_of(name, seed, x) for name, xs in bits.items() for seed, x in enumerate(xs))
    assert two_sd([(s.is_baseline, over_seeds(s.finished, hidden_bits)) for s in strategies]) == pytest.approx(
        2 * math.sqrt((0.02 + 2 * 0.07) / 3)
    )


def test_the_difference_from_the_best_stands_beside_that_from_the_baseline():
    bits = {"a": (2.5, 2.6), "b": (2.0, 2.1), "c": (3.0, 3.1)}
    runs = [run_of(name, seed, x) for name, xs in bits.items() for seed, x in enumerate(xs)]
    assert [entry.text for entry in results(runs).column("Difference from ★")] == ["—", "−0.500", "+0.500"]
    assert [entry.text for entry in results(runs).column("Difference from best")] == ["+0.500", "—", "+1.000"]


def test_the_interval_that_was_asked_for_is_in_every_difference():
    bits = {"a": (2.5, 2.6, 2.7), "b": (2.0, 2.2, 2.1)}
    runs = [run_of(name, seed, x) for name, xs in bits.items() for seed, x in enumerate(xs)]
    for title, place in (("Difference from ★", 1), ("Difference from best", 0)):
        t, drawn = (results(runs, method).column(title)[place] for method in ("t", "bootstrap"))
        assert t.low < drawn.low < drawn.high < t.high
    assert results(runs, "bootstrap").legend.count(about("bootstrap")) == 1


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 30])
def test_the_quantiles_of_t_are_those_of_numpy(freedom):
    drawn = np.abs(np.random.default_rng(freedom).standard_t(freedom, size=400_000))
    assert np.mean(drawn <= t_quantile(freedom)) == pytest.approx(0.95, abs=0.0015)


@pytest.mark.parametrize("num_seeds", [3, 5])
def test_t_intervals_of_few_seeds_hold_the_truth_as_often_as_they_say(num_seeds):
    drawn = np.random.default_rng(5).normal(1.0, 0.2, size=(2000, num_seeds)).tolist()
    held = sum(low <= 1.0 <= high for low, high in (interval(values) for values in drawn)) / len(drawn)
    assert held == pytest.approx(0.95, abs=0.015)


def test_the_bootstrap_is_repeatable_and_narrower_than_t_with_three_seeds():
    values = [0.1, 0.25, 0.3]
    low, high = interval(values, "bootstrap")
    assert interval(values, "bootstrap") == (low, high)
    assert interval(values)[0] < low < sum(values) / 3 < high < interval(values)[1]
    assert low >= 0.1 and high <= 0.3


def test_a_diverged_seed_makes_no_interval_and_no_best():
    runs = [examined("a", s, 2.0) for s in (1, 2)] + [examined("b", s, x) for s, x in ((1, math.nan), (2, 1.0))]
    assert [entry.text for entry in results(runs).column("Exam")] == ["2.000 ± 0.000", "diverged"]
    assert results(runs).column("Difference from ★")[1].text == "diverged"
    assert best(by_strategy(runs), exam_bits).name == "a"


def test_a_strategy_of_one_seed_is_not_best_beside_one_of_two():
    runs = [run_of("a", 1, 2.0), run_of("a", 2, 2.1), run_of("b", 1, 1.0)]
    assert best(by_strategy(runs), hidden_bits).name == "a"
