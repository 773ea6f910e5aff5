"""Where columns and tokens stand in the picture: lines that fit a width, in px."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from denoise.explore.columns import Column
from denoise.explore.drawing import Token, Tokens
from denoise.explore.svg import NUMBER_PX, SPACE_PX, row_width, text_width, token_width


@dataclass(frozen=True)
class Placed:
    """A column on a line; x of its ends."""

    column: Column
    left: float
    right: float


@dataclass(frozen=True)
class Group:
    """Neighbouring columns of one line that are of one hidden span, or of none."""

    span: int | None
    columns: list[Placed]

    @property
    def left(self) -> float:
        """Where it starts."""
        return self.columns[0].left

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.columns[-1].right

    @property
    def mark(self) -> Token | None:
        """The one token that stands for all of it; None if each has its own, or nothing stands for it."""
        shown = [token for placed in self.columns for token in placed.column.source]
        return shown[0] if len(shown) == 1 and shown[0].place is None and self.span is not None else None


def lines(columns: Sequence[Column], left: float, room: float) -> Iterator[list[Group]]:
    """Columns dealt to lines of a width; a hidden span of up to half a line is kept on one."""
    line: list[list[Column]] = []
    used = 0.0
    for span in (list(found) for _, found in groupby(columns, lambda column: column.span)):
        for run in [span] if _width(span) <= room / 2 and span[0].span is not None else [[column] for column in span]:
            width = _width(run)
            if line and used + _gap(run[0]) + width > room:
                yield _placed(line, left)
                line, used = [], 0.0
            used += width + (_gap(run[0]) if line else 0)
            line.append(run)
    if line:
        yield _placed(line, left)


def token_lines(tokens: Tokens, left: float, room: float) -> Iterator[list[tuple[Token, float]]]:
    """Tokens dealt to lines of a width, each with its x; the number of a block has room above its first token."""
    line: list[tuple[Token, float]] = []
    at = left
    block = None
    for token in tokens:
        width = token_width(token)
        if token.block is not None and token.block != block:
            block = token.block
            width = max(width, text_width(str(block + 1), NUMBER_PX) + 1)
        gap = SPACE_PX if token.has_space and line else 0.0
        if line and at + gap + width > left + room:
            yield line
            line, at, gap = [], left, 0.0
        line.append((token, at + gap))
        at += gap + width
    if line:
        yield line


def _placed(runs: list[list[Column]], left: float) -> list[Group]:
    flat = [(column, width) for run in runs for column, width in zip(run, _widths(run), strict=True)]
    at = left
    found: list[Placed] = []
    for number, (column, width) in enumerate(flat):
        at += _gap(column) if number else 0
        found.append(Placed(column, at, at + width))
        at += width
    return [Group(span, list(group)) for span, group in groupby(found, lambda placed: placed.column.span)]


def _widths(run: list[Column]) -> list[float]:
    """Each column's own, and the last wider where the mark that stands for all of them needs more."""
    widths = [_own_width(column) for column in run]
    gaps = sum(_gap(column) for column in run[1:])
    mark = max((token_width(token) for column in run for token in column.source if _stands_for_span(token)), default=0)
    widths[-1] += max(mark - sum(widths) - gaps, 0)
    return widths


def _width(run: list[Column]) -> float:
    return sum(_widths(run)) + sum(_gap(column) for column in run[1:])


def _own_width(column: Column) -> float:
    shown = tuple(token for token in column.source if not _stands_for_span(token))
    rows = [shown, column.target] if column.source or column.target else [column.text]
    return max(row_width(row) for row in rows)


def _stands_for_span(token: Token) -> bool:
    return token.span is not None and token.place is None


def _gap(column: Column) -> float:
    """Room before a column: none inside a word."""
    return SPACE_PX if not column.text or column.text[0].has_space or len(column.target) > 1 else 0.0
