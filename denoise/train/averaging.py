"""An exponential moving average of the weights, which is what is scored, shown and exported."""

from __future__ import annotations

from typing import Any

import lightning
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """Lightning's averaging callback, swapped in until the reconstructions are written.

    A checkpoint's `state_dict` is the average; what training goes on with is in `current_model_state`. Stands
    behind the callbacks that look at the model after an evaluation and before those that save it.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=False, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def setup(self, trainer: lightning.Trainer, module: Any, stage: str) -> None:
        """Keep the average where the weights will be: at this point they are still on the CPU."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, module, stage)

    def on_train_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Leave the weights as they are: the last evaluation follows, and its checkpoint has both."""

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Keep the average in the model: reconstructions follow."""

    def on_validation_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Give training its weights back."""
        super().on_validation_epoch_end(trainer, module)
