"""What is asked of Slurm, and what its answers are taken for; the programs of Slurm are scripts here."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from rich.console import Console

from data_prep.errors import BadInput
from denoise import cli
from denoise.grid import slurm, slurm_job, slurm_queue
from denoise.grid.live import Live
from denoise.grid.slurm import BadSlurm, in_queue, slurm_options
from denoise.grid.slurm_job import put_back
from denoise.grid.slurm_queue import told_by_slurm, wait
from denoise.stopping import INTERRUPTED, REQUEUE
from tests.grid.fake_cells import lay_out


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs are found before all others."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def write_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("state", "reason", "is_put_back"),
    [
        ("RUNNING", "None", True),
        ("COMPLETING", "TimeLimit", True),
        ("COMPLETING", "None", False),  # cancelled, or preempted
        ("PENDING", "BeginTime", False),
    ],
)
def test_a_job_is_put_back_unless_it_was_cancelled_or_is_back_already(
    programs: Path, state: str, reason: str, is_put_back: bool
) -> None:
    script = (
        f'[ $1 = show ] && echo "JobId=7 Name=a b JobState={state} Reason={reason} Requeue=1" || echo "$@" >> $0.said'
    )
    write_program(programs, "scontrol", script)
    said = put_back("7")
    asked = (programs / "scontrol.said").read_text() if (programs / "scontrol.said").exists() else ""
    assert asked == ("requeue 7\n" if is_put_back else "")
    assert ("is put back" in said) == is_put_back


def test_a_job_that_may_not_be_put_back_says_so(programs: Path) -> None:
    write_program(programs, "scontrol", "[ $1 = show ] && echo JobState=RUNNING || { echo Disabled >&2; exit 1; }")
    assert put_back("7") == "job 7 cannot be put back into the queue: Disabled; the same command submits it anew"


def test_only_jobs_of_this_folder_are_this_grids(programs: Path, folder: Path) -> None:
    answer = "7_0 RUNNING None\\n7_1 PENDING Nodes required for job are DOWN\\n9 RUNNING None\\n"
    write_program(programs, "squeue", f'echo "$@" > $0.asked; printf "{answer}"')
    for name in ("7_0", "7_1", "8_0"):
        (folder / "slurm" / f"{name}_submitted.pkl").parent.mkdir(exist_ok=True)
        (folder / "slurm" / f"{name}_submitted.pkl").touch()
    assert in_queue(folder) == {"7_0": "RUNNING", "7_1": "PENDING (Nodes required for job are DOWN)"}
    assert f"--user={os.getuid()} --name=denoise-grid" in (programs / "squeue.asked").read_text()
    assert told_by_slurm(folder) == "Slurm: 1 running, 1 pending (Nodes required for job are DOWN)"


@pytest.mark.parametrize(("num_workers", "num_submitted"), [(1, 0), (2, 1), (9, 2)])
def test_so_many_workers_are_submitted_as_are_missing_and_have_a_cell(
    folder: Path, monkeypatch: pytest.MonkeyPatch, num_workers: int, num_submitted: int
) -> None:
    lay_out(folder, 3)
    monkeypatch.setattr(slurm_queue, "in_queue", lambda _: {"7": "PENDING (Resources)", "8": "COMPLETING"})
    monkeypatch.setattr(
        slurm_queue, "submit", lambda folder, only, num, options: [f"9_{place}" for place in range(num)]
    )
    jobs = slurm_queue.fill_queue(folder, ("*",), num_workers, {}, Console(quiet=True))
    assert jobs == ["7", *(f"9_{place}" for place in range(num_submitted))]


def test_a_controller_that_is_away_for_a_moment_is_not_the_end_of_the_jobs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(folder)
    answers = iter([{"7": "RUNNING"}, BadSlurm("Slurm does not answer: it restarts"), {"7": "RUNNING"}, {}])

    def answer(_: Path) -> dict[str, str]:
        found = next(answers)
        if isinstance(found, BadSlurm):
            raise found
        return found

    monkeypatch.setattr(slurm_queue, "in_queue", answer)
    monkeypatch.setattr(slurm_queue, "_LOOK_EVERY_S", 0.01)
    live = Live(folder, ("*",), Console(), num_workers=1)
    with pytest.raises(
        BadSlurm, match="job 7 left Slurm's queue, and not done is a0-seed1, a1-seed1; they left no log"
    ):
        wait(folder, ("*",), ["7"], live)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("Slurm")] == [
        "Slurm: 1 running",
        "Slurm does not answer: it restarts",
        "Slurm: 1 running",
        "Slurm: no job is in the queue",
    ]


def test_when_all_is_done_nobody_waits_for_jobs_that_are_still_in_the_queue(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in lay_out(folder).cells:
        (folder / name / "done.json").write_text('{"step": 1}')
    monkeypatch.setattr(slurm_queue, "in_queue", lambda _: pytest.fail("Slurm was asked"))
    wait(folder, ("*",), ["7"], Live(folder, ("*",), Console(quiet=True), num_workers=1))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--slurm.nodes=2", "--slurm.nodes is not for you to give: a worker is one task on one node"),
        ("--slurm.ntasks_per_node=2", "--slurm.ntasks-per-node is not for you to give"),
        ("--slurm.output=x", "what jobs say is in the folder slurm of the grid"),
        ("--slurm.signal=USR2@60", "--slurm.signal is USR2@60; runs save at USR1 or TERM: --slurm.signal=USR1@120"),
        ("--slurm.setup", "--slurm.setup needs a line of shell"),
    ],
)
def test_options_that_would_break_workers_are_refused(given: str, said: str) -> None:
    with pytest.raises(BadSlurm, match=said):
        slurm_options([given])


def test_options_of_another_executor_are_refused(tmp_path: Path) -> None:
    for given, said in (
        (["--slurm.time=1"], "--slurm.time is for jobs of Slurm; add --executor slurm"),
        (["--wait=false"], "--wait=false is for jobs of Slurm"),
        (["--executor=slurm", "--gpus=0"], "--gpus is for GPUs of this machine; ask Slurm"),
    ):
        with pytest.raises(BadInput, match=said):
            cli.run(["grid", str(tmp_path / "no.yaml"), *given])


def test_where_there_is_no_slurm_it_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadSlurm, match="there is no sbatch here"):
        slurm.check_slurm()
    with pytest.raises(BadSlurm, match="there is no squeue here"):
        in_queue(folder)


@pytest.mark.parametrize(("exit_code", "is_put_back"), [(0, False), (REQUEUE, True), (INTERRUPTED, False), (2, False)])
def test_only_a_worker_that_asks_for_it_is_put_back_and_by_nobody_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exit_code: int, is_put_back: bool
) -> None:
    def at_submitits_signal(*_: object) -> int:
        signal.raise_signal(signal.SIGUSR2)  # submitit's handler would put the job back here
        return exit_code

    asked = []
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr(slurm_job.worker, "work", at_submitits_signal)
    monkeypatch.setattr(slurm_job, "put_back", asked.append)
    before = signal.signal(signal.SIGUSR2, lambda *_: asked.append("by submitit"))
    try:
        slurm_job.work(str(folder), ("*",))
        ended = 0
    except SystemExit as left:
        ended = left.code
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert ended == exit_code
    assert asked == (["7"] if is_put_back else [])
