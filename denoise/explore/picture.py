"""The picture: what encoders read over what decoders say, with ribbons from what stands for a span down to the span."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

from denoise.explore import svg
from denoise.explore.columns import aligned, says_the_text, without_end
from denoise.explore.drawing import MOST_BLOCKS, Drawing, Kind, Token, Tokens
from denoise.explore.exploration import Exploration
from denoise.explore.layout import Group, Placed, lines, token_lines

_WIDTH = 1000
_MARGIN = 32
_LEFT = 142
"""Where text starts; labels stand left of it."""
_ROOM = _WIDTH - _MARGIN - _LEFT
_FALL = 46
"""From the baseline of a source to that of its target."""
_LINE = 36
_SMALL = 13
_READS, _SAYS = "encoder reads", "decoder says"


def picture(exploration: Exploration) -> str:
    """The whole picture as SVG."""
    sheet = _Sheet()
    for number, drawing in enumerate(exploration.drawings):
        if number:
            sheet.front.append(svg.rule(_MARGIN, _WIDTH - _MARGIN, sheet.at))
        sheet.heading(drawing)
        if drawing.is_known and not drawing.is_moved:
            sheet.linked(drawing)
        else:
            sheet.apart(_READS, without_end(drawing.source), is_quiet=False)
            sheet.apart(_SAYS, without_end(drawing.target), is_quiet=says_the_text(drawing))
        sheet.at += 26
    names = ", ".join(drawing.name for drawing in exploration.drawings)
    return svg.document(f"What {names} make of a text", "\n".join([*sheet.back, *sheet.front]), _WIDTH, sheet.at)


@dataclass
class _Sheet:
    """What is drawn so far: grounds and ribbons at the back, words in front."""

    back: list[str] = field(default_factory=list)
    front: list[str] = field(default_factory=list)
    at: float = 4
    """The lowest line so far."""

    def heading(self, drawing: Drawing) -> None:
        """Name, options and cost."""
        self.at += 38
        cost = f"{len(drawing.source):,} encoder + {len(drawing.target):,} decoder tokens"
        self.front.append(svg.words(drawing.name, _MARGIN, self.at, font_px=18, is_bold=True))
        self.front.append(svg.words_to(cost, _WIDTH - _MARGIN, self.at, font_px=_SMALL))
        self.at += 20
        about = f"{drawing.part}, drawn from a {drawing.about}" if drawing.part else drawing.about
        self.front.append(
            svg.words(svg.cut(about, _WIDTH - 2 * _MARGIN, _SMALL), _MARGIN, self.at, kind="muted", font_px=_SMALL)
        )

    def linked(self, drawing: Drawing) -> None:
        """Source over target, each place of the text under itself."""
        is_quiet = says_the_text(drawing)
        is_told = {_READS: False, _SAYS: False}
        last_span = None
        for line in lines(aligned(drawing), _LEFT, _ROOM):
            self.at += _LINE
            is_read = any(placed.column.source for group in line for placed in group.columns)
            is_said = any(placed.column.target for group in line for placed in group.columns)
            if is_read or not is_said:
                self._label(_READS, is_told)
                for group in line:
                    self._source(group)
            if is_said:
                self.at += _FALL if is_read else 0
                self._label(_SAYS, is_told)
                for group in line:
                    is_marked = any(placed.column.source for placed in group.columns)
                    is_linked = is_read and (is_marked or group.span != last_span)
                    self._target(group, is_quiet=is_quiet, is_linked=is_linked)
                    last_span = group.span
        if not is_told[_SAYS]:
            self.apart(_SAYS, without_end(drawing.target), is_quiet=False)

    def apart(self, label: str, tokens: Tokens, *, is_quiet: bool) -> None:
        """Tokens in their own order; blocks that were moved are numbered, and coloured where no span is."""
        is_told = {label: False}
        block = None
        self.at += 4
        for line in token_lines(tokens, _LEFT, _ROOM):
            self.at += _LINE - 6
            self._label(label, is_told)
            for name, run in groupby(line, _ground_of(tokens)):
                stretch = list(run)
                if name is not None:
                    end = stretch[-1][1] + svg.token_width(stretch[-1][0])
                    self.back.append(svg.ground(name, stretch[0][1], end, self.at))
            for token, x in line:
                self._token(token, x, "muted" if is_quiet and token.span is None else "ink")
                if token.block is not None and token.block != block:
                    block = token.block
                    self.front.append(
                        svg.words(str(block + 1), x - 1, self.at - 15, kind="muted", font_px=svg.NUMBER_PX)
                    )
        if not tokens:
            self.at += _LINE
            self._label(label, is_told)
            self.front.append(svg.words("nothing", _LEFT, self.at, kind="muted", font_px=_SMALL))

    def _label(self, label: str, is_told: dict[str, bool]) -> None:
        if not is_told[label]:
            self.front.append(svg.words(label, _MARGIN, self.at, kind="muted", font_px=_SMALL))
        is_told[label] = True

    def _token(self, token: Token, x: float, kind: str = "ink") -> None:
        if svg.is_pill(token):
            self.front.append(svg.pill(token, x, self.at))
        elif token.kind is Kind.OTHER:
            self.back.append(svg.outline(svg.colour(token.span), x, x + svg.token_width(token), self.at))
            self.front.append(svg.words(token.flowing, x + svg.OTHER_PADDING_PX, self.at, kind=kind))
        else:
            self.front.append(svg.words(token.flowing, x, self.at, kind=kind))

    def _source(self, group: Group) -> None:
        mark = group.mark
        if mark is not None:
            self._token(mark, (group.left + group.right - svg.token_width(mark)) / 2)
            return
        for placed in group.columns:
            x = _start(placed, placed.column.source)
            for token in placed.column.source:
                self._token(token, x)
                x += svg.token_width(token) + svg.SPACE_PX
            if not placed.column.source and not placed.column.target:
                self._ghost(placed.column.text, placed.left)

    def _ghost(self, tokens: Tokens, x: float) -> None:
        """Text that neither the encoder nor the decoder has."""
        for token in tokens:
            self.front.append(svg.words(token.flowing, x, self.at, kind="muted"))
            self.front.append(svg.rule(x, x + svg.token_width(token), self.at - 5, kind="muted"))

    def _target(self, group: Group, *, is_quiet: bool, is_linked: bool) -> None:
        name = svg.colour(group.span)
        if group.span is not None and any(placed.column.target for placed in group.columns):
            self.back.append(svg.ground(name, group.left, group.right, self.at))
            top, bottom = self.at - _FALL + svg.BELOW_PX, self.at - svg.ABOVE_PX
            if is_linked:
                reach = svg.GROUND_PADDING_PX
                self.back.append(
                    svg.ribbon(name, (*_foot(group), top), (group.left - reach, group.right + reach, bottom))
                )
        for placed in group.columns:
            x = _start(placed, placed.column.target)
            for token in placed.column.target:
                self._token(token, x, "muted" if is_quiet and group.span is None else "ink")
                x += svg.token_width(token) + svg.SPACE_PX


def _ground_of(tokens: Tokens) -> Callable[[tuple[Token, float]], str | None]:
    """What colour is behind a token: its span's, or its block's where no token has a span; none of too many."""
    has_spans = any(token.span is not None for token in tokens)
    is_few = len({token.block for token in tokens}) <= MOST_BLOCKS

    def ground(placed: tuple[Token, float]) -> str | None:
        token = placed[0]
        number = token.span if has_spans else token.block if is_few else None
        return svg.colour(number) if token.kind is Kind.TEXT and number is not None else None

    return ground


def _start(placed: Placed, tokens: Tokens) -> float:
    """Where tokens start in their column: a mark of one token stands over its middle."""
    is_marked = placed.column.span is not None and any(token.place is not None for token in placed.column.source)
    return placed.left + ((placed.right - placed.left - svg.row_width(tokens)) / 2 if is_marked else 0)


def _foot(group: Group) -> tuple[float, float]:
    """Where the ribbon of a group starts: under its mark, its marks, or, where nothing is shown, a point."""
    if group.mark is not None:
        middle, half = (group.left + group.right) / 2, svg.token_width(group.mark) / 2
        return middle - half, middle + half
    shown = [placed for placed in group.columns if placed.column.source]
    if not shown:
        middle = (group.left + group.right) / 2
        return middle - 1, middle + 1
    first, last = shown[0], shown[-1]
    end = _start(last, last.column.source) + svg.row_width(last.column.source)
    return _start(first, first.column.source), end
