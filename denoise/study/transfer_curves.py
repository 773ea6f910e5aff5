"""Pretrained against scratch as curves: for each task the loss in training and on what is scored, over the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev
from typing import Any

from denoise.study.chart_specs import AT, colour, dash, look, nearest, shown_of
from denoise.study.charts import Figure, Rows, short
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy
from denoise.study.transfers import FROM_SCRATCH, Learnt, Points, title_of

PLOT_PX = 170
"""Height of a plot: two of them stand beside each other for each task."""
THIN_PX, BOLD_PX = 1.5, 2.75
"""Widths of lines: those of the models from scratch, which the others are held against, are bold."""
_DEEPEST = 10
"""A band ends at this part of its mean at the least: a logarithm has no 0."""
MOST_BANDS = 3
"""Of more strategies than this only the models from scratch have a band: more of them hide the lines."""
UNIT = "nats a said token"
TIP = {
    "title": f"{AT}.label",
    "loss": f"format({AT}.y, '.4f')",
    "sd": f"{AT}.n > 1 ? format({AT}.sd, '.4f') : 'one seed'",
    "step": f"format({AT}.step, ',')",
    "seeds": f"{AT}.n",
}
"""What is told of a point under the pointer."""
SIDES = {"train": "in training", "scored": "on the scored questions"}
"""The two curves of a fine-tuning."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the charts, and its button."""

    name: str
    """The strategy's, or that of a model from scratch; those have a space."""
    label: str
    """In words."""
    colour: str
    """As the page's variable."""
    dash: Sequence[float]
    """Its dashes."""
    width: float
    """In px."""
    points: Callable[[str], Points]
    """The results of a task that it is the mean of."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The two charts of a task."""

    title: str
    """The task."""
    charts: dict[str, Figure]
    """By SIDES."""


def lines(learnt: Learnt) -> list[Line]:
    """What is drawn: strategies as everywhere in the page, models from scratch in the colour of ink."""
    drawn = [
        Line(
            name=strategy.name,
            label=strategy.label + (" ★" if strategy.is_baseline else ""),
            colour=colour(place),
            dash=dash(place),
            width=THIN_PX,
            points=partial(learnt.points, strategy),
        )
        for place, strategy in enumerate(learnt.strategies)
    ]
    scratch = [
        Line(
            name=label.replace(FROM_SCRATCH, "from scratch"),
            label=label,
            colour="var(--ink)",
            dash=dash(5 * place),
            width=BOLD_PX,
            points=partial(learnt.from_start, start),
        )
        for place, (start, label) in enumerate(learnt.starts.items())
    ]
    return [*drawn, *scratch]


def pairs(runs: Sequence[Run]) -> list[Pair]:
    """Two charts a task; none where nothing was learnt from scratch."""
    learnt = Learnt(by_strategy(runs))
    if not learnt.starts:
        return []
    drawn = lines(learnt)
    spec = _spec(drawn)
    least_width = BOLD_PX if len(learnt.strategies) > MOST_BANDS else THIN_PX
    found = []
    for task in learnt.tasks:
        rows = {
            side: [row for line in drawn for row in _rows(line, task, side, has_band=line.width >= least_width)]
            for side in SIDES
        }
        heights = _heights([row for both in rows.values() for row in both])
        if heights is None:
            continue
        charts = {
            side: Figure(
                name=f"learnt-{task}-{side}",
                title=f"{title_of(task)}, {words}",
                unit=UNIT,
                note="",
                specs={"steps": _with_heights(spec, heights)},
                datasets={"main": rows[side]},
            )
            for side, words in SIDES.items()
        }
        found.append(Pair(title=title_of(task), charts=charts))
    return found


def _rows(line: Line, task: str, side: str, *, has_band: bool) -> Rows:
    """The mean over seeds at each step that all of them have, with the sd about it."""
    points = line.points(task)
    curves: dict[int, list[float]] = {}
    for each in points.values():
        for point in each.train_curve if side == "train" else each.scored_curve:
            if math.isfinite(point.loss) and point.loss > 0:  # the axis is logarithmic
                curves.setdefault(point.step, []).append(point.loss)
    rows = []
    for step, losses in sorted(curves.items()):
        if len(losses) < len(points):
            continue
        mean, sd = fmean(losses), stdev(losses) if len(losses) > 1 else 0.0
        row = {"strategy": line.name, "label": line.label, "width": line.width, "step": step}
        row |= {"y": short(mean), "sd": short(sd), "n": len(losses)}
        rows.append(
            {**row, **({"low": short(max(mean - sd, mean / _DEEPEST)), "high": short(mean + sd)} if has_band else {})}
        )
    return rows


def _heights(rows: Rows) -> tuple[float, float] | None:
    """The ends of the vertical axis of both charts of a task, which can so be compared; None where there is no line."""
    ys = [row[key] for row in rows for key in ("y", "low", "high") if key in row]
    if not ys:
        return None
    low, high = min(ys), max(ys)
    air = max((high / low) ** 0.05, 1.05)
    return low / air, high * air


def _with_heights(spec: dict[str, Any], heights: tuple[float, float]) -> dict[str, Any]:
    """The same chart between other ends."""
    values = dict(zip(("lowest", "highest"), heights, strict=True))
    params = [{**each, "value": values.get(each["name"], each.get("value"))} for each in spec["params"]]
    return {**spec, "params": params}


def _spec(drawn: Sequence[Line]) -> dict[str, Any]:
    import altair as alt

    names = [line.name for line in drawn]
    main = shown_of("main")
    # Pretrained or not, a first loss is of what a task's targets look like: ten times what the rest is about.
    ends = alt.Scale(type="log", domain=[alt.ExprRef("lowest"), alt.ExprRef("highest")], nice=False)
    places = {
        "x": alt.X("step:Q", title="steps", axis=alt.Axis(tickCount=4), scale=alt.Scale(nice=False, zero=True)),
        "y": alt.Y("y:Q", title=None, scale=ends, axis=alt.Axis(tickCount=4, format="~g")),
        "color": alt.Color(
            "strategy:N", legend=None, scale=alt.Scale(domain=names, range=[line.colour for line in drawn])
        ),
    }
    dashes = alt.Scale(domain=names, range=[list(line.dash) for line in drawn])
    band = {**places, "y": alt.Y("low:Q", title=None, scale=ends), "y2": "high:Q"}
    dashed = alt.StrokeDash("strategy:N", legend=None, scale=dashes)
    of_width = [
        main.transform_filter(f"datum.width == {width}")
        .mark_line(strokeWidth=width, strokeJoin="round", strokeCap="butt")
        .encode(**places, strokeDash=dashed)
        for width in (THIN_PX, BOLD_PX)
    ]
    params = [alt.param(name="shown", value=names), alt.param(name="named", value=False)]
    params += [alt.param(name=name, value=0) for name in ("lowest", "highest")]
    layers = [
        main.transform_filter("isValid(datum.low)").mark_area(opacity=0.16).encode(**band),
        *of_width,
        nearest(main, places, TIP),
    ]
    chart = alt.layer(*layers).add_params(*params).properties(width="container", height=PLOT_PX)
    spec: dict[str, Any] = chart.configure(**look()).to_dict()
    spec.pop("$schema", None)
    return spec
