"""One step of a run once more: from the checkpoint before it, batch by batch as in the run, then looked at closely."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from denoise.feed.batch import IGNORED, Batch
from denoise.feed.data import DenoisingData
from denoise.train.assembly import average, build_data, build_module, evaluate_every, spend, step_seconds
from denoise.train.callbacks.watch import LeaveOut
from denoise.train.checkpoint_files import newest_usable, step_of
from denoise.train.config import BadRun, RunConfig
from denoise.train.denoiser import Denoiser
from denoise.train.devices import build_trainer
from denoise.train.processes import Processes
from denoise.train.run_folder import RunFolder, rows_of


class Reached(Exception):
    """The step was replayed: Lightning's loop is left."""


@dataclass
class Replayed:
    """What a step was made of; `step` counts from 1, as in metrics.jsonl."""

    step: int
    from_step: int
    loss: float = math.nan
    gradient_norm: float = math.nan
    learning_rate: float = math.nan
    row_losses: list[float] = field(default_factory=list)
    """Nats a target token of each row, under the weights before the step."""
    broken_weights: list[str] = field(default_factory=list)
    """Weights that were not finite before the step."""
    gradient_norms: dict[str, float] = field(default_factory=dict)
    """Of each weight, in the order in which the backward pass came to them."""
    batch: Batch | None = None
    state_before: dict[str, Any] = field(default_factory=dict)
    """Weights and optimizer before the step."""

    @property
    def worst_rows(self) -> list[int]:
        """Rows by their loss, the highest first; one that is not a number stands before all."""
        key = [math.inf if math.isnan(loss) else loss for loss in self.row_losses]
        return sorted(range(len(key)), key=lambda row: -key[row])


def replay_step(
    config: RunConfig, folder: Path, step: int, *, keeps_state: bool, tell: Callable[[str], None]
) -> tuple[Replayed, DenoisingData]:
    """Train again up to `step`, writing nothing into the folder; bitwise what the run did, on a CPU like its own.

    Raises BadRun for a step that the run does not have.
    """
    run = RunFolder(folder)
    _use_its_threads(run)
    # One process gives the batches of any number; what it sums, it sums in another order than several.
    config = replace(config, devices=1, num_nodes=1, strategy="auto")
    data = build_data(config)
    run.check_data(data.store.fingerprint, config.data)
    num_steps = spend(config, data, step_seconds(config, data, run))
    if not 1 <= step <= num_steps:
        raise BadRun(f"{folder} has steps 1 to {num_steps:,}, not {step:,}")
    module = build_module(config, data)
    newest = newest_usable(run.checkpoints, run.config, below=step, tell=tell)
    tell(_plan(run, step_of(newest), step))
    found = Replayed(step, step_of(newest))
    # Whatever config.yaml says: a run may have been told later to leave out what is not finite, and one that was
    # not has no such step before its last.
    left_out = LeaveOut()
    trainer = build_trainer(
        config,
        Processes.of(1, 1, {}),
        num_steps=num_steps,
        evaluate_every=evaluate_every(config, data),
        callbacks=[left_out, *average(config), _Looking(found, left_out, keeps_state)],
        loggers=[],
    )
    trainer.limit_val_batches = 0  # evaluations change nothing
    try:
        trainer.fit(module, datamodule=data, ckpt_path=newest, weights_only=True)
    except Reached:
        pass
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    return found, data


class _Looking(Callback):
    """Looks at one step from before its forward pass to behind its update, then leaves."""

    def __init__(self, found: Replayed, left_out: LeaveOut, keeps_state: bool) -> None:
        self.found = found
        self.left_out = left_out
        self.keeps_state = keeps_state
        self._norms: dict[str, Tensor] = {}
        self._hooks: list[Any] = []

    def on_train_batch_start(  # type: ignore[override]
        self, trainer: lightning.Trainer, module: Denoiser, batch: Batch, batch_idx: int
    ) -> None:
        """What there is before the step."""
        if trainer.global_step != self.found.step - 1:
            return
        found, weights = self.found, dict(module.model.named_parameters())
        found.learning_rate = trainer.optimizers[0].param_groups[0]["lr"]
        found.broken_weights = [name for name, weight in weights.items() if not bool(weight.isfinite().all())]
        with torch.no_grad():
            nats = module.model.token_nats(batch.for_model())
        found.row_losses = (nats.sum(1) / (batch.target != IGNORED).sum(1).clamp(min=1)).tolist()
        found.batch = batch
        if self.keeps_state:
            state = {"model": module.state_dict(), "optimizer": trainer.optimizers[0].state_dict()}
            found.state_before = _copied(state)
        for name, weight in weights.items():
            hook = weight.register_post_accumulate_grad_hook(lambda weight, name=name: self._see(name, weight.grad))
            self._hooks.append(hook)

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        """What came of it."""
        if trainer.global_step != self.found.step:
            return
        for hook in self._hooks:
            hook.remove()
        self.found.loss = float(module.last_loss)
        self.found.gradient_norm = float(self.left_out.norm)
        self.found.gradient_norms = {name: float(norm) for name, norm in self._norms.items()}
        raise Reached

    def _see(self, name: str, gradient: Tensor | None) -> None:
        if gradient is not None:
            self._norms[name] = gradient.norm()


def _copied(state: Any) -> Any:
    """The same with tensors of their own, on the CPU: the step is about to change them."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: _copied(value) for name, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list | tuple) else state


def _use_its_threads(run: RunFolder) -> None:
    """Sums on a CPU depend on how many threads share them."""
    path = run.path / "environment.json"
    if path.exists():
        torch.set_num_threads(json.loads(path.read_text())["num_threads"])


def _plan(run: RunFolder, from_step: int, step: int) -> str:
    """How far there is to go, and how long that took the run."""
    where = f"the checkpoint of step {from_step}" if from_step else "the start, as no earlier checkpoint is left"
    rows = list(rows_of(run.metrics_file)) if run.metrics_file.exists() else []
    elapsed_s = {row["step"]: row["elapsed_s"] for row in rows}
    near = (
        [min(elapsed_s, key=lambda logged: abs(logged - end)) for end in (from_step, step - 1)] if elapsed_s else [0, 0]
    )
    took_s = (elapsed_s[near[1]] - elapsed_s.get(near[0], 0.0)) if near[1] > near[0] else 0.0
    duration = f", which took the run about {took_s:.0f} s" if took_s >= 1 else ""
    return f"replaying steps {from_step + 1} to {step} from {where}{duration}"
