"""Tables of fine-tuning: T5's columns, and what pretraining buys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from denoise.study.entries import name_entry, why_none
from denoise.study.exams import MISSING, OTHER_SETTINGS
from denoise.study.gains import HUNDRED, Gain, gain, over_points
from denoise.study.intervals import Method
from denoise.study.results import about
from denoise.study.runs import Run
from denoise.study.statistics import Spread, Strategy, by_strategy, near_best, spread
from denoise.study.table import Column, Entry, Table, signed
from denoise.study.transfers import Learnt, Points, title_of

BASELINES = {"majority": "Majority", "bag_of_words": "Bag of words", "lead": "First sentences"}
"""What needs no model, and what its row is called."""
_IN_WORDS = {
    "majority": "majority: always the commonest answer",
    "bag_of_words": "a bag of words sees no order",
    "lead": "first sentences: the passage's own",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A strategy, or a model from scratch: whoever has learnt tasks."""

    name: Entry
    strategy: Strategy | None
    """None for a model from scratch."""
    points: Mapping[str, Points]
    """By task."""


def transfer(runs: Sequence[Run]) -> Table | None:
    """The score of every strategy on every task, and of what it is measured by; None where nothing was fine-tuned."""
    learnt = Learnt(by_strategy(runs))
    tasks = learnt.tasks
    if not tasks:
        return None
    rows = rows_of(learnt)
    columns = [(Column(title="Fine-tuned", is_number=False, short="Fine-tuned"), [row.name for row in rows])]
    for task in tasks:
        spreads = [over_points(row.points[task]) for row in rows]
        reasons = [why_not(row.strategy, task) if row.strategy else "not learnt" for row in rows]
        entries = [score_entry(each, none) for each, none in zip(spreads, reasons, strict=True)]
        columns.append((_column(learnt, task), _with_best(rows, spreads, entries)))
    average, missing = _glue(rows, tasks)
    if average is not None:
        columns.append((Column(title="GLUE average", unit="× 100", short="GLUE\naverage"), average))
    shown = [list(row) for row in zip(*(column for _, column in columns), strict=True)]
    shown += [_baseline_row(learnt, name, len(columns)) for name in BASELINES if _has_baseline(learnt, name)]
    return Table(
        name="transfer",
        title="Fine-tuned",
        columns=tuple(column for column, _ in columns),
        rows=tuple(tuple(row) for row in shown),
        strategies=(*names_of(rows), *("",) * (len(shown) - len(rows))),
        legend=_legend(learnt, rows, shown, missing),
    )


def gained(runs: Sequence[Run], method: Method = "t") -> Table | None:
    """What each strategy gains over its own model from scratch; None where nothing was learnt from scratch."""
    learnt = Learnt(by_strategy(runs))
    tasks = [task for task in learnt.tasks if any(learnt.scratch(s, task) for s in learnt.strategies)]
    if not tasks:
        return None
    found = {
        s.name: {task: gain(learnt.points(s, task), learnt.scratch(s, task), method) for task in tasks}
        for s in learnt.strategies
    }
    known = [each for by_task in found.values() for each in by_task.values() if each is not None]
    counts = {each.num_seeds for each in known}
    rows = []
    for strategy in learnt.strategies:
        entries = [_gain_entry(learnt, strategy, task, found[strategy.name][task]) for task in tasks]
        if len(counts) == 1:  # then the legend says it once
            entries = [replace(entry, num_seeds=None) for entry in entries]
        counted = _count_entry(list(found[strategy.name].values()))
        rows.append((replace(name_entry(strategy), note=""), *entries, counted))
    return Table(
        name="gained",
        title="Pretrained minus from scratch",
        columns=(
            Column(title="Pretrained", is_number=False, short="Pretrained"),
            *(_column(learnt, task) for task in tasks),
            Column(title="Above two sd", unit="tasks", short="Above\ntwo sd"),
        ),
        rows=tuple(rows),
        strategies=tuple(strategy.name for strategy in learnt.strategies),
        legend=_legend_of_gains(counts, method),
    )


def score_entry(found: Spread | None, none: str) -> Entry:
    """A mean score ± sd in hundredths, or why there is none."""
    if found is None:
        return Entry(text=none, is_muted=True)
    if not math.isfinite(found.mean):
        return Entry(text="not a number", is_muted=True)
    text = f"{found.mean:.1f}" + ("" if found.sd is None else f" ± {found.sd:.1f}")
    return Entry(text=text, value=found.mean, sd=found.sd, num_seeds=found.num_seeds)


def why_not(strategy: Strategy, task: str) -> str:
    """Why a strategy has no score on a task."""
    if not strategy.finished:
        return why_none(strategy)
    notes = {run.transfer.notes.get(task) for run in strategy.finished}
    return "other settings" if OTHER_SETTINGS in notes else "missing" if MISSING in notes else "not learnt"


def gap_entry(found: Gain) -> Entry:
    """A difference of scores with its interval."""
    if not math.isfinite(found.mean):
        return Entry(text="not a number", is_muted=True)
    interval = "" if found.low is None or found.high is None else f"[{found.low:.1f}, {found.high:.1f}]"
    return Entry(
        text=signed(found.mean, 1),
        value=found.mean,
        low=found.low,
        high=found.high,
        num_seeds=found.num_seeds,
        note=interval.replace("-", "−") or "one seed",
        is_muted=not interval,
    )


