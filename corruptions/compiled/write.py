"""From spans to rows: the twin of corruptions.render, which pads as it goes."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.codes import (
    ANY_TOKENS,
    EOS,
    FIRST_TEXT,
    HEAD,
    IGNORED,
    MASK,
    MASK_A_SPAN,
    MASK_EACH,
    NOTHING,
    NUM_ORDERINGS,
    NUM_TEXT,
    OTHER_TOKENS,
    PAD,
    PAIR,
    PROTECTED,
    RANDOM_MARKS,
    SAID,
    SAY_FRAGMENT,
    SAY_SPANS,
    SAY_TEXT,
    SENTINEL_A_SPAN,
    SHOWN,
    TWO,
    ZERO,
)
from corruptions.compiled.draws import below, choose
from corruptions.compiled.order import copy, copy_short
from corruptions.compiled.vectors import WIDTH, fill_some, inlined, inner, merged


@merged
def lengths_of(space, length, num_hidden, num_spans, codes):
    """The tokens of the source and of the target."""
    shown, said = codes[SHOWN], codes[SAID]
    num_added = 1 + (1 if codes[HEAD] >= 0 else 0)
    if codes[PAIR]:
        return space.lengths[0] + space.lengths[1] + 1 + num_added, TWO
    source = length - num_hidden + num_added
    if shown == MASK_EACH:
        source += num_hidden
    elif shown != NOTHING:
        source += num_spans
    if said == SAY_TEXT:
        return source, length + 1
    if said == SAY_SPANS:
        return source, num_hidden + num_spans + 1
    return source, num_hidden + (0 if said == SAY_FRAGMENT else 1)


@inlined
def fill(dst, at, end, value):
    """Write a value up to `end`, and up to WIDTH - 1 places more, which are written over or to spare."""
    while at < end:
        fill_some(dst, at, value)
        at += WIDTH


@merged
def write_source(space, read, dst, at, end, length, num_spans, codes, program):
    """The source from dst[at], padded up to `end`; where the text begins in it."""
    shown, ids = codes[SHOWN], program.ids
    if codes[HEAD] >= 0:
        dst[at] = codes[HEAD]
        at += 1
    begin = at
    done = ZERO
    for span in range(num_spans):
        start, hidden = space.starts[span], space.lengths[span]
        copy_short(dst, at, read, done, start - done)
        at += start - done
        if shown == SENTINEL_A_SPAN:
            dst[at] = program.sentinels[span]
            at += 1
        elif shown == MASK_A_SPAN:
            dst[at] = ids[MASK]
            at += 1
        elif shown == MASK_EACH:
            fill(dst, at, at + hidden, ids[MASK])
            at += hidden
        done = start + hidden
    copy(dst, at, read, done, length - done)
    at += length - done
    dst[at] = ids[EOS]
    fill(dst, at + 1, end, ids[PAD])
    return begin


@inner
def replace_masks(space, read, dst, begin, num_spans, num_hidden, num_masked, codes, ids):
    """Show other ids in the place of a random few of the masks."""
    kind = codes[RANDOM_MARKS]
    num_marks = num_spans if kind == ANY_TOKENS else num_hidden
    num_random = max(num_marks - num_masked, 0)
    choose(space.words, space.state, num_marks, num_random, space.bits, space.chosen)
    span = hidden_before = 0
    for number in range(num_random):
        mark = space.chosen[number]
        if kind == OTHER_TOKENS:
            while mark - hidden_before >= space.lengths[span]:
                hidden_before += space.lengths[span]
                span += 1
            place = space.starts[span] + mark - hidden_before
            own = read[place] - ids[FIRST_TEXT]
            if 0 <= own < ids[NUM_TEXT]:
                other = below(space.words, space.state, ids[NUM_TEXT] - 1)
                other += 1 if other >= own else 0
            else:
                other = below(space.words, space.state, ids[NUM_TEXT])
        else:
            while span < mark:
                hidden_before += space.lengths[span]
                span += 1
            place = space.starts[span] - hidden_before + span
            other = below(space.words, space.state, ids[NUM_TEXT])
        dst[begin + place] = ids[FIRST_TEXT] + other


@merged
def write_target(space, read, origin, out, at, length, num_spans, codes, program):
    """The target from target[at], and its noise; where it ends."""
    said, target, is_noise = codes[SAID], out.target, out.target_is_noise
    if said == SAY_TEXT:
        copy(target, at, space.clean, ZERO, length)
        fill(is_noise, at, at + length + 1, np.uint8(0))
        for span in range(num_spans):
            start, hidden = space.starts[span], space.lengths[span]
            if codes[NUM_ORDERINGS]:
                for place in range(start, start + hidden):
                    is_noise[at + origin[place]] = 1
            else:  # what is marked too far is unmarked, or is a later span's
                fill(is_noise, at + start, at + start + hidden, np.uint8(1))
                fill_some(is_noise, at + start + hidden, np.uint8(0))
        at += length
    else:
        for span in range(num_spans):
            start, hidden = space.starts[span], space.lengths[span]
            if said == SAY_SPANS:
                target[at] = program.sentinels[span]
                is_noise[at] = 0
                at += 1
            copy(target, at, read, start, hidden)
            fill(is_noise, at, at + hidden, np.uint8(1))
            at += hidden
        if said == SAY_FRAGMENT:
            return at
    target[at] = program.ids[EOS]
    is_noise[at] = 0
    return at + 1


@inner
def unmark_protected(space, flags, origin, is_noise, at, codes):
    """A suffix, the one span there is, holds document ends too; they are no noise."""
    start, hidden = space.starts[0], space.lengths[0]
    for place in range(start, start + hidden):
        if flags[place] & PROTECTED:
            if codes[SAID] == SAY_TEXT:
                is_noise[at + origin[place]] = 0
            else:
                is_noise[at + place - start + (1 if codes[SAID] == SAY_SPANS else 0)] = 0


@merged
def write_decoder_rows(space, read, out, at, end, stop, num_spans, codes, ids):
    """What the decoder reads and at which positions, for a target that ends at `end`; all padded up to `stop`."""
    target, dec, positions = out.target, out.decoder_input, out.positions
    first = at
    if codes[SAID] == SAY_FRAGMENT:
        for span in range(num_spans):
            start, hidden = space.starts[span], space.lengths[span]
            for place in range(start, start + hidden):
                dec[at] = read[place - 1] if place > 0 else ids[PAD]
                if len(positions):
                    positions[at] = place
                at += 1
    else:
        copy(dec, at + 1, target, at, end - at - 1)
        dec[at] = ids[PAD]
    if len(positions):
        for place in range(at, stop):  # no copy: a row may be wider than any window is long
            positions[place] = place - first
    fill(target, end, stop, ids[IGNORED])
    fill(dec, end, stop, ids[PAD])
