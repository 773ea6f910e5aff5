"""A table as Markdown, as CSV and for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from denoise.study.table import Column, Entry, Table

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table as RichTable
    from rich.text import Text

LONGEST_NAME = 22
"""Names of rows are broken where they are longer, to leave the numbers their room in a terminal."""


def as_markdown(table: Table) -> str:
    """All columns as Markdown, with the legend under them.

    >>> from denoise.study.table import Column, Entry, Table
    >>> rows = ((Entry(text="A|B"), Entry(text="2.100 ± 0.010", num_seeds=3, is_best=True)),)
    >>> columns = (Column(title="Strategy", is_number=False), Column(title="Exam", unit="bits"))
    >>> print(as_markdown(Table(name="t", title="T", columns=columns, rows=rows, strategies=("a",))), end="")
    | Strategy | Exam (bits) |
    | --- | ---: |
    | A\\|B | **2.100 ± 0.010** (n=3) |
    """
    rows = [[heading(column) for column in table.columns]]
    rows = [[_in_markdown(text) for text in row] for row in rows]
    rows.append(["---:" if column.is_number else "---" for column in table.columns])
    for row in table.rows:
        rows.append([_entry_in_markdown(entry) for entry in row])
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
    return text + (f"\n{_in_markdown(table.legend)}.\n" if table.legend else "")


def as_csv(table: Table) -> str:
    """Numbers in full, each with its sd, interval and seeds in columns of their own; reasons where there are none."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    extras = [
        [name for name in _EXTRAS if any(_EXTRAS[name](e) is not None for e in column)] for column in _columns(table)
    ]
    heads: list[str] = []
    for column, names in zip(table.columns, extras, strict=True):
        heads += [heading(column), *(f"{column.title} {name}" for name in names)]
    writer.writerow(heads)
    for row in table.rows:
        cells: list[Any] = []
        for entry, names in zip(row, extras, strict=True):
            cells += [entry.text if entry.value is None else entry.value]
            cells += [_EXTRAS[name](entry) for name in names]
        writer.writerow(cells)
    return written.getvalue()


_EXTRAS: dict[str, Callable[[Entry], Any]] = {
    "sd": lambda entry: entry.sd,
    "low": lambda entry: entry.low,
    "high": lambda entry: entry.high,
    "n": lambda entry: entry.num_seeds,
}


def for_terminal(table: Table) -> RichTable:
    """The columns that fit into a terminal; sd beside the mean, seeds and intervals under it."""
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", caption_justify="left")
    kept = [place for place, column in enumerate(table.columns) if column.short]
    for column in (table.columns[place] for place in kept):
        justify: JustifyMethod = "right" if column.is_number else "left"
        shown.add_column(column.short, justify=justify, no_wrap=column.is_number, overflow="fold")
    names = [len(row[kept[0]].text) for row in table.rows]
    shown.columns[0].min_width = min(LONGEST_NAME, max(names, default=0))
    for row in table.rows:
        shown.add_row(*(_in_terminal(row[place]) for place in kept))
    shown.caption = table.legend or None
    return shown


def heading(column: Column) -> str:
    """A column's title with its unit."""
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _columns(table: Table) -> list[list[Entry]]:
    return [[row[place] for row in table.rows] for place in range(len(table.columns))]


def seeds_of(entry: Entry) -> str:
    """How many seeds an entry is taken over, in short."""
    return "" if entry.num_seeds is None else f"n={entry.num_seeds}"


def _in_terminal(entry: Entry) -> Text:
    from rich.text import Text

    text = Text(entry.text, style="bold" if entry.is_best else "dim" if entry.is_muted else "")
    lines = entry.note.replace(", ", "\n") if isinstance(entry.value, str) else entry.note
    for line in filter(None, [*lines.split("\n"), seeds_of(entry)]):
        text.append("\n" + line, style="dim")
    return text


def _entry_in_markdown(entry: Entry) -> str:
    text = _in_markdown(entry.text)
    under = " ".join(filter(None, [_in_markdown(entry.note), seeds_of(entry)]))
    return (f"**{text}**" if entry.is_best else text) + (f" ({under})" if under else "")


def _in_markdown(text: str) -> str:
    text = " ".join(text.split())
    return "".join("\\" + c if c in "\\`*_|[]<>#~" else c for c in text)
