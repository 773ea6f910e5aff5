"""Objectives side by side in the terminal: the same text under each, what they cost, and their figures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from corruptions.statistics import Statistics
from denoise.explore.columns import aligned, said_by_place, without_end
from denoise.explore.drawing import Drawing, Tokens
from denoise.explore.facts import facts
from denoise.explore.figures import Figures, span_bins
from denoise.explore.terminal import Cell, Row, print_note, print_rows, remark_on

_BARS = "▁▂▃▄▅▆▇█"


def print_comparison(drawings: Sequence[Drawing], console: Console) -> None:
    """The text once, and under it what each encoder reads and each decoder says, aligned with it."""
    if not drawings:
        return
    width = max(len(drawing.name) for drawing in drawings)
    rows: list[Row] = [("text", [Cell((token,)) for token in drawings[0].text])]
    for drawing in drawings:
        source, target = _cells(drawing)
        rows.append((f"{drawing.name:<{width}} reads", source))
        rows.append((f"{'':<{width}} says", target))
    print_rows(rows, console)
    console.print()
    for drawing in drawings:
        if drawing.is_moved:
            print_note(
                f"{drawing.name}: the encoder reads the text in another order, so that it is not aligned", console
            )
        elif remark := remark_on(drawing):
            print_note(f"{drawing.name}: {remark}", console)
        if drawing.part:
            print_note(f"{drawing.name}: drawn here: {drawing.part}", console)


def _cells(drawing: Drawing) -> tuple[list[Cell], list[Cell]]:
    """Source and target in as many columns as the text has tokens."""
    num_places = len(drawing.text)
    said = said_by_place(drawing) if drawing.is_known else None
    target = (
        _dealt(without_end(drawing.target), num_places)
        if said is None
        else [said.get(place, ()) for place in range(num_places)]
    )
    source: list[Tokens] = []
    if drawing.is_known and not drawing.is_moved:
        alone: Tokens = ()
        for column in aligned(drawing):
            alone += column.source
            if column.text:
                source.append(alone)
                alone = ()
        source[-1] += alone
    else:
        source = _dealt(without_end(drawing.source), num_places)
    return [Cell(tokens) for tokens in source], [Cell(tokens, "dim") for tokens in target]


def _dealt(tokens: Tokens, num_places: int) -> list[Tokens]:
    """One token a column, and all that are left in the last."""
    dealt = [(token,) for token in tokens[: num_places - 1]]
    return [*dealt, tokens[num_places - 1 :]]


def print_costs(drawings: Sequence[Drawing], console: Console) -> None:
    """What each example costs, in tokens and relative to the first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("cost", overflow="fold")
    for title in ("encoder", "decoder", "sum", f"to {drawings[0].name}"):
        table.add_column(title, justify="right", overflow="fold")
    for drawing in drawings:
        relative = f"× {drawing.num_tokens / drawings[0].num_tokens:.2f}"
        counts = (len(drawing.source), len(drawing.target), drawing.num_tokens)
        table.add_row(drawing.name, *(f"{count:,}" for count in counts), relative)
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    console.print()


def print_figures(name: str, figures: Figures, console: Console) -> None:
    """Figures as lines, and those of the parts of a mixture in short."""
    console.print(Text(name, "bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for title, line in facts(figures):
        table.add_row(title, line)
        if title == "spans" and (bars := histogram(figures.whole)):
            table.add_row("", bars)
    for part, statistics in figures.parts.items():
        table.add_row("part", f"{part}: {statistics.num_windows:,} windows{_rate(statistics)}")
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    console.print()


def histogram(statistics: Statistics) -> Text:
    """Lengths of spans, each with a bar as high as it is frequent."""
    bins = span_bins(statistics)
    highest = max((part.share for part in bins), default=1.0)
    text = Text()
    for part in bins:
        text.append(f"{part.name} ", "dim")
        text.append(_BARS[round(part.share / highest * (len(_BARS) - 1))] if part.share else " ", "cyan")
        text.append("  ")
    return text


def _rate(statistics: Statistics) -> str:
    return "" if statistics.rate is None else f", {statistics.rate:.4f} hidden"
