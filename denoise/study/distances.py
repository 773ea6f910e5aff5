"""How far each strategy lies from the baseline, with its interval: one chart of the measure that ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from denoise.study.chart_specs import colour, look, shown_of
from denoise.study.charts import Figure, short
from denoise.study.intervals import Method
from denoise.study.measures import ranking
from denoise.study.results import about
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy, difference, over_seeds

ROW_PX = 30
"""Height of a strategy's row."""


def distances(runs: Sequence[Run], method: Method = "t") -> Figure | None:
    """Differences from ★ paired by seed, the best on top; None where fewer than two strategies can be compared."""
    strategies = by_strategy(runs)
    star = next((s for s in strategies if s.is_baseline), None)
    by = ranking(runs)
    at_star = over_seeds(star.finished, by.measure) if star else None
    if star is None or at_star is None:
        return None
    rows: list[dict[str, Any]] = []
    for number, strategy in enumerate(strategies, start=1):
        gap = None if strategy is star else difference(strategy, star, by.measure, method)
        if gap is None or not math.isfinite(gap.mean):
            continue
        row: dict[str, Any] = {"strategy": strategy.name, "label": f"{number}  {strategy.label}", "y": short(gap.mean)}
        ends = {"low": short(gap.low), "high": short(gap.high)} if gap.low is not None and gap.high is not None else {}
        rows.append({**row, **ends, "n": gap.num_seeds})
    if not rows:
        return None
    rows.sort(key=lambda row: row["y"])
    colours = {s.name: colour(place) for place, s in enumerate(strategies)}
    spec = _spec(rows, colours)
    return Figure(
        name="distances",
        title=f"Distance from ★ {star.label}",
        unit=by.unit,
        note=f"Difference paired by seed, and {about(method)}; left of 0 is better than ★, which has "
        f"{at_star.mean:.3f}. An interval that holds 0 does not tell the two apart.",
        specs={"tokens": spec},
        datasets={"main": rows},
    )


def _spec(rows: list[dict[str, Any]], colours: dict[str, str]) -> dict[str, Any]:
    import altair as alt

    names = list(colours)
    main = shown_of("main")
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    room_px = alt.ExprRef("named ? 320 : 150")  # on a phone the number must do where a name is cut
    axis = alt.Axis(title=None, labelLimit=room_px, labelColor="var(--ink)", grid=False)
    places = {
        "y": alt.Y("label:N", sort=[row["label"] for row in rows], axis=axis),
        "color": alt.Color("strategy:N", legend=None, scale=scale),
    }
    tip = [
        alt.Tooltip("label:N", title="strategy"),
        alt.Tooltip("y:Q", title="difference", format="+.4f"),
        alt.Tooltip("low:Q", title="from", format="+.4f"),
        alt.Tooltip("high:Q", title="to", format="+.4f"),
        alt.Tooltip("n:Q", title="paired seeds"),
    ]
    signed = alt.Axis(title="difference", format="+~g", labelExpr="datum.value ? datum.label : '0'", grid=True)
    layers = [
        alt.Chart(alt.InlineData(values=[{"at": 0}])).mark_rule(color="var(--muted)").encode(x=alt.X("at:Q")),
        main.mark_point(filled=True, size=70, opacity=1).encode(
            x=alt.X("y:Q", title="difference", axis=signed), tooltip=tip, **places
        ),
    ]
    if any("low" in row for row in rows):
        interval = main.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=3, opacity=0.45)
        layers.append(interval.encode(x=alt.X("low:Q"), x2="high:Q", **places))
    params = [alt.param(name="shown", value=names), alt.param(name="named", value=False)]
    chart = alt.layer(*layers).add_params(*params).properties(width="container", height=ROW_PX * len(rows))
    config = look()
    config["axisX"] = {**config["axisX"], "grid": True, "gridColor": "var(--hair)"}
    spec: dict[str, Any] = chart.configure(**config).to_dict()
    spec.pop("$schema", None)
    return spec
