"""How long a step takes on this machine, measured before the run."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import torch

from denoise.feed.batch import Batch
from denoise.feed.data import DenoisingData
from denoise.hub.start import starting_model
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.budget import step_flops
from denoise.train.config import RunConfig
from denoise.train.execution import Execution, set_up

_MOST_FLOPS = 2e11
"""Work of a timed step on a CPU, a few seconds; larger batches are timed in part."""
_MOST_FLOPS_A_ROW = 10 * _MOST_FLOPS


class Speed(NamedTuple):
    """What a step was measured to take on this machine."""

    step_s: float
    """Seconds of a step of one process's share of the batch."""
    num_rows: int
    """Windows in the steps that were timed; the rest is multiplied."""
    device: str
    """Where."""


def build_model(config: RunConfig, data: DenoisingData, execution: Execution) -> EncoderDecoder:
    """The model before its first step, as it is computed here."""
    model = starting_model(config, data.store.tokenizer)
    set_up(model, execution)
    return model


def measured_speed(config: RunConfig, data: DenoisingData, execution: Execution, num_rows: int) -> Speed | None:
    """The faster of two real steps of the last shape after a first one; on a CPU of as many rows as take seconds.

    None where a single row would take too long. The number of steps of `data` is set.
    """
    device = execution.device
    is_gpu = device.type == "cuda"
    row_flops = step_flops(config.model, data.vocab.size, data.shape) // config.batch_size
    if row_flops > _MOST_FLOPS_A_ROW and not is_gpu:
        return None
    rows = num_rows if is_gpu else min(num_rows, max(1, int(_MOST_FLOPS / row_flops)))
    torch.set_flush_denormal(True)
    model = build_model(config, data, execution).to(device)
    batch = _moved(data.batches()[data.num_steps - 1], rows, device)

    def seconds(num_rows: int) -> float:
        started_s = time.perf_counter()
        model(_moved(batch, num_rows, device).for_model(), config.z_loss).objective.backward()
        if is_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - started_s

    seconds(rows)  # which compiles, or fills the caches
    forward_backward_s = min(seconds(rows), seconds(rows))
    step_s = forward_backward_s * num_rows / rows + _optimizer_s(config, model)
    return Speed(step_s=step_s, num_rows=rows, device=str(device))


def _optimizer_s(config: RunConfig, model: EncoderDecoder) -> float:
    optimizer = config.optimized_by.build(model)
    optimizer.step()
    started_s = time.perf_counter()
    optimizer.step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started_s


def _moved(batch: Batch, num_rows: int, device: torch.device) -> Batch:
    tensors: dict[str, Any] = {
        name: field[:num_rows].to(device) for name, field in batch._asdict().items() if isinstance(field, torch.Tensor)
    }
    return batch._replace(**tensors)
