"""Muon on hidden matrices and AdamW on all else, as one optimizer.

One, because two optimizers under Lightning's automatic loop would each see half of the steps, and because
schedule, clipping and checkpoints then have nothing to know.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from denoise.train.optim.by_groups import ByGroups, moving
from denoise.train.optim.config import Muon
from denoise.train.optim.groups import matrices_of

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic, chosen for its slope at 0: singular values land between 0.7 and 1.2, not at 1."""
_LEAST_NORM = 1e-7


class MuonAndAdamW(ByGroups):
    """Groups of `parameter_groups`: `hidden` by Muon, the others by fused AdamW.

    Equal to torch.optim.Muon on every matrix apart, and to torch.optim.AdamW. Matrices of one shape are
    orthogonalised together, as one batched product.
    """

    def __init__(self, groups: list[dict[str, Any]], config: Muon) -> None:
        self.config = config
        super().__init__(groups, {})

    def move(self, group: dict[str, Any]) -> None:
        """Hidden matrices by Muon, what else there is by AdamW."""
        if group["name"] == "hidden":
            self._muon(group)
        else:
            self._adamw(group)

    def _muon(self, group: dict[str, Any]) -> None:
        config, lr = self.config, group["lr"]
        weights, gradients, parts = moving(group)
        if not weights:
            return
        momenta = [self._kept(weight, "momentum_buffer") for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - config.momentum)
        ahead = torch._foreach_lerp(gradients, momenta, config.momentum) if config.nesterov else momenta
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        directions = orthogonalised(matrices_of(ahead, parts), config.num_iterations)
        matrices = matrices_of(weights, parts)
        rates = [-lr * rate_factor(config, *matrix.shape) for matrix in matrices]
        steps = [direction.to(matrix.dtype) for direction, matrix in zip(directions, matrices, strict=True)]
        torch._foreach_mul_(steps, rates)
        torch._foreach_add_(matrices, steps)

    def _adamw(self, group: dict[str, Any]) -> None:
        weights, gradients, _ = moving(group)
        counts = []
        for weight in weights:
            state = self.state[weight]
            if "step" not in state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
            counts.append(state["step"])
        adamw(
            weights,
            gradients,
            [self._kept(weight, "exp_avg") for weight in weights],
            [self._kept(weight, "exp_avg_sq") for weight in weights],
            [],
            counts,
            fused=True,
            amsgrad=False,
            beta1=self.config.betas[0],
            beta2=self.config.betas[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=self.config.epsilon,
            maximize=False,
        )

    def _kept(self, weight: Tensor, name: str) -> Tensor:
        """A running mean of a weight's gradients; zeros at first."""
        state = self.state[weight]
        if name not in state:
            state[name] = torch.zeros_like(weight)
        kept: Tensor = state[name]
        return kept


def orthogonalised(matrices: Sequence[Tensor], num_iterations: int) -> list[Tensor]:
    """Each matrix with its singular values brought near 1, bfloat16, in the order given.

    Those of one shape, lying or standing, go together: tens of small products become one.
    """
    by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
    lying = [matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix for matrix in matrices]
    for place, matrix in enumerate(lying):
        by_shape[matrix.shape[0], matrix.shape[1]].append(place)
    found = list(matrices)
    for places in by_shape.values():
        together = newton_schulz(torch.stack([lying[place] for place in places]), num_iterations)
        for place, direction in zip(places, together.unbind(), strict=True):
            found[place] = direction.mT if matrices[place].shape[0] > matrices[place].shape[1] else direction
    return found


def newton_schulz(matrices: Tensor, num_iterations: int) -> Tensor:
    """Bring the singular values of lying matrices [N, A, B], A ≤ B, near 1; in bfloat16, which suffices.

    >>> values = torch.linalg.svdvals(newton_schulz(torch.eye(4).repeat(2, 1, 1) * 9, 5).float())
    >>> bool(((values > 0.6) & (values < 1.3)).all())
    True
    """
    a, b, c = _COEFFICIENTS
    x = matrices.bfloat16()
    x = x / torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True).clamp(min=_LEAST_NORM)
    for _ in range(num_iterations):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def rate_factor(config: Muon, num_rows: int, num_columns: int) -> float:
    """The rate of a matrix in units of the learning rate."""
    if config.lr_by_shape == "match_rms_adamw":
        return 0.2 * math.sqrt(max(num_rows, num_columns))
    return math.sqrt(max(1.0, num_rows / num_columns))
