"""Tables and heat maps as HTML; every word from a run passes through `escape`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import quantiles

from denoise.study.chart_specs import colour
from denoise.study.latex import as_latex
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy
from denoise.study.table import Column, Entry, Table
from denoise.study.writers import as_csv, as_markdown

Numbers = Mapping[str, int]
"""The number of each strategy, from 0 in the order of the page: it stands for the strategy beside its colour."""

_FORMS = (("latex", "LaTeX", as_latex), ("markdown", "Markdown", as_markdown), ("csv", "CSV", as_csv))


def numbers_of(runs: Sequence[Run]) -> Numbers:
    """The number of each strategy."""
    return {strategy.name: number for number, strategy in enumerate(by_strategy(runs))}


def badge(number: int) -> str:
    """The number of a strategy in its colour: told apart without colour too.

    >>> badge(0)
    '<i class="badge" style="--k:var(--c0)">1</i>'
    """
    return f'<i class="badge" style="--k:{colour(number)}">{number + 1}</i>'


def table_block(table: Table, numbers: Numbers, *, title: str = "", is_heat: bool = False) -> str:
    """A table with its heading, its buttons for copying, and its legend; `is_heat` shades by the numbers."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    signs = "; ".join(
        [table.legend, "the stronger the colour, the less is left to guess"] if is_heat else [table.legend]
    )
    legend = f'<p class="note">{escape(_sentence(signs))}</p>' if signs else ""
    return f'<div class="heading">{heading}{_copies(table)}</div>{_scrolled(table, numbers, is_heat)}{legend}'


def _copies(table: Table) -> str:
    """Buttons that copy the table, and what they copy."""
    buttons = texts = ""
    for name, words, write in _FORMS:
        place = escape(f"{table.name}-{name}")
        label = f' aria-label="Copy {escape(table.title)} as {words}"'
        buttons += f'<button type="button" class="quiet" data-copy="{place}"{label}>{words}</button>'
        texts += f'<pre id="{place}" hidden>{escape(write(table))}</pre>'
    return f'<span class="copies"><span>Copy as</span>{buttons}</span>{texts}'


def _scrolled(table: Table, numbers: Numbers, is_heat: bool) -> str:
    """A frame that scrolls sideways on a narrow screen, by keyboard too."""
    shades = _shades(table) if is_heat else {}
    head = "".join(_heading(column) for column in table.columns)
    body = "".join(
        "<tr>" + "".join(_cell(table, numbers, (down, across), shades) for across in range(len(row))) + "</tr>"
        for down, row in enumerate(table.rows)
    )
    about = f'id="table-{escape(table.name)}"' + (' class="heat"' if is_heat else "")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">'
        f"<table {about}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _heading(column: Column) -> str:
    words = "" if column.is_number else ' class="words"'
    unit = f"<small>{escape(column.unit)}</small>" if column.unit else ""
    return f'<th scope="col"{words}><button type="button">{escape(column.title)}{unit}</button></th>'


def _cell(table: Table, numbers: Numbers, place: tuple[int, int], shades: Mapping[tuple[int, int], int]) -> str:
    down, across = place
    entry = table.rows[down][across]
    value = "" if entry.value is None else f' data-value="{escape(str(entry.value))}"'
    if across == 0:
        number = numbers.get(table.strategies[down])
        mark = "" if number is None else badge(number)
        return f'<th scope="row"{value}>{mark}<span>{_words(entry)}</span></th>'
    classes = ("muted",) * entry.is_muted + ("words",) * (not table.columns[across].is_number)
    kind = f' class="{" ".join(classes)}"' if classes else ""
    shade = f' style="--shade:{shades[place]}%"' if place in shades else ""
    return f"<td{kind}{value}{shade}>{_words(entry)}</td>"


def _words(entry: Entry) -> str:
    words = escape(entry.text.replace(" ★", "\u00a0★"))
    text = f"<b>{words}</b>" if entry.is_best else words
    small = ([] if entry.num_seeds is None else [f"n = {entry.num_seeds}"]) + ([entry.note] if entry.note else [])
    return text + (f"<small>{escape(', '.join(small))}</small>" if small else "")


def _shades(table: Table) -> dict[tuple[int, int], int]:
    """How strongly each number is coloured, in percent: the lower, the stronger; far outliers do not count."""
    values = {
        (down, across): entry.value
        for down, row in enumerate(table.rows)
        for across, entry in enumerate(row)
        if across and isinstance(entry.value, float)
    }
    if len(set(values.values())) < 2:
        return {}
    low, _, third = quantiles(values.values(), n=4, method="inclusive")
    least, most = min(values.values()), min(max(values.values()), third + 1.5 * (third - low))
    most = most if most > least else max(values.values())
    return {place: round(4 + 56 * max(0.0, (most - value) / (most - least))) for place, value in values.items()}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
