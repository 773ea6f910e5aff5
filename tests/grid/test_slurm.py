"""Workers as jobs of a real Slurm of one node: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from denoise import cli
from denoise.grid.slurm import BadSlurm, in_queue
from denoise.grid.slurm_queue import Queue
from denoise.stopping import INTERRUPTED, Stopped
from tests.denoise.test_resume import TINY, last_weights, rows, untimed
from tests.grid.one_node_slurm import CannotStart, one_node_slurm
from tests.grid.waiting import is_alive, until
from tests.patching import before

pytestmark = pytest.mark.timeout(400)  # a job waits for its turn, and Slurm before it starts one again

LONG = ["--budget_tokens=60000", "--save_every=20"]
WITHIN_S = 100


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    try:
        with one_node_slurm() as folder:
            yield folder
    except CannotStart as reason:
        pytest.skip(str(reason))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text("cells: [{strategy: t5}, {strategy: mass, corruption: MaskedFragment}]\n")
    return path


def grid(file: Path, prepared: Path, *more: str) -> Path:
    """What `denoise grid --executor slurm` does, in this process; the folder of the grid."""
    folder = file.parent / "grid"
    cli.run(["grid", str(file), f"--out={folder}", "--executor=slurm", f"--data={prepared}", *TINY, *more])
    return folder


def the_cell(folder: Path) -> Path:
    [cell] = [path.parent for path in folder.glob("*/log.txt")]
    return cell


def number_of(job: str, field: str) -> int:
    told = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"\b{field}=(\d+)", told)[1])  # type: ignore[index]


def running_job(folder: Path) -> str:
    [(job, state)] = in_queue(folder).items()
    assert state == "RUNNING"
    return job


def steps_saved(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/checkpoints/step-*.ckpt"))


def said_in(cell: Path) -> str:
    return (cell / "log.txt").read_text()


def assert_undisturbed(cell: Path, prepared: Path, run: Path, *more: str) -> None:
    """The cell has the weights and the lines of a run of the same configuration that nothing has disturbed."""
    cli.run(["train", "-c", str(cell / "config.yaml"), f"--run={run}"])
    expected, found = last_weights(run), last_weights(cell)
    assert all((found[name] == expected[name]).all() for name in expected)
    for kind in ("train", "held_out"):
        assert list(map(untimed, rows(cell, kind))) == list(map(untimed, rows(run, kind)))


@pytest.mark.slow
def test_a_grid_is_done_by_jobs_that_outlive_the_command(
    slurm: Path, prepared: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.default_int_handler)  # as in a shell's foreground
    with monkeypatch.context() as patched:
        before(patched, Queue, "holds_jobs", lambda _: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Stopped, match=r"no longer waiting, but job \d+ goes on.* scancel \d+ ends it") as left:
            grid(file, prepared, "--workers=2")
    assert left.value.exit_code == INTERRUPTED
    folder = grid(file, prepared, "--workers=2")
    said, errors = capfd.readouterr()
    assert "2 workers submitted: job " in said and "2 workers in Slurm's queue already" in said
    [script] = (folder / "slurm").glob("*_submission.sh")
    asked = script.read_text()
    assert "#SBATCH --array=0-1%2" in asked and "#SBATCH --requeue" in asked and "#SBATCH --signal=USR1@90" in asked
    assert "--time" not in asked and "wckey" not in asked, "submitit's own wishes"
    assert " -P -u -m submitit" in asked
    assert len(list(folder.glob("*/done.json"))) == 2 and (folder / "report.html").exists()
    workers = {json.loads(path.read_text())["worker"] for path in folder.glob("*/claim")}
    assert len(workers) == 2, "one worker did both"
    assert "sacct" not in said + errors


@pytest.mark.slow
def test_after_a_kill_the_same_command_goes_on_where_it_was(slurm: Path, prepared: Path, file: Path) -> None:
    given = ["--only", "t5*", *LONG]
    folder = grid(file, prepared, "--wait=false", *given)
    until(lambda: steps_saved(folder), WITHIN_S)
    subprocess.run(["scancel", "--signal=KILL", running_job(folder)], check=True)
    until(lambda: not in_queue(folder), WITHIN_S)
    cell = the_cell(folder)
    assert not (cell / "done.json").exists()
    assert grid(file, prepared, *given) == folder
    assert said_in(cell).count("going on from step") == 1
    assert_undisturbed(cell, prepared, folder.parent / "undisturbed")


@pytest.mark.slow
def test_asked_to_stop_and_preempted_a_job_comes_back_by_itself_each_time_once(
    slurm: Path, prepared: Path, file: Path
) -> None:
    given = ["--only", "t5*", *LONG]
    folder = grid(file, prepared, "--wait=false", *given)
    until(lambda: steps_saved(folder), WITHIN_S)
    job, cell = running_job(folder), the_cell(folder)
    subprocess.run(["scancel", "--signal=USR1", job], check=True)
    until(lambda: said_in(cell).count("which is saved (SIGUSR1)") == 1)
    until(lambda: said_in(cell).count("going on from step") == 1, WITHIN_S)
    saved = steps_saved(folder)
    until(lambda: steps_saved(folder) != saved, WITHIN_S)
    urgent = ["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=true"]
    subprocess.run(urgent, check=True, capture_output=True)
    until(lambda: said_in(cell).count("which is saved (SIGTERM)") == 1, WITHIN_S)
    grid(file, prepared, *given)
    assert said_in(cell).count("going on from step") == 2
    assert number_of(job, "Restarts") == 2
    assert not (cell / "failed.json").exists()
    assert_undisturbed(cell, prepared, folder.parent / "undisturbed")


@pytest.mark.slow
def test_a_cancelled_job_does_not_rise_again(slurm: Path, prepared: Path, file: Path) -> None:
    folder = grid(file, prepared, "--wait=false", "--only", "t5*", *LONG)
    until(lambda: list(folder.glob("*/log.txt")), WITHIN_S)
    job = running_job(folder)
    subprocess.run(["scancel", job], check=True)
    until(lambda: not in_queue(folder), WITHIN_S)
    [log] = (folder / "slurm").glob("*.out")
    assert f"job {job} was cancelled" in log.read_text()
    assert number_of(job, "Restarts") == 0


def test_what_sbatch_refuses_is_one_sentence(
    slurm: Path, prepared: Path, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for given, said in (
        ("--slurm.partition=nowhere", "invalid partition specified: nowhere; Batch job submission failed: Invalid"),
        ("--slurm.partitin=usual", "unrecognized option '--partitin=usual'$"),
    ):
        with pytest.raises(BadSlurm, match=f"^sbatch refuses the jobs: {said}"):
            grid(file, prepared, given)
    assert capfd.readouterr().err == ""
    assert not in_queue(file.parent / "grid")


def test_jobs_that_end_before_their_work_say_why(slurm: Path, prepared: Path, file: Path) -> None:
    with pytest.raises(BadSlurm, match=r"not done is t5-seed1, mass-seed1; the last line of .*: no such module"):
        grid(file, prepared, "--workers=2", "--slurm.setup=echo no such module >&2; sleep 0.1; echo begun; exit 3")


def test_nothing_of_this_slurm_is_left_when_a_test_fails(tmp_path: Path) -> None:
    before, told = os.environ.get("SLURM_CONF"), tmp_path / "process"
    try:
        with one_node_slurm() as folder:
            job = f"--wrap=trap : TERM; echo $$ > {told}; while :; do sleep 1; done"
            subprocess.run(["sbatch", "--output=/dev/null", job], check=True, capture_output=True)
            until(lambda: told.exists() and told.read_text(), WITHIN_S)
            daemons = [int((folder / f"{name}.pid").read_text()) for name in ("munge", "slurmctld", "slurmd")]
            raise ZeroDivisionError
    except CannotStart as reason:
        pytest.skip(str(reason))
    except ZeroDivisionError:
        pass
    until(lambda: not any(is_alive(process) for process in [*daemons, int(told.read_text())]), 1.0)
    assert not folder.exists() and os.environ.get("SLURM_CONF") == before
