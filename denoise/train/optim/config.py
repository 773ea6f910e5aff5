"""Which rule moves the weights: the options of each, without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

from data_prep.errors import BadInput

# jsonargparse imports what stands under `if TYPE_CHECKING`, and --help would wait for torch.
EncoderDecoder = Any
Optimizer = Any


class BadOptimizer(BadInput):
    """Options of the optimizer outside what can train."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(ABC):
    """What every optimizer has. Your own is a subclass with `build`, named by its dotted path.

    `build` returns one torch.optim.Optimizer for all weights, whatever rules are inside it: schedule, clipping
    and checkpoints then work as for any other.
    """

    learning_rate: float
    """Peak rate; above 0."""
    weight_decay: float = 0.0
    """How fast hidden matrices shrink, in units of their rate a step; embedding, head, norms and biases do
    not. At least 0."""
    clip_norm: float = 1.0
    """Gradients are scaled down to this norm over all weights together; above 0, and .inf for never."""

    def __post_init__(self) -> None:
        self.require_above_0("learning_rate", "clip_norm")
        self.require_not_negative("weight_decay")

    @abstractmethod
    def build(self, model: EncoderDecoder) -> Optimizer:
        """The optimizer of all of a model's weights."""

    @property
    def lr_factors(self) -> dict[str, float]:
        """Rates in units of learning_rate, by the name of the group; 1 where none is named."""
        return {}

    @property
    def moments_of_matrices(self) -> int:
        """Numbers kept from step to step for each of a hidden matrix; a dry run counts memory by it."""
        return 2

    def require_above_0(self, *names: str) -> None:
        """Raises BadOptimizer for the first field that is 0, less or no number."""
        for name in names:
            if not getattr(self, name) > 0:
                raise BadOptimizer(f"{name} is {getattr(self, name)}; it must be above 0")

    def require_not_negative(self, *names: str) -> None:
        """Raises BadOptimizer for the first field that is below 0 or no number."""
        for name in names:
            if not getattr(self, name) >= 0:
                raise BadOptimizer(f"{name} is {getattr(self, name)}; it must not be negative")

    def require_memories(self, name: str, *memories: float) -> None:
        """Raises BadOptimizer unless each number is the weight of a running mean's past."""
        if not all(0 <= memory < 1 for memory in memories):
            several = f"{name} are {memories}; each" if len(memories) > 1 else f"{name} is {memories[0]}; it"
            raise BadOptimizer(f"{several} must be at least 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class AdamW(OptimizerConfig):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_above_0("epsilon")
        self.require_not_negative("embedding_lr_factor", "head_lr_factor")
        self.require_memories("betas", *self.betas)

    @property
    def lr_factors(self) -> dict[str, float]:
        """The embedding's and the head's."""
        return {"embedding": self.embedding_lr_factor, "head": self.head_lr_factor}

    def build(self, model: EncoderDecoder) -> Optimizer:
        """PyTorch's AdamW, fused: one kernel a group instead of several a weight."""
        import torch

        from denoise.train.optim.groups import parameter_groups

        return torch.optim.AdamW(parameter_groups(model, self), betas=self.betas, eps=self.epsilon, fused=True)


@dataclass(frozen=True, kw_only=True)
class Muon(AdamW):
    """Hidden matrices move in orthogonal steps (Muon); embedding, head, norms and biases as with AdamW.

    Matrices that are stored as one (queries, keys and values; gate and value; the cross keys and values of all
    layers) are orthogonalised one by one.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; the arithmetic is torch.optim.Muon's.
    """

    learning_rate: float = 5e-3
    """Peak rate of the hidden matrices, norms and position biases; above 0."""
    momentum: float = 0.95
    """Memory of the hidden matrices' gradients; at least 0 and below 1."""
    nesterov: bool = True
    """Look ahead along the momentum."""
    num_iterations: int = 5
    """Newton-Schulz iterations that make a step orthogonal; 1 to 99."""
    lr_by_shape: Literal["match_rms_adamw", "original"] = "match_rms_adamw"
    """How the rate of a matrix of A rows and B columns follows from learning_rate. match_rms_adamw:
    × 0.2 √max(A, B), so that steps are as long as AdamW's and one rate serves both (Liu et al. 2025,
    https://arxiv.org/abs/2502.16982). original: × √max(1, A / B), whose usual rate is 0.02."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_memories("momentum", self.momentum)
        if not 1 <= self.num_iterations <= 99:
            raise BadOptimizer(f"num_iterations is {self.num_iterations}; it must be 1 to 99")
        if self.lr_by_shape not in ("match_rms_adamw", "original"):
            raise BadOptimizer(f"lr_by_shape {self.lr_by_shape!r} is not known; choose match_rms_adamw or original")

    @property
    def moments_of_matrices(self) -> int:
        """The momentum alone."""
        return 1

    def build(self, model: EncoderDecoder) -> Optimizer:
        """One optimizer that holds both rules."""
        from denoise.train.optim.groups import parameter_groups
        from denoise.train.optim.muon import MuonAndAdamW

        return MuonAndAdamW(parameter_groups(model, self), self)


@dataclass(frozen=True, kw_only=True)
class ScaledAdamW(OptimizerConfig):
    """AdamW whose step for each matrix is in units of the matrix's own root mean square.

    One rate then serves weights of every size, as in Adafactor: nanoT5's AdamWScale, with its options.

    Source: Nawrot 2023, https://github.com/PiotrNawrot/nanoT5, after Shazeer and Stern 2018,
    https://arxiv.org/abs/1804.04235. Ours differs in that matrices stored as one are measured one by one.
    """

    learning_rate: float = 2e-2
    """Peak rate: the share of a weight's root mean square that a step moves it by; above 0."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Memories of the gradient's mean and of its square, each at least 0 and below 1."""
    epsilon: float = 1e-6
    """Added to the root of the mean square; above 0."""
    least_rms: float = 1e-3
    """Weights smaller than this move as if they were of this size; above 0, or zeros would stay zeros."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_above_0("epsilon", "least_rms")
        self.require_memories("betas", *self.betas)

    def build(self, model: EncoderDecoder) -> Optimizer:
        """One optimizer over the model's groups."""
        from denoise.train.optim.groups import parameter_groups
        from denoise.train.optim.scaled_adamw import RmsScaledAdamW

        return RmsScaledAdamW(parameter_groups(model, self), self)
