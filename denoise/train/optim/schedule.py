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


def cosine(step: int, num_steps: int, warmup_steps: int, floor: float = 0.0) -> float:
    """Warm up, then fall along half a cosine, to the floor at the last step.

    >>> [round(cosine(step, 6, warmup_steps=2), 3) for step in range(6)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup_steps:
        return warm_up(step, warmup_steps)
    done = min(1.0, (step + 1 - warmup_steps) / max(1, num_steps - warmup_steps))
    return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2


def inverse_sqrt(step: int, num_steps: int, warmup_steps: int, decay_fraction: float = 0.0) -> float:
    """Warm up, fall as the inverse square root of the step, and evenly to 0 over the last decay_fraction of the run.

    >>> [inverse_sqrt(step, 64, warmup_steps=4) for step in (0, 3, 15, 63)]
    [0.25, 1.0, 0.5, 0.25]
    >>> [inverse_sqrt(step, 64, warmup_steps=4, decay_fraction=0.5) for step in (15, 63)]
    [0.5, 0.0078125]
    """
    slow = math.sqrt(max(1, warmup_steps) / (step + 1))
    return min(warm_up(step, warmup_steps), slow * wsd(step, num_steps, 0, decay_fraction))


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Which schedule multiplies the learning rates."""

    name: Literal["wsd", "cosine", "inverse_sqrt"] = "wsd"
    """wsd warms up, stays and decays; cosine falls all the way; inverse_sqrt falls slowly and never ends."""
    warmup_fraction: float = 0.02
    """Part of the run's steps in which the rate rises to its peak; 0 to 1."""
    warmup_steps: int | None = None
    """Steps in which the rate rises to its peak, in place of warmup_fraction; not negative."""
    decay_fraction: float | None = None
    """Part of the run's steps, at its end, in which the rate falls to 0; 0 to 1. Left out: 0.4 for wsd, 0 for
    inverse_sqrt. Cosine has none."""
    decay_shape: Literal["linear", "one_minus_sqrt"] = "linear"
    """How wsd falls: evenly, or fast at first."""
    floor: float = 0.0
    """Where cosine ends, in units of the peak; 0 to 1."""

    def __post_init__(self) -> None:
        if self.name not in ("wsd", "cosine", "inverse_sqrt"):
            raise BadSchedule(f"schedule {self.name!r} is not known; choose wsd, cosine or inverse_sqrt")
        if self.decay_shape not in ("linear", "one_minus_sqrt"):
            raise BadSchedule(f"decay_shape {self.decay_shape!r} is not known; choose linear or one_minus_sqrt")
        for name in ("warmup_fraction", "decay_fraction", "floor"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise BadSchedule(f"{name} is {value}; it must lie between 0 and 1")
        if self.warmup_steps is not None and self.warmup_steps < 0:
            raise BadSchedule(f"warmup_steps is {self.warmup_steps}; it must not be negative")
        if self.name == "cosine" and self.decay_fraction is not None:
            raise BadSchedule("cosine falls all the way and has no decay_fraction; give it to wsd or inverse_sqrt")
        if self.name != "cosine" and self.floor:
            raise BadSchedule(f"floor is {self.floor}, but only cosine has one; {self.name} takes decay_fraction")
        if self.warmup_steps is None and self.warmup_fraction + self.decays_over > 1:
            raise BadSchedule(
                f"warmup_fraction is {self.warmup_fraction} and decay_fraction {self.decays_over}; "
                "together they must not be above 1"
            )

    @property
    def decays_over(self) -> float:
        """decay_fraction, or what this schedule has without one."""
        if self.decay_fraction is not None:
            return self.decay_fraction
        return 0.4 if self.name == "wsd" else 0.0


def learning_rate_factor(config: ScheduleConfig, step: int, num_steps: int) -> float:
    """What the learning rates are multiplied by at a step counted from 0, of num_steps.

    It counts steps and not tokens: where a run has phases, the small steps of its beginning are steps too.

    >>> learning_rate_factor(ScheduleConfig(warmup_fraction=0.1, decay_fraction=0.5), step=4, num_steps=100)
    0.5
    """
    warmup_steps = config.warmup_steps
    if warmup_steps is None:
        warmup_steps = round(num_steps * config.warmup_fraction)
    if config.name == "cosine":
        return cosine(step, num_steps, warmup_steps, config.floor)
    if config.name == "inverse_sqrt":
        return inverse_sqrt(step, num_steps, warmup_steps, config.decays_over)
    return wsd(step, num_steps, warmup_steps, config.decays_over, config.decay_shape)
