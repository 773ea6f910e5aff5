"""A worker: `python -P -m denoise.grid.worker GRID_FOLDER` takes one free cell after another until none is left.

It needs nothing but the folder, so it may be started anywhere that sees it, and any number of times. Exit code 0:
there is nothing left to take. 75 or 130: it was asked to stop (denoise.stopping), and so was its cell, which is
saved. Whether cells failed stands in their folders.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from denoise.ending import exit_code_of
from denoise.grid.claim import Claim
from denoise.grid.ledger import count_failure, forgive, is_open, num_failures
from denoise.grid.plan import read_plan
from denoise.grid.stages import is_complete
from denoise.stopping import INTERRUPTED, REQUEUE, Stopping

_LOOK_EVERY_S = 0.2
_NUM_LAST_LINES = 10
_ENDED_BY = {
    REQUEUE: signal.SIGTERM,
    INTERRUPTED: signal.SIGINT,
    -signal.SIGTERM: signal.SIGTERM,  # before it could say so
    -signal.SIGUSR1: signal.SIGUSR1,
    -signal.SIGINT: signal.SIGINT,
}
"""Exit codes of a cell that was asked to stop, not of one that failed."""


def command(folder: Path, only: Sequence[str] = ("*",)) -> list[str]:
    """What starts a worker that takes the cells matching `only`; for executors."""
    # -P: no file of the folder this runs in may take the place of a library.
    return [sys.executable, "-P", "-m", "denoise.grid.worker", str(folder), *only]


def work(folder: Path, only: Sequence[str] = ("*",)) -> int:
    """Take free cells until none is left or a signal comes; the exit code."""
    parent = os.getppid()
    with Stopping(is_working=True) as stopping:
        # Whoever started the workers was killed: nobody would know of the cells to come.
        while stopping.asked is None and os.getppid() == parent:
            taken = _free_cell(folder, only)
            if taken is None:
                return 0
            cell, claim = taken
            with claim:
                log = cell / "log.txt"
                log_before = log.stat().st_size if log.exists() else 0
                ended_by = _judge(cell, _run(cell, claim, stopping), log_before)
            if ended_by is not None and stopping.asked is None:
                stopping.asked = ended_by
    if stopping.asked is None:
        return REQUEUE
    return INTERRUPTED if stopping.asked is signal.SIGINT else REQUEUE


def _free_cell(folder: Path, only: Sequence[str]) -> tuple[Path, Claim] | None:
    """A cell to work on, and the claim on it; those that failed before come last."""
    for is_last_look in (False, True):
        plan = read_plan(folder)
        cells = [folder / name for name in plan.chosen(only)]
        for cell in sorted((cell for cell in cells if is_open(cell, plan)), key=num_failures):
            claim = Claim.take(cell)
            if claim is None:
                continue
            if is_open(cell, plan):  # it may just have been finished
                return cell, claim
            claim.release()
        if not is_last_look:  # somebody who looks whether a cell is held holds it for that moment
            time.sleep(_LOOK_EVERY_S)
    return None


def _run(cell: Path, claim: Claim, stopping: Stopping) -> int:
    """Let a process complete the cell; its exit code. Asked to stop, ask it to."""
    command = [sys.executable, "-P", "-m", "denoise.grid.cell", str(cell), str(claim.descriptor)]
    with open(cell / "log.txt", "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[claim.descriptor],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    claim.tell(worker=os.getpid(), cell=process.pid)
    is_told = False
    try:
        while process.poll() is None:
            if stopping.asked is not None and not is_told:
                process.send_signal(signal.SIGTERM)
                is_told = True
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_LOOK_EVERY_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode


def _judge(cell: Path, exit_code: int, log_before: int) -> signal.Signals | None:
    """Forgive a cell that is complete, count a failure, or name the signal that stopped it."""
    if exit_code in _ENDED_BY:
        return _ENDED_BY[exit_code]
    if exit_code == 0 and is_complete(cell, read_plan(cell.parent)):
        forgive(cell)
    else:
        count_failure(cell, _error(cell, exit_code, log_before), exit_code)
    return None


def _error(cell: Path, exit_code: int, log_before: int) -> str:
    """The last lines of what it wrote behind the first `log_before` bytes; our own sentence, if that is the last."""
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"the process was ended by {name}" + ("; was the memory full?" if name == "SIGKILL" else "")
    written = (cell / "log.txt").read_bytes()[log_before:].decode(errors="replace")
    # Not those by which a traceback underlines.
    lines = [line for line in written.splitlines() if line.strip(" ^~")][-_NUM_LAST_LINES:]
    if not lines:
        return f"the process ended with code {exit_code} and no message"
    return lines[-1] if lines[-1].startswith("denoise: ") else "\n".join(lines)


if __name__ == "__main__":
    sys.exit(exit_code_of(lambda: work(Path(sys.argv[1]), sys.argv[2:] or ("*",))))
