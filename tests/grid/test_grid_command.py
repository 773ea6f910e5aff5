"""`denoise grid` from its options to its last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.errors import BadInput
from denoise import cli
from denoise.config_files import configs
from denoise.grid.cells import cells_of
from denoise.grid.ledger import count_failure
from denoise.grid.plan import read_plan
from tests.denoise.test_resume import TINY
from tests.grid.fake_cells import DONE, cells_are, completions, lay_out

GRID = "seeds: [1, 2]\nbudget: {tokens: 9000}\ncells: [{strategy: rope}, {strategy: bias, model.positions: t5_bias}]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(GRID)
    return path


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "report", lambda arguments: None)


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


def test_failed_cells_are_left_alone_until_they_are_to_be_retried(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = 'case $cell in *bias-seed1*) echo "x" >> $grid/tried; echo mistake; exit 1;; esac'
    cells_are(monkeypatch, folder, f"{fails}\n{DONE}")
    with pytest.raises(BadInput, match=r"1 of 4 runs failed 3 times and are left alone; .* with --retry-failed"):
        grid(file, "--tries=3")
    assert "mistake" in capsys.readouterr().out
    assert len(completions(folder)) == 3
    with pytest.raises(BadInput):
        grid(file, "--tries=3")
    assert "failed 3 times and left alone: bias-seed1; --retry-failed tries them again" in capsys.readouterr().out
    assert (folder / "tried").read_text().count("x") == 3
    cells_are(monkeypatch, folder, DONE)
    grid(file, "--retry-failed")
    assert len(completions(folder)) == 4


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


@pytest.mark.parametrize("option", ["--workers=0", "--tries=0"])
def test_numbers_that_make_no_sense_are_refused(file: Path, folder: Path, option: str) -> None:
    with pytest.raises(BadInput, match="must be at least 1"):
        grid(file, option)


def test_a_damaged_plan_is_one_sentence(folder: Path) -> None:
    (folder / "plan.json").write_text(json.dumps({"cells": []}))
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
