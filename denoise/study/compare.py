"""Two runs or more beside each other: what was set differently, what it cost, and what came of it."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase

from denoise.study.entries import Show, difference_entry, mean_entry, no_exam, three_digits
from denoise.study.exams import formats, title_of, with_one_exam
from denoise.study.gains import Gain, gain, over_points
from denoise.study.intervals import Method
from denoise.study.measures import (
    Measure,
    exam_bits,
    exam_bits_in,
    flops,
    held_out_loss,
    hidden_bits,
    minutes,
    steps,
    tokens_per_s,
    tokens_read,
)
from denoise.study.options import NOT_SET, differing
from denoise.study.results import about, one_digit, percent_exact, whole
from denoise.study.runs import BadFolder, Run, is_run, read_grid, read_run
from denoise.study.statistics import Strategy, by_strategy, of_one_objective
from denoise.study.table import Column, Entry, Table, short_count
from denoise.study.transfer_tables import gap_entry, score_entry, why_not
from denoise.study.transfers import Learnt, with_one_transfer
from denoise.study.transfers import title_of as title_of_task
from denoise.study.verdict import caveats, verdict


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Sides beside each other, the first the one that the others are compared with."""

    tables: list[Table]
    """Sides, options that differ, budgets, scores."""
    verdict: str
    """What the numbers allow to say."""
    caveats: list[str]
    """And what not."""


def named_runs(names: Sequence[str]) -> list[Run]:
    """The runs that names stand for: run folders, globs of them, GRID:STRATEGY, grid folders; none twice.

    Raises BadFolder for a name of nothing.
    """
    found: dict[Path, Run] = {}
    for name in names:
        for run in _named(name):
            found.setdefault(run.folder.resolve(), run)
    return list(found.values())


def _named(name: str) -> list[Run]:
    folder = Path(name)
    if folder.is_dir():
        return [read_run(folder)] if is_run(folder) else read_grid(folder)
    grid, colon, strategy = name.rpartition(":")
    if colon and Path(grid).is_dir():
        runs = read_grid(Path(grid))
        chosen = [run for run in runs if run.strategy == strategy]
        if not chosen:
            there_are = ", ".join(dict.fromkeys(run.strategy for run in runs))
            raise BadFolder(f"{grid} has no strategy {strategy}; there are {there_are}")
        return chosen
    folders = [Path(path) for path in sorted(glob.glob(name)) if is_run(Path(path))]
    if not folders:
        raise BadFolder(f"{name} names no run; give a run folder, a glob of them, or GRID:STRATEGY")
    return [read_run(path) for path in folders]


def comparison(runs: Sequence[Run], method: Method = "t") -> Comparison:
    """Put runs beside each other; those of one strategy in one folder are the seeds of one side.

    Raises BadFolder where there is only one side.
    """
    sides = by_strategy(with_one_transfer(with_one_exam(_as_sides(runs))))
    if len(sides) < 2:
        alone = f"only {sides[0].label} has begun" if sides else "none of these runs has begun"
        raise BadFolder(f"{alone}; name two runs or more to compare")
    everything = [run for side in sides for run in side.runs]
    return Comparison(
        tables=[
            table
            for table in (
                _sides(sides),
                _options(sides),
                _budget(sides),
                _scores(sides, everything, method),
                _learnt(sides, method),
            )
            if table.rows
        ],
        verdict=verdict(everything, method),
        caveats=caveats(everything),
    )


def _as_sides(runs: Sequence[Run]) -> list[Run]:
    """Runs under the names of their sides: seeds apart if there is but one strategy, grids named if they share one."""
    runs = [run for run in runs if run.state not in ("replaced", "missing")]
    homes = {(run.folder.resolve().parent, run.strategy) for run in runs}
    are_apart = len(homes) == 1
    ambiguous = len({label for _, label in homes}) < len(homes)
    named = []
    for run in runs:
        home = run.folder.resolve().parent
        name, label = f"{home}:{run.strategy}", run.label
        if are_apart:
            name, label = str(run.folder.resolve()), f"{run.label}, seed {run.seed}"
        elif ambiguous:
            label = f"{home.name}: {run.label}"
        named.append(replace(run, strategy=name, label=label))
    return [replace(run, is_baseline=run.strategy == named[0].strategy) for run in named]


def _sides(sides: Sequence[Strategy]) -> Table:
    """Whose letter is whose."""
    rows = []
    for letter, side in zip(_letters(sides), sides, strict=True):
        homes = ", ".join(dict.fromkeys(str(run.folder.parent) for run in side.runs))
        seeds = ", ".join("?" if run.seed is None else str(run.seed) for run in side.finished) or "none finished"
        rows.append(tuple(Entry(text=text, value=text) for text in (letter, side.label, seeds, homes)))
    titles = ("Side", "What", "Seeds finished", "Where")
    return Table(
        name="sides",
        title="Sides",
        columns=tuple(Column(title=title, is_number=False, short=title) for title in titles),
        rows=tuple(rows),
        strategies=tuple(side.name for side in sides),
    )


