"""What a set of runs shows: means over seeds, differences paired by seed, who is as good as the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any

from denoise.study.logs import HeldOutPoint, TrainPoint
from denoise.study.runs import Run

Measure = Callable[[Run], "float | None"]
"""A number a run has, or None where it has none."""

LEAST_FALL = 0.01
"""A loss that ends less than this fraction under its start is called flat."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A mean over seeds with its standard deviation."""

    mean: float
    """In the unit of what was measured."""
    sd: float | None
    """Of one seed, with n - 1 below the line; None for a single seed."""
    num_seeds: int
    """How many runs it is taken over."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """All runs of one strategy."""

    name: str
    """As in cell.json."""
    label: str
    """In words."""
    is_baseline: bool
    """Whether the others are compared with it."""
    runs: tuple[Run, ...]
    """By seed, whatever their state."""

    @property
    def finished(self) -> tuple[Run, ...]:
        """Those with a done.json."""
        return tuple(run for run in self.runs if run.state == "finished")


def by_strategy(runs: Iterable[Run]) -> list[Strategy]:
    """Put the seeds of each strategy together, the baseline first; replaced runs are left out."""
    groups: dict[str, list[Run]] = {}
    for run in (run for run in runs if run.state != "replaced"):
        groups.setdefault(run.strategy, []).append(run)
    strategies = [
        Strategy(
            name=name,
            label=group[0].label,
            is_baseline=any(run.is_baseline for run in group),
            runs=tuple(sorted(group, key=lambda run: run.seed or 0)),
        )
        for name, group in groups.items()
    ]
    return sorted(strategies, key=lambda strategy: not strategy.is_baseline)


def of_one_objective(strategies: Iterable[Strategy]) -> bool:
    """Whether all are scored on the same targets, so that their losses may be compared."""
    decisive = ("data", "corruption", "source_len", "target_len", "num_held_out_windows")
    configs = [run.config for strategy in strategies for run in strategy.runs if run.config]
    return len({str([config.get(key) for key in decisive]) for config in configs}) == 1


def spread(values: Sequence[float]) -> Spread | None:
    """Mean and standard deviation.

    >>> spread([1.0, 3.0])
    Spread(mean=2.0, sd=1.4142135623730951, num_seeds=2)
    >>> spread([1.0]).sd is None, spread([]) is None
    (True, True)
    """
    if not values:
        return None
    sd = stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else None
    return Spread(mean=fmean(values), sd=sd, num_seeds=len(values))


def over_seeds(runs: Iterable[Run], measure: Measure) -> Spread | None:
    """Spread of a measure over those runs that have it."""
    return spread([value for run in runs if (value := measure(run)) is not None])


def paired_difference(one: Strategy, other: Strategy, measure: Measure) -> Spread | None:
    """Spread of `one` minus `other` over the seeds both finished; a seed fixes weights and data order."""
    others = {run.seed: measure(run) for run in other.finished}
    pairs = [(measure(run), others.get(run.seed)) for run in one.finished]
    return spread([a - b for a, b in pairs if a is not None and b is not None])


def hidden_bits(run: Run) -> float | None:
    """Bits left to guess per byte of hidden text at the end of a finished run."""
    return _last_held_out(run, "noise_bits_per_byte")


def held_out_loss(run: Run) -> float | None:
    """Nats per target token at the end of a finished run."""
    return _last_held_out(run, "loss")


def first_loss(run: Run) -> float | None:
    """Nats per target token before any update; None when the log does not begin at step 1."""
    train = run.logs.train
    return train[0].loss if train and train[0].step == 1 else None


def tokens_per_s(run: Run) -> float | None:
    """Median over the training log, so that compiling and evaluating do not weigh."""
    rates = [point.tokens_per_s for point in run.logs.train if point.tokens_per_s is not None]
    return median(rates) if rates else None


def steps(run: Run) -> float | None:
    """Updates of a finished run."""
    return _number(run.done.get("step")) if run.state == "finished" else None


def tokens_read(run: Run) -> float | None:
    """Encoder and decoder tokens of a finished run."""
    return _number(run.done.get("tokens")) if run.state == "finished" else None


def minutes(run: Run) -> float | None:
    """Wall clock of a finished run."""
    seconds = _number(run.done.get("elapsed_s")) if run.state == "finished" else None
    return None if seconds is None else seconds / 60


def first_and_last_loss(run: Run) -> tuple[float, float] | None:
    """The ends of the held-out curve; of the training curve while there are not two held-out points.

    The last tenth of a training curve is averaged, since single batches are noisy.
    """
    if len(run.logs.held_out) > 1:
        return run.logs.held_out[0].loss, run.logs.held_out[-1].loss
    train = [point.loss for point in run.logs.train]
    if len(train) < 2:
        return None
    return train[0], fmean(train[-max(1, len(train) // 10) :])


def curve_fell(run: Run) -> bool:
    """Whether the loss ended at least one percent under its start."""
    ends = first_and_last_loss(run)
    return ends is not None and ends[1] <= ends[0] * (1 - LEAST_FALL)


def two_sd(strategies: Sequence[Strategy], measure: Measure) -> float | None:
    """Twice the standard deviation of one seed: the baseline's as in T5's tables, else pooled over all.

    None while no strategy has two finished seeds.
    """
    spreads = [(s.is_baseline, over_seeds(s.finished, measure)) for s in strategies]
    known = [(base, s.sd, s.num_seeds) for base, s in spreads if s is not None and s.sd is not None]
    for is_baseline, sd, _ in known:
        if is_baseline:
            return 2 * sd
    freedom = sum(num_seeds - 1 for _, _, num_seeds in known)
    return 2 * math.sqrt(sum(sd**2 * (n - 1) for _, sd, n in known) / freedom) if freedom else None


def as_good_as_best(strategies: Sequence[Strategy], measure: Measure) -> list[Strategy]:
    """Strategies of two seeds or more whose mean lies within two sd of the lowest, the lowest first.

    Empty when fewer than two strategies have two finished seeds: then there is nothing to be better than.
    """
    margin = two_sd(strategies, measure)
    spreads = [(over_seeds(s.finished, measure), s) for s in strategies]
    known = [(s.mean, t) for s, t in spreads if s and s.num_seeds > 1 and math.isfinite(s.mean)]
    if margin is None or len(known) < 2:
        return []
    lowest = min(mean for mean, _ in known)
    return [t for mean, t in sorted(known, key=lambda pair: pair[0]) if mean <= lowest + margin]


def thinned(points: Sequence[TrainPoint], num_points: int) -> list[TrainPoint]:
    """At most `num_points` points, each the mean over a stretch of steps; the first is kept as it is."""
    if len(points) <= num_points:
        return list(points)
    stretch = math.ceil((len(points) - 1) / (num_points - 1))
    kept = [points[0]]
    for start in range(1, len(points), stretch):
        part = points[start : start + stretch]
        kept.append(
            TrainPoint(
                step=part[-1].step,
                tokens=round(fmean(p.tokens for p in part)),
                elapsed_s=fmean(p.elapsed_s for p in part),
                loss=fmean(p.loss for p in part),
                tokens_per_s=None,
            )
        )
    return kept


def at_each_step(runs: Sequence[Run], measure: Callable[[HeldOutPoint], float | None]) -> list[dict[str, Any]]:
    """The held-out curve over seeds: for each step all runs share, where it is and its spread.

    Steps that a slower seed has not reached are left out, or the mean would jump where seeds end.
    """
    by_step: dict[int, list[HeldOutPoint]] = {}
    started = [run for run in runs if run.logs.held_out]
    for run in started:
        for point in run.logs.held_out:
            by_step.setdefault(point.step, []).append(point)
    curve = []
    for step, points in sorted(by_step.items()):
        values = [v for p in points if (v := measure(p)) is not None and math.isfinite(v)]
        if len(values) < len(started) or (over := spread(values)) is None:
            continue
        tokens, elapsed_s = fmean(p.tokens for p in points), fmean(p.elapsed_s for p in points)
        curve.append({"step": step, "tokens": round(tokens), "elapsed_s": elapsed_s, "over": over})
    return curve


def _last_held_out(run: Run, key: str) -> float | None:
    if run.state != "finished":
        return None
    last = run.done.get("held_out")
    if isinstance(last, dict):
        return _number(last.get(key))
    return getattr(run.logs.held_out[-1], key) if run.logs.held_out else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
