"""Loss as sums that can be added; the division comes last.

Axes: B batch · T target tokens · V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from denoise.feed.batch import IGNORED


class LossSum(NamedTuple):
    """A loss that adds over microbatches, ranks and held-out batches: sums first, division last.

    >>> import torch
    >>> short = LossSum(torch.tensor(2.0), torch.tensor(1), torch.tensor(0.0))
    >>> long = LossSum(torch.tensor(3.0), torch.tensor(9), torch.tensor(0.0))
    >>> (short + long).nats_per_token  # not the mean of 2 and 1/3
    tensor(0.5000)
    """

    nats: Tensor
    """float32 []: cross-entropy summed over the places that have a target."""
    num_tokens: Tensor
    """int64 []: how many places have a target."""
    penalty: Tensor
    """float32 []: what training minimises besides, summed over the same places; 0 without z-loss."""

    def __add__(self, other: LossSum) -> LossSum:  # type: ignore[override]
        return LossSum(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def nats_per_token(self) -> Tensor:
        """Mean cross-entropy, the loss to show; nan where there was nothing to predict."""
        return self.nats / self.num_tokens

    @property
    def objective(self) -> Tensor:
        """What training minimises, for each target token; 0 where there was nothing to predict."""
        return (self.nats + self.penalty) / self.num_tokens.clamp(min=1)


def token_nats(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of every place in nats, float32 [B, T], from logits [B, T, V]; 0 at IGNORED targets."""
    flat = F.cross_entropy(logits.flatten(0, -2).float(), target.flatten(), ignore_index=IGNORED, reduction="none")
    return flat.view(target.shape)


def token_loss(logits: Tensor, target: Tensor, z_loss: float = 0.0) -> LossSum:
    """Cross-entropy of logits [B, T, V] over the places that have a target, computed in float32.

    z_loss weighs the square of each place's log partition function, which keeps logits from drifting.
    Source: z-loss of Mesh TensorFlow, published by Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311
    """
    nats = token_nats(logits, target).sum()
    has_target = target != IGNORED
    penalty = nats.new_zeros(())
    if z_loss:
        log_partition = logits.float().logsumexp(-1)
        penalty = z_loss * (log_partition.square() * has_target).sum()
    return LossSum(nats, has_target.sum(), penalty)
