"""The commands that read run folders: denoise report and denoise compare."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.files import write_whole

if TYPE_CHECKING:
    from denoise.command_line import PlainParser
    from denoise.study.table import Table

Arguments = Sequence[str]
TABLES = "results, matrix, efficiency, rates, transfer, gained, outside, questions"


def report(arguments: Arguments) -> None:
    """The tables and the HTML report of a grid's folder, finished or not, or of a single run."""
    from denoise.command_line import PlainParser
    from denoise.study.report import write_report
    from denoise.study.runs import read_grid
    from denoise.study.tables import tables
    from denoise.study.verdict import verdict

    parser = PlainParser(prog="denoise report", description=report.__doc__)
    parser.add_argument("folder", help="Folder that `denoise grid` or `denoise train` wrote.")
    parser.add_argument("--out", help="File to write (default: report.html in the folder; a table goes to the screen).")
    _add_forms(parser, ("latex", "markdown", "csv"))
    parser.add_argument("--tables", nargs="+", metavar="NAME", help=f"Only these: {TABLES}.")
    parser.add_argument("--threshold", type=float, help="Bits per hidden byte to reach (default: the end of ★).")
    _add_interval(parser)
    values = parser.parse_args(arguments)
    folder = Path(values.folder)
    runs = read_grid(folder)
    shown = _chosen(tables(runs, values.threshold, values.interval), values.tables)
    if values.form:
        _put("\n".join(_writer(values.form)(table) for table in shown), values.out)
        return
    page = write_report(folder, Path(values.out) if values.out else None, values.threshold, values.interval)
    _print(shown if values.tables else shown[:1])
    print(f"{verdict(runs, values.interval)}\n\nreport: {page}")


def compare(arguments: Arguments) -> None:
    """What two runs or more differ in: options, budgets, losses, the exam; seeds of one strategy are put together."""
    from denoise.command_line import PlainParser
    from denoise.study.compare import comparison, named_runs

    parser = PlainParser(prog="denoise compare", description=compare.__doc__)
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="Run folder, glob of them, GRID:STRATEGY or a grid folder; the others are compared with the first.",
    )
    _add_forms(parser, ("markdown",))
    parser.add_argument("--out", help="File to write the Markdown to.")
    _add_interval(parser)
    values = parser.parse_args(arguments)
    found = comparison(named_runs(values.runs), values.interval)
    words = [found.verdict, *(f"- {caveat}" for caveat in found.caveats)]
    if values.form:
        parts = [f"## {table.title}\n\n{_writer('markdown')(table)}" for table in found.tables]
        _put("\n".join([words[0], "", *words[1:], "", *parts]), values.out)
        return
    _print(found.tables)
    print("\n".join(words))


def _add_forms(parser: PlainParser, forms: Sequence[str]) -> None:
    group = parser.add_mutually_exclusive_group()
    for form in forms:
        said = f"Write the tables as {'LaTeX' if form == 'latex' else form.upper() if form == 'csv' else 'Markdown'}."
        group.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=said)


def _add_interval(parser: PlainParser) -> None:
    parser.add_argument(
        "--interval",
        choices=("t", "bootstrap"),
        default="t",
        help="Interval of differences: Student's t, or the percentile bootstrap, too narrow with few seeds.",
    )


def _writer(form: str) -> Callable[[Table], str]:
    from denoise.study.latex import as_latex
    from denoise.study.writers import as_csv, as_markdown

    return {"latex": as_latex, "markdown": as_markdown, "csv": as_csv}[form]


def _chosen(tables: Sequence[Table], names: Sequence[str] | None) -> list[Table]:
    from denoise.named_classes import BadUsage

    missing = [name for name in names or () if name not in {table.name for table in tables}]
    if missing:
        there_are = ", ".join(table.name for table in tables)
        raise BadUsage(f"there is no table {missing[0]} of these runs; there are {there_are}")
    return [table for table in tables if not names or table.name in names]


def _put(text: str, out: str | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_whole(Path(out), text)
    print(f"tables: {out}")


def _print(tables: Sequence[Table]) -> None:
    from rich.console import Console
    from rich.text import Text

    from denoise.study.writers import for_terminal

    console = Console()
    for table in tables:
        shown = for_terminal(table)
        # Wider than the terminal rather than cut: a number without its end is another number.
        room = console.measure(shown, options=console.options.update(width=10_000)).minimum
        console.width = max(console.width, room + 3 * len(table.columns))
        console.print(Text(table.title, style="bold"))
        console.print(shown)
