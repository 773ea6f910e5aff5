"""`denoise grid` from its options to its last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.errors import BadInput
from denoise import cli
from denoise.config_files import configs
from denoise.grid.cells import cells_of
from denoise.grid.claim import Claim
from denoise.grid.command import GridConfig
from denoise.grid.ledger import count_failure
from denoise.grid.plan import Plan, read_plan
from tests.denoise.test_resume import TINY
from tests.grid.fake_cells import DONE, cells_are, completions, lay_out

GRID = "seeds: [1, 2]\nbudget: {tokens: 9000}\ncells: [{strategy: rope}, {strategy: bias, model.positions: t5_bias}]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(GRID)
    return path


def grid(file: Path, *more: str) -> None:
    cli.grid([str(file), "--out", str(file.parent / "grid"), *more])


def test_a_grid_runs_is_enlarged_and_keeps_what_was_removed(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells_are(monkeypatch, folder, DONE)
    grid(file, "--workers", "2")
    assert len(completions(folder)) == 4
    assert "4 runs in" in capsys.readouterr().out
    file.write_text(GRID.replace("[1, 2]", "[2, 3]"))
    grid(file)
    assert len(completions(folder)) == 6 == len(set(completions(folder)))
    said = " ".join(capsys.readouterr().out.split())
    assert "4 runs in" in said and "2 done already" in said
    assert "no longer in the grid, but kept: bias-seed1-" in said
    assert len(list(folder.glob("*/config.yaml"))) == 6
    assert "denoise grid" in (folder / "command.txt").read_text()


def test_what_does_not_change_the_result_holds_from_now_on(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells_are(monkeypatch, folder, f"grep save_every $cell/config.yaml > $cell/saw\n{DONE}")
    grid(file, "--only", "rope-*1", "--save_every=7")
    grid(file, "--save_every=8")
    assert sorted(path.read_text().strip() for path in folder.glob("*/saw")) == [
        "save_every: 7",
        *["save_every: 8"] * 3,
    ]
    [first] = [path.parent for path in folder.glob("*/saw") if "7" in path.read_text()]
    assert "save_every: 7" in (first / "config.yaml").read_text(), "what it was trained with is no longer told"


def test_the_config_of_a_cell_at_work_stays(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells_are(monkeypatch, folder, DONE)
    grid(file, "--only", "rope-*1", "--save_every=7")
    [other] = folder.glob("bias-seed2-*")
    with Claim.take(other) or pytest.fail("not taken"):
        grid(file, "--only", "rope-*", "--save_every=8")
    assert "save_every: 7" in (other / "config.yaml").read_text()


def test_a_file_that_shrinks_or_changes_its_words_is_followed(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells_are(monkeypatch, folder, DONE)
    grid(file)
    changed = GRID.replace("[1, 2]", "[2]").replace("strategy: rope", "strategy: rope, label: Rotary")
    file.write_text(f"{changed}baseline: bias\n")
    grid(file)
    assert [name.rpartition("-")[0] for name in read_plan(folder).cells] == ["rope-seed2", "bias-seed2"]
    rope, bias = (json.loads((folder / name / "cell.json").read_text()) for name in read_plan(folder).cells)
    assert (rope["label"], rope["baseline"], bias["baseline"]) == ("Rotary", False, True)
    assert (folder / "grid.yaml").read_text() == file.read_text()


def test_other_tries_and_another_exam_are_planned_though_the_cells_are_the_same(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells_are(monkeypatch, folder, DONE)
    grid(file)
    file.write_text(f"{GRID}exam: {{rates: [0.5]}}\n")
    capsys.readouterr()
    grid(file, "--dry-run")
    said = capsys.readouterr().out
    assert said.splitlines()[1].split()[:4] == ["rope", "2", "0", "90"]
    assert "4 cells, 360 tokens in all; about 0 s of training left for one worker; the exams come on top" in said
    with pytest.raises(BadInput, match="4 of 4 runs failed 1 times"):  # these cells take no exam
        grid(file, "--tries=1")
    plan = read_plan(folder)
    assert plan.tries == 1 and plan.exam is not None and plan.exam["rates"] == [0.5]


def test_the_command_is_kept_with_what_makes_these_cells(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells_are(monkeypatch, folder, DONE)
    grid(file, "--only", "rope-*", "--save_every=8", "--workers=2")
    kept = (folder / "command.txt").read_text()
    assert kept == f"denoise grid {file} --out {folder} --save_every=8 --only 'rope-*'\n"


def test_failed_cells_are_left_alone_until_they_are_to_be_retried(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = 'case $cell in *bias-seed1*) echo "x" >> $grid/tried; echo mistake; exit 1;; esac'
    cells_are(monkeypatch, folder, f"{fails}\n{DONE}")
    with pytest.raises(BadInput, match=r"1 of 4 runs failed 3 times and are left alone; .* with --retry-failed"):
        grid(file, "--tries=3")
    assert "mistake" in capsys.readouterr().out
    assert len(completions(folder)) == 3
    assert (folder / "report.html").exists() and "1 failed" in (folder / "tables.md").read_text()
    with pytest.raises(BadInput):
        grid(file, "--tries=3")
    assert "failed 3 times and left alone: bias-seed1; --retry-failed tries them again" in capsys.readouterr().out
    assert (folder / "tried").read_text().count("x") == 3
    cells_are(monkeypatch, folder, DONE)
    grid(file, "--retry-failed")
    assert len(completions(folder)) == 4


def test_only_what_was_chosen_and_is_not_at_work_is_tried_again(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells_are(monkeypatch, folder, "exit 1")
    with pytest.raises(BadInput):
        grid(file)
    cells_are(monkeypatch, folder, DONE)
    [held] = folder.glob("rope-seed1-*")
    claim = Claim.take(held)
    assert claim is not None
    with pytest.raises(BadInput, match="1 of 2 runs failed"):
        grid(file, "--retry-failed", "--only", "rope-*")
    claim.release()
    assert sorted(path.parent.name[:10] for path in folder.glob("*/failed.json")) == [
        "bias-seed1",
        "bias-seed2",
        "rope-seed1",
    ]


def test_a_grid_has_a_worker_for_each_gpu_unless_told_otherwise() -> None:
    both = ("0", "1")
    assert [
        GridConfig().num_workers,
        GridConfig(gpus=both).num_workers,
        GridConfig(gpus=both, workers=1).num_workers,
    ] == [
        1,
        2,
        1,
    ]


def test_a_dry_run_tells_what_the_grid_takes_and_writes_nothing(
    file: Path, folder: Path, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--data={prepared}", *(option for option in TINY if "budget" not in option)]
    folder.rmdir()
    grid(file, "--dry-run", "--workers=2", *given)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["rope", "2", "0", "8,960"] and "two steps timed here" in lines[1]
    assert "4 cells, 35,840 tokens in all; about" in lines[3] and "for 2 workers" in lines[3]
    assert not folder.exists()


def test_a_dry_run_learns_from_finished_cells(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells_are(monkeypatch, folder, DONE.replace('"elapsed_s": 2.0', '"elapsed_s": 300.0'))
    grid(file, "--only", "*seed1")
    capsys.readouterr()
    grid(file, "--dry-run")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["rope", "2", "1", "90", "5", "min", "finished", "cells"]
    assert "4 cells, 360 tokens in all; about 10 min of training left for one worker" in lines[3]
    for num_workers in (2, 8):  # a cell is not faster than it is
        grid(file, "--dry-run", f"--workers={num_workers}")
        assert f"about 5 min of training left for {num_workers} workers" in capsys.readouterr().out
    [begun] = folder.glob("rope-seed2-*")
    (begun / "metrics.jsonl").write_text('{"kind": "train", "step": 1, "tokens": 8, "elapsed_s": 9, "loss": 1}\n')
    grid(file, "--dry-run", "--only", "rope-*")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["rope", "2", "1", "90"]
    assert "2 cells, 180 tokens in all; about 5 min" in lines[2]


def test_status_needs_nothing_but_the_folder(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = lay_out(folder)
    cli.grid([str(folder), "--status"])
    cli.grid([str(tmp_path / "gone.yaml"), "--out", str(folder), "--status", "--only", "a1*"])
    said = capsys.readouterr().out
    assert "0 of 2 cells done, 2 missing" in said and "0 of 1 cells done" in said
    assert read_plan(folder) == plan
    with pytest.raises(BadInput, match="no grid was begun there"):
        cli.grid([str(tmp_path / "gone.yaml"), "--status"])
    with pytest.raises(BadInput, match="has no cell called b; there are a0-seed1, a1-seed1"):
        cli.grid([str(folder), "--status", "--only", "b"])


def test_watching_ends_when_nothing_is_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = lay_out(folder)
    (folder / plan.cells[0] / "done.json").write_text("{}")
    for _ in range(plan.tries):
        count_failure(folder / plan.cells[1], "mistake", 1)
    cli.grid([str(folder), "--watch"])
    assert "1 of 2 cells done, 1 failed" in capsys.readouterr().out


def test_watching_some_cells_ends_with_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = lay_out(folder)
    (folder / plan.cells[0] / "done.json").write_text("{}")
    cli.grid([str(folder), "--watch", "--only", "a0*"])
    assert "1 of 1 cells done" in capsys.readouterr().out


def test_cells_that_another_plan_leaves_out_are_told(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.parent / "other"
    other.mkdir()
    Plan(cells=(cells_of(file, cli.resolved)[0].folder_name,)).write(other)
    cells_are(monkeypatch, folder, f"cp {other}/plan.json $grid\n{DONE}")
    with pytest.raises(
        BadInput, match=r"3 of 4 runs are not done, .* another plan: rope-seed2, bias-seed1, bias-seed2;"
    ):
        grid(file)
    assert (folder / "report.html").exists()


def test_a_folder_with_brackets_in_its_name_is_told_as_it_is(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells_are(monkeypatch, folder, DONE)
    cli.grid([str(file), "--out", str(file.parent / "t5[rate=0.3]"), "--only", "rope-seed1"])
    assert f"1 runs in {file.parent}/t5[rate=0.3]" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--workers=0", "--tries=0"])
def test_numbers_that_make_no_sense_are_refused(file: Path, folder: Path, option: str) -> None:
    with pytest.raises(BadInput, match="must be at least 1"):
        grid(file, option)


@pytest.mark.parametrize(
    "damage",
    [
        '{"cells": ["a-se',
        "[]",
        '{"cells": [], "exam": null}',
        '{"cells": [1], "exam": null, "tries": 2}',
        '{"cells": ["../a-seed1-0"], "exam": null, "tries": 2}',
        '{"cells": [], "exam": null, "tries": "many"}',
    ],
)
def test_a_damaged_plan_is_one_sentence(folder: Path, damage: str) -> None:
    (folder / "plan.json").write_text(damage)
    with pytest.raises(BadInput, match="is damaged"):
        cli.grid([str(folder), "--status"])


def test_the_grid_file_of_the_documentation_is_one(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs" / "grids.md"
    for name in ("runs", "corruptions", "models"):
        (tmp_path / name).symlink_to(configs() / name)
    (tmp_path / "grids").mkdir()
    file = tmp_path / "grids" / "example.yaml"
    file.write_text(docs.read_text().partition("```yaml\n")[2].partition("```")[0])
    cells = cells_of(file, cli.resolved)
    assert [cell.strategy for cell in cells[::3]] == ["t5_span-rate=0.15", "t5_span-rate=0.5", "mass"]
    assert [cell.config["corruption"]["init_args"].get("rate") for cell in cells[::3]][:2] == [0.15, 0.5]
    assert [cell.config["batch_size"] for cell in cells[::3]] == [16, 16, 32]
    assert {cell.config["budget_tokens"] for cell in cells} == {1_200_000}
    assert any(cell.is_baseline for cell in cells)
