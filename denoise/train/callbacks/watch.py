"""Every step's loss and gradient norm are watched without waiting for the device in a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch.distributed.tensor import DTensor

from data_prep.files import write_json
from denoise.feed.data import DenoisingData
from denoise.train.config import BadRun
from denoise.train.denoiser import Denoiser
from denoise.train.divergence import LossWatch, Trouble, WatchConfig
from denoise.train.processes import summed
from denoise.train.run_folder import RunFolder

_NUM_SHOWN = 8
_MOST_UNREAD = 1024
_BROKEN = "to go on from an earlier checkpoint than the last, move the last one away"


class Diverged(BadRun):
    """A run whose loss or gradient went astray; what was saved before is whole."""


class LeaveOut(Callback):
    """Sets gradients that are not finite to zero, all of a step together, without waiting for the device."""

    def __init__(self) -> None:
        self.norm = torch.zeros(())  # of the gradient of the last step, as it was

    def on_before_optimizer_step(self, trainer: lightning.Trainer, module: Any, optimizer: Any) -> None:
        """Neither weights nor moments see what is not finite; clipping comes behind this."""
        gradients = [each.grad for each in module.parameters() if each.grad is not None]
        self.norm = torch.nn.utils.get_total_norm(gradients)
        is_broken = ~self.norm.isfinite()
        for gradient in gradients:
            gradient.masked_fill_(is_broken, 0.0)


class Watch(Callback):
    """Ends a run whose loss or gradient is not finite, or whose loss jumps.

    Losses and norms of steps are kept on the device, in two tiny copies a step, and are read where the journal
    reads anyway, before each checkpoint and before each evaluation. In stop mode the weights may be broken by then;
    the last checkpoint is from before, because none is saved unseen. In skip mode the callback in `left_out` stands
    before it and knows the norms as they were.
    """

    def __init__(self, folder: RunFolder, config: WatchConfig, *, look_every: int, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self.look_every = look_every
        self.tell = tell
        self._watch = LossWatch(config)
        self.left_out = [LeaveOut()] if config.on_nonfinite == "skip" else []
        self._unread = torch.zeros(2, _MOST_UNREAD)
        self._num_unread = 0
        self._first_unread = 0

    def state_dict(self) -> dict[str, Any]:
        """What was learnt of the steps so far."""
        return self._watch.state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._watch.restore(state)

    def on_train_start(self, trainer: lightning.Trainer, module: Denoiser) -> None:  # type: ignore[override]
        """Make room on the device."""
        self._unread = torch.zeros(2, _MOST_UNREAD, device=module.device)

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        """Keep this step's numbers on the device; read them at every `look_every`-th."""
        step = trainer.global_step
        if self._num_unread == 0:
            self._first_unread = step
        self._unread[0, self._num_unread] = module.last_loss
        self._unread[1, self._num_unread] = self.left_out[0].norm if self.left_out else module.last_gradient_norm
        self._num_unread += 1
        if step % self.look_every == 0 or step == module.num_steps or self._num_unread == _MOST_UNREAD:
            self.look(trainer)

    def on_validation_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Broken weights are not evaluated."""
        self.look(trainer)

    def approve(self, trainer: lightning.Trainer, module: Denoiser) -> None:
        """Raises Diverged if this state is not one to go back to: behind a bad step, or with broken weights."""
        self.look(trainer)
        is_whole = bool(torch.stack([_own_part(weight).isfinite().all() for weight in module.parameters()]).all())
        if not trainer.strategy.reduce_boolean_decision(is_whole):
            step = trainer.global_step
            what = f"step {step}: some weights are inf or nan behind it"
            raise Diverged(self._told(trainer, step, float(summed(module.last_loss)), what, _BROKEN))

    def look(self, trainer: lightning.Trainer) -> None:
        """Read what was kept. Raises Diverged."""
        shares, norms = self._unread[:, : self._num_unread]
        losses, norms = summed(shares).tolist(), norms.tolist()  # all processes see the same, and so decide the same
        self._num_unread = 0
        for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=self._first_unread):
            trouble = self._watch.see(step, loss, norm)
            if trouble is None:
                continue
            if trouble.stops:
                raise Diverged(self._told(trainer, step, loss, trouble.words, _way_on(trouble)))
            if trainer.is_global_zero:
                self.tell(self._noted(trouble))

    def _noted(self, trouble: Trouble) -> str:
        left_out = f"; its gradient is left out, as those of {self._watch.num_skipped} steps so far"
        return trouble.words + left_out * trouble.is_nonfinite

    def _told(self, trainer: lightning.Trainer, step: int, loss: float, what: str, way_on: str) -> str:
        data: DenoisingData = trainer.datamodule  # type: ignore[attr-defined]
        epochs, windows = addresses(data, step)
        file = self.folder.path / "trouble.json"
        if trainer.is_global_zero:
            about = {"step": step, "what": what, "loss": loss if math.isfinite(loss) else str(loss)}
            about |= {"seed": data.config.seed, "epochs": epochs, "windows": windows}
            write_json(file, about)
        shown = ", ".join(map(str, windows[:_NUM_SHOWN])) + (", ..." if len(windows) > _NUM_SHOWN else "")
        return (
            f"{what}; it read windows {shown} of epoch {epochs[0]}, seed {data.config.seed} (all in {file}); "
            f"look at it: denoise replay {self.folder.path} {step}; {way_on}"
        )


def _own_part(weight: torch.Tensor) -> torch.Tensor:
    """What this process holds of a weight."""
    return weight.to_local() if isinstance(weight, DTensor) else weight


def _way_on(trouble: Trouble) -> str:
    if trouble.are_weights_broken:
        return _BROKEN
    option = "--watch.on_nonfinite skip" if trouble.is_nonfinite else "--watch.on_spike warn"
    return f"the same command with {option} goes on from the last checkpoint, which is from before"


def addresses(data: DenoisingData, step: int) -> tuple[list[int], list[int]]:
    """Epoch and number of each window that a step read, over all processes."""
    places = data.batches_at(step - 1).places(step - 1)
    return places.epochs.tolist(), places.numbers.tolist()
