"""denoise exam: runs sit the common exam, and a table says how they did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from denoise.stopping import Stopping
from denoise.transfer.exam.config import BadExam, ExamConfig
from denoise.transfer.exam.papers import Exam, Paper, read_exam

if TYPE_CHECKING:
    from rich.table import Table

ADVICE = "denoise: stopping after this paper; Ctrl-C again stops at once"


def exam(arguments: Sequence[str]) -> None:
    """The common exam: finished runs rebuild the same hidden text in several input formats; then their table."""
    from rich.console import Console

    from denoise.command_line import options_of, parsed, value_of
    from denoise.train.tracking.after import publish_scores
    from denoise.transfer.exam import take

    parser = options_of(ExamConfig, "exam", exam.__doc__)
    parser.usage = "denoise exam RUN [RUN ...] [options]"
    parser.add_argument("runs", nargs="*", help="Folders of finished runs, or of grids, whose finished runs are taken.")
    parser.add_argument("--data", help="Folder of the runs' tokens, if it lies elsewhere than when they were trained.")
    values, built = parsed(parser, arguments)
    if not values.runs:
        raise BadExam("no run was named; give the folders of finished runs, or of a grid: denoise exam RUN [RUN ...]")
    config, console = value_of(ExamConfig, built), Console()
    runs = [run for given in values.runs for run in runs_in(Path(given))]
    with Stopping(advice=ADVICE) as stopping:  # torch takes seconds, and a signal may come meanwhile
        for run in runs:
            take(run, config, console, data=Path(values.data) if values.data else None, stopping=stopping)
            publish_scores(run, print)
    exams = [(run, found) for run in runs if (found := read_exam(run)) is not None]
    console.print(table(exams))
    if len(exams) > 1:
        console.print(matrix(exams))


def runs_in(folder: Path) -> list[Path]:
    """The run itself, or the finished runs of a grid. Raises BadExam for a folder that holds neither."""
    if (folder / "config.yaml").is_file():
        return [folder]
    finished = sorted(path.parent for path in folder.glob("*/done.json"))
    if not finished:
        raise BadExam(f"{folder} holds no finished run; name the folder of a run, or of a grid")
    return finished


def table(exams: Sequence[tuple[Path, Exam]]) -> Table:
    """Of each run format by rate: bits per hidden byte and the share of spans that are exact, as it is and adapted."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", caption_justify="left")
    shown.add_column("Run", no_wrap=True)
    shown.add_column("Format", no_wrap=True)
    shown.add_column("Rate", justify="right")
    shown.add_column("Bits per\nhidden byte", justify="right")
    shown.add_column("Exact\nspans", justify="right")
    shown.add_column("Adapted:\nbits", justify="right")
    shown.add_column("Exact\nspans", justify="right")
    for run, found in exams:
        for number, row in enumerate(_rows(found)):
            shown.add_row(run.name if number == 0 else "", *row)
        shown.add_row("", "mean", "", f"{found.bits_per_hidden_byte:.3f}", "", "", "", style="bold", end_section=True)
    shown.caption = _caption(exams)
    return shown


def matrix(exams: Sequence[tuple[Path, Exam]]) -> Table:
    """Run by format: bits per hidden byte, the mean over rates, and of all formats."""
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", caption_justify="left")
    shown.add_column("Run", no_wrap=True)
    formats = list(dict.fromkeys(format for _, found in exams for format in found.by_format))
    for name in (*formats, "mean", "saved by\nsource"):
        shown.add_column(name, justify="right")
    for run, found in exams:
        bits = [f"{found.by_format[format]:.3f}" if format in found.by_format else "" for format in formats]
        saved = "" if found.bits_saved_by_source is None else f"{found.bits_saved_by_source:.3f}"
        shown.add_row(run.name, *bits, f"[bold]{found.bits_per_hidden_byte:.3f}[/]", saved)
    shown.caption = (
        "Bits per hidden byte, the mean over rates; the adapted figure where there is one. Saved by source: what "
        "reading another text's source would cost besides."
    )
    return shown


def _rows(found: Exam) -> list[list[str]]:
    papers = {(paper.format, paper.rate, paper.adapted): paper for paper in found.papers}
    rows = []
    for format, rate in dict.fromkeys((paper.format, paper.rate) for paper in found.papers):
        as_is, adapted = papers[format, rate, False], papers.get((format, rate, True))
        rows.append([f"{format}{'' if as_is.seen else ' °'}", f"{rate:g}", *_figures(as_is), *_figures(adapted)])
    return rows


def _figures(paper: Paper | None) -> list[str]:
    return ["", ""] if paper is None else [f"{paper.bits_per_hidden_byte:.3f}", f"{paper.exact_spans:.1%}"]


def _caption(exams: Sequence[tuple[Path, Exam]]) -> str:
    lines = ["° the run never saw this format; the mean takes the adapted figure where there is one."]
    compared = {(str(found.settings), found.data_fingerprint, found.version) for _, found in exams}
    if len(compared) > 1:
        lines.append("These exams differ in their text or their settings: their figures cannot be compared.")
    documents = {paper.documents for _, found in exams for paper in found.papers if paper.format != "continuation"}
    if len(documents) > 1:
        lines.append("Some runs keep the documents of a window apart and others do not, and so did their exams.")
    return "\n".join(lines)
