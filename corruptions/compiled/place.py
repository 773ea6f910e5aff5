"""Where spans go: the twin of corruptions.placement."""

from __future__ import annotations

from corruptions.compiled.draws import below
from corruptions.compiled.order import copy
from corruptions.compiled.space import NONE, PROTECTED, WORD_START, ZERO
from corruptions.compiled.vectors import inner


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
            for place in range(first, end):
                if place == first or flags[place] & WORD_START:
                    firsts[num_units] = num_eligible + place - first
                    num_units += 1
        num_eligible += end - first
        first = end + 1
    if not whole_words:
        num_units = num_eligible
        copy(firsts, ZERO, space.identity, ZERO, num_units)
    firsts[num_units] = num_eligible
    return num_eligible, num_units


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
        num_moves = _move(space, flags, num_spans, missing, length, by_words, shortest, NONE)
        if num_moves == 0 and by_words:
            by_words = by_words and num_moves > 0
            num_moves = _move(space, flags, num_spans, missing, length, by_words, shortest, NONE)
        if num_moves > 0:
            wanted = below(space.words, space.state, num_moves)
            missing -= _move(space, flags, num_spans, missing, length, by_words, shortest, wanted)
        else:
            num_spans = _bridge_or_begin(space, flags, num_spans, length)
            missing -= 1
    return num_spans


@inner
def _move(space, flags, num_spans, missing, length, by_words, shortest, wanted):
    """The number of moves there are, or with `wanted` the tokens that this one gains, which is made."""
    if missing > 0:
        return _grow(space, flags, num_spans, missing, length, by_words, wanted)
    return _shrink(space, flags, num_spans, -missing, length, by_words, shortest, wanted)


@inner
def _grow(space, flags, num_spans, at_most, length, by_words, wanted):
    starts, lengths = space.starts, space.lengths
    found = 0
    last_end = -1
    for span in range(num_spans):
        start, end = starts[span], starts[span] + lengths[span]
        next_start = starts[span + 1] if span + 1 < num_spans else length + 1
        if start > 0 and flags[start - 1] & PROTECTED == 0:
            begin = _unit_begin(flags, start - 1, by_words)
            if begin > last_end and start - begin <= at_most:
                if found == wanted:
                    starts[span] = begin
                    lengths[span] = end - begin
                    return start - begin
                found += 1
        if end < length and flags[end] & PROTECTED == 0:
            stop = _unit_end(flags, end, length, by_words)
            if stop < next_start and stop - end <= at_most:
                if found == wanted:
                    lengths[span] = stop - start
                    return stop - end
                found += 1
        last_end = end
    return found


@inner
def _shrink(space, flags, num_spans, at_most, length, by_words, shortest, wanted):
    starts, lengths = space.starts, space.lengths
    found = 0
    for span in range(num_spans):
        start, end = starts[span], starts[span] + lengths[span]
        if end - start <= shortest:
            continue
        begin = _unit_end(flags, start, length, by_words)
        if begin - start <= at_most and end - begin >= shortest:
            if found == wanted:
                starts[span] = begin
                lengths[span] = end - begin
                return start - begin
            found += 1
        stop = _unit_begin(flags, end - 1, by_words)
        if end - stop <= at_most and stop - start >= shortest:
            if found == wanted:
                lengths[span] = stop - start
                return stop - end
            found += 1
    return found


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
