"""Where spans go: into slots between words or tokens, never onto protected tokens."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import Bools, Int32s, Window

Span = tuple[int, int]
"""(start, end) in the window."""


class Units(NamedTuple):
    """The unprotected tokens of a window, in tokens or words: what spans are made of."""

    positions: Int32s
    """int32[num_eligible]: the places of the unprotected tokens."""
    firsts: Int32s
    """int32[units + 1]: where in `positions` each unit begins, and at last their number."""

    @classmethod
    def of(cls, window: Window, *, whole_words: bool) -> Units:
        """Tokens, or words: a word begins where the store says, behind a protected token, and at the start."""
        positions = np.flatnonzero(~window.protected).astype(np.int32)
        if not whole_words:
            return cls(positions, np.arange(len(positions) + 1, dtype=np.int32))
        begins = window.word_starts[positions] | (np.diff(positions, prepend=-2) > 1)
        return cls(positions, np.append(np.flatnonzero(begins), len(positions)).astype(np.int32))

    @property
    def num_units(self) -> int:
        """Tokens or words that may be hidden."""
        return len(self.firsts) - 1


def placed(units: Units, starts: list[int], lengths: list[int], draws: Draws) -> list[Span]:
    """The spans of the window that begin at these units and are so many units long.

    A span that would have protected tokens inside is cut to its longest piece.
    """
    spans = []
    for start, length in zip(starts, lengths, strict=True):
        first, last = int(units.firsts[start]), int(units.firsts[start + length])
        if first == last:
            place = int(units.positions[first]) if first < len(units.positions) else int(units.positions[-1]) + 1
            spans.append((place, place))
        else:
            spans.append(_longest(_pieces(units.positions[first:last]), draws))
    return spans


def _pieces(positions: Int32s) -> list[Span]:
    """Ascending positions as runs."""
    if positions[-1] - positions[0] == len(positions) - 1:
        return [(int(positions[0]), int(positions[-1]) + 1)]
    runs = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    return [(int(run[0]), int(run[-1]) + 1) for run in runs]


def _longest(pieces: list[Span], draws: Draws) -> Span:
    """The longest span; among equals a random one, so that left and right stay alike."""
    longest = max(end - start for start, end in pieces)
    equals = [(start, end) for start, end in pieces if end - start == longest]
    return equals[draws.below(len(equals))] if len(equals) > 1 else equals[0]


def mend(
    spans: list[Span], num_missing: int, window: Window, draws: Draws, *, whole_words: bool, shortest: int
) -> None:
    """Hide `num_missing` more tokens, or fewer if it is negative, in place: what cuts and words cost is made good.

    A random span gains or loses a unit at one of its ends, while a visible token stays between any two and
    none is shorter than `shortest`. Words give way to tokens where no whole word fits. Where no span can
    grow, two with one token between them become one; and where there are none of those either, since
    documents are shorter than their spans, a token becomes a new span: only then are there more spans, and
    a longer source, than were asked for.
    """
    begins = window.word_starts if whole_words else np.ones(len(window.tokens), dtype=bool)
    edges = _Edges(begins, window.protected)
    while num_missing:
        moves = edges.moves(spans, num_missing, shortest)
        if not moves and edges.begins is not edges.everywhere:
            edges.begins = edges.everywhere
            moves = edges.moves(spans, num_missing, shortest)
        if moves:
            number, span = moves[draws.below(len(moves))]
            num_missing -= (span[1] - span[0]) - (spans[number][1] - spans[number][0])
            spans[number] = span
        else:
            _bridge_or_begin(spans, window.protected, draws)
            num_missing -= 1


class _Edges:
    """The ways in which one span can gain or lose one unit at one end."""

    def __init__(self, begins: Bools, protected: Bools) -> None:
        self.begins = begins
        self.everywhere = np.ones(len(begins), dtype=bool)
        self._protected = protected

    def moves(self, spans: list[Span], num_missing: int, shortest: int) -> list[tuple[int, Span]]:
        """(number, the span it would become), left ends before right ends, in the order of the spans."""
        return self._growing(spans, num_missing) if num_missing > 0 else self._shrinking(spans, -num_missing, shortest)

    def _growing(self, spans: list[Span], at_most: int) -> list[tuple[int, Span]]:
        found: list[tuple[int, Span]] = []
        window_len = len(self._protected)
        last_end = -1  # a span may start at token 0: no span ends before it
        for number, (start, end) in enumerate(spans):
            next_start = spans[number + 1][0] if number + 1 < len(spans) else window_len + 1
            if start > 0 and not self._protected[start - 1]:
                begin = self._unit_begin(start - 1)
                if begin > last_end and start - begin <= at_most:
                    found.append((number, (begin, end)))
            if end < window_len and not self._protected[end]:
                stop = self._unit_end(end)
                if stop < next_start and stop - end <= at_most:
                    found.append((number, (start, stop)))
            last_end = end
        return found

    def _shrinking(self, spans: list[Span], at_most: int, shortest: int) -> list[tuple[int, Span]]:
        found: list[tuple[int, Span]] = []
        for number, (start, end) in enumerate(spans):
            if end - start <= shortest:
                continue
            begin = self._unit_end(start)
            if begin - start <= at_most and end - begin >= shortest:
                found.append((number, (begin, end)))
            stop = self._unit_begin(end - 1)
            if end - stop <= at_most and stop - start >= shortest:
                found.append((number, (start, stop)))
        return found

    def _unit_begin(self, place: int) -> int:
        while place > 0 and not self.begins[place] and not self._protected[place - 1]:
            place -= 1
        return place

    def _unit_end(self, place: int) -> int:
        place += 1
        while place < len(self.begins) and not self.begins[place] and not self._protected[place]:
            place += 1
        return place


def _bridge_or_begin(spans: list[Span], protected: Bools, draws: Draws) -> None:
    """Hide one more token where no span can grow."""
    bridges = [
        number
        for number in range(len(spans) - 1)
        if spans[number + 1][0] - spans[number][1] == 1 and not protected[spans[number][1]]
    ]
    if bridges:
        left = bridges[draws.below(len(bridges))]
        spans[left : left + 2] = [(spans[left][0], spans[left + 1][1])]
        return
    is_free = ~protected
    for start, end in spans:
        is_free[start:end] = False
    free = np.flatnonzero(is_free)
    start = int(free[draws.below(len(free))])
    insort(spans, (start, start + 1))
