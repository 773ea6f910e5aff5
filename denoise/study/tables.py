"""The results as a table: one model of it, and its forms for a terminal, a page and a paper."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from denoise.study.runs import Run
from denoise.study.statistics import (
    Measure,
    Strategy,
    as_good_as_best,
    by_strategy,
    curve_fell,
    first_loss,
    held_out_loss,
    hidden_bits,
    minutes,
    of_one_objective,
    over_seeds,
    steps,
    tokens_per_s,
    tokens_read,
)

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

NOT_A_RANKING = "Each held-out loss is over its own targets: it does not rank the objectives."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a table."""

    text: str
    """What is shown."""
    value: float | str | None = None
    """What it is sorted by; None sorts last."""
    is_best: bool = False
    """Shown bold: within two sd of the best."""
    is_muted: bool = False
    """Shown grey: there is no number, and the text says why."""
    note: str = ""
    """A second, smaller line."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    """What it holds."""
    unit: str = ""
    """In what it is counted."""
    is_number: bool = True
    """Numbers stand flush right."""
    short: str = ""
    """Its heading in a terminal of 80 columns; without one it is left out there."""


COLUMNS = (
    Column(title="Strategy", is_number=False, short="Strategy"),
    Column(title="Bits per hidden byte", unit="lower is better", short="Bits per\nhidden byte"),
    Column(title="Held-out loss", unit="nats per target token", short="Held-out\nnats/token"),
    Column(title="First loss", unit="nats"),
    Column(title="What is hidden", is_number=False),
    Column(title="Window → source + target", unit="tokens"),
    Column(title="Steps"),
    Column(title="Tokens", unit="encoder + decoder", short="Tokens"),
    Column(title="Speed", unit="tokens/s"),
    Column(title="Time", unit="minutes", short="Min"),
    Column(title="Seeds", unit="finished", short="Seeds"),
)


def results(runs: Sequence[Run]) -> list[list[Entry]]:
    """One row a strategy, one entry a column of COLUMNS."""
    strategies = by_strategy(runs)
    best = {strategy.name for strategy in as_good_as_best(strategies, hidden_bits)}
    return [_row(strategy, strategy.name in best) for strategy in strategies]


def terminal_table(runs: Sequence[Run]) -> Table:
    """The columns that fit into a terminal."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", caption_justify="left")
    for column in COLUMNS:
        if column.short:
            table.add_column(column.short, justify="right" if column.is_number else "left", no_wrap=True)
    for row in results(runs):
        table.add_row(*(_in_terminal(e) for e, column in zip(row, COLUMNS, strict=True) if column.short))
    strategies = by_strategy(runs)
    is_ranked = len(strategies) < 2 or of_one_objective(strategies)
    table.caption = legend(runs) if is_ranked else f"{legend(runs)}\n{NOT_A_RANKING}"
    return table


def _in_terminal(entry: Entry) -> Text:
    from rich.text import Text

    text = Text(entry.text, style="bold" if entry.is_best else "dim" if entry.is_muted else "")
    return text.append("\n" + entry.note.replace(", ", "\n"), style="dim") if entry.note else text


def markdown_table(runs: Sequence[Run]) -> str:
    """All columns as Markdown."""
    rows = [[f"{c.title} [{c.unit}]" if c.unit else c.title for c in COLUMNS]]
    rows.append(["---:" if column.is_number else "---" for column in COLUMNS])
    for row in results(runs):
        rows.append([_in_markdown(entry) for entry in row])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def legend(runs: Sequence[Run]) -> str:
    """What the signs in the table mean, as far as they occur."""
    strategies = by_strategy(runs)
    parts = ["★ baseline"] if any(run.is_baseline for run in runs) else []
    if all(len(strategy.finished) < 2 for strategy in strategies):
        return "; ".join([*parts, "one seed is one seed, so nothing is bold"])
    parts.append("mean ± sd over seeds")
    if as_good_as_best(strategies, hidden_bits):
        parts.append("bold within two sd of the best")
    return "; ".join(parts)


