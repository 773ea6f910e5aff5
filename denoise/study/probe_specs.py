"""Charts of probes as Vega-Lite specifications: a logarithmic axis with a place for the untrained model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from denoise.study.chart_specs import PLOT_PX, colour, dash, look, shown_of

Rows = list[dict[str, Any]]
_ROOM_FOR_ZERO = 0.14
"""Of the width, between step 0 and the first checkpoint behind it."""
HEAT_ROW_PX = 30
"""Height of a layer."""
MOST_NUMBERED = 9
"""Checkpoints whose numbers have room beside each other."""


class Axis(NamedTuple):
    """Tokens read, on a logarithmic scale; 0, which it cannot have, has a place of its own on its left."""

    zero: float
    """Where 0 stands: a number of tokens below all others."""
    end: float
    """The most tokens."""
    ticks: tuple[float, ...]
    """Powers of ten, or more of them where there are few."""

    @classmethod
    def of(cls, tokens: Sequence[int]) -> Axis:
        """The axis for some counts, which may hold 0.

        >>> Axis.of([0, 1000, 100_000]).ticks
        (1000, 10000, 100000)
        """
        counts = [count for count in tokens if count > 0] or [1]
        first, last = min(counts), max(max(counts), 2 * min(counts))
        zero = first / (last / first) ** (_ROOM_FOR_ZERO / (1 - _ROOM_FOR_ZERO))
        powers = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
        for factors in ((1,), (1, 3), (1, 2, 5)):
            ticks = tuple(factor * 10**power for power in powers for factor in factors)
            ticks = tuple(tick for tick in ticks if first <= tick <= last)
            if len(ticks) >= 3:
                break
        return cls(zero, last, ticks)

    def place(self, tokens: int) -> float:
        """Where a count stands."""
        return float(tokens) if tokens else self.zero

    def x(self) -> Any:
        """The encoding."""
        import altair as alt

        scale = alt.Scale(type="log", domain=[self.zero, self.end], nice=False)
        label = f"datum.value <= {self.zero!r} * 1.01 ? '0' : format(datum.value, '~s')"
        axis = alt.Axis(values=[self.zero, *self.ticks], labelExpr=label, labelOverlap=False)
        return alt.X("at:Q", title="tokens read, encoder + decoder (logarithmic)", axis=axis, scale=scale)


def line_spec(
    lines: Mapping[str, int],
    strategies: Sequence[str],
    rows: dict[str, Rows],
    axis: Axis,
    heights: tuple[tuple[float, float], Sequence[tuple[float, str]]],
) -> dict[str, Any]:
    """Lines over bands over dashed rules; rings at 0 that no line leads from, and dashed controls.

    `lines` are their names with the numbers of their colours; `heights` are the ends of the vertical axis and the
    rules with their names.
    """
    import altair as alt

    (low, high), rules = heights
    names, numbers = list(lines), list(lines.values())
    colours = alt.Scale(domain=names, range=[colour(number) for number in numbers])
    dashes = alt.Scale(domain=names, range=[dash(number) for number in numbers])
    places = {
        "x": axis.x(),
        "y": alt.Y("y:Q", title=None, scale=alt.Scale(domain=[low, high], nice=False, zero=False)),
        "color": alt.Color("label:N", legend=None, scale=colours),
    }
    line = {**places, "detail": "strategy:N", "strokeDash": alt.StrokeDash("label:N", legend=None, scale=dashes)}
    main, control, ends = (shown_of(name) for name in ("main", "control", "ends"))
    trained = main.transform_filter("datum.step > 0")
    layers = [_rule(y, text) for y, text in rules]
    if any(row["high"] > row["low"] for row in rows["main"]):
        band = {**places, "y": alt.Y("low:Q", title=None), "y2": "high:Q"}
        layers.append(trained.mark_area(opacity=0.16).encode(**band, detail="strategy:N"))
    layers += [
        control.transform_filter("datum.step > 0")
        .mark_line(strokeWidth=1.25, strokeDash=[2, 3], opacity=0.8)
        .encode(**places, detail="strategy:N"),
        control.transform_filter("datum.step == 0").mark_point(size=22, strokeWidth=1, opacity=0.8).encode(**places),
        trained.mark_line(strokeWidth=1.75, strokeJoin="round").encode(**line),
        trained.mark_point(filled=True, size=14, opacity=1).encode(**places),
        main.transform_filter("datum.step == 0").mark_point(size=40, strokeWidth=1.75, opacity=1).encode(**places),
        *_named(ends, places),
        _under_the_pointer(main, places),
    ]
    return _whole(alt.layer(*_flat(layers)), strategies, PLOT_PX)


def heat_spec(rows: Rows, strategy: str) -> dict[str, Any]:
    """Rectangles, a row a layer from the embedding at the bottom, a column a checkpoint."""
    import altair as alt

    accuracies = [row["y"] for row in rows]
    order = [row["label"] for row in sorted(rows, key=lambda row: -row["layer"])]
    num_layers = len(set(order))
    across = alt.X(
        "tokens:O",
        title="tokens read, encoder + decoder (a column a checkpoint)",
        axis=alt.Axis(labelExpr="datum.value ? format(datum.value, '.3~s') : '0'", labelAngle=0, labelOverlap=True),
    )
    places = {
        "x": across,
        "y": alt.Y("label:N", title=None, sort=list(dict.fromkeys(order)), axis=alt.Axis(grid=False)),
    }
    tip = [
        alt.Tooltip("label:N", title="layer"),
        alt.Tooltip("step:Q", title="step", format=","),
        alt.Tooltip("tokens:Q", title="tokens", format=","),
        alt.Tooltip("y:Q", title="accuracy", format=".4f"),
        alt.Tooltip("selectivity:Q", title="selectivity", format="+.4f"),
    ]
    low, high = min(accuracies), max(accuracies)
    strength = alt.Scale(domain=[low, high if high > low else low + 1], range=[0.04, 0.6])
    main = shown_of("main")
    rects = main.mark_rect(color="var(--heat)", stroke="var(--paper)", strokeWidth=2)
    words = main.mark_text(fontSize=10.5, color="var(--ink)")
    layers = [rects.encode(**places, opacity=alt.Opacity("y:Q", legend=None, scale=strength), tooltip=tip)]
    if len({row["tokens"] for row in rows}) <= MOST_NUMBERED:  # more would run into each other; the pointer tells them
        layers.append(words.encode(**places, text=alt.Text("selectivity:Q", format="+.2f"), tooltip=tip))
    return _whole(alt.layer(*layers), [strategy], HEAT_ROW_PX * num_layers)


def _whole(chart: Any, strategies: Sequence[str], height_px: int) -> dict[str, Any]:
    import altair as alt

    params = [alt.param(name="shown", value=list(strategies)), alt.param(name="named", value=False)]
    whole = chart.add_params(*params).properties(width="container", height=height_px)
    spec: dict[str, Any] = whole.configure(**look()).to_dict()
    spec.pop("$schema", None)
    return spec


def _flat(layers: Sequence[Any]) -> list[Any]:
    return [one for layer in layers for one in (layer if isinstance(layer, list) else [layer])]


def _rule(y: float, text: str) -> list[Any]:
    """A dashed line over the whole width, named at its right end."""
    import altair as alt

    at = alt.Chart(alt.InlineData(values=[{"y": y, "text": f"{text} {y:.2f}"}]))
    return [
        at.mark_rule(strokeDash=[3, 3], color="var(--muted)").encode(y="y:Q"),
        at.mark_text(align="left", baseline="bottom", dx=2, dy=-3, fontSize=11, color="var(--muted)").encode(
            x=alt.value(0), y="y:Q", text="text:N"
        ),
    ]


def _named(ends: Any, places: dict[str, Any]) -> list[Any]:
    """At the right edge the name of each line; a thin line leads there."""
    import altair as alt

    edge, beside = (alt.value(alt.ExprRef(f"width + {gap_px}")) for gap_px in (10, 13))
    leader = {"x": places["x"], "x2": edge, "y": places["y"], "y2": "beside:Q", "color": places["color"]}
    words = ends.mark_text(align="left", baseline="middle", fontSize=11, limit=150, color="var(--ink)")
    return [
        ends.mark_rule(strokeWidth=0.75, opacity=0.55).encode(**leader),
        words.encode(x=beside, y=alt.Y("beside:Q", title=None), text="name:N"),
    ]


def _under_the_pointer(main: Any, places: dict[str, Any]) -> Any:
    import altair as alt

    near = alt.selection_point(nearest=True, on="pointermove", clear="pointerout", encodings=["x", "y"], name="near")
    at = "(datum.datum || datum)"  # as in the other charts
    tip = {
        "title": f"{at}.label",
        "value": f"format({at}.y, '.4f')",
        "step": f"format({at}.step, ',')",
        "tokens": f"format({at}.tokens, ',')",
    }
    shown = alt.ExprRef("{" + ", ".join(f"{name}: {expression}" for name, expression in tip.items()) + "}")
    opacity = alt.condition(near, alt.value(1), alt.value(0), empty=False)
    points = main.mark_point(filled=True, size=64)
    return points.encode(**places, opacity=opacity, tooltip=alt.value(shown)).add_params(near)
