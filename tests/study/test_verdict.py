import re
from dataclasses import replace

import pytest

from denoise.study.curves import thinned
from denoise.study.logs import Logs, TrainPoint
from denoise.study.measures import curve_fell, hidden_bits
from denoise.study.report import charts_library, render
from denoise.study.results import results
from denoise.study.runs import read_grid
from denoise.study.statistics import as_good_as_best, by_strategy, difference
from denoise.study.verdict import caveats, verdict
from denoise.study.writers import as_markdown
from tests.denoise.run_folders import run_of, texts, write_grid, write_run
from tests.study.examined import examined


def test_the_table_holds_the_exact_numbers_of_three_seeds(tmp_path):
    runs = read_grid(write_grid(tmp_path, seeds=(1, 2, 3)))
    assert texts(runs, "Strategy") == ["T5 span corruption ★", "BART text infilling", "MASS fragment"]
    # Seeds 1, 2, 3 end at the strategy's number - d, itself and + d, so the sd is d: 0.01, 0.02, 0.03.
    assert texts(runs, "Bits per hidden byte") == ["2.100 ± 0.010", "2.350 ± 0.020", "2.800 ± 0.030"]
    assert texts(runs, "Held-out loss") == ["2.620 ± 0.010", "1.310 ± 0.020", "4.900 ± 0.030"]
    assert texts(runs, "First loss") == ["9.01"] * 3
    assert {entry.note for entry in results(runs).column("First loss")} == {"ln V = 9.01"}
    assert texts(runs, "Window → source + target")[0] == "142 → 128 + 30"
    assert texts(runs, "Steps") == ["400"] * 3
    assert texts(runs, "Tokens") == ["2.02 M", "3.24 M", "2.48 M"]
    assert texts(runs, "Speed")[0] == "16,853"
    assert texts(runs, "Time")[0] == "2.1"
    assert texts(runs, "Seeds") == ["3 of 3"] * 3
    assert [entry.is_best for entry in results(runs).column("Bits per hidden byte")] == [True, False, False]


def test_nothing_is_bold_with_one_seed(tmp_path):
    runs = read_grid(write_grid(tmp_path))
    assert not any(entry.is_best for row in results(runs).rows for entry in row)
    assert "**" not in as_markdown(results(runs))


def test_nothing_is_bold_beside_strategies_of_one_seed():
    runs = [run_of("a", 1, 2.0), run_of("a", 2, 2.1), run_of("b", 1, 1.0)]
    assert not any(entry.is_best for row in results(runs).rows for entry in row)


def test_strategies_within_two_sd_of_the_best_are_as_good():
    bits = {"a": (2.0, 2.2), "b": (2.3, 2.4), "c": (2.4, 2.6)}  # the baseline's two sd are 0.283
    strategies = by_strategy(run_of(name, seed, x) for name, xs in bits.items() for seed, x in enumerate(xs))
    assert [s.name for s in as_good_as_best(strategies, hidden_bits)] == ["a", "b"]


def test_differences_are_paired_by_seed():
    one, other = by_strategy([run_of("a", 1, 1.0), run_of("a", 2, 3.0), run_of("b", 2, 3.5), run_of("b", 1, 1.5)])
    gap = difference(other, one, hidden_bits)
    assert gap is not None and (gap.mean, gap.low, gap.high, gap.num_seeds) == (0.5, 0.5, 0.5, 2)


def test_a_curve_that_ends_where_it_began_did_not_fall():
    assert curve_fell(run_of("a", 1, 1.0, last=2.0))
    assert not curve_fell(run_of("a", 1, 1.0, last=8.95))
    assert not curve_fell(run_of("a", 1, 1.0, last=float("nan")))
    assert not curve_fell(replace(run_of("a", 1, 1.0), logs=Logs()))


def test_reasons_stand_where_numbers_are_not(tmp_path):
    write_run(tmp_path / "t", "t5_span", upto=0.5)
    failed = write_run(tmp_path / "m", "mass", upto=0.1)
    (failed / "failed.json").write_text('{"error": "<b>no</b> memory", "at": "now"}')
    write_run(tmp_path / "b", "bart_infill", upto=0.0)
    runs = read_grid(tmp_path)
    assert texts(runs, "Bits per hidden byte") == ["not reached", "missing", "failed"]
    notes = [entry.note for entry in results(runs).column("Strategy")]
    assert notes == ["1 stopped at 50%", "1 missing", "1 failed at 10%"]
    page = render(runs, "demo")
    assert "&lt;b&gt;no&lt;/b&gt; memory" in page and "<b>no</b>" not in page
    assert not re.search(r"\bnan\b", page.replace(charts_library(), "").partition("<script>")[0], re.IGNORECASE)


