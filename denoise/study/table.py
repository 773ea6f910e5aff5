"""One model of a table, for every form that it takes: terminal, page, Markdown, LaTeX, CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a table."""

    text: str
    """What is shown."""
    value: float | str | None = None
    """What it is sorted by; None sorts last."""
    sd: float | None = None
    """Standard deviation over seeds, in the unit of the value."""
    low: float | None = None
    """Lower end of an interval about the value."""
    high: float | None = None
    """Its upper end."""
    num_seeds: int | None = None
    """How many seeds it is taken over; None where it is not taken over seeds."""
    is_best: bool = False
    """Shown bold: within two sd of the best."""
    is_muted: bool = False
    """Shown grey: there is no number, and the text says why; or the number ranks nothing."""
    note: str = ""
    """A second, smaller line, or two."""


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
    is_aside: bool = False
    """Left out in a paper: it describes runs rather than results."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its words."""

    name: str
    """A short name: results, matrix, efficiency, rates."""
    title: str
    """What it shows."""
    columns: tuple[Column, ...]
    """From left to right; the first names the row."""
    rows: tuple[tuple[Entry, ...], ...]
    """One entry a column."""
    strategies: tuple[str, ...]
    """The name of each row's strategy; empty where a row is none."""
    legend: str = ""
    """What the signs in it mean, as far as they occur: parts of sentences, with no full stop."""

    def column(self, title: str) -> tuple[Entry, ...]:
        """The entries under a title, from top to bottom."""
        place = [column.title for column in self.columns].index(title)
        return tuple(row[place] for row in self.rows)


def joined(words: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> joined(["CoLA"]), joined(["CoLA", "RTE", "WNLI"])
    ('CoLA', 'CoLA, RTE and WNLI')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def signed(value: float, digits: int = 3) -> str:
    """A difference, its sign always written.

    >>> signed(0.25), signed(-0.0312), signed(0.00001)
    ('+0.250', '−0.031', '0.000')
    """
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else ("−" if value < 0 else "+") + text


def brackets(low: float, high: float) -> str:
    """An interval.

    >>> brackets(-0.0123, 0.25)
    '[−0.012, 0.250]'
    """
    return f"[{low:.3f}, {high:.3f}]".replace("-", "−")


def short_count(count: float) -> str:
    """A count in three figures.

    >>> [short_count(n) for n in (950, 41_234, 2_050_000, 3_100_000_000, 999_999, 4.2e15)]
    ['950', '41.2 k', '2.05 M', '3.10 G', '1.00 M', '4.20 P']
    """
    rounded = float(f"{count:.3g}")  # first, so that 999,999 is 1.00 M
    for size, least, letter in _SIZES:
        if rounded >= least:
            scaled = rounded / size
            return f"{scaled:.{max(0, 2 - math.floor(math.log10(scaled)))}f} {letter}"
    return f"{count:,.0f}"


_SIZES = ((1e18, 1e18, "E"), (1e15, 1e15, "P"), (1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e3, 1e4, "k"))
"""A unit, the least count that is told in it, and its letter."""
