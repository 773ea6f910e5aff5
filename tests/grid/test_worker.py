"""A worker takes one cell after another, whatever becomes of them and of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from denoise.grid import worker
from denoise.grid.claim import Claim, holder
from denoise.grid.ledger import failure, forgive, state_of
from denoise.grid.plan import Plan, read_plan
from denoise.grid.worker import work
from denoise.stopping import INTERRUPTED, REQUEUE
from tests.grid.fake_cells import DONE, cells_are, completions, lay_out, program, worker_command
from tests.grid.waiting import until
from tests.patching import before


def test_every_cell_is_done_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 3)
    cells_are(monkeypatch, folder, DONE)
    assert work(folder) == 0
    assert work(folder) == 0
    assert completions(folder) == sorted(plan.cells)


def test_a_cell_that_another_holds_is_left_to_him(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder)
    cells_are(monkeypatch, folder, DONE)
    with Claim.take(folder / plan.cells[0]) or pytest.fail("not taken"):
        assert work(folder) == 0
    assert completions(folder) == [plan.cells[1]]


def test_a_glance_at_a_cell_does_not_keep_a_worker_from_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks whether a cell is held holds its lock for a moment."""
    plan = lay_out(folder, 1)
    cells_are(monkeypatch, folder, DONE)
    glances = [Claim.take(folder / plan.cells[0])]
    monkeypatch.setattr(worker, "time", SimpleNamespace(sleep=lambda _: glances and glances.pop().release()))
    assert work(folder) == 0
    assert completions(folder) == list(plan.cells)


def test_a_cell_that_another_has_just_finished_is_not_begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder)
    cells_are(monkeypatch, folder, DONE)

    def take(cell: Path) -> Claim | None:
        if cell.name == plan.cells[0]:
            (cell / "done.json").write_text("{}")
        return Claim.take(cell)

    monkeypatch.setattr(worker, "Claim", SimpleNamespace(take=take))
    assert work(folder) == 0
    assert completions(folder) == [plan.cells[1]]


def test_only_the_chosen_cells_are_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 3)
    cells_are(monkeypatch, folder, DONE)
    assert work(folder, ["a0-*", "*2-seed1"]) == 0
    assert completions(folder) == [plan.cells[0], plan.cells[2]]


def test_a_plan_that_grows_is_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder.parent / "bigger", 3)
    lay_out(folder, 1)
    bigger = folder.parent / "bigger"
    cells_are(monkeypatch, folder, f"cp -rn {bigger}/a* $grid; cp {bigger}/plan.json $grid\n{DONE}")
    assert work(folder) == 0
    assert len(completions(folder)) == 3


def test_a_failing_cell_is_tried_again_after_the_others_and_then_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = lay_out(folder, tries=3)
    bad, good = (folder / name for name in plan.cells)
    cells_are(
        monkeypatch,
        folder,
        f'echo "${{cell##*/}}" >> $grid/begun\n'
        f'case $cell in {bad}) echo try; echo "  ~~^^"; echo mistake; exit 1;; esac\n{DONE}',
    )
    assert work(folder) == 0
    assert (folder / "begun").read_text().split() == [bad.name, good.name, bad.name, bad.name]
    assert failure(bad) == {"error": "try\nmistake", "exit_code": 1, "tries": 3}
    assert [state_of(cell, plan) for cell in (bad, good)] == ["failed", "done"]
    assert work(folder) == 0
    assert failure(bad)["tries"] == 3
    forgive(bad)
    cells_are(monkeypatch, folder, DONE)
    assert work(folder) == 0
    assert state_of(bad, plan) == "done"


def test_a_cell_that_succeeds_at_last_is_forgiven(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1)
    cells_are(monkeypatch, folder, f"[ -e $grid/tried ] || {{ touch $grid/tried; exit 1; }}\n{DONE}")
    assert work(folder) == 0
    assert not (folder / plan.cells[0] / "failed.json").exists()


def test_our_own_sentence_is_the_whole_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1, tries=1)
    cells_are(monkeypatch, folder, "echo step 5; echo 'denoise: rate is 2' >&2; exit 2")
    work(folder)
    assert failure(folder / plan.cells[0])["error"] == "denoise: rate is 2"


