"""Lines of metrics and reconstructions, for the run folder, the dashboard and the terminal."""

from __future__ import annotations

import math
import time
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from denoise.feed.counts import NoiseCounts
from denoise.feed.data import DenoisingData
from denoise.train.denoiser import Denoiser
from denoise.train.processes import num_processes, summed
from denoise.train.progress import Progress
from denoise.train.reconstructions import reconstruct
from denoise.train.run_folder import Row, RunFolder
from denoise.train.sharding import whole
from denoise.train.tracking.tracking import Tracking


class Journal(Callback):
    """Writes metrics.jsonl and samples.jsonl, feeds the dashboard and the progress bar.

    The first step is always written: its loss is that of the untrained model.
    """

    def __init__(self, folder: RunFolder, tracking: Tracking, progress: Progress, *, log_every: int) -> None:
        self.folder = folder
        self.tracking = tracking
        self.progress = progress
        self.log_every = log_every
        self.last_held_out: Row = {}
        self._elapsed_s = 0.0  # before this process; a resumed run counts on
        self._started_at_s = 0.0
        self._last_logged = (0, 0.0)  # step, seconds of this process
        self._num_cut_tokens = 0
        self._counts: NoiseCounts | None = None  # since the last line, of this process
        self._is_first = True
        self._device = torch.device("cpu")

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to count on, of all processes together; all of them ask for it."""
        counts = self._counts_of_all()
        return {
            "elapsed_s": self.elapsed_s,
            "num_cut_tokens": self._num_cut_tokens + (int(counts.cut_tokens.sum()) if counts is not None else 0),
            "counts": [count.tolist() for count in counts] if counts is not None else None,
            "held_out": self.last_held_out,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Count on from a checkpoint."""
        self._elapsed_s = state["elapsed_s"]
        saved = state["counts"]
        counts = NoiseCounts(*map(np.array, saved)) if saved else None
        self._num_cut_tokens = state["num_cut_tokens"] - (int(counts.cut_tokens.sum()) if counts is not None else 0)
        # Every process reads the sum of all; one of them counts on from it.
        self._counts = counts if counts is None or self._is_first else NoiseCounts.zero(len(counts.windows))
        self.last_held_out = state["held_out"]

    @property
    def elapsed_s(self) -> float:
        """Seconds of training in all processes that worked on this run, evaluations included."""
        now_s = time.monotonic() - self._started_at_s if self._started_at_s else 0.0
        return self._elapsed_s + now_s

    def setup(self, trainer: lightning.Trainer, module: Denoiser, stage: str) -> None:  # type: ignore[override]
        """Learn who this process is, before a checkpoint is read."""
        self._is_first, self._device = trainer.is_global_zero, trainer.strategy.root_device

    def on_train_start(self, trainer: lightning.Trainer, module: Denoiser) -> None:  # type: ignore[override]
        """Start the clock."""
        self._started_at_s = time.monotonic()
        self._last_logged = (trainer.global_step, 0.0)
        self.progress.start(trainer.global_step)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: lightning.Trainer, module: Denoiser, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a line at the first step and at every `log_every`-th."""
        step = trainer.global_step
        self._counts = batch.counts if self._counts is None else self._counts + batch.counts
        if step != 1 and step % self.log_every and step != module.num_steps:
            return
        data: DenoisingData = trainer.datamodule  # type: ignore[attr-defined]
        counts = self._counts_of_all()
        assert counts is not None
        self._num_cut_tokens += int(counts.cut_tokens.sum())
        last_step, last_s = self._last_logged
        now_s = time.monotonic() - self._started_at_s
        loss = float(summed(module.last_loss))
        row = {
            "kind": "train",
            "step": step,
            "tokens": data.tokens_before(step),
            "elapsed_s": round(self.elapsed_s, 3),
            "loss": _finite(loss),
            "z_loss": _finite(float(summed(module.last_penalty))),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "gradient_norm": _finite(float(module.last_gradient_norm)),
            "tokens_per_s": round(
                (data.tokens_before(step) - data.tokens_before(last_step)) / max(now_s - last_s, 1e-9), 1
            ),
            "cut_tokens": self._num_cut_tokens,
            **counts.shares(data.room.parts),
        }
        self._counts = None
        self._last_logged = (step, now_s)
        self._write(row)
        self.progress.update(step, loss, row["tokens_per_s"])

    def on_validation_end(self, trainer: lightning.Trainer, module: Denoiser) -> None:  # type: ignore[override]
        """Write the held-out scores and the reconstructions, then take the clock off evaluation."""
        if trainer.sanity_checking:
            return
        step = trainer.global_step
        data: DenoisingData = trainer.datamodule  # type: ignore[attr-defined]
        row = {
            "kind": "held_out",
            "step": step,
            "tokens": data.tokens_before(step),
            "elapsed_s": round(self.elapsed_s, 3),
            "loss": module.held_out.loss,
            "bits_per_byte": module.held_out.bits_per_byte,
            "noise_bits_per_byte": module.held_out.noise_bits_per_byte,
            "num_target_tokens": int(module.held_out.num_tokens.sum()),
        }
        for number, part in enumerate(module.held_out.of_parts(), start=1):
            if part.num_tokens:
                row[f"part_{number}_loss"] = part.loss
                row[f"part_{number}_noise_bits_per_byte"] = part.noise_bits_per_byte
        self.last_held_out = row
        self._write(row)
        with whole(module.model):  # where weights are shared out, all processes must write together
            rows = [{"step": step, **rebuilt} for rebuilt in reconstruct(module.model, data)]
        for rebuilt in rows if self._is_first else ():
            self.folder.append(rebuilt, to=self.folder.samples_file)
        self.tracking.log_reconstructions(rows)
        self._last_logged = (step, time.monotonic() - self._started_at_s)

    def _counts_of_all(self) -> NoiseCounts | None:
        """What was counted since the last line, by all processes."""
        if self._counts is None or num_processes() == 1:
            return self._counts
        counted = torch.from_numpy(np.stack(self._counts)).to(self._device)
        return NoiseCounts(*summed(counted).cpu().numpy())

    def _write(self, row: Row) -> None:
        if not self._is_first:
            return
        self.folder.append(row)
        self.tracking.log(row)


def _finite(number: float) -> float | None:
    """JSON has no nan: the loss of a step that was left out is null."""
    return number if math.isfinite(number) else None
