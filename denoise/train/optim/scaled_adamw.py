"""AdamW whose steps are in units of each matrix's root mean square."""

from __future__ import annotations

import math
from typing import Any

import torch

from denoise.train.optim.by_groups import ByGroups, moving
from denoise.train.optim.config import ScaledAdamW
from denoise.train.optim.groups import matrices_of


class RmsScaledAdamW(ByGroups):
    """Groups of `parameter_groups`; a few kernels for all weights of a group together."""

    def __init__(self, groups: list[dict[str, Any]], config: ScaledAdamW) -> None:
        self.config = config
        # A count on the host, saved with its group: one on the device would be read at every step.
        super().__init__(groups, {"num_steps": 0})

    def move(self, group: dict[str, Any]) -> None:
        """Move the weights of one group."""
        group["num_steps"] += 1
        (beta1, beta2), lr, num_steps = self.config.betas, group["lr"], group["num_steps"]
        weights, gradients, parts = moving(group)
        if not weights:
            return
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {"exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
        means = [self.state[weight]["exp_avg"] for weight in weights]
        squares = [self.state[weight]["exp_avg_sq"] for weight in weights]
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, self.config.epsilon)
        steps = torch._foreach_div(means, roots)

        matrices = matrices_of(weights, parts)
        sizes = torch._foreach_norm(matrices)
        torch._foreach_div_(sizes, [math.sqrt(matrix.numel()) for matrix in matrices])
        torch._foreach_clamp_min_(sizes, self.config.least_rms)
        torch._foreach_mul_(matrices_of(steps, parts), sizes)
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        unbiased = math.sqrt(1 - beta2**num_steps) / (1 - beta1**num_steps)
        torch._foreach_add_(weights, steps, alpha=-lr * unbiased)
