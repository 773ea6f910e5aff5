"""Model, loss, optimizer and schedule as a LightningModule: glue only."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.loss import LossSum
from denoise.train.optim.config import OptimizerConfig
from denoise.train.optim.schedule import ScheduleConfig, learning_rate_factor
from denoise.train.processes import num_processes, summed
from denoise.train.scores import Scores, score
from denoise.train.sharding import shard


class Denoiser(lightning.LightningModule):
    """Trains an EncoderDecoder on batches of DenoisingData.

    `last_loss` (nats a target token), `last_penalty` (what z-loss adds to it) and `last_gradient_norm` (before
    clipping) stay on the device: reading them is a synchronisation, left to whoever writes the log. Of several
    processes each has its share of the first two.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        *,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        num_steps: int,
        token_bytes: Tensor,
        z_loss: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimizer_config = optimizer
        self.schedule = schedule
        self.num_steps = num_steps
        self.z_loss = z_loss
        self.token_bytes: Tensor
        self.register_buffer("token_bytes", token_bytes, persistent=False)
        self.last_loss = torch.zeros(())
        self.last_penalty = torch.zeros(())
        self.last_gradient_norm = torch.zeros(())
        self.held_out = Scores.zero("cpu")

    def training_step(self, batch: Batch, batch_number: int) -> Tensor:
        """What the optimizer lowers: nats a target token, and the penalty if there is one."""
        loss: LossSum = self.model(batch.for_model(), self.z_loss)
        loss = loss._replace(num_tokens=summed(loss.num_tokens))
        self.last_loss = loss.nats_per_token.detach()
        self.last_penalty = (loss.penalty / loss.num_tokens).detach()
        # Gradients are averaged over the processes; each must give its share of the whole batch's, not its own mean:
        # targets may differ in number.
        return loss.objective * num_processes()

    def on_validation_epoch_start(self) -> None:
        """Start the held-out sums from nothing."""
        self.held_out = Scores.zero(self.device)

    def validation_step(self, batch: Batch, batch_number: int) -> None:
        """Add a batch to the held-out sums; they are divided when they are shown."""
        # Not the compiled forward: the last batch has fewer rows, and would have it compiled anew.
        self.held_out = self.held_out + score(self.model.token_nats(batch.for_model()), batch, self.token_bytes)

    def on_validation_epoch_end(self) -> None:
        """Put the sums of all processes together."""
        self.held_out = Scores(*map(summed, self.held_out))

    def configure_model(self) -> None:
        """Shard the model where the strategy asks for it."""
        if self.device_mesh is not None:
            shard(self.model, self.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Any:
        """One optimizer over all of the model's weights, on one schedule."""
        optimizer = self.optimizer_config.build(self.model)
        factor = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(self.schedule, step, self.num_steps)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factor, "interval": "step"}}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradient here: Lightning refuses to clip for a fused AdamW under mixed precision."""
        # The optimizer's own lists: walking through the modules for them costs more than the clipping.
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(weights, self.optimizer_config.clip_norm, foreach=True).detach()
        self.last_gradient_norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
