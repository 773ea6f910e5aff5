"""A grid with several workers, to its end or to where it was stopped."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from denoise.grid.claim import Claim, holder
from denoise.grid.executor import LocalWorkers, WorkersEnd, share
from denoise.grid.ledger import failure
from denoise.grid.live import Live
from denoise.grid.plan import Plan
from denoise.stopping import Stopped
from tests.grid.fake_cells import ALL, DONE, cells_are, completions, lay_out, program, run
from tests.grid.waiting import is_alive, until
from tests.patching import before

WAITS = "echo $$ >> $grid/pids; touch $cell/begun; while [ ! -e $grid/go ]; do sleep 0.02; done"


@pytest.fixture(autouse=True)
def in_the_foreground() -> Iterator[None]:
    """Ctrl-C counts, even where these tests run in the background."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


def begun(folder: Path) -> int:
    return len(list(folder.glob("*/begun")))


def workers_of(folder: Path, plan: Plan) -> list[int]:
    return [found["worker"] for name in plan.cells if (found := holder(folder / name)) and "worker" in found]


def while_it_runs(act: object) -> threading.Thread:
    """Do something in a thread beside the grid."""
    thread = threading.Thread(target=act, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_several_workers_do_every_cell_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 5)
    cells_are(monkeypatch, folder, DONE)
    run(folder, 3)
    assert completions(folder) == sorted(plan.cells)


def test_two_grids_of_one_folder_share_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 6)
    cells_are(monkeypatch, folder, f"echo $PPID >> $grid/parents; sleep 0.3\n{DONE}")
    other = while_it_runs(lambda: run(folder))
    run(folder)
    other.join()
    assert completions(folder) == sorted(plan.cells)
    assert len(set((folder / "parents").read_text().split())) > 2


def test_each_worker_has_its_gpu_and_its_share_of_the_cores(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder, 2)
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("denoise.grid.executor.num_cores", lambda: 7)
    both = "while [ $(ls -d $grid/*/seen | wc -l) -lt 2 ]; do sleep 0.02; done"
    cells_are(monkeypatch, folder, f'echo "$CUDA_VISIBLE_DEVICES $OMP_NUM_THREADS" > $cell/seen; {both}\n{DONE}')
    run(folder, 2, gpus=("0", "GPU-7"))
    assert sorted(path.read_text().strip() for path in folder.glob("*/seen")) == ["0 3", "GPU-7 3"]


def test_one_worker_has_all_cores() -> None:
    assert share(0, 1, [], environ={}) == {}
    assert share(2, 3, ["0", "1"], environ={})["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_killed_worker_is_replaced_once_its_cell_has_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 2)
    cells_are(monkeypatch, folder, f"{WAITS}\n{DONE}")
    seen: list[int] = []

    def kill() -> None:
        until(lambda: begun(folder) == 1 and workers_of(folder, plan))
        os.kill(workers_of(folder, plan)[0], signal.SIGKILL)
        threading.Event().wait(1.2)  # two looks of the conductor
        seen.append(begun(folder))
        (folder / "go").touch()

    killing = while_it_runs(kill)
    run(folder, 1)
    killing.join()
    assert seen == [1], "another cell was begun on the share of one that still runs"
    assert completions(folder) == sorted(plan.cells)


def test_cells_that_others_run_are_waited_for_and_taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 2)
    cells_are(monkeypatch, folder, DONE)
    other = Claim.take(folder / plan.cells[0])
    assert other is not None

    def leave() -> None:
        until(lambda: completions(folder) == [plan.cells[1]])
        other.release()

    while_it_runs(leave)
    run(folder, 2)
    assert completions(folder) == sorted(plan.cells)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_grid_that_is_asked_to_stop_leaves_nothing_running(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    lay_out(folder, 4)
    saves = "trap 'sleep 0.2; touch $cell/saved; exit 75' TERM"
    cells_are(monkeypatch, folder, f"{saves}\n{WAITS}")

    def ask(*_: object, **__: object) -> None:
        if begun(folder) == 2 and not asked:
            asked.append(True)
            signal.raise_signal(number)

    asked: list[bool] = []
    before(monkeypatch, LocalWorkers, "num_at_work", ask)
    with pytest.raises(Stopped) as stopped:
        run(folder)
    assert stopped.value.exit_code == (130 if number is signal.SIGINT else 75)
    assert len(list(folder.glob("*/saved"))) == 2 == begun(folder)
    assert not any(is_alive(int(pid)) for pid in (folder / "pids").read_text().split())
    assert not list(folder.rglob("failed.json"))


def test_ctrl_c_twice_ends_all_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder, 2)
    cells_are(monkeypatch, folder, f"trap '' TERM\n{WAITS}")

    def ask(*_: object, **__: object) -> None:
        if begun(folder) == 2 and len(asked) < 2:
            asked.append(True)
            signal.raise_signal(signal.SIGINT)

    asked: list[bool] = []
    before(monkeypatch, LocalWorkers, "num_at_work", ask)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    until(lambda: not any(is_alive(int(pid)) for pid in (folder / "pids").read_text().split()))


