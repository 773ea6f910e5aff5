"""Learning curves as Vega-Lite specifications: data by name, colours as variables of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from denoise.study.curves import at_each_step, thinned
from denoise.study.logs import HeldOutPoint, TrainPoint
from denoise.study.runs import Run
from denoise.study.statistics import Strategy, by_strategy

NUM_COLOURS = 8
"""The page defines so many variables --c0, --c1, ...; further strategies repeat them dashed."""
NUM_POINTS = 160
"""Longest training curve drawn, in points a run; more cannot be told apart on a screen."""

Rows = list[dict[str, Any]]


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
    """A Vega-Lite specification for each horizontal axis: tokens, time."""
    datasets: dict[str, Rows]
    """The rows of main (drawn boldly, with bands), seeds (thin) and ends (dots)."""


def figures(runs: Sequence[Run]) -> list[Figure]:
    """The charts that have points, the common measure first."""
    strategies = by_strategy(runs)
    unit = time_unit(runs)
    guess = _uniform_guess(runs)
    wanted = (
        (
            "hidden_bits",
            ("Left to guess of the hidden text", "bits per hidden byte"),
            "The one measure that the objectives share, each in its own input format. Lower is better.",
            _held_out_rows(strategies, lambda point: point.noise_bits_per_byte, unit),
        ),
        (
            "held_out_loss",
            ("Held-out loss", "nats per target token"),
            "Over each objective's own targets: compare shapes, not heights.",
            _held_out_rows(strategies, lambda point: point.loss, unit),
        ),
        (
            "train_loss",
            ("Training loss", "nats per target token"),
            f"One line a run; long runs are averaged to {NUM_POINTS} points. Compare shapes, not heights.",
            _train_rows(strategies, unit),
        ),
    )
    names = [strategy.name for strategy in strategies]
    drawn = []
    for name, (title, of), note, rows in wanted:
        reference = None if name == "hidden_bits" else guess
        if rows["main"]:
            specs = {x: _spec(x, unit[0], names, rows, reference) for x in ("tokens", "time")}
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


def colour(index: int) -> str:
    """The colour of strategy number `index`, as the page's variable.

    >>> colour(0), colour(8)
    ('var(--c0)', 'var(--c0)')
    """
    return f"var(--c{index % NUM_COLOURS})"


def _held_out_rows(
    strategies: Sequence[Strategy], measure: Callable[[HeldOutPoint], float | None], unit: tuple[str, float]
) -> dict[str, Rows]:
    main: Rows = []
    seeds: Rows = []
    for strategy in strategies:
        is_mean = len(strategy.finished) > 1
        for run in strategy.runs:
            lines = seeds if is_mean else main
            for p in run.logs.held_out:
                y = measure(p)
                if y is not None and math.isfinite(y):
                    lines.append(_row(strategy, run, (p.step, p.tokens, p.elapsed_s / unit[1]), y))
        for at in at_each_step(strategy.finished, measure) if is_mean else []:
            over = at["over"]
            row = _row(strategy, None, (at["step"], at["tokens"], at["elapsed_s"] / unit[1]), over.mean)
            sd = over.sd or 0.0
            main.append({**row, "sd": _short(sd), "low": _short(over.mean - sd), "high": _short(over.mean + sd)})
    return {"main": main, "seeds": seeds, "ends": _ends(main)}


def _train_rows(strategies: Sequence[Strategy], unit: tuple[str, float]) -> dict[str, Rows]:
    main: Rows = []
    for strategy in strategies:
        for run in strategy.runs:
            finite: list[TrainPoint] = [p for p in run.logs.train if math.isfinite(p.loss)]
            for p in thinned(finite, NUM_POINTS):
                main.append(_row(strategy, run, (p.step, p.tokens, p.elapsed_s / unit[1]), p.loss))
    return {"main": main, "seeds": [], "ends": _ends(main)}


def _row(strategy: Strategy, run: Run | None, place: tuple[int, int, float], y: float) -> dict[str, Any]:
    seed = "mean" if run is None else "" if run.seed is None else f"seed {run.seed}"
    return {
        "strategy": strategy.name,
        "label": f"{strategy.label}, {seed}" if seed else strategy.label,
        "step": place[0],
        "tokens": place[1],
        "time": _short(place[2]),
        "y": _short(y),
    }


def _ends(rows: Rows) -> Rows:
    return list({(row["strategy"], row["label"]): row for row in rows}.values())


def _short(value: float) -> float:
    """Five figures: more make the page longer and cannot be seen."""
    return float(f"{value:.5g}")


def _uniform_guess(runs: Sequence[Run]) -> float | None:
    """ln V, when all runs share one vocabulary size."""
    sizes = {run.shapes["vocab_size"] for run in runs if run.shapes.get("vocab_size")}
    return math.log(sizes.pop()) if len(sizes) == 1 else None


def _spec(x: str, unit: str, names: list[str], rows: dict[str, Rows], reference: float | None) -> dict[str, Any]:
    """Lines over bands over a dashed line for guessing, with the nearest point named under the pointer."""
    import altair as alt

    places = _places(x, unit, names)
    dashes = [[1, 0] if i < NUM_COLOURS else [5, 3] for i in range(len(names))]
    dash = alt.StrokeDash("strategy:N", legend=None, scale=alt.Scale(domain=names, range=dashes))
    line = {**places, "detail": "label:N", "strokeDash": dash}
    main, seeds, ends = (_shown(name) for name in ("main", "seeds", "ends"))
    has_bands = any("low" in row for row in rows["main"])
    layers = _guess(reference) if reference is not None else []
    if has_bands:
        band = {**places, "y": alt.Y("low:Q", title=None), "y2": "high:Q"}
        layers.append(main.transform_filter("isValid(datum.low)").mark_area(opacity=0.16).encode(**band))
    if rows["seeds"]:
        layers.append(seeds.mark_line(strokeWidth=1, opacity=0.4).encode(**line))
    layers += [
        main.mark_line(strokeWidth=2, strokeJoin="round", strokeCap="round").encode(**line),
        ends.mark_point(filled=True, size=34, opacity=1).encode(**places),
        _under_the_pointer(main, places, unit, has_sd=has_bands),
    ]
    shown = alt.param(name="shown", value=names)
    chart = alt.layer(*layers).add_params(shown).properties(width="container", height=260)
    spec: dict[str, Any] = chart.configure(**_look()).to_dict()
    spec.pop("$schema", None)
    return spec


def _places(x: str, unit: str, names: list[str]) -> dict[str, Any]:
    """Where a point stands and in which colour."""
    import altair as alt

    title = "tokens read, encoder + decoder" if x == "tokens" else f"{unit} of training"
    # Without the expression, nothing is written as "0M".
    axis = alt.Axis(format="~s", labelExpr="datum.value ? datum.label : '0'") if x == "tokens" else alt.Axis()
    colours = alt.Scale(domain=names, range=[colour(i) for i in range(len(names))])
    return {
        "x": alt.X(f"{x}:Q", title=title, axis=axis, scale=alt.Scale(nice=False, zero=True)),
        "y": alt.Y("y:Q", title=None, scale=alt.Scale(zero=False, nice=5)),
        "color": alt.Color("strategy:N", legend=None, scale=colours),
    }


def _under_the_pointer(main: Any, places: dict[str, Any], unit: str, *, has_sd: bool) -> Any:
    """The nearest point with its numbers."""
    import altair as alt

    near = alt.selection_point(nearest=True, on="pointermove", clear="pointerout", encodings=["x", "y"], name="near")
    # In its own tooltips for nearest points Vega-Lite 6 looks for names, unlike numbers, in the wrong place.
    at = "(datum.datum || datum)"
    tip = {
        "title": f"{at}.label",
        "value": f"format({at}.y, '.4f')",
        **({"sd": f"isValid({at}.sd) ? format({at}.sd, '.4f') : 'one seed'"} if has_sd else {}),
        "step": f"format({at}.step, ',')",
        "tokens": f"format({at}.tokens, ',')",
        unit: f"format({at}.time, '.4~g')",
    }
    shown = alt.ExprRef("{" + ", ".join(f"{name}: {expression}" for name, expression in tip.items()) + "}")
    opacity = alt.condition(near, alt.value(1), alt.value(0), empty=False)
    points = main.mark_point(filled=True, size=64)
    return points.encode(**places, opacity=opacity, tooltip=alt.value(shown)).add_params(near)


def _shown(name: str) -> Any:
    """A chart over the named rows, without the strategies that the reader has switched off."""
    import altair as alt

    return alt.Chart(alt.NamedData(name=name)).transform_filter("indexof(shown, datum.strategy) >= 0")


def _guess(reference: float) -> list[Any]:
    """A dashed line at the cost of a uniform guess, named at its right end."""
    import altair as alt

    at = alt.Chart(alt.InlineData(values=[{"y": reference, "text": f"uniform guess, ln V = {reference:.2f}"}]))
    return [
        at.mark_rule(strokeDash=[3, 3], color="var(--muted)").encode(y="y:Q"),
        at.mark_text(align="right", baseline="bottom", dy=-4, fontSize=11.5, color="var(--muted)").encode(
            x=alt.value("width"), y="y:Q", text="text:N"
        ),
    ]


def _look() -> dict[str, Any]:
    words = {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 11.5,
        "titleFontSize": 11.5,
    }
    return {
        "font": "system-ui, sans-serif",
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {**words, "titleFontWeight": "normal", "domain": False, "ticks": False, "labelPadding": 8},
        "axisX": {
            "grid": False,
            "domain": True,
            "domainColor": "var(--line)",
            "titlePadding": 10,
            "tickCount": 5,
        },
        "axisY": {"grid": True, "gridColor": "var(--hair)", "tickCount": 5},
    }
