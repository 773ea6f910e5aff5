"""How far a fine-tuning is: shown on a terminal, and ended where a signal asks for it."""

from __future__ import annotations

import time

from rich.console import Console
from torch import Tensor

from denoise.stopping import Stopping
from denoise.train.progress import Progress

_SECONDS_BETWEEN_LOOKS = 0.25
"""To show a loss, the CPU waits for the device."""


class Watch:
    """Stands by while a task is learnt; in a file nothing is shown but what is printed at the end."""

    def __init__(self, name: str, num_steps: int, console: Console, stopping: Stopping) -> None:
        self.name = name
        self.stopping = stopping
        self._progress = Progress(name, num_steps, console) if console.is_terminal else None
        self._looked_s = 0.0
        self._first = (0.0, 0)  # time and tokens at the end of the first step, which is slower than the others
        self._num_steps = num_steps

    def __enter__(self) -> Watch:
        self.stopping.is_working = True
        if self._progress is not None:
            self._progress.start(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.is_working = False
        if self._progress is not None:
            self._progress.stop()

    def after_step(self, step: int, loss: Tensor, num_tokens: int) -> None:
        """Show a step of training, and the tokens so far. Raises Stopped."""
        self.check()
        now_s = time.monotonic()
        if step == 1:
            self._first = (now_s, num_tokens)
        is_due = now_s - self._looked_s >= _SECONDS_BETWEEN_LOOKS or step == self._num_steps
        if self._progress is not None and is_due:
            self._looked_s = now_s
            first_s, first_tokens = self._first
            self._progress.update(step, float(loss), (num_tokens - first_tokens) / max(now_s - first_s, 1e-9))

    def check(self) -> None:
        """Raises Stopped if a signal has asked for it: of what is in work nothing is kept."""
        self.stopping.check(f"stopped in {self.name}, which begins anew; what was finished before it is kept")
