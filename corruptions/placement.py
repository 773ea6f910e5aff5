"""Where spans go: into slots between words or tokens, never onto protected tokens."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import Bools, Int32s, Window

TRIES = 8
"""Moves that are drawn before all are looked at."""

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
    everywhere = np.ones(len(window.tokens), dtype=bool)
    edges = _Edges(window.word_starts if whole_words else everywhere, window.protected)
    while num_missing:
        move = edges.drawn_move(spans, num_missing, shortest, draws)
        if move is None and edges.begins is not everywhere:
            edges.begins = everywhere
            move = edges.drawn_move(spans, num_missing, shortest, draws)
        if move is not None:
            number, span = move
            num_missing -= (span[1] - span[0]) - (spans[number][1] - spans[number][0])
            spans[number] = span
        else:
            _bridge_or_begin(spans, window.protected, draws)
            num_missing -= 1


class _Edges:
    """The ways in which one span can gain or lose one unit at one end."""

    def __init__(self, begins: Bools, protected: Bools) -> None:
        self.begins = begins
        self._protected = protected

    def drawn_move(self, spans: list[Span], num_missing: int, shortest: int, draws: Draws) -> tuple[int, Span] | None:
        """(number of a span, what it becomes), each possible one equally likely; None: there is none.

        Most ends can move, so that a few drawn at random nearly always hold one: looking at all is the exception.
        """
        for _ in range(TRIES):
            edge = draws.below(2 * len(spans))
            span = self._moved(spans, edge, num_missing, shortest)
            if span is not None:
                return edge // 2, span
        found = [(edge // 2, self._moved(spans, edge, num_missing, shortest)) for edge in range(2 * len(spans))]
        possible = [(number, span) for number, span in found if span is not None]
        return possible[draws.below(len(possible))] if possible else None

    def _moved(self, spans: list[Span], edge: int, num_missing: int, shortest: int) -> Span | None:
        """What a span becomes if its left end, or for an odd edge its right end, moves by one unit; None: it cannot."""
        start, end = spans[edge // 2]
        if num_missing < 0:
            return self._shrunk(start, end, edge % 2 == 1, -num_missing, shortest)
        if edge % 2 == 0:
            last_end = spans[edge // 2 - 1][1] if edge >= 2 else -1  # no span ends before the first one
            if start == 0 or self._protected[start - 1]:
                return None
            begin = self._unit_begin(start - 1)
            return (begin, end) if begin > last_end and start - begin <= num_missing else None
        next_start = spans[edge // 2 + 1][0] if edge // 2 + 1 < len(spans) else len(self._protected) + 1
        if end == len(self._protected) or self._protected[end]:
            return None
        stop = self._unit_end(end)
        return (start, stop) if stop < next_start and stop - end <= num_missing else None

    def _shrunk(self, start: int, end: int, is_right: bool, at_most: int, shortest: int) -> Span | None:
        if end - start <= shortest:
            return None
        if is_right:
            stop = self._unit_begin(end - 1)
            return (start, stop) if end - stop <= at_most and stop - start >= shortest else None
        begin = self._unit_end(start)
        return (begin, end) if begin - start <= at_most and end - begin >= shortest else None

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
