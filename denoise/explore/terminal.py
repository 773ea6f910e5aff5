"""Drawings in the terminal: token under token, each hidden span and what stands for it in one colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from denoise.explore.columns import aligned, said_by_place, says_the_text, without_end
from denoise.explore.drawing import Drawing, Kind, Token, Tokens

_SPAN_STYLES = ("bold red", "bold green", "bold blue", "bold magenta", "bold yellow", "bold cyan")
_MARGIN = 2
_LEAST_ROOM = 12


@dataclass(frozen=True)
class Cell:
    """One place of one row: tokens, written with a space between them."""

    tokens: Tokens
    style: str = ""
    """For tokens that belong to no span."""

    @property
    def width(self) -> int:
        """In terminal cells: a Chinese character takes two."""
        return sum(cell_len(token.name) + 1 for token in self.tokens)


Row = tuple[str, list[Cell]]
"""A title and its cells."""


def print_drawing(drawing: Drawing, console: Console) -> None:
    """Its name, what it costs and what it is, and its rows."""
    cost = f"{len(drawing.source)} encoder + {len(drawing.target)} decoder tokens"
    console.print(Text.assemble((drawing.name, "bold"), f"  {cost}"))
    print_note(drawing.about, console)
    if drawing.part:
        print_note(f"drawn here: {drawing.part}", console)
    for rows in _groups(drawing):
        print_rows(rows, console)
    if remark := remark_on(drawing):
        print_note(remark, console)
    console.print()


def remark_on(drawing: Drawing) -> str:
    """What a reader would wonder about."""
    if not drawing.is_known:
        return "what it does depends on the words, or is not told; so no token is drawn under another"
    if [token.name for token in without_end(drawing.source)] == [token.name for token in drawing.text]:
        return "here the encoder reads the text as it is; another --seed, or a longer text, gives another draw"
    if drawing.is_moved and says_the_text(drawing):
        return "the decoder says the text, in its own order"
    return ""


def print_complaint(name: str, complaint: str, console: Console) -> None:
    """An objective that cannot be shown, and why."""
    console.print(Text.assemble((name, "bold"), "  cannot be shown"))
    console.print(Padding(Text(complaint, "red"), (0, 0, 0, _MARGIN), expand=False))
    console.print()


def print_note(text: str, console: Console) -> None:
    """A dim line, indented where it goes on."""
    console.print(Padding(Text(text, "dim"), (0, 0, 0, _MARGIN), expand=False))


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Rows whose cells stand under each other, cut into blocks that fit the width of the terminal."""
    title_width = max(cell_len(title) for title in ("source", *(title for title, _ in rows))) + 1
    room = max(console.width - _MARGIN - title_width, _LEAST_ROOM)
    num_cells = max(len(cells) for _, cells in rows)
    widths = [min(max(_width(cells, at) for _, cells in rows), room) for at in range(num_cells)]
    for number, block in enumerate(_blocks(widths, room)):
        if number:
            console.print()
        for title, cells in rows:
            line = Text()
            for at in block:
                line.append_text(_written(cells[at] if at < len(cells) else Cell(()), widths[at]))
            if line.plain.strip() or title in ("text", "source") or title.endswith("reads"):
                line = Text(" " * _MARGIN + set_cell_size(title, title_width)).append_text(line)
                line.rstrip()
                console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _groups(drawing: Drawing) -> Iterator[list[Row]]:
    """Rows that stand under each other: all of them, or text and source apart where text moves."""
    if not drawing.is_known:
        yield [("text", [Cell((token,)) for token in drawing.text])]
        yield [("source", [Cell((token,)) for token in drawing.source])]
        yield [("target", [Cell((token,), "dim") for token in drawing.target])]
        return
    if drawing.is_moved:
        yield from _moved(drawing)
        return
    columns = aligned(drawing)
    rows = [("text", [Cell(c.text) for c in columns]), ("source", [Cell(c.source) for c in columns])]
    if said_by_place(drawing) is None:
        yield rows
        yield [("target", [Cell((token,)) for token in without_end(drawing.target)])]
    else:
        yield [*rows, ("target", [Cell(c.target, "dim") for c in columns])]


def _moved(drawing: Drawing) -> Iterator[list[Row]]:
    """The text with the places of its blocks, and the source with theirs."""
    said = said_by_place(drawing)
    rows = [("place", _numbers(drawing.text)), ("text", [Cell((token,)) for token in drawing.text])]
    if said is not None and not says_the_text(drawing):
        rows.append(("target", [Cell(said.get(place, ()), "dim") for place in range(len(drawing.text))]))
    yield rows
    read = without_end(drawing.source)
    yield [("place", _numbers(read)), ("source", [Cell((token,)) for token in read])]
    if said is None:
        yield [("target", [Cell((token,)) for token in without_end(drawing.target)])]


def _numbers(tokens: Sequence[Token]) -> list[Cell]:
    """Over the first visible token of each block, its place in the text, counted from 1."""
    cells: list[Cell] = []
    block = None
    for token in tokens:
        is_first = token.block != block and token.place is not None
        if is_first:
            block = token.block
        name = str(token.place + 1) if is_first and token.place is not None else ""
        cells.append(Cell((Token(name=name, flowing=name, has_space=True),), "dim") if name else Cell(()))
    return cells


def _width(cells: Sequence[Cell], at: int) -> int:
    return cells[at].width if at < len(cells) else 0


def _blocks(widths: Sequence[int], room: int) -> Iterator[range]:
    start = used = 0
    for at, width in enumerate(widths):
        if at > start and used + width > room:
            yield range(start, at)
            start, used = at, 0
        used += width
    if start < len(widths):
        yield range(start, len(widths))


def _written(cell: Cell, width: int) -> Text:
    text = Text()
    for token in cell.tokens:
        text.append(token.name, style_of(token, cell.style))
        text.append(" ")
    if text.cell_len > width:
        text.truncate(width - 1, overflow="ellipsis")
    text.append(" " * (width - text.cell_len))
    return text


def style_of(token: Token, otherwise: str = "") -> str:
    """A span's own colour, for its marks in reverse; control words stand out too."""
    if token.kind is Kind.CONTROL:
        return "bold reverse"
    if token.span is None:
        return "bold reverse" if token.kind is Kind.MARK else otherwise
    style = _SPAN_STYLES[token.span % len(_SPAN_STYLES)]
    return f"{style} reverse" if token.kind in (Kind.MARK, Kind.OTHER) else style
