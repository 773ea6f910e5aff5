"""Where spans go: the twin of corruptions.placement."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.codes import NONE, PROTECTED, ZERO
from corruptions.compiled.draws import below, list_bits
from corruptions.compiled.order import collect, copy
from corruptions.compiled.vectors import inner
from corruptions.placement import TRIES
from data_prep.vocab import WORD_START

_WORD_START = np.uint8(WORD_START)


@inner
def find_units(space, flags, length, num_ends, whole_words):
    """The unprotected tokens into space.positions and their units into space.firsts; both numbers."""
    positions, firsts = space.positions, space.firsts
    num_eligible = num_units = ZERO
    first = ZERO
    for stretch in range(num_ends + 1):
        end = space.ends[stretch] if stretch < num_ends else length
        for number in range(end - first):
            positions[num_eligible + number] = first + number
        if whole_words:
            num_units = _find_words(space, flags, num_units, num_eligible, first, end)
        num_eligible += end - first
        first = end + 1
    if not whole_words:
        num_units = num_eligible
        copy(firsts, ZERO, space.identity, ZERO, num_units)
    firsts[num_units] = num_eligible
    return num_eligible, num_units


@inner
def _find_words(space, flags, num_units, num_eligible, first, end):
    """The words of one stretch of text; the number of units so far. Its first token begins one in any case."""
    if first == end:
        return num_units
    num_bit_words = collect(space.bits, flags, first, end, _WORD_START)
    space.bits[0] |= np.uint64(1)
    num_found = list_bits(space.bits, num_bit_words, num_eligible, space.chosen_too)
    for number in range(num_found):
        space.firsts[num_units + number] = space.chosen_too[number]
    return num_units + num_found


@inner
def place(space, num_spans, num_eligible):
    """Spans in units become spans of what is read, cut at protected tokens; the hidden tokens."""
    positions = space.positions
    num_hidden = 0
    for span in range(num_spans):
        start = space.starts[span]
        first, last = space.firsts[start], space.firsts[start + space.lengths[span]]
        if first == last:
            begin = end = positions[first] if first < num_eligible else positions[num_eligible - 1] + 1
        else:
            begin, end = positions[first], positions[last - 1] + 1
            if end - begin != last - first:
                begin, end = _longest_piece(space, first, last)
        space.starts[span] = begin
        space.lengths[span] = end - begin
        num_hidden += end - begin
    return num_hidden


@inner
def _longest_piece(space, first, last):
    """The longest run of positions; among equals a random one."""
    longest = num_longest = ZERO
    wanted = NONE
    for is_second in range(2):
        found = ZERO
        begin = first
        for at in range(first + 1, last + 1):
            if at < last and space.positions[at] == space.positions[at - 1] + 1:
                continue
            length = at - begin
            if is_second:
                if length == longest:
                    if found == wanted:
                        return space.positions[begin], space.positions[at - 1] + 1
                    found += 1
            elif length > longest:
                longest, num_longest = length, 1
            elif length == longest:
                num_longest += 1
            begin = at
        wanted = below(space.words, space.state, num_longest) if num_longest > 1 else ZERO
    return 0, 0


@inner
def mend(space, flags, num_spans, missing, length, whole_words, shortest):
    """Hide so many more tokens, or fewer if negative; the number of spans."""
    by_words = whole_words
    while missing != 0:
        gained = _move(space, flags, num_spans, missing, length, by_words, shortest)
        if gained == 0 and by_words:
            by_words = gained != 0  # False, but to Numba no constant, for which _move would be compiled once more
            gained = _move(space, flags, num_spans, missing, length, by_words, shortest)
        if gained != 0:
            missing -= gained
        else:
            num_spans = _bridge_or_begin(space, flags, num_spans, length)
            missing -= 1
    return num_spans


@inner
def _move(space, flags, num_spans, missing, length, by_words, shortest):
    """Make one of the possible moves, each equally likely; the tokens gained, 0 where there is none."""
    for _ in range(TRIES):
        edge = below(space.words, space.state, 2 * num_spans)
        gained = _gain(space, flags, num_spans, edge, missing, length, by_words, shortest)
        if gained != 0:
            return _moved(space, edge, gained)
    num_moves = ZERO
    for edge in range(2 * num_spans):
        num_moves += _gain(space, flags, num_spans, edge, missing, length, by_words, shortest) != 0
    if num_moves == 0:
        return ZERO
    wanted = below(space.words, space.state, num_moves)
    edge = ZERO
    while True:
        gained = _gain(space, flags, num_spans, edge, missing, length, by_words, shortest)
        if gained != 0:
            if wanted == 0:
                return _moved(space, edge, gained)
            wanted -= 1
        edge += 1


@inner
def _moved(space, edge, gained):
    """Move an end of a span; the tokens gained."""
    if edge % 2 == 0:
        space.starts[edge // 2] -= gained
    space.lengths[edge // 2] += gained
    return gained


@inner
def _gain(space, flags, num_spans, edge, missing, length, by_words, shortest):
    """The tokens that a span gains if its left end, or for an odd edge its right end, moves by a unit; 0: it cannot."""
    span = edge // 2
    start, end = space.starts[span], space.starts[span] + space.lengths[span]
    if missing < 0:
        if end - start <= shortest:
            return ZERO
        lost = _unit_end(flags, start, length, by_words) - start
        if edge % 2 == 1:
            lost = end - _unit_begin(flags, end - 1, by_words)
        return -lost if lost <= -missing and end - start - lost >= shortest else ZERO
    if edge % 2 == 0:
        last_end = space.starts[span - 1] + space.lengths[span - 1] if span > 0 else NONE
        if start == 0 or flags[start - 1] & PROTECTED:
            return ZERO
        begin = _unit_begin(flags, start - 1, by_words)
        return start - begin if begin > last_end and start - begin <= missing else ZERO
    next_start = space.starts[span + 1] if span + 1 < num_spans else length + 1
    if end == length or flags[end] & PROTECTED:
        return ZERO
    stop = _unit_end(flags, end, length, by_words)
    return stop - end if stop < next_start and stop - end <= missing else ZERO


@inner
def _unit_begin(flags, place, by_words):
    while by_words and place > 0 and flags[place] & WORD_START == 0 and flags[place - 1] & PROTECTED == 0:
        place -= 1
    return place


@inner
def _unit_end(flags, place, length, by_words):
    place += 1
    while by_words and place < length and flags[place] & (WORD_START | PROTECTED) == 0:
        place += 1
    return place


@inner
def _bridge_or_begin(space, flags, num_spans, length):
    starts, lengths = space.starts, space.lengths
    num_bridges = ZERO
    for span in range(num_spans - 1):
        end = starts[span] + lengths[span]
        num_bridges += starts[span + 1] - end == 1 and flags[end] & PROTECTED == 0
    if num_bridges > 0:
        wanted = below(space.words, space.state, num_bridges)
        for span in range(num_spans - 1):
            end = starts[span] + lengths[span]
            if starts[span + 1] - end == 1 and flags[end] & PROTECTED == 0:
                if wanted == 0:
                    lengths[span] = starts[span + 1] + lengths[span + 1] - starts[span]
                    for later in range(span + 1, num_spans - 1):
                        starts[later], lengths[later] = starts[later + 1], lengths[later + 1]
                    break
                wanted -= 1
        return num_spans - 1
    is_hidden = space.is_hidden
    num_free = ZERO
    for at in range(length):
        is_hidden[at] = flags[at] & PROTECTED
    for span in range(num_spans):
        for at in range(starts[span], starts[span] + lengths[span]):
            is_hidden[at] = 1
    for at in range(length):
        num_free += is_hidden[at] == 0
    wanted = below(space.words, space.state, num_free)
    at = 0
    while is_hidden[at] or wanted > 0:
        wanted -= is_hidden[at] == 0
        at += 1
    span = num_spans
    while span > 0 and starts[span - 1] > at:
        starts[span], lengths[span] = starts[span - 1], lengths[span - 1]
        span -= 1
    starts[span], lengths[span] = at, 1
    return num_spans + 1