def test_a_cell_whose_worker_was_killed_is_stopped_with_the_grid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1)
    cells_are(monkeypatch, folder, f"trap 'touch $cell/saved; exit 75' TERM\n{WAITS}")

    def ask(*_: object, **__: object) -> None:
        if begun(folder) and not asked and (workers := workers_of(folder, plan)):
            asked.append(True)
            os.kill(workers[0], signal.SIGKILL)
            signal.raise_signal(signal.SIGTERM)

    asked: list[bool] = []
    before(monkeypatch, LocalWorkers, "num_at_work", ask)
    with pytest.raises(Stopped):
        run(folder, 1)
    assert (folder / plan.cells[0] / "saved").exists()


def test_workers_that_were_stopped_are_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder, 2)
    cells_are(monkeypatch, folder, "touch $cell/begun; exit 75")
    with pytest.raises(Stopped, match="all workers were stopped"):
        run(folder, 1)
    assert begun(folder) == 1


def test_workers_that_cannot_begin_are_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(folder, 1)
    complains = [sys.executable, "-c", "import sys; sys.exit('denoise: no room')"]
    monkeypatch.setattr("denoise.grid.executor.command", lambda *_: complains)
    with pytest.raises(WorkersEnd, match=r"the workers end at once: denoise: no room; .*workers\.log has the rest"):
        run(folder, 1)


def test_what_happens_is_told_in_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 2)
    bad = folder / plan.cells[0]
    cells_are(monkeypatch, folder, f"sleep 1.2; case $cell in {bad}) echo 'CUDA error [0]'; exit 1;; esac\n{DONE}")
    said = io.StringIO()
    run(folder, 2, console=Console(file=said, width=200))
    lines = said.getvalue().splitlines()
    assert "a1-seed1 is done: 90 tokens in 2 s" in lines
    assert lines[lines.index("a0-seed1 failed (1 of 2 tries) and is tried again:") + 1] == "    CUDA error [0]"
    assert lines[lines.index("a0-seed1 failed (2 of 2 tries) and is left alone:") + 1] == "    CUDA error [0]"
    assert lines[-1] != ""
    assert failure(bad)["tries"] == 2


def test_in_a_terminal_each_cell_at_work_has_one_line(folder: Path) -> None:
    plan = lay_out(folder, 3)
    for name in plan.cells[:2]:
        rows = [
            f'{{"kind": "train", "step": {step}, "tokens": {step}, "elapsed_s": {step}, "loss": 1}}\n'
            for step in (1, 4)
        ]
        (folder / name / "metrics.jsonl").write_text("".join(rows))
        (folder / name / "shapes.json").write_text('{"num_steps": 9}')
    claims = [Claim.take(folder / name) for name in plan.cells[:2]]
    said = io.StringIO()
    live = Live(folder, ALL, Console(file=said, width=70, force_terminal=True, color_system=None), num_workers=2)
    live.show(at_once=True)
    live.stop()
    last = said.getvalue()
    assert last.count("a0-seed1: step 4/9, loss 1.000, 5 s left") == last.count("a1-seed1: step 4/9") >= 1
    assert "0 of 3 cells done, 2 running, 1 missing; about 10 s of training left" in last
    assert len(claims) == 2


def test_a_grid_that_was_killed_leaves_its_cells_to_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 3)
    script = program(folder.parent, f"{WAITS}\n{DONE}")
    starts = (
        "import sys\nfrom pathlib import Path\nfrom denoise.grid import executor\nfrom tests.grid import fake_cells\n"
        f"executor.command = lambda folder, only: fake_cells.worker_command({str(script)!r}, folder, *only)\n"
        "fake_cells.run(Path(sys.argv[1]), 2)\n"
    )
    first = subprocess.Popen([sys.executable, "-c", starts, str(folder)])
    until(lambda: begun(folder) == 2)
    first.kill()
    first.wait()
    cells_are(monkeypatch, folder, DONE)

    def go() -> None:
        until(lambda: completions(folder) == [plan.cells[2]])
        (folder / "go").touch()

    while_it_runs(go)
    run(folder, 2)
    assert completions(folder) == sorted(plan.cells)
