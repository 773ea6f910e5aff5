"""`denoise grid --executor slurm`: as many workers in Slurm's queue as were asked for, and the wait for their end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from denoise.grid.ledger import is_open
from denoise.grid.live import Live
from denoise.grid.plan import read_plan
from denoise.grid.slurm import FOLDER, BadSlurm, Options, in_queue, submit, together
from denoise.stopping import Stopping

_LOOK_EVERY_S = 0.5
_ASK_AT_MOST_EVERY_S = 15.0
"""Seconds between two questions to Slurm, which many users ask; at first they come sooner."""
_UNANSWERED_S = 600.0
"""Seconds of silence that a restart of Slurm's controller may take."""


def fill_queue(folder: Path, only: Sequence[str], num_workers: int, options: Options, console: Console) -> list[str]:
    """Submit as many workers as are asked for and not there yet, if there are cells for them; the jobs of all."""
    there = [job for job, state in in_queue(folder).items() if state != "COMPLETING"]
    num_missing = min(num_workers, len(_open_cells(folder, only))) - len(there)
    new = submit(folder, only, num_missing, options) if num_missing > 0 else []
    for jobs, told in ((there, "in Slurm's queue already"), (new, "submitted")):
        if jobs:
            workers = "1 worker" if len(jobs) == 1 else f"{len(jobs)} workers"
            _print(console, f"{workers} {told}: job {together(jobs)}; logs in {folder / FOLDER}")
    return [*there, *new]


def advice(folder: Path, jobs: Sequence[str]) -> str:
    """How to look at the jobs of a grid, and how to end them."""
    return f"denoise grid {folder} --status shows how far it is, scancel {together(jobs)} ends it"


def wait(folder: Path, only: Sequence[str], jobs: Sequence[str], live: Live) -> None:
    """Look on until no chosen cell is left to do; a signal ends only the looking.

    Raises BadSlurm if the jobs end before, and Stopped.
    """
    queue = Queue(folder, jobs, live.console)
    with Stopping(is_working=True) as stopping:
        try:
            while stopping.asked is None and _open_cells(folder, only) and queue.holds_jobs():
                live.show()
                time.sleep(_LOOK_EVERY_S)
        finally:
            live.stop()
        stopping.check(f"no longer waiting, but job {together(jobs)} goes on: {advice(folder, jobs)}")
    left = [name.rpartition("-")[0] for name in _open_cells(folder, only)]
    if left:
        raise BadSlurm(
            f"job {together(jobs)} left Slurm's queue, and not done is {', '.join(left)}; "
            f"{_last_words(folder, jobs)}; the same command submits workers again"
        )


class Queue:
    """What Slurm says of the jobs of a grid, asked for ever more seldom, and told when it changes."""

    def __init__(self, folder: Path, jobs: Sequence[str], console: Console) -> None:
        self.folder = folder
        self.jobs = jobs
        self.console = console
        self._told = ""
        self._pause_s = _LOOK_EVERY_S
        self._answered_s = self._next_s = time.monotonic()

    def holds_jobs(self) -> bool:
        """Whether one of the jobs has not ended, as far as Slurm's last answer tells."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return True
        self._pause_s = min(1.5 * self._pause_s, _ASK_AT_MOST_EVERY_S)
        self._next_s = now_s + self._pause_s
        try:
            states = {job: state for job, state in in_queue(self.folder).items() if job in self.jobs}
        except BadSlurm as error:
            if now_s - self._answered_s > _UNANSWERED_S:
                raise
            self._tell(str(error))
            return True
        self._answered_s = now_s
        self._tell(described(states))
        return bool(states)

    def _tell(self, said: str) -> None:
        if said != self._told:
            self._told = said
            _print(self.console, said)


def described(states: Mapping[str, str]) -> str:
    """The states of jobs in a line.

    >>> described({"7_0": "RUNNING", "7_1": "PENDING (Resources)", "7_2": "PENDING (Resources)"})
    'Slurm: 1 running, 2 pending (Resources)'
    >>> described({})
    'Slurm: no job is in the queue'
    """
    if not states:
        return "Slurm: no job is in the queue"
    number = Counter(states.values())
    parts = ((count, *state.partition(" ")) for state, count in number.items())
    return "Slurm: " + ", ".join(f"{count} {state.lower()}{space}{reason}" for count, state, space, reason in parts)


def told_by_slurm(folder: Path) -> str:
    """The states of the jobs of a grid in a line; nothing if it never had any."""
    if not (folder / FOLDER).exists():
        return ""
    try:
        return described(in_queue(folder))
    except BadSlurm as error:
        return str(error)


def _open_cells(folder: Path, only: Sequence[str]) -> list[str]:
    plan = read_plan(folder)
    return [name for name in plan.chosen(only) if is_open(folder / name, plan)]


def _last_words(folder: Path, jobs: Sequence[str]) -> str:
    """The end of what the jobs said, of what went wrong before all; where they said nothing, why that may be."""
    logs = [path for job in jobs for path in (folder / FOLDER).glob(f"{job}_*_log.*")]
    if not logs:
        return f"they left no log in {folder / FOLDER}: do the nodes see this folder?"
    written = [path for path in logs if path.stat().st_size] or logs
    last = max(written, key=lambda path: (path.suffix == ".err", path.stat().st_mtime))
    lines = last.read_text(errors="replace").strip().splitlines()
    return f"the last line of {last}: {lines[-1]}" if lines else f"{last} is empty"


def _print(console: Console, said: str) -> None:
    console.print(said, highlight=False, soft_wrap=True, markup=False)
