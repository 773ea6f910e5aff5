"""Who starts workers: processes on this machine. Workers need nothing but the grid's folder."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from data_prep.errors import BadInput
from denoise.grid.claim import holder
from denoise.grid.plan import read_plan
from denoise.grid.worker import command
from denoise.stopping import INTERRUPTED, REQUEUE

LOG = "workers.log"
_MOST_CRASHES = 3


class Executor(Protocol):
    """What `conduct` asks of whoever starts the workers of a grid."""

    num_wanted: int
    """Workers that there may be at once."""

    def num_at_work(self) -> int:
        """Workers that were started and have not ended; asked for about twice a second."""

    def start(self) -> None:
        """Start one more; `num_at_work` is below `num_wanted`."""

    def ask_to_stop(self) -> None:
        """Ask all of them to save and end."""

    def kill(self) -> None:
        """End all of them at once."""


class WorkersEnd(BadInput):
    """Workers that end before they take a cell."""


@dataclass
class _Slot:
    """A place for one worker at a time, with its share of the machine."""

    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None


class LocalWorkers:
    """Workers on this machine, each with its share of the cores, and a GPU where some are named.

    Each leads a process group of its own, so that Ctrl-C reaches only the one who conducts them. A worker that was
    killed is replaced, but not before the cell that outlives it has ended, which has its share.
    """

    def __init__(self, folder: Path, only: Sequence[str], *, num: int, gpus: Sequence[str] = ()) -> None:
        self.folder = folder
        self.only = only
        self.num_wanted = num
        self._slots = [_Slot({**os.environ, **share(place, num, gpus)}) for place in range(num)]
        self._num_crashes = 0

    def num_at_work(self) -> int:
        """Workers that have not ended, and cells that outlive theirs."""
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is not None and not self._is_survived(slot.process):
                self._ended(slot.process.returncode)
                slot.process = None
        return sum(slot.process is not None for slot in self._slots)

    def start(self) -> None:
        """Start a worker in the first free slot."""
        slot = next(slot for slot in self._slots if slot.process is None)
        with open(self.folder / LOG, "ab") as log:
            slot.process = subprocess.Popen(
                command(self.folder, self.only),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=slot.environment,
                start_new_session=True,
            )

    def ask_to_stop(self) -> None:
        """A worker asks its cell; one that lives without its worker is asked by itself."""
        for process in self._processes():
            if process.poll() is None:
                process.terminate()
            else:
                self._signal_group(process, signal.SIGTERM)

    def kill(self) -> None:
        """End workers and their cells."""
        for process in self._processes():
            self._signal_group(process, signal.SIGKILL)
            process.wait()

    def _processes(self) -> list[subprocess.Popen[bytes]]:
        return [slot.process for slot in self._slots if slot.process is not None]

    def _signal_group(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def _is_survived(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether a worker was killed and its cell lives on."""
        if process.returncode in (0, REQUEUE, INTERRUPTED):
            return False
        holders = (holder(self.folder / name) for name in read_plan(self.folder).cells)
        mine = {"worker": process.pid, "host": platform.node()}
        return any(found is not None and mine.items() <= found.items() for found in holders)

    def _ended(self, exit_code: int) -> None:
        if exit_code in (REQUEUE, INTERRUPTED):
            self.num_wanted -= 1  # somebody asked it to stop: it is not replaced
        elif exit_code > 0:
            self._num_crashes += 1
            if self._num_crashes == _MOST_CRASHES:
                lines = (self.folder / LOG).read_text(errors="replace").splitlines() or [f"exit code {exit_code}"]
                raise WorkersEnd(f"the workers end at once: {lines[-1]}; {self.folder / LOG} has the rest")


def share(place: int, num_workers: int, gpus: Sequence[str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment that gives a worker its share of this machine.

    >>> share(1, 2, ["0", "3"], environ={"OMP_NUM_THREADS": "4"})
    {'CUDA_VISIBLE_DEVICES': '3'}
    """
    found = {}
    if num_workers > 1 and "OMP_NUM_THREADS" not in environ:
        found["OMP_NUM_THREADS"] = str(max(1, num_cores() // num_workers))
    if gpus:
        found["CUDA_VISIBLE_DEVICES"] = gpus[place % len(gpus)]
    return found


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
