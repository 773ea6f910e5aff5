"""How the learning rate moves: pure functions of the step, so that resuming needs nothing but the step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from data_prep.errors import BadInput


class BadSchedule(BadInput):
    """A schedule whose parts do not fit into the run."""


def warm_up(step: int, warmup_steps: int) -> float:
    """Rise in equal parts to 1; the first step already moves.

    >>> [warm_up(step, 4) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def wsd(
    step: int,
    num_steps: int,
    warmup_steps: int,
    decay_fraction: float,
    shape: Literal["linear", "one_minus_sqrt"] = "linear",
) -> float:
    """Warm up, stay, and fall to 0 over the last decay_fraction of the run.

    0 is what the step after the last would get, so that no step is wasted.

    >>> [wsd(step, 8, warmup_steps=2, decay_fraction=0.5) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]

    Source: Hägele et al. 2024, https://arxiv.org/abs/2405.18392
    """
    decay_steps = round(num_steps * decay_fraction)
    done = max(0.0, (step - (num_steps - decay_steps)) / decay_steps) if decay_steps else 0.0
    fall = 1 - math.sqrt(done) if shape == "one_minus_sqrt" else 1 - done
    return min(warm_up(step, warmup_steps), max(0.0, fall))


def cosine(step: int, num_steps: int, warmup_steps: int) -> float:
    """Warm up, then fall along half a cosine, to 0 at the step after the last.

    >>> [round(cosine(step, 6, warmup_steps=2), 3) for step in range(6)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup_steps:
        return warm_up(step, warmup_steps)
    done = min(1.0, (step + 1 - warmup_steps) / max(1, num_steps - warmup_steps))
    return (1 + math.cos(math.pi * done)) / 2


def inverse_sqrt(step: int, warmup_steps: int) -> float:
    """Warm up, then fall as the inverse square root of the step, without knowing the end.

    >>> [inverse_sqrt(step, warmup_steps=4) for step in (0, 3, 15, 63)]
    [0.25, 1.0, 0.5, 0.25]
    """
    return min(warm_up(step, warmup_steps), math.sqrt(max(1, warmup_steps) / (step + 1)))


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Which schedule multiplies the learning rates."""

    name: Literal["wsd", "cosine", "inverse_sqrt"] = "wsd"
    """wsd warms up, stays and decays; cosine falls all the way; inverse_sqrt falls slowly and never ends."""
    warmup_fraction: float = 0.02
    """Part of the run's steps in which the rate rises to its peak; 0 to 1."""
    decay_fraction: float = 0.4
    """Part of the run's steps, at its end, in which wsd falls to 0; 0 to 1. The other schedules ignore it."""
    decay_shape: Literal["linear", "one_minus_sqrt"] = "linear"
    """How wsd falls: evenly, or fast at first."""

    def __post_init__(self) -> None:
        if self.name not in ("wsd", "cosine", "inverse_sqrt"):
            raise BadSchedule(f"schedule {self.name!r} is not known; choose wsd, cosine or inverse_sqrt")
        if self.decay_shape not in ("linear", "one_minus_sqrt"):
            raise BadSchedule(f"decay_shape {self.decay_shape!r} is not known; choose linear or one_minus_sqrt")
        for name in ("warmup_fraction", "decay_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadSchedule(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if self.name == "wsd" and self.warmup_fraction + self.decay_fraction > 1:
            raise BadSchedule(
                f"warmup_fraction is {self.warmup_fraction} and decay_fraction {self.decay_fraction}; "
                "together they must not be above 1"
            )


def learning_rate_factor(config: ScheduleConfig, step: int, num_steps: int) -> float:
    """What the learning rates are multiplied by at a step counted from 0, of num_steps.

    >>> learning_rate_factor(ScheduleConfig(warmup_fraction=0.1, decay_fraction=0.5), step=4, num_steps=100)
    0.5
    """
    warmup_steps = round(num_steps * config.warmup_fraction)
    if config.name == "cosine":
        return cosine(step, num_steps, warmup_steps)
    if config.name == "inverse_sqrt":
        return inverse_sqrt(step, warmup_steps)
    return wsd(step, num_steps, warmup_steps, config.decay_fraction, config.decay_shape)
