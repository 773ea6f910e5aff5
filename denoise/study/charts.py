"""Learning curves as rows of numbers: a mean line over seeds with its band, and the seeds themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean, stdev
from typing import Any

from denoise.study.chart_specs import PLOT_PX, curve_spec
from denoise.study.curves import thinned
from denoise.study.logs import HeldOutPoint, TrainPoint
from denoise.study.runs import Run
from denoise.study.statistics import Strategy, by_strategy

NUM_POINTS = 160
"""Longest training curve drawn, in points a run; more cannot be told apart on a screen."""
MOST_POINTS = 3000
"""Points of all training curves together, so that many runs do not make the page heavy."""
LABEL_PX = 14
"""Height of a name at the end of a line."""

Rows = list[dict[str, Any]]
Place = tuple[int, int, "float | None", float]
"""Step, tokens, FLOPs and time of a point."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One chart with its words."""

    name: str
    """Its name in the page."""
    title: str
    """What is drawn."""
    unit: str
    """Unit of the vertical axis."""
    note: str
    """How to read it."""
    specs: dict[str, dict[str, Any]]
    """A Vega-Lite specification for each horizontal axis: tokens, flops where they are known, time."""
    datasets: dict[str, Rows]
    """The rows of main (drawn boldly, with bands), seeds (thin) and ends (dots and names)."""


