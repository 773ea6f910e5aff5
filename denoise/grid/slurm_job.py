"""What a job of Slurm does: one worker, put back into the queue if it was asked to stop before its work was done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from denoise.ending import exit_code_of
from denoise.grid import worker
from denoise.stopping import REQUEUE


def work(folder: str, only: Sequence[str]) -> None:
    """Be a worker of a grid; called by submitit inside the job.

    A signal reaches all processes of the job, and the cell saves. Putting the job back is left to `put_back` alone:
    submitit would do so at SIGUSR2 without waiting for the cell, and Lightning's handler is off.
    """
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    # Where Slurm does not bind jobs to their cores, each would take all of the machine.
    os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SLURM_CPUS_ON_NODE", "1"))
    exit_code = exit_code_of(lambda: worker.work(Path(folder), only))
    if exit_code == REQUEUE:
        print(put_back(os.environ["SLURM_JOB_ID"]), flush=True)
    if exit_code:
        sys.exit(exit_code)


def put_back(job: str) -> str:
    """Have Slurm start this job again, unless somebody cancelled it or Slurm does so by itself; what was done.

    While a job goes on, its state is RUNNING. Once Slurm is ending it, that is COMPLETING: it was cancelled, and
    would rise again; or it was preempted, and Slurm has put it back; or its time is over, which the reason tells.
    """
    try:
        told = _scontrol("show", "job", "--oneliner", job)
        about = dict(word.partition("=")[::2] for word in told.split() if "=" in word)
        if about.get("JobState") != "RUNNING" and about.get("Reason") != "TimeLimit":
            return f"job {job} was cancelled, or Slurm itself has put it back"
        _scontrol("requeue", job)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        return f"job {job} cannot be put back into the queue: {reason.strip()}; the same command submits it anew"
    return f"job {job} is put back into the queue"


def _scontrol(*arguments: str) -> str:
    command = ["scontrol", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
