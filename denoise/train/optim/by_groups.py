"""What optimizers of ours have in common: they move one group of `parameter_groups` after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Moving(NamedTuple):
    """The weights of a group that have a gradient."""

    weights: list[Tensor]
    gradients: list[Tensor]
    parts: list[list[int]]
    """The rows of the matrices that each weight is made of."""


class ByGroups(torch.optim.Optimizer):
    """Calls `move` for each group, without gradients, behind the closure."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self.move(group)
        return loss

    @abstractmethod
    def move(self, group: dict[str, Any]) -> None:
        """Move the weights of one group."""


def moving(group: dict[str, Any]) -> Moving:
    """The weights of a group that have a gradient; there may be none."""
    found = [(p, rows) for p, rows in zip(group["params"], group["parts"], strict=True) if p.grad is not None]
    weights = [weight for weight, _ in found]
    return Moving(weights, [weight.grad for weight in weights], [rows for _, rows in found])
