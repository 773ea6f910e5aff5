"""A short, equal training in a format: what every run is given that never saw it."""

from __future__ import annotations

from collections.abc import Sequence

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import AdamW
from denoise.transfer.training import train_on


def adapt(model: EncoderDecoder, batches: Sequence[Batch], learning_rate: float) -> None:
    """Train the model on these batches in their order, at a rate that falls in a line to 0.

    A fresh AdamW, the same for every run, whatever moved the weights before. Dropout is off: nothing is drawn.
    """
    train_on(model, batches, AdamW(learning_rate=learning_rate), lambda step: 1 - step / len(batches))
