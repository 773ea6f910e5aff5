"""What a grid's folder tells of its cells while they run."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console

from denoise.grid import status
from denoise.grid.claim import Claim
from denoise.grid.ledger import count_failure, state_of
from denoise.grid.overview import left_s
from denoise.grid.plan import Plan
from denoise.grid.progress import CellProgress, progress_of
from denoise.grid.status import last_lines, notes, print_status
from tests.grid.fake_cells import lay_out


def train_row(step: int, elapsed_s: float, **more: object) -> str:
    row = {"kind": "train", "step": step, "tokens": 100 * step, "elapsed_s": elapsed_s, "loss": 3.5, **more}
    return json.dumps(row) + "\n"


def begin(cell: Path, *rows: str, num_steps: int = 20) -> Path:
    (cell / "shapes.json").write_text(json.dumps({"num_steps": num_steps}))
    (cell / "metrics.jsonl").write_text("".join(rows))
    return cell


def finish(cell: Path, **environment: object) -> Path:
    (cell / "done.json").write_text('{"step": 20, "tokens": 2000, "elapsed_s": 10.0}')
    (cell / "environment.json").write_text(json.dumps(environment))
    return cell


def test_a_cell_has_one_of_five_states(folder: Path) -> None:
    plan = lay_out(folder, 6)
    missing, stopped, failed, done, running, done_and_held = (folder / name for name in plan.cells)
    begin(stopped)
    for _ in range(plan.tries):
        count_failure(failed, "no", 1)
    finish(done)
    finish(done_and_held)
    claims = [Claim.take(running), Claim.take(done_and_held)]
    states = [state_of(cell, plan) for cell in (missing, stopped, failed, done, running, done_and_held)]
    assert states == ["missing", "stopped", "failed", "done", "running", "done"]
    count_failure(stopped, "no", 1)
    assert state_of(stopped, plan) == "stopped"
    assert len(claims) == 2


def test_a_running_cell_tells_its_step_its_speed_and_the_time_left(folder: Path) -> None:
    plan = lay_out(folder, 1)
    slow_start = train_row(1, 100.0, tokens_per_s=1.0)
    cell = begin(
        folder / plan.cells[0], slow_start, train_row(5, 108.0, tokens_per_s=50.0), '{"kind": "held_out", "step"'
    )
    claim = Claim.take(cell)
    found = progress_of(cell, plan)
    assert (found.state, found.step, found.num_steps, found.tokens, found.tokens_per_s) == ("running", 5, 20, 500, 50.0)
    assert found.left_s == pytest.approx(2.0 * 15)
    assert claim is not None


def test_the_last_line_of_a_long_log_is_found(folder: Path) -> None:
    plan = lay_out(folder, 1)
    cell = begin(folder / plan.cells[0], *(train_row(step, step, note="x" * 100) for step in range(1, 500)))
    assert progress_of(cell, plan).step == 499


@pytest.mark.parametrize("damage", ["", "[", '{"ste', "[1]", '{"step": "x"}', '{"tries": "x"}'])
def test_a_damaged_file_of_a_cell_is_as_good_as_none(folder: Path, damage: str) -> None:
    plan = lay_out(folder, 1)
    cell = begin(folder / plan.cells[0])
    for name in ("metrics.jsonl", "shapes.json", "failed.json", "environment.json"):
        (cell / name).write_text(damage)
    found = progress_of(cell, plan)
    assert (found.state, found.step, found.num_steps) == ("stopped", 0, None)
    (cell / "done.json").write_text(damage)
    assert (progress_of(cell, plan).state, progress_of(cell, plan).tokens) == ("done", 0)


def told(folder: Path, plan: Plan, *only: str) -> str:
    said = io.StringIO()
    print_status(folder, plan, only or ("*",), Console(file=said, width=160))
    return said.getvalue()


def test_the_table_says_all_of_it(folder: Path) -> None:
    plan = lay_out(folder, 4)
    finish(folder / plan.cells[0])
    begin(folder / plan.cells[1], train_row(1, 1.0), train_row(3, 3.0, tokens_per_s=1234.0))
    for _ in range(2):
        count_failure(folder / plan.cells[2], "Traceback\nRuntimeError: [0] is no list", 1)
    lines = told(folder, plan).splitlines()
    assert lines[1].split() == ["a0-seed1", "done", "–", "2,000", "200", "10", "s", "–"]
    assert lines[2].split() == ["a1-seed1", "stopped", "3/20", "300", "1,234", "3", "s", "–"]
    assert lines[3].endswith("(2×) RuntimeError: [0] is no list")
    assert lines[4].split()[:2] == ["a3-seed1", "missing"]
    assert "1 of 4 cells done, 1 failed, 1 stopped, 1 missing; about 17 s of training left one after another" in lines
    assert lines[-1] == "failed 2 times and left alone: a2-seed1; --retry-failed tries them again"
    assert "a0-seed1" not in told(folder, plan, "a[1-3]*")


def test_cells_at_work_share_what_is_left_and_one_in_its_exam_has_no_training_left(folder: Path) -> None:
    plan = lay_out(folder, 3, exam={"rates": [0.5]})
    first, second, examined = (folder / name for name in plan.cells)
    for cell in (first, second):
        begin(cell, train_row(1, 1.0), train_row(5, 9.0))
    finish(begin(examined, train_row(1, 1.0), train_row(20, 10.0)))
    with ExitStack() as held:
        for cell in (first, second, examined):
            held.enter_context(Claim.take(cell) or pytest.fail("not taken"))
        lines = told(folder, plan).splitlines()
    assert lines[3].split()[:3] == ["a2-seed1", "running,", "exam"]
    assert "0 of 3 cells done, 3 running; about 30 s of training left with 3 at work" in lines


def test_a_cell_takes_as_long_as_its_strategy_does() -> None:
    cells = [
        CellProgress(folder_name="a-seed1-0", state="done", elapsed_s=60.0),
        CellProgress(folder_name="b-seed1-0", state="done", elapsed_s=10.0),
        CellProgress(folder_name="b-seed2-0", state="missing"),
        CellProgress(folder_name="c-seed1-0", state="running", elapsed_s=50.0, past_training="exam"),
        CellProgress(folder_name="c-seed3-0", state="done", elapsed_s=70.0),
    ]
    assert left_s(cells, 1) == 10.0
    assert left_s([*cells, CellProgress(folder_name="c-seed2-0", state="missing")], 1) == 70.0


def test_of_a_failed_cell_the_last_lines_are_shown(folder: Path) -> None:
    plan = lay_out(folder, 1)
    count_failure(folder / plan.cells[0], "\n".join(f"line {number}" for number in range(12)), 1)
    assert last_lines(folder / plan.cells[0]).split("\n") == [f"    line {number}" for number in range(2, 12)]


@pytest.mark.parametrize(
    ("commit", "is_dirty", "said"),
    [
        ("a" * 40, False, ""),
        ("b" * 40, False, "trained by other code: 1 by bbbbbbbbbb; here is aaaaaaaaaa"),
        ("a" * 40, True, "trained by other code: 1 by aaaaaaaaaa with changes; here is aaaaaaaaaa"),
        (None, None, "trained by other code: 1 by an unknown commit; here is aaaaaaaaaa"),
    ],
)
def test_cells_of_other_code_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, commit: str | None, is_dirty: bool | None, said: str
) -> None:
    plan = lay_out(folder, 2)
    finish(folder / plan.cells[0], git_commit=commit, git_dirty=is_dirty)
    (folder / plan.cells[1] / "environment.json").write_text('{"git_commit": "not finished", "git_dirty": false}')
    monkeypatch.setattr(status, "code_now", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    found = " ".join(notes(folder, plan, status.look(folder, plan)))
    assert said in found and bool(said) == bool(found)


def test_results_of_removed_cells_are_told_and_stay(folder: Path) -> None:
    plan = lay_out(folder, 3)
    smaller = Plan(cells=plan.cells[:2])
    assert notes(folder, smaller, status.look(folder, smaller)) == [f"no longer in the grid, but kept: {plan.cells[2]}"]
