"""A grid from its plan to its end: workers are started while there is work, and what happens is told."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from denoise.grid.claim import holder
from denoise.grid.executor import Executor
from denoise.grid.ledger import is_open
from denoise.grid.live import Live
from denoise.grid.plan import read_plan
from denoise.stopping import Stopped, Stopping

_LOOK_EVERY_S = 0.5
_ADVICE = "denoise: every cell stops after its step; Ctrl-C again stops at once"


def conduct(folder: Path, only: Sequence[str], workers: Executor, live: Live) -> None:
    """Have every chosen cell completed, or tried as often as it may be.

    Cells that others work on are waited for, and taken over if they are left. Raises Stopped once a signal has
    asked for it and the workers have ended.
    """
    with Stopping(is_working=True, advice=_ADVICE) as stopping:
        try:
            while stopping.asked is None and _go_on(folder, only, workers):
                live.show()
                time.sleep(_LOOK_EVERY_S)
            if stopping.asked is not None:
                workers.ask_to_stop()
            while workers.num_at_work():
                live.show()
                time.sleep(_LOOK_EVERY_S)
        finally:
            workers.kill()
            live.stop()
        stopping.check("the grid was stopped, and the cells it ran are saved")


def _go_on(folder: Path, only: Sequence[str], workers: Executor) -> bool:
    """Start workers for the cells that nobody holds; whether any cell is left. Raises Stopped if all workers were."""
    num_at_work = workers.num_at_work()
    plan = read_plan(folder)
    open_cells = [folder / name for name in plan.chosen(only) if is_open(folder / name, plan)]
    num_free = sum(holder(cell) is None for cell in open_cells)
    if num_free and workers.num_wanted <= 0 and not num_at_work:
        raise Stopped("all workers were stopped", signal.SIGTERM)
    num_about_to_take = max(0, num_at_work - (len(open_cells) - num_free))
    for _ in range(min(workers.num_wanted - num_at_work, num_free - num_about_to_take)):
        workers.start()
    return bool(open_cells)


def watch(folder: Path, only: Sequence[str], live: Live) -> None:
    """Look on until no chosen cell is left to do; Ctrl-C only ends the looking."""
    plan = read_plan(folder)
    try:
        while any(is_open(folder / name, plan) for name in plan.chosen(only)):
            live.show()
            time.sleep(_LOOK_EVERY_S)
            plan = read_plan(folder)
    finally:
        live.stop()
