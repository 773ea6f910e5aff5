"""Sample efficiency: how many tokens, FLOPs and minutes a strategy takes to reach what ★ reached at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from denoise.study.curves import Crossing, crossing
from denoise.study.entries import mean_entry, name_entry, why_none
from denoise.study.measures import hidden_bits
from denoise.study.runs import Run
from denoise.study.statistics import Strategy, by_strategy, spread
from denoise.study.table import Column, Entry, Table, short_count


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Where the finished runs of a strategy reached a threshold."""

    crossings: dict[int | None, Crossing]
    """By seed; seeds that did not reach it are left out."""
    num_runs: int
    """Finished runs that have a curve and a threshold."""


def efficiency(runs: Sequence[Run], threshold: float | None = None) -> Table | None:
    """Tokens, FLOPs and minutes until the hidden text costs no more than a threshold, beside those of ★.

    The threshold is in bits per hidden byte, each objective's own; left out, it is what ★ reached at its end with
    the same seed. None where there is neither.
    """
    strategies = by_strategy(runs)
    baseline = next((s for s in strategies if s.is_baseline and s.finished), None)
    thresholds = _thresholds(baseline, strategies, threshold)
    if not thresholds or len(strategies) < 2:
        return None
    reached = {s.name: _reached(s, thresholds) for s in strategies}
    of_baseline = reached[baseline.name] if baseline else None
    columns = [
        [name_entry(s) for s in strategies],
        [_entry(s, reached[s.name], lambda at: at.tokens, short_count) for s in strategies],
        [_ratio(reached[s.name], of_baseline, s is baseline) for s in strategies],
        [_entry(s, reached[s.name], lambda at: at.flops, short_count) for s in strategies],
        [_entry(s, reached[s.name], lambda at: at.elapsed_s / 60, lambda x: f"{x:.1f}") for s in strategies],
        [mean_entry(s, hidden_bits, none="nothing hidden") for s in strategies],
    ]
    level = fmean(thresholds.values())
    return Table(
        name="efficiency",
        title=f"Until {level:.3f} bits per hidden byte",
        columns=(
            Column(title="Strategy", is_number=False, short="Strategy"),
            Column(title="Tokens", unit="encoder + decoder", short="Tokens"),
            Column(title="Tokens, in those of ★", unit="ratio", short="÷ ★"),
            Column(title="FLOPs", short="FLOPs"),
            Column(title="Time", unit="minutes", short="Min"),
            Column(title="At the end", unit="bits per hidden byte", short="At the\nend"),
        ),
        rows=tuple(zip(*columns, strict=True)),
        strategies=tuple(s.name for s in strategies),
        legend=_legend(baseline, threshold),
    )


def _thresholds(
    baseline: Strategy | None, strategies: Sequence[Strategy], threshold: float | None
) -> dict[int | None, float]:
    """What is to be reached, for each seed."""
    if threshold is not None:
        return {run.seed: threshold for s in strategies for run in s.finished}
    ends = {run.seed: hidden_bits(run) for run in baseline.finished} if baseline else {}
    return {seed: bits for seed, bits in ends.items() if bits is not None and math.isfinite(bits)}


def _reached(strategy: Strategy, thresholds: dict[int | None, float]) -> Reached:
    measured = [run for run in strategy.finished if run.seed in thresholds and hidden_bits(run) is not None]
    found = {run.seed: crossing(run, thresholds[run.seed]) for run in measured}
    return Reached(crossings={seed: at for seed, at in found.items() if at is not None}, num_runs=len(measured))


def _entry(
    strategy: Strategy, reached: Reached, number: Callable[[Crossing], float | None], show: Callable[[float], str]
) -> Entry:
    """The mean if every seed reached it: the mean over those that did would flatter."""
    if not reached.num_runs:
        what = "not known" if any(hidden_bits(run) is not None for run in strategy.finished) else "nothing hidden"
        return Entry(text=what if strategy.finished else why_none(strategy), is_muted=True)
    num_reached = len(reached.crossings)
    if num_reached < reached.num_runs:
        text = f"reached by {num_reached} of {reached.num_runs}" if num_reached else "not reached"
        return Entry(text=text, is_muted=True, num_seeds=reached.num_runs)
    values = [value for at in reached.crossings.values() if (value := number(at)) is not None]
    over = spread(values)
    if over is None or over.num_seeds < reached.num_runs:
        return Entry(text="not known", is_muted=True)
    return Entry(text=_at_most(reached) + show(over.mean), value=over.mean, sd=over.sd, num_seeds=over.num_seeds)


def _at_most(reached: Reached) -> str:
    return "≤ " if any(at.is_first for at in reached.crossings.values()) else ""


def _ratio(reached: Reached, of_baseline: Reached | None, is_baseline: bool) -> Entry:
    """Tokens as a multiple of the baseline's with the same seed."""
    if of_baseline is None or not of_baseline.crossings or any(at.is_first for at in of_baseline.crossings.values()):
        return Entry(text="not known", is_muted=True)
    shared = [seed for seed in reached.crossings if seed in of_baseline.crossings]
    if not shared or len(reached.crossings) < reached.num_runs:
        return Entry(text="not reached", is_muted=True) if reached.num_runs else Entry(text="—", is_muted=True)
    ratios = [reached.crossings[seed].tokens / of_baseline.crossings[seed].tokens for seed in shared]
    over = spread(ratios)
    assert over is not None
    sd = "" if over.sd is None or is_baseline else f" ± {over.sd:.2f}"
    return Entry(text=f"{_at_most(reached)}{over.mean:.2f}{sd}", value=over.mean, sd=over.sd, num_seeds=over.num_seeds)


def _legend(baseline: Strategy | None, threshold: float | None) -> str:
    given = "the threshold is as given" if threshold is not None else "the threshold is what ★ reached with the seed"
    parts = ["each objective's own hidden text, in its own format", given, "between two evaluations a straight line"]
    return "; ".join(["★ baseline", *parts] if baseline else parts)
