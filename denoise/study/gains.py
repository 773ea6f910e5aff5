"""What pretraining buys on a task: the score behind it minus that of the same model from scratch, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from denoise.study.intervals import Method, interval
from denoise.study.statistics import Difference, Spread, Strategy, spread
from denoise.study.transfers import Learnt, Points

HUNDRED = 100.0
"""Scores are shown in hundredths, as in the papers."""


@dataclass(frozen=True, kw_only=True)
class Gain(Difference):
    """A difference between two scores, and how much of it seeds alone may make."""

    two_sd: float | None
    """Twice the standard deviation of one seed: of the two scores' that is larger; None with a single seed."""

    @property
    def is_beyond(self) -> bool:
        """Whether it is above what seeds alone make of it."""
        return self.two_sd is not None and self.mean > self.two_sd

    @property
    def is_loss(self) -> bool:
        """The same downwards."""
        return self.two_sd is not None and self.mean < -self.two_sd


def scores(points: Points) -> dict[int, float]:
    """The scores of a task by seed, in hundredths."""
    return {seed: HUNDRED * each.score for seed, each in points.items()}


def over_points(points: Points) -> Spread | None:
    """Mean and sd of the scores over seeds, in hundredths."""
    return spread(list(scores(points).values()))


def gain(one: Points, other: Points, method: Method = "t") -> Gain | None:
    """The scores of `one` minus those of `other`, paired by seed, in hundredths; None where they share no seed."""
    ours, theirs = scores(one), scores(other)
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return None
    differences = [ours[seed] - theirs[seed] for seed in seeds]
    low, high = interval(differences, method) or (None, None)
    both = [spread([of[seed] for seed in seeds]) for of in (ours, theirs)]
    sds = [each.sd for each in both if each is not None and each.sd is not None]
    return Gain(
        mean=math.fsum(differences) / len(seeds),
        low=low,
        high=high,
        num_seeds=len(seeds),
        two_sd=2 * max(sds) if len(sds) == 2 else None,
    )


def gains(learnt: Learnt, strategy: Strategy, method: Method = "t") -> dict[str, Gain]:
    """By task what a strategy gains over its own model from scratch, where both have learnt it."""
    found = {task: gain(learnt.points(strategy, task), learnt.scratch(strategy, task), method) for task in learnt.tasks}
    return {task: each for task, each in found.items() if each is not None and math.isfinite(each.mean)}


def num_beyond(found: Sequence[Gain]) -> int:
    """How many of some gains are above what seeds alone make of them."""
    return sum(each.is_beyond for each in found)
