"""Learning curves as Vega-Lite specifications: data by name, colours as variables of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUM_COLOURS = 10
"""The page defines so many variables --c0, --c1, ...; further strategies repeat them."""
DASHES = ([1, 0], [7, 3], [2, 2.5])
"""Five strategies with solid lines, five dashed, five dotted, and so on."""
PLOT_PX = 290
"""Height of a chart's plot."""

AT = "(datum.datum || datum)"
"""A point in an expression: in tooltips for nearest points Vega-Lite 6 looks for names in the wrong place."""

Rows = list[dict[str, Any]]


def colour(index: int) -> str:
    """The colour of strategy number `index`, as the page's variable.

    >>> colour(0), colour(10)
    ('var(--c0)', 'var(--c0)')
    """
    return f"var(--c{index % NUM_COLOURS})"


def dash(index: int) -> list[float]:
    """The dashes of strategy number `index`: lines whose colours may be mixed up differ in them.

    >>> dash(0), dash(5)
    ([1, 0], [7, 3])
    """
    return list(DASHES[index // 5 % len(DASHES)])


def curve_spec(
    x: str, unit: str, names: list[str], rows: dict[str, Rows], heights: tuple[tuple[float, float], float | None]
) -> dict[str, Any]:
    """Lines over bands over a dashed line for guessing; each line is named at its end and under the pointer.

    `heights` are the ends of the vertical axis, and the cost of a uniform guess where it belongs in the chart.
    """
    import altair as alt

    (low, high), reference = heights
    places = _places(x, unit, names, (low, high))
    dashes = alt.Scale(domain=names, range=[dash(i) for i in range(len(names))])
    line = {**places, "detail": "label:N", "strokeDash": alt.StrokeDash("strategy:N", legend=None, scale=dashes)}
    main, seeds, ends = (shown_of(name) for name in ("main", "seeds", "ends"))
    has_bands = any("low" in row for row in rows["main"])
    layers = _guess(reference) if reference is not None else []
    if has_bands:
        band = {**places, "y": alt.Y("low:Q", title=None), "y2": "high:Q"}
        layers.append(main.transform_filter("isValid(datum.low)").mark_area(opacity=0.16).encode(**band))
    if rows["seeds"]:
        layers.append(seeds.mark_line(strokeWidth=0.75, opacity=0.4).encode(**line))
    layers += [
        main.mark_line(strokeWidth=2, strokeJoin="round", strokeCap="butt").encode(**line),
        *_names(ends, places),
        ends.mark_point(filled=True, size=34, opacity=1).encode(**places),
        _under_the_pointer(main, places, unit, has_sd=has_bands),
    ]
    shown = alt.param(name="shown", value=names)
    named = alt.param(name="named", value=False)
    chart = alt.layer(*layers).add_params(shown, named).properties(width="container", height=PLOT_PX)
    spec: dict[str, Any] = chart.configure(**look()).to_dict()
    spec.pop("$schema", None)
    return spec


def _places(x: str, unit: str, names: list[str], heights: tuple[float, float]) -> dict[str, Any]:
    """Where a point stands and in which colour."""
    import altair as alt

    titles = {"tokens": "tokens read, encoder + decoder", "flops": "FLOPs of training", "time": f"{unit} of training"}
    # Without the expression, nothing is written as "0M".
    counts = alt.Axis(format="~s", labelExpr="datum.value ? datum.label : '0'")
    colours = alt.Scale(domain=names, range=[colour(i) for i in range(len(names))])
    axis = alt.Axis() if x == "time" else counts
    return {
        "x": alt.X(f"{x}:Q", title=titles[x], axis=axis, scale=alt.Scale(nice=False, zero=True)),
        "y": alt.Y("y:Q", title=None, scale=alt.Scale(domain=list(heights), nice=False, zero=False)),
        "color": alt.Color("strategy:N", legend=None, scale=colours),
    }


def _names(ends: Any, places: dict[str, Any]) -> list[Any]:
    """At the right edge each strategy's number, and its name where the page leaves room; a thin line leads there."""
    import altair as alt

    named = ends.transform_filter("isValid(datum.number)")
    at = alt.Y("at:Q", title=None)
    edge, beside = (alt.value(alt.ExprRef(f"width + {gap_px}")) for gap_px in (14, 17))
    leader = {"x": places["x"], "x2": edge, "y": places["y"], "y2": "at:Q", "color": places["color"]}
    text = "named ? datum.number + '  ' + datum.name : '' + datum.number"
    words = named.transform_calculate(text=text).mark_text(
        align="left", baseline="middle", fontSize=11.5, limit=270, color="var(--ink)"
    )
    return [
        named.mark_rule(strokeWidth=0.75, opacity=0.55).encode(**leader),
        words.encode(x=beside, y=at, text="text:N"),
    ]


def _under_the_pointer(main: Any, places: dict[str, Any], unit: str, *, has_sd: bool) -> Any:
    """The nearest point with its numbers."""
    at = AT
    tip = {
        "title": f"{at}.label",
        "value": f"format({at}.y, '.4f')",
        **({"sd": f"isValid({at}.sd) ? format({at}.sd, '.4f') : 'one seed'"} if has_sd else {}),
        "step": f"format({at}.step, ',')",
        "tokens": f"format({at}.tokens, ',')",
        "FLOPs": f"isValid({at}.flops) ? format({at}.flops, '.3~s') : 'not known'",
        unit: f"format({at}.time, '.4~g')",
    }
    return nearest(main, places, tip)


def nearest(main: Any, places: dict[str, Any], tip: Mapping[str, str]) -> Any:
    """The point nearest to the pointer; `tip` are the expressions, over AT, of what is told of it."""
    import altair as alt

    near = alt.selection_point(nearest=True, on="pointermove", clear="pointerout", encodings=["x", "y"], name="near")
    shown = alt.ExprRef("{" + ", ".join(f"{name}: {expression}" for name, expression in tip.items()) + "}")
    opacity = alt.condition(near, alt.value(1), alt.value(0), empty=False)
    points = main.mark_point(filled=True, size=64)
    return points.encode(**places, opacity=opacity, tooltip=alt.value(shown)).add_params(near)


def shown_of(name: str) -> Any:
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


def look() -> dict[str, Any]:
    """The look of every chart: the page's letters and colours, few lines."""
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
