"""Probes over runs: curves of accuracy against pretraining, the mean over seeds, and where each was learnt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from denoise.study.exams import canonical
from denoise.study.runs import Run
from denoise.study.statistics import Spread, Strategy, by_strategy, spread
from denoise.transfer.probe.results import LabelSet, LayerScore, Probing, Stage

Score = Callable[[Stage], "float | None"]
MOST_OF_GAIN = 0.9
"""The share of what was gained over the untrained model at which something counts as learnt."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A checkpoint, over the seeds of a strategy."""

    step: int
    """Training steps done; 0: the initial weights."""
    tokens: int
    """Encoder and decoder tokens read until then, the mean over seeds."""
    spread: Spread
    """Of what was measured."""

    @property
    def y(self) -> float:
        """The mean."""
        return self.spread.mean


@dataclass(frozen=True, kw_only=True)
class Probed:
    """The runs of a strategy that were probed alike."""

    strategy: Strategy
    probings: tuple[Probing, ...]
    """One a seed."""

    def curve(self, score: Score) -> list[Point]:
        """A score at every checkpoint that all seeds have; without those where it is not known."""
        stages = [{stage.step: stage for stage in probing.stages} for probing in self.probings]
        points = []
        for step in sorted(set.intersection(*(set(each) for each in stages))):
            found = spread([y for each in stages if (y := score(each[step])) is not None])
            if found is not None and found.num_seeds == len(stages) and math.isfinite(found.mean):
                tokens = round(fmean(each[step].tokens for each in stages))
                points.append(Point(step=step, tokens=tokens, spread=found))
        return points

    def layer_at_end(self, labels: str) -> int:
        """The layer that tells a label set most rightly at the last checkpoint, the mean over seeds."""
        ends = [probing.stages[-1].of(labels) for probing in self.probings]
        means = [fmean(score.accuracy for score in of_layer) for of_layer in zip(*ends, strict=True)]
        return means.index(max(means))


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What a run gained over the untrained model, and when."""

    first: Point
    """Step 0."""
    last: Point
    """The last checkpoint."""
    least: float
    """A change of less than this is none: two standard errors of a difference of two such accuracies."""
    reached: Point | None
    """The first checkpoint with most of the gain; None where nothing was gained."""
    before: Point | None
    """The checkpoint before it."""

    @property
    def gained(self) -> float:
        """The last number minus the first."""
        return self.last.y - self.first.y


def probed(runs: Sequence[Run]) -> tuple[list[Probed], int]:
    """The strategies whose runs were probed alike, and how many runs were probed otherwise and are left out.

    Alike is one version, set of options, text and number of layers: those of the most runs. Of a grid finished runs
    count; a run of its own counts as far as it has come.
    """
    have = [run for run in runs if run.probing and run.probing.stages and (run.state == "finished" or len(runs) == 1)]
    if not have:
        return [], 0
    kinds = Counter(_identity(run) for run in have)
    chosen = max(sorted(kinds), key=lambda kind: kinds[kind])
    alike = [run for run in have if _identity(run) == chosen]
    found = [
        Probed(strategy=strategy, probings=tuple(run.probing for run in strategy.runs if run.probing))
        for strategy in by_strategy(alike)
    ]
    return found, len(have) - len(alike)


def label_sets(found: Sequence[Probed]) -> tuple[LabelSet, ...]:
    """What all of them were asked."""
    return found[0].probings[0].label_sets if found else ()


def best_of(labels: str) -> Score:
    """Accuracy at the best layer of each checkpoint."""
    return lambda stage: stage.best(labels).accuracy


def at_layer(labels: str, layer: int, number: Callable[[LayerScore], float] = lambda score: score.accuracy) -> Score:
    """A number of one layer."""
    return lambda stage: number(stage.of(labels)[layer])


def control_of_best(labels: str) -> Score:
    """Accuracy of the control task at the layer that is best on the label set."""
    return lambda stage: stage.best(labels).control_accuracy


def bits(stage: Stage) -> float | None:
    """Bits left to guess per hidden byte."""
    return stage.noise_bits_per_byte


def loss(stage: Stage) -> float | None:
    """Held-out nats a target token."""
    return stage.loss


def downstream(stage: Stage) -> float | None:
    """The score after fine-tuning."""
    return stage.downstream


def gain(points: Sequence[Point], num_scored: int | None = None) -> Gain | None:
    """What an accuracy gained from step 0 to the last checkpoint, or what was left to guess lost; None without both.

    `num_scored` answers make an accuracy, and None says that lower is better. The standard error is that of answers
    that are right or wrong by themselves: of words of one sentence that is too small, and of a difference of two
    accuracies on the same words too large.
    """
    if len(points) < 2 or points[0].step != 0:
        return None
    first, last = points[0], points[-1]
    sign = -1 if num_scored is None else 1
    least = standard_error((first, last), num_scored) * 2 if num_scored else 0.0
    before = reached = None
    if sign * (last.y - first.y) > least:
        wanted = first.y + MOST_OF_GAIN * (last.y - first.y)
        place = next(place for place, point in enumerate(points) if sign * point.y >= sign * wanted)
        before, reached = points[place - 1], points[place]
    return Gain(first=first, last=last, least=least, reached=reached, before=before)


def standard_error(points: Sequence[Point], num_scored: int) -> float:
    """Of the sum or the difference of some accuracies; seeds are scored on the same words, so more do not lower it."""
    return math.sqrt(sum(p.y * (1 - p.y) for p in points) / num_scored)


def _identity(run: Run) -> str:
    found = run.probing
    assert found is not None
    return canonical([found.version, found.settings, found.data_fingerprint, found.layers])
