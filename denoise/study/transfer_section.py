"""The section of the page on fine-tuning as HTML: tables, and two small charts a task; every word is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from denoise.study import made
from denoise.study.page_tables import Numbers, table_block
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy
from denoise.study.table import Table
from denoise.study.transfer_curves import MOST_BANDS, SIDES, UNIT, Line, Pair, lines
from denoise.study.transfers import Learnt

TABLES = ("transfer", "gained", "outside", "questions")
"""Tables that stand in this section, in their order; from the third on behind a line that opens."""
_NUM_OPEN = 2


def transfer(runs: Sequence[Run], tables: Sequence[Table], drawn: Sequence[Pair], numbers: Numbers) -> str:
    """Scores, what pretraining buys, the loss curves, and what lies behind the scores; empty without any table."""
    if not tables:
        return ""
    opened = [table for table in tables if table.name in TABLES[:_NUM_OPEN]]
    closed = [table for table in tables if table not in opened]
    first = "".join(table_block(t, numbers, title="" if t is opened[0] else t.title) for t in opened)
    rest = "".join(
        f"<details><summary>{escape(table.title)}</summary>{table_block(table, numbers)}</details>" for table in closed
    )
    return first + (_curves(runs, drawn) if drawn else "") + rest


def _curves(runs: Sequence[Run], drawn: Sequence[Pair]) -> str:
    """Empty frames, which the page's script draws into, under the buttons of their lines."""
    learnt = Learnt(by_strategy(runs))
    chips = "".join(map(_chip, lines(learnt)))
    whose = "of the models from scratch " if len(learnt.strategies) > MOST_BANDS else ""
    how = f"Means over seeds; the bands {whose}are one sd. Both charts of a task have one scale, a logarithmic one."
    frames = "".join(map(_frame, drawn))
    return (
        f'<div class="controls"><div class="chips" role="group" aria-label="Strategies, and from scratch">{chips}</div>'
        f'</div><p class="note how">{how}</p><div class="pairs">{frames}</div>'
    )


def _chip(line: Line) -> str:
    return (
        f'<button type="button" class="chip" aria-pressed="true" data-strategy="{escape(line.name)}">'
        f"{made.line(line.colour, line.dash)} {escape(line.label)}</button>"
    )


def _frame(pair: Pair) -> str:
    sides = "".join(
        f'<div><p>{words}</p><div class="chart" data-figure="{escape(pair.charts[side].name)}" role="img" '
        f'aria-label="{escape(pair.charts[side].title)}"></div></div>'
        for side, words in SIDES.items()
    )
    return (
        f"<figure><figcaption><h3>{escape(pair.title)}</h3><span>{UNIT}</span></figcaption>"
        f'<div class="sides">{sides}</div></figure>'
    )
