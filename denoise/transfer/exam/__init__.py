"""The common exam: every model rebuilds the same hidden text, in several input formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from denoise.transfer.exam.config import ExamConfig
from denoise.transfer.exam.papers import is_taken

if TYPE_CHECKING:
    from rich.console import Console

    from denoise.stopping import Stopping

__all__ = ["ExamConfig", "is_taken", "take"]


def take(
    run: Path,
    config: ExamConfig,
    console: Console,
    *,
    data: Path | None = None,
    stopping: Stopping | None = None,
) -> None:
    """Examine the weights of a finished run and write its exam.json, whole and last; nothing else of it changes.

    `data`: where the run's tokens are now. `stopping`: what has held signals since before torch was imported. Papers
    done before a signal or a kill are kept, and the next call goes on. Raises BadExam or BadCheckpoint for a run that
    cannot be examined, Stopped if a signal asked for it.
    """
    from denoise.transfer.exam.taking import take_exam  # torch is waited for only here

    take_exam(run, config, console, data=data, stopping=stopping)
