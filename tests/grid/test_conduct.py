"""A grid with several workers, to its end or to where it was stopped."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from denoise.grid import conduct
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


def test_more_workers_than_cores_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("denoise.grid.executor.num_cores", lambda: 3)
    assert share(0, 8, [], environ={}) == {"OMP_NUM_THREADS": "1"}


class Staff:
    """Workers of whom only the number is known."""

    def __init__(self, num_at_work: int, num_wanted: int) -> None:
        self.num_wanted = num_wanted
        self.num_started = 0
        self._num_at_work = num_at_work

    def num_at_work(self) -> int:
        return self._num_at_work

    def start(self) -> None:
        self.num_started += 1

    def ask_to_stop(self) -> None: ...

    def kill(self) -> None: ...


@pytest.mark.parametrize(("num_at_work", "num_started"), [(1, 3), (2, 2), (3, 1), (4, 0)])
def test_a_worker_is_started_for_each_free_cell_that_none_is_about_to_take(
    folder: Path, num_at_work: int, num_started: int
) -> None:
    plan = lay_out(folder, 4)
    with Claim.take(folder / plan.cells[0]) or pytest.fail("not taken"):
        staff = Staff(num_at_work, num_wanted=8)
        assert conduct._go_on(folder, ALL, staff)
        assert staff.num_started == num_started


def test_the_grid_goes_on_with_the_workers_that_were_not_stopped(folder: Path) -> None:
    lay_out(folder, 2)
    assert conduct._go_on(folder, ALL, Staff(1, num_wanted=0))
    with pytest.raises(Stopped, match="all workers were stopped"):
        conduct._go_on(folder, ALL, Staff(0, num_wanted=0))


def test_whoever_watches_sees_the_cells_that_come_to_the_plan(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = lay_out(folder, 2)
    Plan(cells=both.cells[:1]).write(folder)
    looks = iter(both.cells)

    def sleep(_: float) -> None:
        both.write(folder)
        (folder / next(looks) / "done.json").write_text("{}")

    monkeypatch.setattr(conduct, "time", SimpleNamespace(sleep=sleep))
    conduct.watch(folder, ALL, Live(folder, ALL, Console(quiet=True), num_workers=1))
    assert list(looks) == []


@pytest.mark.parametrize("exit_by", ["kill -9 $$", "exit 0"])
def test_workers_that_are_killed_or_have_nothing_to_do_have_not_crashed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exit_by: str
) -> None:
    lay_out(folder, 1)
    monkeypatch.setattr("denoise.grid.executor.command", lambda *_: ["sh", "-c", exit_by])
    workers = LocalWorkers(folder, ALL, num=1)
    for _ in range(4):
        workers.start()
        until(lambda: workers.num_at_work() == 0)
    assert workers.num_wanted == 1


def test_a_cell_at_work_elsewhere_is_not_that_of_a_killed_worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lay_out(folder, 1)
    claim = Claim.take(folder / plan.cells[0])
    assert claim is not None
    # The same number on another machine: it does not have this worker's share of the cores.
    told = f'echo "{{\\"worker\\": $$, \\"host\\": \\"elsewhere\\"}}" > {folder / plan.cells[0]}/claim; kill -9 $$'
    monkeypatch.setattr("denoise.grid.executor.command", lambda *_: ["sh", "-c", told])
    workers = LocalWorkers(folder, ALL, num=1)
    workers.start()
    until(lambda: (holder(folder / plan.cells[0]) or {}).get("host") == "elsewhere")
    until(lambda: workers.num_at_work() == 0)


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


def shown_with_two_at_work(folder: Path, num_workers: int) -> str:
    """A terminal's text of three cells, two of them held and in step 4 of 9, at a second a step."""
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
    console = Console(file=said, width=70, force_terminal=True, color_system=None)
    live = Live(folder, ALL, console, num_workers=num_workers)
    live.show(at_once=True)
    live.stop()
    assert len(claims) == 2
    return said.getvalue()


def test_in_a_terminal_each_cell_at_work_has_one_line(folder: Path) -> None:
    last = shown_with_two_at_work(folder, 2)
    assert last.count("a0-seed1: step 4/9, loss 1.000, 5 s left") == last.count("a1-seed1: step 4/9") >= 1
    assert "0 of 3 cells done, 2 running, 1 missing; about 10 s of training left" in last


def test_who_only_looks_on_counts_the_workers_that_he_sees(folder: Path) -> None:
    assert "about 10 s of training left" in shown_with_two_at_work(folder, 1)


def test_what_is_so_already_is_not_told_as_news(folder: Path) -> None:
    plan = lay_out(folder, 4)
    done, stopped, missing, other = (folder / name for name in plan.cells)
    (done / "done.json").write_text("{}")
    (stopped / "metrics.jsonl").write_text('{"kind": "train", "step": 4, "tokens": 4, "elapsed_s": 4, "loss": 1}\n')
    said = io.StringIO()
    live = Live(folder, ("a[0-2]*",), Console(file=said, width=70), num_workers=2)
    live.show(at_once=True)
    with ExitStack() as held:
        for cell in (stopped, missing, other):
            held.enter_context(Claim.take(cell) or pytest.fail("not taken"))
        live.stop()
    assert said.getvalue().splitlines() == ["a1-seed1 goes on", "a2-seed1 begins"]


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
