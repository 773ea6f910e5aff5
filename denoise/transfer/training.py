"""A few hundred steps on batches that are handed in: of fine-tuning, and of the exam's adaptations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from denoise.feed.batch import IGNORED, Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import OptimizerConfig


def train_on(
    model: EncoderDecoder,
    batches: Iterable[Batch],
    optimizer: OptimizerConfig,
    factor: Callable[[int], float],
    after_step: Callable[[int, Tensor], None] = lambda step, loss: None,
) -> None:
    """Train the model on these batches in their order; `factor` is the rate of a step in units of the highest.

    `after_step` is told the number of steps done and the loss of the last, nats a target token, on its device.
    """
    moved_by = optimizer.build(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(moved_by, factor)
    device = next(model.parameters()).device
    for step, batch in enumerate(batches, start=1):
        moved_by.zero_grad(set_to_none=True)
        places = target_places(batch).to(device)  # found before the batch is on a device, which would be waited for
        loss = model.loss_at(on(device, batch).for_model(), places)
        loss.objective.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), optimizer.clip_norm)
        moved_by.step()
        schedule.step()
        after_step(step, loss.nats_per_token.detach())
    moved_by.zero_grad(set_to_none=True)


def target_places(batch: Batch) -> Tensor:
    """Where a batch has targets: int64 [N], counted row by row; on a GPU a synchronisation.

    >>> batch = Batch(*[torch.zeros(1, 2)] * 4, target=torch.tensor([[IGNORED, 5], [6, IGNORED]]))
    >>> target_places(batch).tolist()
    [1, 2]
    """
    return (batch.target != IGNORED).flatten().nonzero().squeeze(1)


def on(device: torch.device, batch: Batch) -> Batch:
    """The batch with its tensors on a device."""
    moved = {name: value.to(device) for name, value in batch._asdict().items() if isinstance(value, Tensor)}
    return batch._replace(**moved)  # type: ignore[arg-type]  # the counts, which are no tensor, stay