def _letters(sides: Sequence[Strategy]) -> list[str]:
    """A, B, C, ..., and numbers where there are more sides than letters; the first has the star."""
    names = ascii_uppercase if len(sides) <= len(ascii_uppercase) else [str(place + 1) for place in range(len(sides))]
    return [name + (" ★" if side.is_baseline else "") for name, side in zip(names, sides, strict=False)]


def _options(sides: Sequence[Strategy]) -> Table:
    rows = [
        (Entry(text=key, value=key), *(Entry(text=value, value=value, is_muted=value == NOT_SET) for value in values))
        for key, values in differing(sides)
    ]
    return _table("options", "Options that differ", sides, rows, is_number=False)


def _budget(sides: Sequence[Strategy]) -> Table:
    measures: tuple[tuple[str, Measure, Show], ...] = (
        ("Steps", steps, whole),
        ("Tokens, encoder + decoder", tokens_read, short_count),
        ("FLOPs", flops, short_count),
        ("Minutes", minutes, one_digit),
        ("Tokens a second", tokens_per_s, whole),
    )
    rows = [
        (Entry(text=name, value=name), *(mean_entry(side, measure, show, with_sd=False) for side in sides))
        for name, measure, show in measures
    ]
    return _table("budget", "Budget", sides, rows)


def _scores(sides: Sequence[Strategy], runs: Sequence[Run], method: Method) -> Table:
    """Each side's mean, with its paired difference from the first side under it."""
    measures: list[tuple[str, Measure, Show]] = [("Own hidden text", hidden_bits, three_digits)]
    if formats(runs):
        exam: list[tuple[str, Measure, Show]] = [("Exam", exam_bits, three_digits)]
        exam += [(f"Exam: {title_of(name)}", exam_bits_in(name), three_digits) for name in formats(runs)]
        measures = [*exam, ("Exact spans, %", percent_exact, one_digit), *measures]
    rows = [
        (Entry(text=name, value=name), *(_against_first(side, sides[0], measure, show, method) for side in sides))
        for name, measure, show in measures
    ]
    losses = [_against_first(side, sides[0], held_out_loss, three_digits, method) for side in sides]
    if not of_one_objective(sides):
        losses = [replace(mean_entry(side, held_out_loss), is_muted=True) for side in sides]
    rows.append((Entry(text="Own held-out loss", value="Own held-out loss"), *losses))
    is_repeated = any(entry.low is not None for row in rows for entry in row)
    parts = ["★ what the others are compared with", "bits per hidden byte, the loss in nats per target token"]
    parts.append("mean ± sd over n seeds")
    if is_repeated:
        parts.append(f"under it the difference from ★, paired by seed, and {about(method)}")
    return _table("scores", "Scores", sides, rows, legend="; ".join(parts))


def _learnt(sides: Sequence[Strategy], method: Method) -> Table:
    """Each side's score on each task that any has learnt, with its difference from the first side under it."""
    learnt, rows = Learnt(sides), []
    for task in learnt.tasks:
        name = f"{title_of_task(task)}, {learnt.any_of(task).measures[0]} × 100"
        points = [learnt.points(side, task) for side in sides]
        entries = [
            score_entry(over_points(each), why_not(side, task)) for side, each in zip(sides, points, strict=True)
        ]
        gaps = [None, *(gain(each, points[0], method) for each in points[1:])]
        rows.append((Entry(text=name, value=name), *map(_with_gap, entries, gaps)))
    legend = (
        "higher is better; mean ± sd over n seeds; under it the difference from ★, paired by seed, and its interval"
    )
    return _table("transfer", "Fine-tuned", sides, rows, legend=legend)


def _with_gap(entry: Entry, gap: Gain | None) -> Entry:
    if gap is None:
        return entry
    shown = gap_entry(gap)
    return replace(entry, note=f"{shown.text}\n{shown.note}", low=gap.low, high=gap.high)


def _against_first(side: Strategy, first: Strategy, measure: Measure, show: Show, method: Method) -> Entry:
    entry = mean_entry(side, measure, show, none=no_exam(side))
    gap = difference_entry(side, first, measure, method)
    if side is first or gap.value is None or entry.value is None:
        return entry
    return replace(entry, note=f"{gap.text}\n{gap.note}", low=gap.low, high=gap.high)


def _table(
    name: str,
    title: str,
    sides: Sequence[Strategy],
    rows: Sequence[tuple[Entry, ...]],
    *,
    is_number: bool = True,
    legend: str = "",
) -> Table:
    heads = zip(_letters(sides), sides, strict=True)
    return Table(
        name=name,
        title=title,
        columns=(
            Column(title="", is_number=False, short=" "),
            *(Column(title=f"{letter} {side.label}", is_number=is_number, short=letter) for letter, side in heads),
        ),
        rows=tuple(rows),
        strategies=("",) * len(rows),
        legend=legend,
    )
