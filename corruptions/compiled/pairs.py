"""Two parts of a window and a question about them: the twin of corruptions.sentence_order and next_sentence."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.codes import (
    EOS,
    FEW_WORDS,
    HEAD,
    IGNORED,
    IN_ORDER,
    NO,
    NONE,
    OPERATOR,
    PAD,
    PAIR,
    SEPARATOR,
    TWO,
    YES,
    ZERO,
)
from corruptions.compiled.draws import begin, below
from corruptions.compiled.order import copy
from corruptions.compiled.vectors import WIDTH, find_flag, inner, lowest_bit
from corruptions.compiled.write import fill
from data_prep.vocab import SENTENCE_END

_SENTENCE_END = np.uint8(SENTENCE_END)


@inner
def draw_pair(space, length, num_ends, epoch, window, codes, ids):
    """The two parts into space.starts and space.lengths, and the answer into space.chosen."""
    num_cuts = _find_cuts(space, length, num_ends, ids)
    second, third = length // 3, length
    if codes[PAIR] == IN_ORDER:
        second = _nearest(space, num_cuts, ZERO, length, length, 2)
        second = length // 2 if second < 0 else second
    else:
        nearest = _nearest(space, num_cuts, ZERO, length - 1, length, 3)
        second = second if nearest < 0 else nearest
        nearest = _nearest(space, num_cuts, second, length, 2 * length, 3)
        third = (second + length) // 2 if nearest < 0 else nearest
    begin(space.words, space.state, codes[OPERATOR], epoch, window, FEW_WORDS)
    is_no = below(space.words, space.state, TWO) == 1
    starts, ends = space.starts, space.lengths
    starts[0], ends[0], starts[1], ends[1] = ZERO, second, second, third
    if is_no and codes[PAIR] == IN_ORDER:
        starts[0], ends[0], starts[1], ends[1] = second, length, ZERO, second
    elif is_no:
        starts[1], ends[1] = third, length
    for part in range(2):
        space.lengths[part] = ends[part] - starts[part]
    space.chosen[0] = ids[NO] if is_no else ids[YES]


@inner
def _find_cuts(space, length, num_ends, ids):
    """The places inside the window where a sentence or a document ends, into space.positions; their number."""
    positions, clean = space.positions, space.clean
    for number in range(num_ends):
        if clean[space.ends[number]] == ids[EOS]:
            space.flags[space.ends[number]] |= SENTENCE_END
    num_cuts = ZERO
    for place in range(ZERO, length - 1, WIDTH):
        left = np.uint64(find_flag(space.flags, place, _SENTENCE_END))
        while left:
            at = place + lowest_bit(left)
            if at < length - 1 and clean[at + 1] != ids[EOS]:
                positions[num_cuts] = at + 1
                num_cuts += 1
            left &= left - np.uint64(1)
    return num_cuts


@inner
def _nearest(space, num_cuts, above, before, part, num_parts):
    """The cut above one place and before another that is nearest to part / num_parts, the earlier of two; or -1."""
    found, distance = NONE, ZERO
    for number in range(num_cuts):
        cut = space.positions[number]
        if above < cut < before and (found < 0 or abs(num_parts * cut - part) < distance):
            found, distance = cut, abs(num_parts * cut - part)
    return found


@inner
def write_pair(space, out, at, lens, codes, program):
    """The row of a pair, from the places `at` of the source and of the target."""
    ids = program.ids
    place, end = at[0], at[0] + lens[0]
    if codes[HEAD] >= 0:
        out.source[place] = codes[HEAD]
        place += 1
    for part in range(2):
        copy(out.source, place, space.clean, space.starts[part], space.lengths[part])
        place += space.lengths[part]
        out.source[place] = ids[EOS] if part else ids[SEPARATOR]
        place += 1
    fill(out.source, place, end, ids[PAD])
    first, stop = at[1], at[1] + lens[1]
    out.target[first], out.target[first + 1] = space.chosen[0], ids[EOS]
    out.decoder_input[first], out.decoder_input[first + 1] = ids[PAD], space.chosen[0]
    fill(out.target, first + 2, stop, ids[IGNORED])
    fill(out.decoder_input, first + 2, stop, ids[PAD])
    fill(out.target_is_noise, first, stop, np.uint8(0))
    if len(out.positions):
        for place in range(lens[1]):
            out.positions[first + place] = place
