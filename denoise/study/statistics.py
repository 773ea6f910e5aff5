"""What a set of runs shows: means over seeds, differences paired by seed, who is as good as the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from denoise.study.intervals import Method, interval
from denoise.study.measures import Measure
from denoise.study.runs import Run


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
class Difference:
    """How far one strategy lies from another, seed by seed."""

    mean: float
    """Over the seeds that both finished."""
    low: float | None
    """Lower end of the 95 % interval of the mean; None with a single seed."""
    high: float | None
    """Its upper end."""
    num_seeds: int
    """Seeds that both finished."""

    @property
    def holds_zero(self) -> bool:
        """Whether the two cannot be told apart; true with a single seed."""
        return self.low is None or self.high is None or self.low <= 0 <= self.high


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


def paired(one: Strategy, other: Strategy, measure: Measure) -> list[float]:
    """`one` minus `other` for each seed that both finished; a seed fixes weights and data order."""
    others = {run.seed: measure(run) for run in other.finished}
    pairs = [(measure(run), others.get(run.seed)) for run in one.finished]
    return [a - b for a, b in pairs if a is not None and b is not None]


def difference(one: Strategy, other: Strategy, measure: Measure, method: Method = "t") -> Difference | None:
    """Mean of `one` minus `other` over shared seeds, with its interval; None where they share no seed."""
    differences = paired(one, other, measure)
    if not differences:
        return None
    low, high = interval(differences, method) or (None, None)
    return Difference(mean=fmean(differences), low=low, high=high, num_seeds=len(differences))


def best(strategies: Iterable[Strategy], measure: Measure) -> Strategy | None:
    """The strategy of the lowest mean: of those with two finished seeds or more, where there is one."""
    spreads = [(over_seeds(s.finished, measure), s) for s in strategies]
    known = [(s.num_seeds < 2, s.mean, t) for s, t in spreads if s is not None and math.isfinite(s.mean)]
    return min(known, key=lambda each: each[:2])[2] if known else None


def two_sd(spreads: Sequence[tuple[bool, Spread | None]]) -> float | None:
    """Twice the standard deviation of one seed: the baseline's as in T5's tables, else pooled over all.

    `spreads` come with whether they are the baseline's. None while none of them is over two seeds.
    """
    known = [(base, s.sd, s.num_seeds) for base, s in spreads if s is not None and s.sd is not None]
    for is_baseline, sd, _ in known:
        if is_baseline:
            return 2 * sd
    freedom = sum(num_seeds - 1 for _, _, num_seeds in known)
    return 2 * math.sqrt(sum(sd**2 * (n - 1) for _, sd, n in known) / freedom) if freedom else None


def near_best(spreads: Sequence[tuple[bool, Spread | None]], *, is_higher_better: bool = False) -> list[int]:
    """The places of those spreads over two seeds or more whose mean lies within two sd of the best, the best first.

    Empty when fewer than two are over two seeds: then there is nothing to be better than.
    """
    margin, sign = two_sd(spreads), -1 if is_higher_better else 1
    known = [
        (sign * s.mean, place)
        for place, (_, s) in enumerate(spreads)
        if s is not None and s.num_seeds > 1 and math.isfinite(s.mean)
    ]
    if margin is None or len(known) < 2:
        return []
    return [place for mean, place in sorted(known) if mean <= min(known)[0] + margin]


def as_good_as_best(strategies: Sequence[Strategy], measure: Measure) -> list[Strategy]:
    """Strategies of two seeds or more whose mean lies within two sd of the lowest, the lowest first."""
    places = near_best([(s.is_baseline, over_seeds(s.finished, measure)) for s in strategies])
    return [strategies[place] for place in places]