def test_a_diverged_run_is_called_so_and_the_page_still_opens():
    runs = [run_of("a", 1, float("nan"), last=float("nan")), run_of("b", 1, None)]
    assert texts(runs, "Bits per hidden byte") == ["diverged", "nothing hidden"]
    assert "A did not learn" in verdict(runs)
    render(runs, "demo")


def test_long_training_curves_are_thinned_without_losing_their_level():
    points = [
        TrainPoint(step=i, tokens=i, elapsed_s=float(i), loss=float(i), tokens_per_s=None) for i in range(1, 10_002)
    ]
    few = thinned(points, 101)
    assert len(few) == 101 and few[0] == points[0] and few[-1].step == 10_001
    assert few[1].loss == pytest.approx(51.5)


# --- sentences


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([replace(run_of("a", 1, 2.0), state="running")], "No run has finished yet (1 running)"),
        (
            [run_of("a", 1, 2.0)],
            "A learnt: its loss fell from 9.00 to 2.00 nats per target token in 2 steps. "
            "A leaves to guess 2.00 bits per byte of hidden text.",
        ),
        (
            [run_of("a", 1, 2.5), run_of("b", 1, 2.0)],
            "B leaves the least to guess: 2.00 bits per byte of hidden text (A 2.50).",
        ),
        ([run_of("a", 1, None), run_of("b", 1, None)], "no common measure"),
        ([run_of("a", 1, 2.0), run_of("b", 1, 2.0, last=9.0)], "B did not learn"),
        (
            [run_of("a", 1, 2.0), run_of("a", 2, 2.0, last=9.0)],
            "A did not learn: the held-out loss did not fall in every",
        ),
        (
            [
                *(run_of(name, seed, x + seed / 10) for name, x in (("a", 2.0), ("c", 3.0)) for seed in (1, 2, 3)),
                *(run_of("b", seed, x) for seed, x in ((1, 2.12), (2, 2.19), (3, 2.32))),
            ],
            "A leaves the least to guess: 2.20 ± 0.10 bits per byte of hidden text; B cannot be told from it. "
            "Far behind it: C by 1.00 [1.00, 1.00].",
        ),
        (
            [run_of("a", 1, 2.0), run_of("a", 2, 2.1), run_of("b", 1, 1.0)],
            "A leaves to guess 2.05 ± 0.07 bits per byte of hidden text; B cannot be placed with fewer than two "
            "seeds in common.",
        ),
    ],
)
def test_the_verdict_says_what_the_numbers_allow(runs, said):
    assert said in verdict(runs)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (
            [run_of("a", 1, 2.0), run_of("b", 1, 2.5)],
            "One seed is one seed: another seed may turn the order round.",
        ),
        ([run_of("a", 1, 2.0), run_of("b", 1, 2.5)], "The losses do not rank the objectives"),
        ([run_of("a", 1, 2.0)], "shows it in its own format"),
        (
            [run_of("a", 1, 2.0), run_of("b", 1, 2.5, tokens=2000)],
            "The budgets are not equal: from 1,000 to 2,000",
        ),
        (
            [run_of("a", 1, 2.0), replace(run_of("a", 2, 2.0), state="failed")],
            "not complete: 1 finished, 1 failed.",
        ),
        ([run_of(n, s, 2.0) for n in "ab" for s in (1, 2)], "fewer than three seeds"),
        (
            [replace(run_of(n, 1, 2.0), environment={"git_commit": n * 9}) for n in "ab"],
            "different commits of the code: aaaaaaaaa, bbbbbbbbb",
        ),
        ([replace(run_of(n, 1, 2.0), environment={"device": n}) for n in "ab"], "different devices: a, b."),
        ([replace(run_of(n, 1, 2.0), environment={"torch": n}) for n in "ab"], "different torch versions: a, b."),
        ([*(run_of("a", s, 2.0) for s in (1, 2, 3)), run_of("b", 1, 2.0)], "fewer than three seeds"),
    ],
)
def test_the_caveats_say_what_the_numbers_do_not_allow(runs, said):
    assert any(said in caveat for caveat in caveats(runs))


def test_a_fair_grid_of_three_seeds_has_only_the_standing_caveats():
    tokens = {"a": 1000, "b": 1010}  # whole batches
    runs = [run_of(name, seed, 2.0, tokens=tokens[name]) for name in "ab" for seed in (1, 2, 3)]
    assert [caveat.split(" ")[0] for caveat in caveats(runs)] == ["The", "Bits"]


