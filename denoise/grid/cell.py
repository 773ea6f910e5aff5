"""The process of one cell: `python -P -m denoise.grid.cell CELL_FOLDER` does the stages that it still lacks.

They share one interpreter, so that torch is imported once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from data_prep.files import InUse
from denoise.ending import exit_code_of
from denoise.grid.claim import Claim
from denoise.grid.plan import Plan, read_plan
from denoise.grid.stages import exam_of, is_examined, is_trained, is_transferred
from denoise.grid.transfer import Transfer, seed_of
from denoise.stopping import ADVICE, ASKING, Stopped, Stopping


def complete(cell: Path, plan: Plan, stopping: Stopping) -> None:
    """Do every stage of a cell that is not finished. Raises what the stages raise, and Stopped."""
    if not is_trained(cell):
        from denoise.cli import train_unless_stopped

        train_unless_stopped(["-c", str(cell / "config.yaml"), "--run", str(cell)], stopping)
    if not is_examined(cell, plan):
        assert plan.exam is not None
        stopping.check("stopped before the exam")
        with _stopping_at_once("stopped in the exam"):
            from rich.console import Console

            from denoise.train.tracking.after import publish_scores
            from denoise.transfer.exam import take

            take(cell, exam_of(plan.exam), Console())
            publish_scores(cell, print)
    if not is_transferred(cell, plan):
        assert plan.transfer is not None
        stopping.check("stopped before the transfer")
        with _stopping_at_once("stopped in the transfer"):
            learn(cell, plan.transfer, stopping)

            from denoise.train.tracking.after import publish_scores

            publish_scores(cell, print)


def learn(cell: Path, transfer: Transfer, stopping: Stopping) -> None:
    """Every task that a cell has not learnt yet; each result is kept from when it is whole."""
    from rich.console import Console

    from denoise.transfer.finetune.lessons import Lessons
    from denoise.transfer.finetune.taking import Start, take

    lessons, console = Lessons(config=transfer.config, folder=Path(transfer.task_data)), Console()
    for lesson in transfer.left(cell):
        start = Start(task=lesson.given, seed=seed_of(cell.name), from_scratch=lesson.is_from_scratch)
        take(cell, start, lessons, console, stopping=stopping)


@contextmanager
def _stopping_at_once(done: str) -> Iterator[None]:
    """Within it a signal that asks to stop ends the work where it is, until the work has handlers of its own."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise Stopped(done, signal.Signals(number))

    held = {each: signal.getsignal(each) for each in ASKING if signal.getsignal(each) is not signal.SIG_IGN}
    try:
        for each in held:
            signal.signal(each, leave)
        yield
    finally:
        for each, handler in held.items():
            signal.signal(each, handler)


def main(arguments: Sequence[str]) -> int:
    """CELL_FOLDER, and the descriptor of the claim that its worker holds; without one the cell is claimed here."""
    with Stopping(advice=ADVICE) as stopping:  # torch takes seconds, and a signal may come meanwhile
        cell = Path(arguments[0])
        claim = Claim.inherited(int(arguments[1])) if len(arguments) > 1 else Claim.take(cell)
        if claim is None:
            raise InUse(f"{cell} is in work already; `denoise grid FILE --status` says by whom")
        with claim:
            sys.path.append(os.getcwd())  # where a user's own corruption is; behind the libraries
            complete(cell, read_plan(cell.parent), stopping)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of(lambda: main(sys.argv[1:])))
