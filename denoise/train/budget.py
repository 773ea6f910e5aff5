"""What a run may spend: tokens, operations, steps or minutes, and the steps that this pays for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from denoise.feed.phases import CostOfStep, Phase, Shape, tokens_of_step
from denoise.model.config import ModelConfig, training_flops

Kind = Literal["tokens", "flops", "steps", "minutes"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT: tuple[Kind, int] = ("tokens", 100_000_000)
"""Where none is given."""


class Budget(NamedTuple):
    """How much of what.

    >>> print(Budget("tokens", 1_200_000), Budget("minutes", 2.5), Budget("flops", 3e15), sep="; ")
    1,200,000 tokens; 2.5 minutes; 3e+15 flops
    """

    kind: Kind
    """tokens: of encoder and decoder, padding included. flops: operations of the matrix products, forward and
    backward. minutes: of training steps, as fast as this machine is at the start of the run."""
    amount: float

    def __str__(self) -> str:
        return f"{self.amount:,} {self.kind}" if self.amount < 1e12 else f"{self.amount:g} {self.kind}"


def step_flops(config: ModelConfig, vocab_size: int, shape: Shape) -> int:
    """Operations of one step of this shape, of all processes."""
    return training_flops(config, vocab_size, *shape.room.pad_to) * shape.batch_size


def run_flops(config: ModelConfig, vocab_size: int, phases: Sequence[Phase]) -> int:
    """Operations of all steps of a run."""
    return sum(phase.num_steps * step_flops(config, vocab_size, phase.shape) for phase in phases)


def cost_of_step(kind: Kind, flops: CostOfStep, *, step_ns: int | None = None, last: Shape) -> CostOfStep:
    """What a step of a shape costs, in the integers that `in_integers` makes of a budget.

    `step_ns` is what a step of the shape `last` takes, needed for minutes; the steps of other phases are taken to
    cost their share of operations.
    """
    if kind == "tokens":
        return tokens_of_step
    if kind == "flops":
        return flops
    if kind == "steps":
        return lambda shape: 1
    assert step_ns, "minutes are bought at the price of a measured step"
    return lambda shape: max(1, step_ns * flops(shape) // flops(last))


def in_integers(budget: Budget) -> int:
    """The budget in the unit that `cost_of_step` counts in; minutes are nanoseconds.

    >>> in_integers(Budget("minutes", 0.5))
    30000000000
    """
    return round(budget.amount * 60e9) if budget.kind == "minutes" else int(budget.amount)


def amount_of(kind: Kind, integers: int) -> float:
    """What `in_integers` makes so many of."""
    return integers / 60e9 if kind == "minutes" else integers
