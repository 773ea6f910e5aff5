"""What was done to the text, as it was wanted and as it came out: rates, spans, lengths, padding."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from denoise.study.runs import Run
from denoise.study.statistics import Strategy, by_strategy
from denoise.study.table import Column, Entry, Table

COLUMNS = (
    Column(title="Strategy", is_number=False),
    Column(title="What is hidden", is_number=False),
    Column(title="Rate", unit="asked, %"),
    Column(title="Rate", unit="got, %"),
    Column(title="Span length", unit="asked, tokens"),
    Column(title="Span length", unit="got, tokens"),
    Column(title="Spans", unit="a window"),
    Column(title="Window", unit="tokens"),
    Column(title="Encoder", unit="tokens"),
    Column(title="Decoder", unit="tokens"),
    Column(title="Encoder padding", unit="%"),
    Column(title="Decoder padding", unit="%"),
)
FAR = 0.02
"""A rate that misses what was asked for by more than this, of 1, is told."""


def noise(runs: Sequence[Run]) -> Table | None:
    """One row a strategy, and one a part of a mixture; None while no run has told its lengths.

    What was got is the mean over the logged steps of all its runs. An option that is a schedule, or that a corruption
    does not have, is asked for in words only.
    """
    rows, names = [], []
    for strategy in by_strategy(runs):
        if not any(run.shapes for run in strategy.runs):
            continue
        rows.append(_row(strategy))
        names.append(strategy.name)
        for part, what in _parts(strategy).items():
            rows.append(_part_row(strategy, part, what))
            names.append("")
    if not rows:
        return None
    has = [
        any(row[place].value is not None or row[place].is_muted is False for row in rows)
        for place in range(len(COLUMNS))
    ]
    kept = [place for place in range(len(COLUMNS)) if has[place]]
    return Table(
        name="noise",
        title="Wanted and got",
        columns=tuple(COLUMNS[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        strategies=tuple(names),
        legend="rates are hidden tokens a token of text; what was got is the mean over the logged steps of all seeds",
    )


def _row(strategy: Strategy) -> tuple[Entry, ...]:
    shapes: dict[str, Any] = next(run.shapes for run in strategy.runs if run.shapes)
    options = _asked(next((run.config for run in strategy.runs if run.config), {}))
    rate, length = options.get("rate"), options.get("mean_span_length")
    got, padding = _got(strategy, "noise_rate"), [_got(strategy, f"{side}_padding") for side in ("source", "target")]
    is_far = rate is not None and got is not None and abs(got - rate) > FAR
    return (
        Entry(text=strategy.label + (" ★" if strategy.is_baseline else ""), value=strategy.label),
        Entry(text=str(shapes.get("corruption") or "not known"), value=str(shapes.get("corruption") or "")),
        _number(rate, 100, 1),
        _number(got, 100, 1, note="not as asked" if is_far else ""),
        _number(length, 1, 1),
        _number(_got(strategy, "span_length"), 1, 2),
        _number(_got(strategy, "spans_a_window"), 1, 1),
        *(_number(shapes.get(key), 1, 0) for key in ("window_len", "source_len", "target_len")),
        *(_number(share, 100, 1) for share in padding),
    )


def _part_row(strategy: Strategy, part: str, what: str) -> tuple[Entry, ...]:
    """One part of a mixture: its share of the windows and its own rate."""
    share = _got(strategy, f"{part}_share")
    of = "" if share is None else f", {share:.0%} of windows"
    none = Entry(text="", is_muted=True)
    name = Entry(text=f"{strategy.label}, {part.replace('_', ' ')}{of}", value=f"{strategy.label} {part}")
    rate = _number(_got(strategy, f"{part}_noise_rate"), 100, 1)
    return (name, Entry(text=what, value=what), none, rate, *(none,) * (len(COLUMNS) - 4))


def _asked(config: dict[str, Any]) -> dict[str, float]:
    """The plain numbers among the options of the corruption."""
    corruption = config.get("corruption")
    options = corruption.get("init_args") if isinstance(corruption, dict) else None
    found = options if isinstance(options, dict) else {}
    return {
        key: value for key, value in found.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _parts(strategy: Strategy) -> dict[str, str]:
    parts = next((run.shapes.get("parts") for run in strategy.runs if run.shapes), None)
    return {str(key): str(what) for key, what in parts.items()} if isinstance(parts, dict) else {}


def _got(strategy: Strategy, key: str) -> float | None:
    rows = [point.noise for run in strategy.runs for point in run.logs.train]
    values = [row[key] for row in rows if key in row]
    return fmean(values) if values else None


def _number(value: Any, times: float, digits: int, note: str = "") -> Entry:
    if not isinstance(value, int | float):
        return Entry(text="—", is_muted=True)
    return Entry(text=f"{value * times:,.{digits}f}", value=float(value), note=note)
