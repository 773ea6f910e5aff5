"""Workers as jobs of Slurm, submitted through submitit: Slurm starts them, ends them and starts them again.

A worker needs nothing but the grid's folder, so a job is one worker, and any of them may be lost: the others take
its cells. What a job does is in `denoise.grid.slurm_job`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_prep.errors import BadInput
from denoise.grid.slurm_job import work

FOLDER = "slurm"
"""What submitit writes, and what the jobs say, in the grid's folder."""

Options = Mapping[str, str | bool]
"""Options of sbatch by their long names; True for those without a value."""

_PREFIX = "--slurm."
_SETUP = "setup"
_TASK = "a worker is one task on one node, and --workers gives more of them"
_REFUSED = {
    "array": "--workers says how many jobs there are",
    "wrap": "what a job does is decided",
    "output": f"what jobs say is in the folder {FOLDER} of the grid",
    "error": f"what jobs say is in the folder {FOLDER} of the grid",
    "open-mode": f"what jobs say is in the folder {FOLDER} of the grid",
    "job-name": "jobs are found again by the name that they are given",
    "nodes": _TASK,
    "ntasks": _TASK,
    "ntasks-per-node": _TASK,
}
_SIGNAL = r"(SIG)?(USR1|TERM)(@\d+)?"
# Slurm 22.05 to 23.02 do not pass this on from sbatch to srun, which then may bind the worker to one core.
_CPUS_FOR_SRUN = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"'


class BadSlurm(BadInput):
    """No Slurm, options that it does not take, or jobs that ended before their work was done."""


def slurm_options(arguments: Sequence[str]) -> tuple[dict[str, str | bool], list[str]]:
    """The options for sbatch among arguments, and the rest. Raises BadSlurm for those that are not the user's.

    >>> slurm_options(["grid.yaml", "--slurm.time=1:00:00", "--slurm.exclusive", "--seed", "1", "--slurm.mem", "4G"])
    ({'time': '1:00:00', 'exclusive': True, 'mem': '4G'}, ['grid.yaml', '--seed', '1'])
    """
    found: dict[str, str | bool] = {}
    rest, left = [], list(arguments)
    while left:
        argument = left.pop(0)
        if not argument.startswith(_PREFIX):
            rest.append(argument)
            continue
        name, joined, value = argument.removeprefix(_PREFIX).partition("=")
        has_own_value = not joined and bool(left) and not left[0].startswith("-")
        name = name.replace("_", "-")
        if name in _REFUSED:
            raise BadSlurm(f"{_PREFIX}{name} is not for you to give: {_REFUSED[name]}")
        found[name] = value if joined else left.pop(0) if has_own_value else True
    if found.get(_SETUP) is True:
        raise BadSlurm(f"{_PREFIX}{_SETUP} needs a line of shell, such as {_PREFIX}{_SETUP}='module load cuda'")
    if not re.fullmatch(_SIGNAL, str(found.get("signal", "USR1"))):
        raise BadSlurm(f"{_PREFIX}signal is {found['signal']}; runs save at USR1 or TERM: {_PREFIX}signal=USR1@120")
    return found, rest


def check_slurm() -> None:
    """Raises BadSlurm where no job can be submitted."""
    if shutil.which("sbatch") is None:
        raise BadSlurm("there is no sbatch here; run this where jobs of Slurm are submitted, or without --executor")
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise BadSlurm("the executor slurm needs submitit; run: pip install 'denoise[cluster]'") from None


def submit(folder: Path, only: Sequence[str], num_workers: int, options: Options) -> list[str]:
    """Put so many workers into the queue; the ids of their jobs. Raises BadSlurm with what sbatch said."""
    import submitit

    # -P: no file of the folder this runs in may take the place of a library.
    executor = submitit.SlurmExecutor(folder / FOLDER, python=f"{shlex.quote(sys.executable)} -P")
    setup = [_CPUS_FOR_SRUN, *(str(value) for name, value in options.items() if name == _SETUP)]
    executor.update_parameters(
        job_name=job_name(folder),
        time=None,  # submitit's five minutes
        wckey=None,
        setup=setup,
        additional_parameters={
            "requeue": True,
            "signal": "USR1@90",
            **{name: value for name, value in options.items() if name != _SETUP},
        },
    )
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            jobs = executor.map_array(work, [str(folder.resolve())] * num_workers, [tuple(only)] * num_workers)
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
            raise BadSlurm(f"sbatch refuses the jobs: {_said(str(error))}") from error
    return [job.job_id for job in jobs]


def _said(by_slurm: str) -> str:
    """What a command of Slurm had to say, in a line.

    >>> _said("sbatch: error: Batch job submission failed: Invalid partition name specified\\n")
    'Batch job submission failed: Invalid partition name specified'
    """
    lines = [re.sub(r"^(\w+: )?(error: )?", "", line) for line in by_slurm.splitlines()]
    return "; ".join(line for line in lines if line and not line.startswith('Try "')) or "it gave no reason"


def job_name(folder: Path) -> str:
    """What the jobs of a grid are called.

    >>> job_name(Path("runs/t5, again"))
    'denoise-t5__again'
    """
    return "denoise-" + re.sub(r"[^\w.+=-]", "_", folder.resolve().name)


def in_queue(folder: Path) -> dict[str, str]:
    """The jobs of a grid that have not ended, and their states: RUNNING, PENDING (Resources), COMPLETING.

    Raises BadSlurm if Slurm does not answer.
    """
    ours = {path.name.removesuffix("_submitted.pkl") for path in (folder / FOLDER).glob("*_submitted.pkl")}
    command = ["squeue", "--noheader", "--array", f"--user={os.getuid()}", f"--name={job_name(folder)}"]
    try:
        answer = subprocess.run([*command, "--format=%i %T %r"], capture_output=True, text=True, check=True, timeout=60)
    except FileNotFoundError:
        raise BadSlurm("there is no squeue here, so Slurm cannot be asked about its jobs") from None
    except subprocess.TimeoutExpired:
        raise BadSlurm("Slurm does not answer: squeue was silent for a minute") from None
    except subprocess.CalledProcessError as error:
        raise BadSlurm(f"Slurm does not answer: {_said(error.stderr)}") from error
    found = {}
    for line in answer.stdout.splitlines():
        job, state, reason = line.split(maxsplit=2)
        if job in ours:
            found[job] = f"{state} ({reason})" if state == "PENDING" else state
    return found


def together(jobs: Sequence[str]) -> str:
    """Ids as scancel takes them: an array by its own.

    >>> together(["7_0", "7_1", "9"])
    '7 9'
    """
    return " ".join(dict.fromkeys(job.partition("_")[0] for job in jobs))
