"""Numbers of strategies as entries of tables, and the reason where there is no number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from denoise.study.exams import MISSING, OTHER_SETTINGS
from denoise.study.intervals import Method
from denoise.study.measures import Measure, curve_fell
from denoise.study.statistics import Strategy, as_good_as_best, difference, over_seeds
from denoise.study.table import Entry, brackets, signed

Show = Callable[[float], str]


def three_digits(value: float) -> str:
    """A number of bits or nats."""
    return f"{value:.3f}"


def name_entry(strategy: Strategy) -> Entry:
    """The strategy in words, the baseline marked, with what its unfinished runs do."""
    label = strategy.label + (" ★" if strategy.is_baseline else "")
    return Entry(text=label, value=strategy.label, note=_notes(strategy))


def mean_entry(
    strategy: Strategy, measure: Measure, show: Show = three_digits, *, with_sd: bool = True, none: str = "not known"
) -> Entry:
    """Mean ± sd over finished runs, or the reason why there is none."""
    spread = over_seeds(strategy.finished, measure)
    if spread is None:
        return Entry(text=none if strategy.finished else why_none(strategy), is_muted=True)
    if not math.isfinite(spread.mean):
        return Entry(text="diverged", is_muted=True)
    sd = spread.sd if with_sd else None
    text = show(spread.mean) + (f" ± {show(sd)}" if sd is not None else "")
    return Entry(text=text, value=spread.mean, sd=sd, num_seeds=spread.num_seeds)


def mean_entries(
    strategies: Sequence[Strategy], measure: Measure, show: Show = three_digits, none: str = ""
) -> list[Entry]:
    """A column of means, those as good as the best bold."""
    good = {strategy.name for strategy in as_good_as_best(strategies, measure)}
    return [replace(mean_entry(s, measure, show, none=none or no_exam(s)), is_best=s.name in good) for s in strategies]


def difference_entry(one: Strategy, other: Strategy | None, measure: Measure, method: Method = "t") -> Entry:
    """`one` minus `other`, paired by seed, with its interval."""
    if other is None or one.name == other.name:
        return Entry(text="—", is_muted=True)
    if not one.finished or not other.finished:
        return Entry(text=why_none(one if not one.finished else other), is_muted=True)
    gap = difference(one, other, measure, method)
    if gap is None:
        measured = all(over_seeds(each.finished, measure) for each in (one, other))
        return Entry(text="no seed in common" if measured else "not known", is_muted=True)
    if not math.isfinite(gap.mean):
        return Entry(text="diverged", is_muted=True)
    interval = "" if gap.low is None or gap.high is None else brackets(gap.low, gap.high)
    return Entry(
        text=signed(gap.mean),
        value=gap.mean,
        low=gap.low,
        high=gap.high,
        num_seeds=gap.num_seeds,
        note=interval or "one seed",
        is_muted=not interval,
    )


def no_exam(strategy: Strategy) -> str:
    """Why finished runs have no exam that counts."""
    notes = {run.exam_note for run in strategy.finished}
    return "another exam" if OTHER_SETTINGS in notes else "exam missing" if MISSING in notes else "not known"


def why_none(strategy: Strategy) -> str:
    """The most hopeful state among the runs of a strategy, none of which has finished."""
    states = {run.state for run in strategy.runs}
    if "running" in states or "stopped" in states:
        return "not reached"
    return "failed" if "failed" in states else "missing"


def _notes(strategy: Strategy) -> str:
    """What unfinished runs do, and whether a finished one did not learn."""
    others = Counter(run.state for run in strategy.runs if run.state != "finished")
    notes = [f"{count} {state}{_progress(strategy, state)}" for state, count in others.items()]
    exams = Counter(run.exam_note for run in strategy.finished if run.exam_note)
    notes += [
        f"{count} of another exam" if why == OTHER_SETTINGS else f"{count} without exam" for why, count in exams.items()
    ]
    if any(not curve_fell(run) for run in strategy.finished):
        notes.append("loss did not fall")
    return ", ".join(notes)


def _progress(strategy: Strategy, state: str) -> str:
    """How far the furthest run in a state is, in percent of its steps."""
    shares = [
        run.logs.train[-1].step / run.shapes["num_steps"]
        for run in strategy.runs
        if run.state == state and run.logs.train and run.shapes.get("num_steps")
    ]
    return f" at {max(shares):.0%}" if shares else ""