def short_count(count: float) -> str:
    """A count in three figures.

    >>> [short_count(n) for n in (950, 41_234, 2_050_000, 3_100_000_000)]
    ['950', '41.2 k', '2.05 M', '3.10 G']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= size:
            scaled = count / (1e3 if letter == "k" else size)
            return f"{scaled:.{max(0, 2 - int(math.log10(scaled)))}f} {letter}"
    return f"{count:,.0f}"


def _row(strategy: Strategy, is_best: bool) -> list[Entry]:
    shapes: dict[str, Any] = next((run.shapes for run in strategy.runs if run.shapes), {})
    lengths = [shapes.get(key) for key in ("window_len", "source_len", "target_len")]
    what = str(shapes.get("corruption") or "")
    return [
        Entry(
            text=strategy.label + (" ★" if strategy.is_baseline else ""),
            value=strategy.label,
            note=_notes(strategy),
        ),
        replace(_entry(strategy, hidden_bits, lambda x: f"{x:.3f}", none="nothing hidden"), is_best=is_best),
        _entry(strategy, held_out_loss, lambda x: f"{x:.3f}"),
        _first_loss(strategy, shapes.get("vocab_size")),
        Entry(text=what, value=what) if what else Entry(text="not known", is_muted=True),
        Entry(text="{} → {} + {}".format(*lengths), value=lengths[0])
        if None not in lengths
        else Entry(text="not known", is_muted=True),
        _entry(strategy, steps, lambda x: f"{x:,.0f}", with_sd=False),
        _entry(strategy, tokens_read, short_count, with_sd=False),
        _entry(strategy, tokens_per_s, lambda x: f"{x:,.0f}", with_sd=False),
        _entry(strategy, minutes, lambda x: f"{x:.1f}", with_sd=False),
        _seeds(strategy),
    ]


def _entry(
    strategy: Strategy,
    measure: Measure,
    show: Callable[[float], str],
    *,
    with_sd: bool = True,
    none: str = "",
) -> Entry:
    """Mean ± sd over finished runs, or the reason why there is none."""
    if not strategy.finished:
        return Entry(text=_why_none(strategy), is_muted=True)
    spread = over_seeds(strategy.finished, measure)
    if spread is None:
        return Entry(text=none or "not known", is_muted=True)
    if not math.isfinite(spread.mean):
        return Entry(text="diverged", is_muted=True)
    sd = f" ± {show(spread.sd)}" if with_sd and spread.sd is not None else ""
    return Entry(text=show(spread.mean) + sd, value=spread.mean)


def _first_loss(strategy: Strategy, vocab_size: float | None) -> Entry:
    """Beside ln V, the cost of a uniform guess: far from it, the head or the targets are wrong."""
    started = over_seeds(strategy.runs, first_loss)
    if started is None or not math.isfinite(started.mean):
        has_begun = any(run.logs.train for run in strategy.runs)
        return Entry(text="not known" if has_begun else "not reached", is_muted=True)
    note = f"ln V = {math.log(vocab_size):.2f}" if vocab_size else ""
    return Entry(text=f"{started.mean:.2f}", value=started.mean, note=note)


def _why_none(strategy: Strategy) -> str:
    """The most hopeful state among the runs of a strategy, none of which has finished."""
    states = {run.state for run in strategy.runs}
    if "running" in states or "stopped" in states:
        return "not reached"
    return "failed" if "failed" in states else "missing"


def _seeds(strategy: Strategy) -> Entry:
    done, planned = len(strategy.finished), len(strategy.runs)
    return Entry(text=f"{done} of {planned}", value=done, is_muted=done == 0)


def _notes(strategy: Strategy) -> str:
    """What unfinished runs do, and whether a finished one did not learn."""
    others = Counter(run.state for run in strategy.runs if run.state != "finished")
    notes = [f"{count} {state}{_progress(strategy, state)}" for state, count in others.items()]
    if any(not curve_fell(run) for run in strategy.finished):
        notes.append("loss did not fall")
    return ", ".join(notes)


def _progress(strategy: Strategy, state: str) -> str:
    """How far the furthest run in a state is, in percent of its steps."""
    shares = [
        run.logs.train[-1].step / run.shapes["num_steps"]
        for run in strategy.runs
        if run.state == state and run.logs.train and run.shapes.get("num_steps")
    ]
    return f" at {max(shares):.0%}" if shares else ""


def _in_markdown(entry: Entry) -> str:
    text = f"**{entry.text}**" if entry.is_best else entry.text
    text += f" ({entry.note})" if entry.note else ""
    return text.replace("|", "\\|").replace("\n", " ")