def figures(runs: Sequence[Run]) -> list[Figure]:
    """The charts that have points, the common measure first."""
    strategies = by_strategy(runs)
    unit = time_unit(runs)
    guess = _uniform_guess(runs)
    axes = ["tokens", *(["flops"] if all(_flops_a_token(run) for run in _begun(runs)) else []), "time"]
    num_points = max(20, min(NUM_POINTS, MOST_POINTS // max(1, len(_begun(runs)))))
    wanted = (
        (
            "hidden_bits",
            ("Left to guess of the hidden text", "bits per hidden byte"),
            "The measure that the objectives share while they train, each in its own input format. Lower is better.",
            _rows(strategies, unit[1], lambda run: _held_out(run, lambda point: point.noise_bits_per_byte)),
        ),
        (
            "held_out_loss",
            ("Held-out loss", "nats per target token"),
            "Over each objective's own targets: compare shapes, not heights.",
            _rows(strategies, unit[1], lambda run: _held_out(run, lambda point: point.loss)),
        ),
        (
            "train_loss",
            ("Training loss", "nats per target token"),
            f"Long runs are averaged to {num_points} points. Compare shapes, not heights.",
            _rows(strategies, unit[1], lambda run: _training(run, num_points)),
        ),
    )
    names = [strategy.name for strategy in strategies]
    drawn = []
    for name, (title, of), note, rows in wanted:
        reference = None if name == "hidden_bits" else guess
        if rows["main"]:
            heights = _heights(rows, reference)
            rows["ends"] = _ends(strategies, rows["main"], heights)
            specs = {x: curve_spec(x, unit[0], names, rows, (heights, reference)) for x in axes}
            drawn.append(Figure(name=name, title=title, unit=of, note=note, specs=specs, datasets=rows))
    return drawn


def time_unit(runs: Sequence[Run]) -> tuple[str, float]:
    """The unit that suits the longest run, and its length in seconds.

    >>> time_unit([])
    ('seconds', 1.0)
    """
    ends_s = [p[-1].elapsed_s for run in runs for p in (run.logs.train, run.logs.held_out) if p]
    longest_s = max(ends_s, default=0.0)
    return ("seconds", 1.0) if longest_s < 180 else ("minutes", 60.0) if longest_s < 3 * 3600 else ("hours", 3600.0)


def dodged(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The same heights moved apart to `gap` or more, in their order, as little as that takes, within the ends.

    >>> dodged([1.0, 1.25, 5.0], 1.0, 0.0, 10.0)
    [0.625, 1.625, 5.0]
    >>> dodged([9.8, 9.9], 1.0, 0.0, 10.0)
    [9.0, 10.0]
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    blocks: list[tuple[float, int]] = []  # of neighbours that touch: the sum of their heights, and how many they are

    def start(block: tuple[float, int]) -> float:
        total, count = block
        return max(low, min(total / count - gap * (count - 1) / 2, high - gap * (count - 1)))

    for i in order:
        blocks.append((heights[i], 1))
        while len(blocks) > 1 and start(blocks[-2]) + gap * blocks[-2][1] > start(blocks[-1]):
            (total, count), (others, num_others) = blocks.pop(), blocks.pop()
            blocks.append((total + others, count + num_others))
    moved = [0.0] * len(heights)
    places = [start(block) + gap * k for block in blocks for k in range(block[1])]
    for i, place in zip(order, places, strict=True):
        moved[i] = place
    return moved


def _begun(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.logs.train or run.logs.held_out]


def _flops_a_token(run: Run) -> float | None:
    """Floating-point operations a token of either side, of the whole run."""
    flops = run.shapes.get("flops")
    tokens = run.done.get("tokens") or run.shapes.get("tokens")
    return flops / tokens if flops and tokens else None


def _held_out(run: Run, measure: Callable[[HeldOutPoint], float | None]) -> list[tuple[Any, float]]:
    return [(p, y) for p in run.logs.held_out if (y := measure(p)) is not None and math.isfinite(y)]


def _training(run: Run, num_points: int) -> list[tuple[Any, float]]:
    finite: list[TrainPoint] = [p for p in run.logs.train if math.isfinite(p.loss)]
    return [(p, p.loss) for p in thinned(finite, num_points)]


def _rows(
    strategies: Sequence[Strategy], unit_s: float, points: Callable[[Run], list[tuple[Any, float]]]
) -> dict[str, Rows]:
    """Each run's points; where two seeds or more have finished, their mean is the main line and they are thin."""
    main: Rows = []
    seeds: Rows = []
    for strategy in strategies:
        is_mean = len(strategy.finished) > 1
        curves: dict[int, list[tuple[Place, float]]] = {}
        for run in strategy.runs:
            factor = _flops_a_token(run)
            for p, y in points(run):
                place = (p.step, p.tokens, factor and factor * p.tokens, p.elapsed_s / unit_s)
                (seeds if is_mean else main).append(_row(strategy, run, place, y))
                if run.state == "finished":
                    curves.setdefault(p.step, []).append((place, y))
        if is_mean:
            main += _mean_rows(strategy, curves)
    return {"main": main, "seeds": seeds}


def _mean_rows(strategy: Strategy, curves: dict[int, list[tuple[Place, float]]]) -> Rows:
    """The mean over seeds at each step that all of them have: elsewhere it would jump where a seed ends."""
    most = max(map(len, curves.values()), default=0)
    rows = []
    for step, found in sorted(curves.items()):
        if len(found) < most:
            continue
        places, ys = zip(*found, strict=True)
        flops = None if places[0][2] is None else fmean(place[2] for place in places)
        place = (step, round(fmean(p[1] for p in places)), flops, fmean(p[3] for p in places))
        mean, sd = fmean(ys), stdev(ys) if len(ys) > 1 else 0.0
        row = _row(strategy, None, place, mean)
        rows.append({**row, "sd": short(sd), "low": short(mean - sd), "high": short(mean + sd)})
    return rows


def _row(strategy: Strategy, run: Run | None, place: Place, y: float) -> dict[str, Any]:
    seed = "mean" if run is None else "" if run.seed is None else f"seed {run.seed}"
    step, tokens, flops, time = place
    return {
        "strategy": strategy.name,
        "label": f"{strategy.label}, {seed}" if seed else strategy.label,
        "step": step,
        "tokens": tokens,
        **({} if flops is None else {"flops": short(flops)}),
        "time": short(time),
        "y": short(y),
    }


def short(value: float) -> float:
    """Five figures: more make the page longer and cannot be seen."""
    return float(f"{value:.5g}")


def _heights(rows: dict[str, Rows], reference: float | None) -> tuple[float, float]:
    """The lowest and the highest of the vertical axis, with some air."""
    ys = [row[key] for part in rows.values() for row in part for key in ("y", "low", "high") if key in row]
    ys += [] if reference is None else [reference]
    low, high = min(ys), max(ys)
    air = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - air, high + air


def _ends(strategies: Sequence[Strategy], main: Rows, heights: tuple[float, float]) -> Rows:
    """The last point of each bold line; one a strategy carries its number and name, at a height of its own."""
    last = list({(row["strategy"], row["label"]): row for row in main}.values())
    named = list({row["strategy"]: row for row in sorted(last, key=lambda row: row["tokens"])}.values())
    gap = (heights[1] - heights[0]) * LABEL_PX / PLOT_PX
    at = dodged([row["y"] for row in named], gap, *heights)
    shared = len(_shared([strategy.label for strategy in strategies]))
    about = {s.name: (number, s.label[shared:]) for number, s in enumerate(strategies, start=1)}
    names = {
        id(row): {"name": about[row["strategy"]][1], "number": about[row["strategy"]][0], "at": short(height)}
        for row, height in zip(named, at, strict=True)
    }
    return [{**row, **names.get(id(row), {})} for row in last]


def _shared(labels: Sequence[str]) -> str:
    """What all labels begin with, up to a comma: beside the lines there is room for the rest only.

    >>> _shared(["Muon, rate 0.1", "Muon, rate 0.2"]), _shared(["T5 span", "T5 i.i.d."]), _shared(["Muon, rate 0.1"])
    ('Muon, ', '', '')
    """
    parts = [label.split(", ") for label in labels]
    same = takewhile(lambda column: len(set(column)) == 1, zip(*(part[:-1] for part in parts), strict=False))
    return "".join(f"{column[0]}, " for column in same) if len(labels) > 1 else ""


def _uniform_guess(runs: Sequence[Run]) -> float | None:
    """ln V, when all runs share one vocabulary size."""
    sizes = {run.shapes["vocab_size"] for run in runs if run.shapes.get("vocab_size")}
    return math.log(sizes.pop()) if len(sizes) == 1 else None
