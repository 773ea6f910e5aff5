"""A short, equal training in a format: what every run is given that never saw it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import AdamW
from denoise.transfer.exam.scoring import on


def adapt(model: EncoderDecoder, batches: Sequence[Batch], learning_rate: float) -> None:
    """Train the model on these batches in their order, at a rate that falls in a line to 0.

    A fresh AdamW, the same for every run, whatever moved the weights before. Dropout is off: nothing is drawn.
    """
    config = AdamW(learning_rate=learning_rate)
    optimizer = config.build(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(batches))
    device = next(model.parameters()).device
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        model(on(device, batch).for_model()).objective.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        schedule.step()
    optimizer.zero_grad(set_to_none=True)
