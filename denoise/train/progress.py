"""The progress line of a run: a bar in a terminal, a line now and then in a file."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Steps, loss, tokens a second and time left."""

    def __init__(self, name: str, num_steps: int, console: Console) -> None:
        self.name = name
        self.num_steps = num_steps
        self.console = console
        self._bar: RichProgress | None = None
        self._task = TaskID(0)
        self._last_line_s = 0.0
        self._first = (0, 0.0)  # step and time at the start of this process

    def start(self, step: int) -> None:
        """Show the bar, `step` steps done."""
        self._first = (step, time.monotonic())
        if not self.console.is_terminal:
            return
        self._bar = RichProgress(
            TextColumn("[bold]{task.description:<16}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:>5.0f}/{task.total:.0f} steps"),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} tokens/s"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("left"),
            console=self.console,
        )
        self._task = self._bar.add_task(self.name, total=self.num_steps, completed=step, loss="  -  ", speed="   -  ")
        self._bar.start()

    def update(self, step: int, loss: float, tokens_per_s: float) -> None:
        """Show a step; in a file at most one line in ten seconds, and the last."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step, loss=f"{loss:5.3f}", speed=f"{tokens_per_s:7,.0f}")
            return
        now_s = time.monotonic()
        if now_s - self._last_line_s < _SECONDS_BETWEEN_LINES and step != self.num_steps:
            return
        self._last_line_s = now_s
        first_step, first_s = self._first
        seconds_left = (now_s - first_s) / max(step - first_step, 1) * (self.num_steps - step)
        self.console.print(
            f"{self.name}: step {step}/{self.num_steps}, loss {loss:.3f}, {tokens_per_s:,.0f} tokens/s, "
            f"{seconds_left:.0f} s left",
            highlight=False,
            soft_wrap=True,
        )

    def stop(self) -> None:
        """Leave the last state on the screen."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
