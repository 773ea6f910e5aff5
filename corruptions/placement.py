"""Where noise goes: lengths of spans by their law, and spans into slots, never onto protected tokens."""

from __future__ import annotations

from bisect import insort

import numpy as np

from corruptions.draws import Draws
from corruptions.plan import Plan
from corruptions.protocol import Bools, Int32s


def uniform_composition(total: int, parts: int, draws: Draws) -> list[int]:
    """`parts` positive lengths that add up to `total`, each such list equally likely: T5's law.

    >>> uniform_composition(10, 4, Draws(1, 0, 0))
    [6, 1, 1, 2]
    """
    cuts = draws.choose(total - 1, parts - 1) + 1
    return np.diff(cuts, prepend=0, append=total).tolist()


def equal_multinomial(total: int, parts: int, draws: Draws) -> list[int]:
    """`parts` lengths, 0 among them, that add up to `total`: each token joins a part at random.

    >>> equal_multinomial(10, 4, Draws(1, 0, 0))
    [1, 1, 5, 3]
    """
    lengths = [0] * parts
    for _ in range(total):
        lengths[draws.below(parts)] += 1
    return lengths


def place_tokens(num_noise: int, protected: Bools, draws: Draws) -> Plan:
    """Hide so many tokens, each set of unprotected ones equally likely."""
    eligible = np.flatnonzero(~protected)
    return Plan.of_tokens(eligible[draws.choose(len(eligible), num_noise)], window_len=len(protected))


def place_spans(lengths: list[int], protected: Bools, draws: Draws) -> Plan:
    """Hide spans of these lengths, in this order, each choice of slots equally likely.

    A slot lies before each kept token and behind the last. Two spans never share one, so that they never
    abut, and the first and the last token of a window are treated alike. Slots are chosen as if the
    protected tokens were not there; a span that then has one inside is mended by _mend.
    """
    eligible = np.flatnonzero(~protected)
    num_noise = sum(lengths)
    slots = draws.choose(len(eligible) - num_noise + 1, len(lengths))
    starts = (slots + np.cumsum(lengths, dtype=np.int64) - lengths).tolist()
    if len(eligible) == len(protected):
        return Plan.of_spans(starts, lengths, window_len=len(protected))
    spans = [_longest(_pieces(eligible, start, length), draws) for start, length in zip(starts, lengths, strict=True)]
    _mend(spans, num_noise - sum(end - start for start, end in spans), protected, draws)
    return Plan.of_spans(
        [start for start, _ in spans], [end - start for start, end in spans], window_len=len(protected)
    )


def _pieces(eligible: Int32s, start: int, length: int) -> list[tuple[int, int]]:
    """The (start, end) in the window of a run of unprotected tokens, cut where protected ones lie between."""
    if length == 0:
        place = int(eligible[start] if start < len(eligible) else eligible[-1] + 1)
        return [(place, place)]
    positions = eligible[start : start + length]
    if positions[-1] - positions[0] == length - 1:
        return [(int(positions[0]), int(positions[-1]) + 1)]
    runs = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    return [(int(run[0]), int(run[-1]) + 1) for run in runs]


def _longest(pieces: list[tuple[int, int]], draws: Draws) -> tuple[int, int]:
    """The longest (start, end); among equals a random one, so that left and right stay alike."""
    if len(pieces) == 1:
        return pieces[0]
    longest = max(end - start for start, end in pieces)
    equals = [(start, end) for start, end in pieces if end - start == longest]
    return equals[draws.below(len(equals))]


def _mend(spans: list[tuple[int, int]], num_missing: int, protected: Bools, draws: Draws) -> None:
    """Hide `num_missing` more tokens, in place, so that a span cut at a protected token costs no noise.

    Spans grow, a random one by one token at a time, while a visible token stays between any two. Where
    none can grow, two spans with one token between them become one; and where there are none of those
    either, since documents are shorter than their spans, a token becomes a new span: only then are there
    more spans, and a longer source, than were asked for.
    """
    for _ in range(num_missing):
        edges = _edges_with_room(spans, protected)
        if edges:
            number, is_right = edges[draws.below(len(edges))]
            start, end = spans[number]
            spans[number] = (start, end + 1) if is_right else (start - 1, end)
            continue
        bridges = [
            i for i in range(len(spans) - 1) if spans[i + 1][0] - spans[i][1] == 1 and not protected[spans[i][1]]
        ]
        if bridges:
            left = bridges[draws.below(len(bridges))]
            spans[left : left + 2] = [(spans[left][0], spans[left + 1][1])]
            continue
        is_free = ~protected
        for start, end in spans:
            is_free[start:end] = False
        free = np.flatnonzero(is_free)
        start = int(free[draws.below(len(free))])
        insort(spans, (start, start + 1))


def _edges_with_room(spans: list[tuple[int, int]], protected: Bools) -> list[tuple[int, bool]]:
    """The (span, is its right edge) that can move out by a token without meeting anything."""
    edges = []
    last_end = -1  # a span may start at token 0: no span ends before it
    for number, (start, end) in enumerate(spans):
        next_start = spans[number + 1][0] if number + 1 < len(spans) else len(protected) + 1
        if start - last_end >= 2 and not protected[start - 1]:
            edges.append((number, False))
        if next_start - end >= 2 and not protected[end]:
            edges.append((number, True))
        last_end = end
    return edges
