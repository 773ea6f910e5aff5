"""When checkpoints are saved, and which of them stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from denoise.train.callbacks.watch import Watch
from denoise.train.checkpoint_files import mark, name_of, steps_in
from denoise.train.run_folder import RunFolder

_NUM_LAST = 2

KeptSteps = str | Sequence[int]


def is_kept(step: int, keep: KeptSteps) -> bool:
    """Whether the checkpoint of a step stays for good.

    >>> [step for step in range(1, 20) if is_kept(step, "powers_of_two")]
    [1, 2, 4, 8, 16]
    >>> is_kept(8, "none"), is_kept(8, [3, 8])
    (False, True)
    """
    if keep == "powers_of_two":
        return step.bit_count() == 1
    return keep != "none" and step in keep


class Checkpoints(Callback):
    """Saves every `save_every` steps and at the steps of `keep`; these stay, and the last two.

    Where a step is also evaluated, the checkpoint is taken after the evaluation, so that a run killed between
    the two does not lose it. Nothing is saved from a state that the watch objects to.
    """

    def __init__(
        self, folder: RunFolder, watch: Watch, *, save_every: int, evaluate_every: int, keep: KeptSteps
    ) -> None:
        self.folder = folder
        self.watch = watch
        self.save_every = save_every
        self.evaluate_every = evaluate_every
        self.keep = keep
        self._saved_step = 0

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """What a run goes on from need not be saved again."""
        self._saved_step = trainer.global_step

    def is_evaluated(self, step: int) -> bool:
        """Whether an evaluation follows this step."""
        return step % self.evaluate_every == 0

    def on_save_checkpoint(self, trainer: lightning.Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
        """Write into the checkpoint whose it is."""
        checkpoint["denoise"] = mark(trainer.global_step, self.folder.config)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save unless an evaluation follows."""
        step = trainer.global_step
        is_due = step % self.save_every == 0 or is_kept(step, self.keep)
        if is_due and not self.is_evaluated(step):
            self.save(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Save what was just evaluated."""
        if not trainer.sanity_checking:
            self.save(trainer)

    def save(self, trainer: lightning.Trainer) -> None:
        """Save this step, once."""
        step = trainer.global_step
        if self._saved_step == step:
            return
        self.watch.approve(trainer, trainer.lightning_module)  # type: ignore[arg-type]
        if trainer.is_global_zero:
            self.folder.sync()  # the lines of a saved step must not be lost when the machine goes down
        trainer.save_checkpoint(self.folder.checkpoints / name_of(step))
        self._saved_step = step
        if trainer.is_global_zero:
            saved = steps_in(self.folder.checkpoints)
            for old in list(saved)[:-_NUM_LAST]:
                if not is_kept(old, self.keep):
                    saved[old].unlink(missing_ok=True)
