import pytest

from data_prep.errors import BadInput
from denoise.study.compare import comparison, named_runs
from denoise.study.results import about
from denoise.study_commands import compare
from tests.denoise.run_folders import write_grid
from tests.study.examined import write_exam, write_examined_grid


def table(found, name):
    return next(each for each in found.tables if each.name == name)


def rows(found, name):
    return {row[0].text: [entry.text for entry in row[1:]] for row in table(found, name).rows}


def test_seeds_of_a_strategy_are_one_side_however_they_are_named(tmp_path):
    write_examined_grid(tmp_path)
    ways = (
        [f"{tmp_path}:t5_span", f"{tmp_path}:mass"],
        [f"{tmp_path}/t5_span-*", f"{tmp_path}/mass-*"],
        [*(f"{tmp_path}/{s}-seed{n}" for s in ("t5_span", "mass") for n in (1, 2, 3)), f"{tmp_path}/mass-seed1"],
    )
    found = [comparison(named_runs(names)) for names in ways]
    assert rows(found[0], "scores") == rows(found[1], "scores") == rows(found[2], "scores")
    exam = next(row for row in table(found[0], "scores").rows if row[0].text == "Exam")
    assert [entry.text for entry in exam[1:]] == ["2.100 ± 0.010", "2.700 ± 0.010"]
    assert exam[2].note == "+0.600\n[0.600, 0.600]" and exam[2].num_seeds == 3 and exam[1].note == ""
    assert "Far behind it: MASS fragment by 0.60" in found[0].verdict


def test_the_first_that_is_named_is_what_the_others_are_compared_with(tmp_path):
    write_examined_grid(tmp_path)
    found = comparison(named_runs([f"{tmp_path}:mass", f"{tmp_path}:t5_span"]))
    assert [row[0].text for row in table(found, "sides").rows] == ["A ★", "B"]
    assert rows(found, "sides")["A ★"][0] == "MASS fragment"
    exam = next(row for row in table(found, "scores").rows if row[0].text == "Exam")
    assert exam[2].note.startswith("−0.600")


def test_only_what_differs_is_told_of_the_options(tmp_path):
    found = comparison(named_runs([str(write_grid(tmp_path, seeds=(1, 2)))]))
    classes = [f"corruptions.{name}" for name in ("SpanCorruption", "TextInfilling", "MaskedFragment")]
    assert rows(found, "options") == {
        "corruption.class_path": classes,
        "corruption.init_args.rate": ["0.15", "0.3", "0.5"],
        "corruption.init_args.mean_span": ["3.0", "—", "—"],
        "corruption.init_args.poisson_mean": ["—", "3.5", "—"],
    }


def test_of_one_seed_each_the_difference_is_told_and_nothing_claimed(tmp_path):
    write_grid(tmp_path)
    found = comparison(named_runs([f"{tmp_path}/t5_span-seed1", f"{tmp_path}/mass-seed1"]))
    hidden = next(row for row in table(found, "scores").rows if row[0].text == "Own hidden text")
    assert hidden[2].note == "+0.680\none seed"
    assert "[" not in found.verdict and "behind" not in found.verdict
    assert any("One seed is one seed" in caveat for caveat in found.caveats)


def test_two_seeds_of_one_strategy_are_two_sides(tmp_path):
    write_grid(tmp_path, seeds=(1, 2))
    found = comparison(named_runs([f"{tmp_path}:mass"]))
    assert [row[1].text for row in table(found, "sides").rows] == ["MASS fragment, seed 1", "MASS fragment, seed 2"]
    assert "options" not in [each.name for each in found.tables]


def test_strategies_of_one_name_in_two_grids_are_told_apart(tmp_path):
    for grid in ("old", "new"):
        write_grid(tmp_path / grid, seeds=(1, 2))
    found = comparison(named_runs([f"{tmp_path}/old:mass", f"{tmp_path}/new:mass"]))
    assert [row[1].text for row in table(found, "sides").rows] == ["old: MASS fragment", "new: MASS fragment"]


def test_runs_of_different_exams_are_not_put_together(tmp_path):
    write_examined_grid(tmp_path, seeds=(1, 2))
    for seed in (1, 2):
        write_exam(tmp_path / f"mass-seed{seed}", {"sentinels": 1.0}, settings={"rates": [0.9], "num_windows": 9})
    found = comparison(named_runs([f"{tmp_path}:t5_span", f"{tmp_path}:bart_infill", f"{tmp_path}:mass"]))
    assert rows(found, "scores")["Exam"][2] == "another exam"
    assert any("other settings" in caveat for caveat in found.caveats)


def test_the_interval_that_was_asked_for_is_in_scores_and_verdict(tmp_path):
    write_grid(tmp_path, seeds=(1, 2, 3))  # seed by seed 0.68, 0.70 and 0.72
    runs = named_runs([f"{tmp_path}:t5_span", f"{tmp_path}:mass"])
    for method, interval in (("t", "[0.650, 0.750]"), ("bootstrap", "[0.680, 0.720]")):
        found = comparison(runs, method)
        hidden = next(row for row in table(found, "scores").rows if row[0].text == "Own hidden text")
        assert hidden[2].note == f"+0.700\n{interval}"
        assert f"MASS fragment by 0.70 {interval.replace('0]', ']').replace('0,', ',')}" in found.verdict
        assert about(method) in table(found, "scores").legend


def test_own_losses_of_two_objectives_are_not_subtracted(tmp_path):
    write_grid(tmp_path, seeds=(1, 2))
    found = comparison(named_runs([f"{tmp_path}:t5_span", f"{tmp_path}:mass"]))
    loss = next(row for row in table(found, "scores").rows if row[0].text == "Own held-out loss")
    assert loss[2].note == "" and loss[2].low is None and loss[1].is_muted and loss[2].is_muted


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{}:bart", "has no strategy bart; there are t5_span, bart_infill, mass"),
        ("{}/x*", "names no run"),
        ("{}:mass", "only MASS fragment, seed 1 has begun"),
    ],
)
def test_names_of_nothing_are_told_in_a_sentence(tmp_path, name, words):
    write_grid(tmp_path)
    with pytest.raises(BadInput, match=words) as error:
        comparison(named_runs([name.format(tmp_path)]))
    assert "\n" not in str(error.value)


def test_markdown_holds_the_verdict_and_all_tables(tmp_path, capsys):
    write_examined_grid(tmp_path)
    compare([f"{tmp_path}:t5_span", f"{tmp_path}:mass", "--markdown"])
    said = capsys.readouterr().out
    assert said.startswith("Every finished run learnt") and said.count("\n## ") == 4
    assert "| Exam | 2.100 ± 0.010 (n=3) | 2.700 ± 0.010 (+0.600 \\[0.600, 0.600\\] n=3) |" in said


def test_no_number_is_cut_in_a_narrow_terminal(tmp_path, capsys):
    write_examined_grid(tmp_path)
    compare([str(tmp_path)])
    said = capsys.readouterr().out
    assert "…" not in said and "[0.600, 0.600]" in said
