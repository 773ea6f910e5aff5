from dataclasses import replace

import pytest

from denoise.study.curves import crossing
from denoise.study.efficiency import efficiency
from denoise.study.logs import HeldOutPoint, Logs
from denoise.study.runs import Run
from tests.denoise.run_folders import run_of


def curve(strategy: str, seed: int, *bits: float | None, flops: float | None = 4000.0) -> Run:
    """A finished run that was scored at 100, 200, ... tokens and 1, 2, ... minutes."""
    run = run_of(strategy, seed, bits[-1], tokens=100 * len(bits))
    points = [
        HeldOutPoint(step=i, tokens=100 * i, elapsed_s=60.0 * i, loss=1.0, noise_bits_per_byte=each)
        for i, each in enumerate(bits, 1)
    ]
    shapes = {"flops": flops} if flops else {}
    return replace(run, logs=Logs(held_out=tuple(points)), shapes=shapes)


def texts(table, title):
    return [entry.text for entry in table.column(title)]


def test_between_two_evaluations_the_curve_is_a_straight_line():
    at = crossing(curve("a", 1, 5.0, 3.0, 2.0, 1.0), 2.5)
    assert (at.tokens, at.elapsed_s, at.flops, at.is_first) == (250.0, 150.0, 2500.0, False)


def test_the_first_time_counts_and_a_threshold_may_be_met_exactly():
    assert crossing(curve("a", 1, 5.0, 2.0, 3.0, 1.0), 2.0).tokens == 200.0
    assert crossing(curve("a", 1, 5.0, 2.0), 1.9) is None
    assert crossing(curve("a", 1, 5.0, float("nan"), None, 1.0), 3.0).tokens == 250.0


def test_what_the_first_evaluation_had_reached_is_an_upper_limit():
    runs = [curve("a", 1, 4.0, 3.0), curve("b", 1, 2.0, 1.0)]
    assert texts(efficiency(runs), "Tokens") == ["200", "≤ 100"]
    assert texts(efficiency(runs), "Tokens, in those of ★") == ["1.00", "≤ 0.50"]


def test_the_threshold_is_what_the_baseline_reached_with_the_same_seed():
    # Seed 1 of ★ ends at 2, seed 2 at 3; b meets them at 150 and at 150 of 200 tokens.
    runs = [curve("a", 1, 4.0, 2.0), curve("a", 2, 5.0, 3.0), curve("b", 1, 3.0, 1.0), curve("b", 2, 4.0, 2.0)]
    table = efficiency(runs)
    assert texts(table, "Tokens") == ["200", "150"]
    assert texts(table, "Tokens, in those of ★") == ["1.00", "0.75 ± 0.00"]
    assert texts(table, "FLOPs") == ["4,000", "3,000"] and texts(table, "Time") == ["2.0", "1.5"]
    assert table.title == "Until 2.500 bits per hidden byte"


def test_a_seed_that_does_not_reach_it_takes_the_mean_away():
    runs = [curve(n, s, 4.0, x) for n, xs in (("a", (2.0, 2.0)), ("b", (1.0, 3.0)), ("c", (3.0, 3.0)))
            for s, x in enumerate(xs)]  # fmt: skip
    table = efficiency(runs)
    assert texts(table, "Tokens") == ["200", "reached by 1 of 2", "not reached"]
    assert texts(table, "Tokens, in those of ★") == ["1.00", "not reached", "not reached"]


def test_a_given_threshold_is_the_same_for_all():
    runs = [curve("a", 1, 4.0, 2.0), curve("b", 1, 3.0, 1.0)]
    table = efficiency(runs, threshold=3.0)
    assert texts(table, "Tokens") == ["150", "≤ 100"] and table.title == "Until 3.000 bits per hidden byte"
    assert texts(efficiency(runs, threshold=0.5), "Tokens") == ["not reached", "not reached"]


def test_reasons_stand_where_there_is_no_curve():
    runs = [
        curve("a", 1, 4.0, 2.0, flops=None),
        run_of("b", 1, None),
        replace(curve("c", 1, 4.0, 2.0), state="running"),
        replace(curve("d", 1, 4.0, 2.0), state="missing", logs=Logs()),
    ]
    table = efficiency(runs)
    assert texts(table, "Tokens") == ["200", "nothing hidden", "not reached", "missing"]
    assert texts(table, "FLOPs")[0] == "not known"


@pytest.mark.parametrize("bits", [None, float("nan")])
def test_without_an_end_of_the_baseline_there_is_no_table(bits):
    runs = [run_of("a", 1, bits), curve("b", 1, 3.0, 1.0)]
    assert efficiency(runs) is None
    assert efficiency(runs, threshold=2.0) is not None