@pytest.mark.parametrize(("other", "is_ranked"), [("SpanCorruption", True), ("MaskedFragment", False)])
def test_losses_rank_what_was_trained_on_one_objective(other, is_ranked):
    runs = [
        replace(run_of(name, 1, 2.0), config={"corruption": {"class_path": corruption}, "optimizer": name})
        for name, corruption in (("a", "SpanCorruption"), ("b", other))
    ]
    said = " ".join(caveats(runs)) + results(runs).legend
    assert ("rank the objectives" not in said) is is_ranked
    assert ("hides its own share" not in said) is is_ranked


@pytest.mark.parametrize("option", ["data", "source_len", "target_len", "num_held_out_windows"])
def test_losses_over_other_targets_rank_nothing(option):
    runs = [replace(run_of(name, 1, 2.0), config={"corruption": "SpanCorruption", option: name}) for name in "ab"]
    assert "rank the objectives" in " ".join(caveats(runs)) and "rank the objectives" in results(runs).legend
    assert all(entry.is_muted for entry in results(runs).column("Held-out loss"))


NINE = {
    "a": (2.00, 2.02, 2.01),
    "b": (2.01, 2.00, 2.04),
    "c": (2.05, 2.07, 2.06),
    "d": (2.06, 2.08, 2.08),
    "e": (2.07, 2.10, 2.09),
    "f": (2.09, 2.11, 2.10),
    "g": (3.00, 3.05, 3.02),
    "h": (3.50, 3.52, 3.56),
    "i": (2.5,),
}


def test_nine_strategies_are_told_in_four_sentences():
    runs = [examined(name, seed, bits) for name, all_bits in NINE.items() for seed, bits in enumerate(all_bits)]
    assert verdict(runs) == (
        "Every finished run learnt: all 25 losses fell. "
        "A leaves the least to guess: 2.01 ± 0.01 bits per hidden byte in the exam; B cannot be told from it; "
        "I cannot be placed with fewer than two seeds in common. "
        "Behind it, from 0.05 [0.05, 0.05] to 0.09 [0.09, 0.09]: C, D, E and F. "
        "Far behind it: G by 1.01 [0.98, 1.05] and H by 1.52 [1.44, 1.59]."
    )


def test_a_gap_that_five_seeds_see_is_not_claimed_from_two():
    noise = (0.0, 0.01, -0.01, 0.02, 0.0)
    runs = [examined("a", seed, 2.0) for seed in range(5)]
    runs += [examined("b", seed, 2.03 + shift) for seed, shift in enumerate(noise)]
    assert "Behind it: B by 0.03" in verdict(runs)
    assert "B cannot be told from it" in verdict([run for run in runs if run.seed < 2])


def test_formats_that_were_adapted_to_or_new_are_told():
    seen = [examined("a", 1, 2.0), examined("b", 1, 2.0)]
    adapted = [examined("a", 1, 2.0), examined("b", 1, 2.0, unseen=("one_mask",))]
    as_it_is = [examined("a", 1, 2.0), examined("b", 1, 2.0, unseen=("one_mask",), adapted=False)]
    told = ["after a short adaptation", "in formats new to them: One mask a span."]
    found = [[any(words in caveat for caveat in caveats(runs)) for words in told] for runs in (seen, adapted, as_it_is)]
    assert found == [[False, False], [True, False], [False, True]]


def test_unequal_work_is_told():
    runs = [replace(run_of(name, 1, 2.0), shapes={"flops": flops}) for name, flops in (("a", 2e15), ("b", 3e15))]
    assert "The runs do not take equal work: from 2.00 P to 3.00 P FLOPs." in caveats(runs)


def test_who_leads_only_by_seeds_that_others_lack_is_not_put_ahead():
    bits = {"a": {1: 2.0, 2: 2.1, 3: 1.0}, "b": {1: 1.9, 2: 2.0}}  # with the same seeds b is better
    runs = [examined(name, seed, x) for name, by_seed in bits.items() for seed, x in by_seed.items()]
    assert "A leaves the least to guess" in verdict(runs) and "B cannot be told from it" in verdict(runs)


@pytest.mark.parametrize(("saved", "is_told"), [(0.099, True), (0.101, False)])
def test_sources_that_are_hardly_read_are_told(saved, is_told):
    runs = [examined(name, 1, bits) for name, bits in (("a", 2.0), ("b", 2.5))]
    most, least = ([replace(paper, bits_saved_by_source=bits) for paper in runs[0].exam] for bits in (saved, 0.0))
    runs = [replace(runs[0], exam=tuple(least)), replace(runs[1], exam=tuple(most))]
    assert ("hardly reads" in " ".join(caveats(runs))) is is_told