def test_a_silent_failure_says_its_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1, tries=2)
    cells_are(monkeypatch, folder, "[ -e $grid/tried ] && exit 3; touch $grid/tried; echo noise; exit 1")
    work(folder)
    assert failure(folder / plan.cells[0])["error"] == "the process ended with code 3 and no message"


def test_a_killed_cell_counts_as_a_try(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1)
    cells_are(monkeypatch, folder, "kill -9 $$")
    assert work(folder) == 0
    found = failure(folder / plan.cells[0])
    assert found == {"error": "the process was ended by SIGKILL; was the memory full?", "exit_code": -9, "tries": 2}


def test_a_cell_that_ends_well_but_is_not_done_has_failed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1)
    cells_are(monkeypatch, folder, "exit 0")
    assert work(folder) == 0
    assert state_of(folder / plan.cells[0], plan) == "failed"


@pytest.mark.parametrize("script", ["exit 75", "kill -TERM $$", "exit 130"])
def test_a_cell_that_asks_to_be_requeued_has_not_failed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    lay_out(folder)
    cells_are(monkeypatch, folder, f"touch $cell/begun; {script}")
    assert work(folder) == (INTERRUPTED if "130" in script else REQUEUE)
    assert not list(folder.rglob("failed.json"))
    assert len(list(folder.rglob("begun"))) == 1, "the next cell was begun"


def test_a_worker_that_is_asked_to_stop_asks_its_cell_and_waits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder)
    script = "trap 'sleep 0.3; touch $grid/saved; exit 75' TERM\ntouch $grid/begun\nwhile :; do sleep 0.05; done"
    cells_are(monkeypatch, folder, script)
    asked = []

    def ask(*_: Any, **__: Any) -> None:
        if (folder / "begun").exists() and not asked:
            asked.append(True)
            signal.raise_signal(signal.SIGUSR1)

    before(monkeypatch, subprocess.Popen, "poll", ask)
    assert work(folder) == REQUEUE
    assert (folder / "saved").exists()


def test_a_killed_worker_does_not_free_a_cell_that_still_trains(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder)
    script = f"touch $cell/begun; while [ ! -e $grid/go ]; do sleep 0.02; done\n{DONE}"
    first = subprocess.Popen(worker_command(program(folder.parent, script), folder))
    until((folder / plan.cells[0] / "begun").exists)
    first.kill()
    first.wait()
    cells_are(monkeypatch, folder, DONE)
    assert work(folder) == 0
    assert completions(folder) == [plan.cells[1]]
    (folder / "go").touch()
    until(lambda: holder(folder / plan.cells[0]) is None)
    assert work(folder) == 0
    assert completions(folder) == sorted(plan.cells)


def test_a_worker_whose_starter_was_killed_ends_after_its_cell(folder: Path) -> None:
    plan = lay_out(folder)
    path = program(folder.parent, f"touch $grid/begun; while [ ! -e $grid/go ]; do sleep 0.02; done\n{DONE}")
    starter = "import subprocess, sys, time\nsubprocess.Popen(sys.argv[1:])\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", starter, *worker_command(path, folder)])
    until((folder / "begun").exists)
    until(lambda: (holder(folder / plan.cells[0]) or {}).get("worker"))  # told once the cell has begun
    process.kill()
    process.wait()
    worker_of = (holder(folder / plan.cells[0]) or {})["worker"]
    (folder / "go").touch()
    until(lambda: not os.path.exists(f"/proc/{worker_of}"))
    assert completions(folder) == [plan.cells[0]]


def test_what_a_worker_runs_is_the_cell_with_its_claim(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract with executors: module, folder, the descriptor of a lock that is held."""
    plan = lay_out(folder, 1)
    holds = "if ! flock -n $cell/claim true && flock -n $5; then touch $grid/held; fi"
    script = f'echo "$1 $2 $3 $4" > $grid/called\n{holds}\n{DONE}'
    cells_are(monkeypatch, folder, script)
    assert work(folder) == 0
    assert (folder / "called").read_text().strip() == f"-P -m denoise.grid.cell {folder / plan.cells[0]}"
    assert (folder / "held").exists()


def test_a_plan_is_read_as_it_was_written(folder: Path) -> None:
    plan = Plan(cells=("a-seed1-0",), exam={"rates": [0.5]}, tries=4)
    plan.write(folder)
    assert read_plan(folder) == plan
    assert json.loads((folder / "plan.json").read_text())["cells"] == ["a-seed1-0"]
