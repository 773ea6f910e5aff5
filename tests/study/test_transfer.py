"""What a report says of fine-tuning: scores, what pretraining buys over learning from scratch, and what not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import BadInput
from denoise.study.compare import comparison, named_runs
from denoise.study.gains import gain, gains
from denoise.study.runs import Run, read_grid, read_run
from denoise.study.statistics import by_strategy
from denoise.study.table import Table
from denoise.study.tables import tables
from denoise.study.transfer_curves import pairs
from denoise.study.transfer_details import outside, questions
from denoise.study.transfer_tables import gained, transfer
from denoise.study.transfers import Learnt, with_one_transfer
from denoise.study.verdict import caveats, verdict
from denoise.study.writers import as_csv, as_markdown
from tests.denoise.run_folders import run_of, write_grid, write_run
from tests.study.finetuned import SETTINGS, learnt, result, with_results, write_results


def column(table: Table | None, title: str) -> list[str]:
    assert table is not None
    return [entry.text for entry in table.column(title)]


def names(table: Table | None) -> list[str]:
    assert table is not None
    return [row[0].text for row in table.rows]


def of_seeds(strategy: str, scores: Sequence[float], scratch: Sequence[float] = (), task: str = "cola") -> list[Run]:
    """Seeds 1, 2, ... of a strategy, with a score each, and some from scratch beside them."""
    return [
        learnt(strategy, seed, {task: score}, {task: scratch[seed - 1]} if seed <= len(scratch) else None)
        for seed, score in enumerate(scores, start=1)
    ]


TWO = [*of_seeds("a", (0.50, 0.52, 0.54), (0.40, 0.41, 0.42)), *of_seeds("b", (0.41, 0.42, 0.40))]


def test_the_table_has_strategies_then_scratch_then_what_needs_no_model() -> None:
    runs = [*TWO[1:], learnt("a", 1, {"cola": 0.5}, {"cola": 0.4}, {"cola": {"majority": 0.0, "bag_of_words": 0.2}})]
    table = transfer(runs)
    assert names(table) == ["A ★", "B", "From scratch", "Majority", "Bag of words"]
    assert column(table, "CoLA") == ["52.0 ± 2.0", "41.0 ± 1.0", "41.0 ± 1.0", "0.0", "20.0"]
    assert table is not None and table.columns[1].unit == "matthews × 100"
    assert [entry.num_seeds for entry in table.column("CoLA")] == [3, 3, 3, None, None]


def test_free_text_stands_beside_the_first_sentences_of_the_passage() -> None:
    runs = [learnt("a", seed, {"abstracts": 0.1}, {"abstracts": 0.1}, {"abstracts": {"lead": 0.2}}) for seed in (1, 2)]
    table = transfer(runs)
    assert names(table) == ["A ★", "From scratch", "First sentences"]
    assert column(table, "Abstracts")[-1] == "20.0"
    assert table is not None and "first sentences: the passage's own" in table.legend and "bag" not in table.legend


def test_bold_is_the_highest_and_what_lies_within_two_sd_of_it() -> None:
    runs = [*of_seeds("a", (0.50, 0.52, 0.54)), *of_seeds("b", (0.54, 0.55, 0.56)), *of_seeds("c", (0.50, 0.50, 0.50))]
    table = transfer(runs)  # two sd of the baseline are 4
    assert table is not None
    assert [entry.is_best for entry in table.column("CoLA")] == [True, True, False]
    assert "bold within two sd of the best strategy" in table.legend


def test_a_model_from_scratch_is_never_bold_and_one_seed_is_one_seed() -> None:
    table = transfer(of_seeds("a", (0.3, 0.3), (0.9, 0.9)) + of_seeds("b", (0.3, 0.3)))
    assert table is not None and [entry.is_best for entry in table.column("CoLA")] == [True, True, False]
    table = transfer(of_seeds("a", (0.3,)) + of_seeds("b", (0.9,)))
    assert table is not None and not any(entry.is_best for row in table.rows for entry in row)
    assert "one seed is one seed" in table.legend


def test_differences_from_scratch_are_paired_by_seed_and_not_by_order() -> None:
    # Seed 1 was not learnt from scratch and seed 4 not behind pretraining: by order nothing would fit.
    pretrained, scratch = {2: 0.48, 3: 0.40, 1: 0.90}, {4: 0.70, 3: 0.30, 2: 0.38}
    runs = [
        learnt(
            "a",
            seed,
            {"cola": pretrained[seed]} if seed in pretrained else {},
            {"cola": scratch[seed]} if seed in scratch else None,
        )
        for seed in (2, 4, 3, 1)
    ]
    [strategy] = by_strategy(runs)
    found = gains(Learnt([strategy]), strategy)["cola"]
    assert (found.mean, found.low, found.high) == pytest.approx((10.0, 10.0, 10.0)) and found.num_seeds == 2


def test_seeds_without_a_partner_are_left_out() -> None:
    one, other = (
        {seed: result("cola", seed, x) for seed, x in of} for of in (((1, 0.5), (2, 0.9)), ((3, 0.1), (1, 0.3)))
    )
    found = gain(one, other)
    assert found is not None and found.num_seeds == 1 and found.mean == pytest.approx(20.0)
    assert found.two_sd is None and not found.is_beyond
    assert gain(one, {3: result("cola", 3, 0.1)}) is None


@pytest.mark.parametrize(
    ("scores", "scratch", "is_beyond", "is_loss"),
    [
        ((0.50, 0.51, 0.52), (0.40, 0.41, 0.42), True, False),
        ((0.50, 0.51, 0.52), (0.30, 0.41, 0.52), False, False),  # the sd of scratch is 11
        ((0.40, 0.51, 0.62), (0.40, 0.41, 0.42), False, False),  # the sd of pretrained is 11
        ((0.40, 0.41, 0.42), (0.50, 0.51, 0.52), False, True),
        ((0.41, 0.42, 0.43), (0.40, 0.41, 0.42), False, False),
    ],
)
def test_a_gain_counts_above_two_sd_of_the_score_that_varies_more(
    scores: Sequence[float], scratch: Sequence[float], is_beyond: bool, is_loss: bool
) -> None:
    [strategy] = by_strategy(of_seeds("a", scores, scratch))
    found = gains(Learnt([strategy]), strategy)["cola"]
    assert (found.is_beyond, found.is_loss) == (is_beyond, is_loss)


def test_all_strategies_are_held_against_the_scratch_that_one_cell_learnt() -> None:
    table = gained(TWO)
    assert column(table, "CoLA") == ["+11.0", "0.0"] and column(table, "Above two sd") == ["1 of 1", "0 of 1"]
    assert table is not None and [entry.is_best for entry in table.column("CoLA")] == [True, False]
    assert table.column("CoLA")[0].note == "[8.5, 13.5]"
    assert "over 3 seeds" in table.legend


def test_another_model_has_another_scratch() -> None:
    def with_model(runs: list[Run], width: int) -> list[Run]:
        return [replace(run, config={"model": {"d_model": width}, "data": "x"}) for run in runs]

    runs = with_model(of_seeds("a", (0.5, 0.5), (0.4, 0.4)), 8) + with_model(of_seeds("b", (0.5, 0.5), (0.1, 0.1)), 9)
    assert column(gained(runs), "CoLA") == ["+10.0", "+40.0"]
    assert names(transfer(runs))[2:] == ["From scratch, the model of A", "From scratch, the model of B"]
    assert len({line["strategy"] for pair in pairs(runs) for line in pair.charts["train"].datasets["main"]}) == 4


def test_a_task_that_one_strategy_lacks_is_told_and_has_no_number() -> None:
    runs = [*of_seeds("a", (0.5, 0.5), (0.4, 0.4)), *of_seeds("b", (0.6, 0.6))]
    runs += [learnt("c", seed, {"sst2": 0.9}) for seed in (1, 2)]
    runs = with_one_transfer(runs)
    table = transfer(runs)
    assert column(table, "CoLA") == ["50.0 ± 0.0", "60.0 ± 0.0", "missing", "40.0 ± 0.0"]
    assert column(table, "SST-2") == ["missing", "missing", "90.0 ± 0.0", "not learnt"]
    assert table is not None and all(entry.value is None for entry in table.column("SST-2")[:2])
    assert column(gained(runs), "CoLA")[2] == "missing"
    said = " ".join(caveats(runs))
    assert "2 of 6 finished runs have not learnt CoLA and are not in its numbers: C." in said
    assert "What pretraining buys is not known of SST-2" in said


def test_the_glue_average_is_over_tasks_that_all_of_a_row_has_and_names_what_is_missing() -> None:
    runs = [learnt("a", seed, {"cola": 0.2, "sst2": 0.8, "pos": 0.9}) for seed in (1, 2)]
    runs += [learnt("b", seed, {"sst2": 0.9}) for seed in (1, 2)]
    table = transfer(runs)
    assert column(table, "GLUE average") == ["50.0 ± 0.0", "without CoLA"]
    assert table is not None and "without MRPC, STS-B, QQP, MNLI, QNLI, RTE, WNLI" in table.legend
    assert table.column("GLUE average")[1].value is None
    only_one = transfer(runs[2:])
    assert only_one is not None and "GLUE average" not in [each.title for each in only_one.columns]


def test_the_average_of_a_seed_is_over_that_seeds_scores() -> None:
    runs = [learnt("a", 1, {"cola": 0.2, "sst2": 0.8}), learnt("a", 2, {"cola": 0.4, "sst2": 0.8})]
    runs += [learnt("a", 3, {"cola": 0.9})]
    table = transfer(runs)
    assert column(table, "GLUE average") == ["55.0 ± 7.1"]
    assert table is not None and table.column("GLUE average")[0].num_seeds == 2


@pytest.mark.parametrize(
    "how",
    [{"settings": {**SETTINGS, "num_steps": 7}}, {"version": 0}, {"data_fingerprint": "of another file"}],
    ids=lambda how: next(iter(how)),
)
def test_results_of_another_budget_version_or_data_are_put_aside_and_told(how: dict[str, Any]) -> None:
    runs = [*TWO, with_results(run_of("b", 4, 2.0), [result("cola", 4, 0.99, **how)])]
    runs = with_one_transfer(runs)
    assert column(transfer(runs), "CoLA")[1] == "41.0 ± 1.0"
    assert "1 of 7 finished runs learnt CoLA with another budget, version or data, which is put aside: B." in caveats(
        runs
    )
    [alone] = with_one_transfer(runs[-1:])
    assert alone.transfer.notes == {}


def test_the_budget_that_the_plan_asks_for_counts_though_few_have_it() -> None:
    new = {**SETTINGS, "num_steps": 7}
    runs = [*TWO, with_results(run_of("b", 4, 2.0), [result("cola", 4, 0.99, settings=new)])]
    found = with_one_transfer(runs, {"settings": new, "tasks": {"cola": "cola"}})
    assert column(transfer(found), "CoLA") == ["other settings", "99.0"]


def test_a_task_that_the_plan_no_longer_has_is_not_called_missing() -> None:
    runs = [*TWO, learnt("c", 1, {"sst2": 0.5})]
    found = with_one_transfer(runs, {"settings": SETTINGS, "tasks": {"sst2": "sst2"}})
    assert {run.transfer.notes.get("cola") for run in found} == {None}
    assert column(transfer(found), "CoLA")[2] == "not learnt" and column(transfer(found), "SST-2")[0] == "missing"


def test_a_run_by_itself_has_the_seeds_of_its_fine_tunings() -> None:
    found = [result("cola", seed, 0.5 + seed / 100) for seed in (1, 2, 3)]
    found += [result("cola", seed, 0.4 + seed / 100, from_scratch=True) for seed in (3, 1, 2)]
    runs = [with_results(run_of("a", 1, 2.0), found)]
    assert column(transfer(runs), "CoLA") == ["52.0 ± 1.0", "42.0 ± 1.0"]
    assert column(gained(runs), "CoLA") == ["+10.0"]
    assert "A beats the same model from scratch by more than two sd on 1 of 1 task: CoLA." in verdict(runs)
    assert "The seeds are of fine-tuning only: another pretraining may end elsewhere." in caveats(runs)


def test_a_cell_counts_once_by_the_fine_tuning_of_its_own_seed() -> None:
    runs = [
        with_results(run_of("a", seed, 2.0), [result("cola", each, 0.1 * seed + 0.01 * each) for each in (1, 2, 3)])
        for seed in (1, 2, 3)
    ]
    points = Learnt(by_strategy(runs)).points(by_strategy(runs)[0], "cola")
    assert {seed: each.score for seed, each in points.items()} == pytest.approx({1: 0.11, 2: 0.22, 3: 0.33})


def test_cells_of_other_seeds_are_paired_with_fine_tunings_of_their_own_each() -> None:
    runs = [
        with_results(run_of("a", seed, 2.0), [result("cola", each, 0.1 * seed + 0.01 * each) for each in (1, 2)])
        for seed in (7, 8)
    ]
    points = Learnt(by_strategy(runs)).points(by_strategy(runs)[0], "cola")
    assert {seed: each.score for seed, each in points.items()} == pytest.approx({1: 0.71, 2: 0.82})


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (
            TWO,
            "Fine-tuned, strategies beat the same model from scratch by more than two sd on 0 to 1 of 1 task "
            "(most: A; fewest: B).",
        ),
        (TWO[:3], "Fine-tuned, A beats the same model from scratch by more than two sd on 1 of 1 task: CoLA."),
        (
            of_seeds("a", (0.40, 0.41), (0.40, 0.41)),
            "Fine-tuned, A does not beat the same model from scratch by more than two sd on CoLA.",
        ),
        (
            of_seeds("a", (0.40, 0.41), (0.40, 0.41)) + of_seeds("b", (0.40, 0.41)),
            "Fine-tuned, no strategy beats the same model from scratch by more than two sd on CoLA.",
        ),
        (
            of_seeds("a", (0.40, 0.41), (0.60, 0.61)),
            "on CoLA. Worse than from scratch by more than two sd: CoLA (A).",
        ),
        (
            of_seeds("a", (0.9,), (0.1,)),
            "Fine-tuned with one seed, so whether pretraining beats learning from scratch cannot be told.",
        ),
    ],
)
def test_the_verdict_says_what_pretraining_bought(runs: list[Run], said: str) -> None:
    assert said in verdict(runs)


def test_without_scratch_the_verdict_says_nothing_of_it() -> None:
    runs = of_seeds("a", (0.4, 0.5))
    assert "Fine-tuned" not in verdict(runs) and gained(runs) is None and pairs(runs) == []
    assert "Fine-tuned" not in verdict([run_of("a", 1, 2.0)]) and transfer([run_of("a", 1, 2.0)]) is None


def test_the_ranking_stays_the_exams() -> None:
    runs = [*of_seeds("a", (0.1, 0.1), (0.1, 0.1)), *of_seeds("b", (0.9, 0.9))]
    runs = [
        replace(run, done={**run.done, "held_out": {"loss": 2.0, "noise_bits_per_byte": bits}})
        for run, bits in zip(runs, (1.0, 1.1, 2.0, 2.1), strict=True)
    ]
    assert verdict(runs).index("A leaves the least to guess") < verdict(runs).index("Fine-tuned")


def test_few_scored_answers_own_splits_and_what_needs_no_model_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"num_answers": 71, "num_scored": 71}
    runs = [
        learnt("a", s, {"wnli": 0.5}, {"wnli": 0.5}, {"wnli": {"majority": 0.56, "bag_of_words": 0.4}}, **how)
        for s in (1, 2, 3)
    ]
    found = caveats(runs)
    assert any("Few answers are scored in WNLI (71): " in each and "some 6 hundredths" in each for each in found)
    assert "No strategy does better than always giving the commonest answer on WNLI." in found
    assert not any("bag of words" in each for each in found)
    monkeypatch.setattr("denoise.study.transfer_verdict.split_note_of", lambda task: f"split of {task} by us")
    assert "WNLI: split of wnli by us." in caveats(runs)


def test_answers_outside_the_labels_and_what_was_cut_are_counted() -> None:
    cut = {"train_sources": 7, "train_targets": 0, "scored_sources": 0}
    runs = [learnt("a", s, {"cola": 0.5, "abstracts": 0.2}, num_outside=30 * s, num_cut=cut) for s in (1, 2)]
    runs = [
        with_results(
            run, [replace(each, generated={}) if each.task == "abstracts" else each for each in run.transfer.results]
        )
        for run in runs
    ]
    shares = outside(runs)
    assert shares is not None and [each.title for each in shares.columns] == ["Fine-tuned", "CoLA"]
    assert column(shares, "CoLA") == ["4.5 ± 2.1"]
    counted = questions(runs)
    assert counted is not None
    assert [each.title for each in counted.columns][-1] == "Cut: train sources" and column(
        counted, "Cut: train sources"
    ) == ["7", "7"]
    assert column(counted, "Scored") == ["1,000", "1,000"]


def test_curves_are_means_over_seeds_with_scratch_bold_and_in_one_scale() -> None:
    [pair] = pairs(TWO)
    train, scored = (pair.charts[side] for side in ("train", "scored"))
    assert next(row["step"] for row in scored.datasets["main"] if row["strategy"] == "a") == 0
    for figure in (train, scored):
        rows = figure.datasets["main"]
        assert {row["strategy"] for row in rows} == {"a", "b", "from scratch"}
        assert {row["width"] for row in rows if row["strategy"] == "from scratch"} == {2.75}
        assert all(row["low"] <= row["y"] <= row["high"] and row["n"] == 3 for row in rows)
    ends = [{each["name"]: each["value"] for each in figure.specs["steps"]["params"]} for figure in (train, scored)]
    assert ends[0] == ends[1] and ends[0]["lowest"] < ends[0]["highest"]
    ys = [row["y"] for row in scored.datasets["main"] if row["strategy"] == "b"]
    mean = sum(each.scored_curve[-1].loss for run in TWO[3:] for each in run.transfer.results) / 3
    assert ys[-1] == pytest.approx(mean, rel=1e-4)


def test_a_curve_ends_where_a_seed_has_no_more_points_and_losses_that_are_no_numbers_are_left_out() -> None:
    first, *others = of_seeds("a", (0.5, 0.5), (0.4, 0.4))
    results = [replace(each, train_curve=each.train_curve[:3]) for each in first.transfer.results]
    [pair] = pairs([with_results(first, results), *others])
    assert max(row["step"] for row in pair.charts["train"].datasets["main"]) == 225
    nan = [
        replace(each, train_curve=tuple(p._replace(loss=float("nan")) for p in each.train_curve)) for each in results
    ]
    [pair] = pairs([with_results(first, nan), *others])
    assert pair.charts["train"].datasets["main"] == []


def test_of_many_strategies_only_scratch_has_a_band() -> None:
    runs = [run for name in "abcd" for run in of_seeds(name, (0.5, 0.6), (0.4, 0.3) if name == "a" else ())]
    [pair] = pairs(runs)
    assert {row["strategy"] for row in pair.charts["train"].datasets["main"] if "low" in row} == {"from scratch"}


def test_results_are_read_from_run_folders_and_earlier_weights_are_none(tmp_path: Path) -> None:
    write_grid(tmp_path, seeds=(1, 2))
    for seed in (1, 2):
        write_results(
            tmp_path / f"t5_span-seed{seed}", [result("cola", seed, 0.5), result("cola", seed, 0.4, from_scratch=True)]
        )
        write_results(tmp_path / f"mass-seed{seed}", [result("cola", seed, 0.6)])
    assert column(transfer(read_grid(tmp_path)), "CoLA") == ["50.0 ± 0.0", "missing", "60.0 ± 0.0", "40.0 ± 0.0"]
    done = tmp_path / "mass-seed1" / "done.json"
    done.write_text(json.dumps({**json.loads(done.read_text()), "finished_at": "later"}))
    assert column(transfer(read_grid(tmp_path)), "CoLA")[2] == "60.0"
    plan = {"cells": [], "exam": None, "tries": 2, "transfer": {"tasks": {"sst2": "sst2"}, "settings": {}}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert column(transfer(read_grid(tmp_path)), "CoLA")[1] == "not learnt"


@pytest.mark.parametrize("measures", [[], ["f1"]])
def test_a_result_without_the_score_that_tables_show_is_named(tmp_path: Path, measures: list[str]) -> None:
    run = write_results(write_run(tmp_path / "a"), [result("sst2", 1, 0.5)])
    path = run / "transfer" / "sst2" / "seed1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "measures": measures}))
    with pytest.raises(BadInput, match=r"seed1\.json cannot be read \(its measures are"):
        read_grid(tmp_path)


def test_a_broken_result_is_named(tmp_path: Path) -> None:
    run = write_results(write_run(tmp_path / "a"), [result("cola", 1, 0.5)])
    (run / "transfer" / "cola" / "seed1.json").write_text("{")
    with pytest.raises(BadInput, match=r"seed1\.json cannot be read"):
        read_run(run)


def test_every_form_of_the_tables_has_the_numbers() -> None:
    found = {table.name: table for table in tables(TWO)}
    assert list(found)[-4:] == ["transfer", "gained", "outside", "questions"]
    rows = list(csv.DictReader(io.StringIO(as_csv(found["transfer"]))))
    assert float(rows[0]["CoLA (matthews × 100)"]) == pytest.approx(52.0) and float(
        rows[0]["CoLA sd"]
    ) == pytest.approx(2.0)
    assert "**+11.0** (\\[8.5, 13.5\\])" in as_markdown(found["gained"])


def test_sides_are_compared_by_what_they_have_learnt(tmp_path: Path) -> None:
    write_grid(tmp_path, seeds=(1, 2))
    for seed in (1, 2):
        write_results(tmp_path / f"t5_span-seed{seed}", [result("cola", seed, 0.5), result("sst2", seed, 0.8)])
        write_results(tmp_path / f"mass-seed{seed}", [result("cola", seed, 0.6)])
    found = comparison(named_runs([f"{tmp_path}:t5_span", f"{tmp_path}:mass"]))
    rows = {row[0].text: row[1:] for row in next(each for each in found.tables if each.name == "transfer").rows}
    assert [entry.text for entry in rows["CoLA, matthews × 100"]] == ["50.0 ± 0.0", "60.0 ± 0.0"]
    assert rows["CoLA, matthews × 100"][1].note == "+10.0\n[10.0, 10.0]"
    assert [entry.text for entry in rows["SST-2, accuracy × 100"]] == ["80.0 ± 0.0", "missing"]