def rows_of(learnt: Learnt) -> list[Row]:
    """Strategies, then their models from scratch."""
    rows = [
        Row(name=name_entry(s), strategy=s, points={task: learnt.points(s, task) for task in learnt.tasks})
        for s in learnt.strategies
    ]
    for start, label in learnt.starts.items():
        points = {task: learnt.from_start(start, task) for task in learnt.tasks}
        rows.append(Row(name=Entry(text=label, value=label), strategy=None, points=points))
    return rows


def names_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a table calls its rows by: the strategies' names."""
    return tuple(row.strategy.name if row.strategy else "" for row in rows)


def _column(learnt: Learnt, task: str) -> Column:
    return Column(title=title_of(task), unit=f"{learnt.any_of(task).measures[0]} × 100", short=title_of(task))


def _with_best(rows: Sequence[Row], spreads: Sequence[Spread | None], entries: list[Entry]) -> list[Entry]:
    """Bold the strategies within two sd of the best of them; a model from scratch is no strategy."""
    of = [(row.strategy.is_baseline, each) for row, each in zip(rows, spreads, strict=True) if row.strategy]
    good = near_best(of, is_higher_better=True)
    return [replace(entry, is_best=place in good) for place, entry in enumerate(entries)]


def _glue(rows: Sequence[Row], tasks: Sequence[str]) -> tuple[list[Entry] | None, list[str]]:
    """The average of each row over the GLUE tasks that there are, and which are not; None where it means nothing.

    A row that lacks one of them has none: its average would be over other tasks than the others'.
    """
    from denoise.transfer.tasks.glue_average import GLUE, glue_average

    there = [task for task in tasks if task in GLUE]
    if len(there) < 2:
        return None, []
    spreads, entries = [], []
    for row in rows:
        by_task = {task: row.points[task] for task in there}
        seeds = sorted(set.intersection(*(set(points) for points in by_task.values())))
        averages = [glue_average({task: by_task[task][seed].scores for task in there})[0] for seed in seeds]
        lacks = [title_of(task) for task, points in by_task.items() if not points]
        spreads.append(spread(averages))
        entries.append(score_entry(spreads[-1], f"without {', '.join(lacks)}" if lacks else "no seed has all"))
    return _with_best(rows, spreads, entries), [task for task in GLUE if task not in there]


def _has_baseline(learnt: Learnt, name: str) -> bool:
    return any(learnt.baseline(task, name) is not None for task in learnt.tasks)


def _baseline_row(learnt: Learnt, name: str, num_columns: int) -> list[Entry]:
    """What needs no model: one figure a task, with no seeds."""
    row = [Entry(text=BASELINES[name], value=BASELINES[name])]
    for task in learnt.tasks:
        score = learnt.baseline(task, name)
        shown = None if score is None else HUNDRED * score
        row.append(Entry(text="—", is_muted=True) if shown is None else Entry(text=f"{shown:.1f}", value=shown))
    return row + [Entry(text="", is_muted=True)] * (num_columns - len(row))


def _legend(learnt: Learnt, rows: Sequence[Row], entries: Sequence[Sequence[Entry]], missing: Sequence[str]) -> str:
    parts = ["★ baseline"] if any(s.is_baseline for s in learnt.strategies) else []
    if any(entry.sd is not None for row in entries for entry in row):
        parts.append("mean ± sd over n seeds")
    else:
        parts.append("one seed is one seed, so nothing is bold")
    if any(entry.is_best for row in entries for entry in row):
        parts.append("bold within two sd of the best strategy")
    parts.append("higher is better")
    if len(rows) > len(learnt.strategies):
        parts.append("from scratch: the same model, questions, steps and seeds, from fresh weights")
    parts += [words for name, words in _IN_WORDS.items() if _has_baseline(learnt, name)]
    if missing:
        parts.append(f"the GLUE average is without {', '.join(map(title_of, missing))}")
    return "; ".join(parts)


def _legend_of_gains(counts: set[int], method: Method) -> str:
    over = f" over {counts.copy().pop()} seeds" if len(counts) == 1 and counts != {1} else ""
    parts = [f"the score behind pretraining minus that of the same model from scratch, × 100, paired by seed{over}"]
    if max(counts, default=1) == 1:
        return "; ".join([*parts, "one seed is one seed, so nothing is bold"])
    parts.append(f"in brackets {about(method)}")
    return "; ".join([*parts, "bold where it is above two sd of one seed, of the two scores' the larger"])


def _gain_entry(learnt: Learnt, strategy: Strategy, task: str, found: Gain | None) -> Entry:
    if found is not None:
        return replace(gap_entry(found), is_best=found.is_beyond)
    if not learnt.points(strategy, task):
        return Entry(text=why_not(strategy, task), is_muted=True)
    has_scratch = bool(learnt.scratch(strategy, task))
    return Entry(text="no seed in common" if has_scratch else "not from scratch", is_muted=True)


def _count_entry(found: Sequence[Gain | None]) -> Entry:
    """On how many tasks a strategy is above scratch by more than two sd, and on how many below."""
    known = [each for each in found if each is not None and each.two_sd is not None]
    if not known:
        return Entry(text="not known", is_muted=True)
    above, below = sum(each.is_beyond for each in known), sum(each.is_loss for each in known)
    return Entry(text=f"{above} of {len(known)}", value=above, note=f"{below} below" if below else "")
