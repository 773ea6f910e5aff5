"""Which weights learn how fast: the options, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.errors import BadInput


class BadOptimizer(BadInput):
    """Options of the optimizer outside what can train."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW, with a learning rate for each kind of weight."""

    learning_rate: float = 2e-3
    """Peak rate of the hidden matrices, norms and position biases; above 0."""
    embedding_lr_factor: float = 5.0
    """The embedding's rate in units of learning_rate: its numbers are of size 1, the matrices' about
    d_model^-0.5, and Adam moves each by about the rate whatever its size. At least 0."""
    head_lr_factor: float = 1.0
    """The head's rate in units of learning_rate; at least 0."""
    weight_decay: float = 0.1
    """How fast hidden matrices shrink, in units of their rate a step; embedding, head, norms and biases do
    not. At least 0."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Memories of the gradient's mean and of its square, each at least 0 and below 1."""
    epsilon: float = 1e-8
    """Added to the root of the mean square; above 0."""
    clip_norm: float = 1.0
    """Gradients are scaled down to this norm over all weights together; above 0, and .inf for never."""

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon", "clip_norm"):
            if not getattr(self, name) > 0:
                raise BadOptimizer(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("embedding_lr_factor", "head_lr_factor", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise BadOptimizer(f"{name} is {getattr(self, name)}; it must not be negative")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise BadOptimizer(f"betas are {self.betas}; each must be at least 0 and below 1")
