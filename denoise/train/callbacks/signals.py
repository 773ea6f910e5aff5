"""A request to stop is met between two steps, after a checkpoint."""

from __future__ import annotations

import signal
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from denoise.stopping import Stopped, Stopping
from denoise.train.callbacks.checkpoints import Checkpoints

_AGREE_EVERY = 20
"""Steps between two agreements of several processes: each costs a wait for the device."""


class StopBetweenSteps(Callback):
    """Ends training at the end of a step if a signal has asked for it; a step that is evaluated ends with that.

    Of several processes it is enough that one was asked. Handlers only set a flag: Lightning's own, which would
    save inside the handler or broadcast from it, are put aside when training begins.
    """

    def __init__(self, stopping: Stopping, checkpoints: Checkpoints, num_steps: int) -> None:
        self.stopping = stopping
        self.checkpoints = checkpoints
        self.num_steps = num_steps

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Take the signals back; stop if one came before there was anything to save."""
        self.stopping.hold()
        self.stopping.is_working = True
        self._stop_if_asked(trainer)

    def on_validation_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Take the signals back: an evaluation on its own has its own handlers too."""
        self.stopping.hold()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save and stop, unless an evaluation follows."""
        if not self.checkpoints.is_evaluated(trainer.global_step):
            self._stop_if_asked(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Stop behind the evaluation, which has been saved."""
        self._stop_if_asked(trainer)

    def _stop_if_asked(self, trainer: lightning.Trainer) -> None:
        step = trainer.global_step
        if step == self.num_steps:  # all is done but the last lines
            return
        if not self._is_asked(trainer, step):
            return
        if step:
            self.checkpoints.save(trainer)
        done = f"stopped after step {step} of {self.num_steps}, which is saved" if step else "stopped before step 1"
        raise Stopped(done, self.stopping.asked or signal.SIGTERM)  # or another process was asked

    def _is_asked(self, trainer: lightning.Trainer, step: int) -> bool:
        if trainer.world_size == 1:
            return self.stopping.asked is not None
        if step % _AGREE_EVERY and not self.checkpoints.is_evaluated(step):
            return False
        return trainer.strategy.reduce_boolean_decision(self.stopping.asked is not None, all=False)
