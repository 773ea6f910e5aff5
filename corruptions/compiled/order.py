"""The order in which the text is read: the twin of corruptions.ordering and its kinds."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.codes import (
    FEW_WORDS,
    NO_NOISE,
    NOISE,
    NUM_ORDERINGS,
    ORDERINGS,
    ROTATION,
    SENTENCES,
    ZERO,
)
from corruptions.compiled.draws import begin, below, list_bits, permutation
from corruptions.compiled.vectors import WIDTH, copy_some, find_flag, inlined, inner
from data_prep.vocab import SENTENCE_END

_SENTENCE_END = np.uint8(SENTENCE_END)


@inlined
def copy(dst, at, src, start, length):
    """Copy `length` places, and up to WIDTH - 1 more, which the caller writes over or has to spare."""
    done = ZERO
    while done < length:
        copy_some(dst, at + done, src, start + done)
        done += WIDTH


@inlined
def copy_short(dst, at, src, start, length):
    """The same for mostly short lengths, up to 2 * WIDTH places too far: two steps before anything is asked."""
    copy_some(dst, at, src, start)
    copy_some(dst, at + WIDTH, src, start + WIDTH)
    done = 2 * WIDTH
    while done < length:
        copy_some(dst, at + done, src, start + done)
        done += WIDTH


@inner
def collect(bits, flags, first, end, flag):
    """The places first .. end - 1 with a flag, as a set of numbers counted from `first`; its words."""
    num_bit_words = ZERO
    for place in range(first, end, 4 * WIDTH):
        found = np.uint64(0)
        for part in range(4):
            found |= np.uint64(find_flag(flags, place + part * WIDTH, flag)) << np.uint64(part * WIDTH)
        if end - place < 4 * WIDTH:
            found &= (np.uint64(1) << np.uint64(end - place)) - np.uint64(1)
        bits[num_bit_words] = found
        num_bit_words += 1
    return num_bit_words


@inner
def reorder(space, length, num_ends, epoch, window, codes):
    """Move the text about as all orderings say; flags and origins too, if they are still needed."""
    keeps_track = codes[NOISE] != NO_NOISE
    num_orderings = codes[NUM_ORDERINGS]
    read, moved = space.clean, space.read
    flags, moved_flags = space.flags, space.moved_flags
    origin, moved_origin = space.origin, space.moved_origin
    for step in range(num_orderings):
        is_tracked = keeps_track or step + 1 < num_orderings
        num_expected = length if codes[ORDERINGS + step] > ROTATION else FEW_WORDS
        begin(space.words, space.state, step, epoch, window, num_expected)
        first = ZERO
        for stretch in range(num_ends + 1):
            place = space.ends[stretch] if stretch < num_ends else length
            num_pieces = _cut(space, flags, first, place, codes[ORDERINGS + step])
            at = first
            if num_pieces < 0:  # every token for itself
                for number in range(place - first):
                    source = first + space.chosen[number]
                    moved[at] = read[source]
                    moved_flags[at], moved_origin[at] = flags[source], origin[source]
                    at += 1
            for number in range(num_pieces):
                start, size = space.starts[number], space.lengths[number]
                copy_short(moved, at, read, start, size)
                if is_tracked:
                    copy(moved_flags, at, flags, start, size)
                    copy(moved_origin, at, origin, start, size)
                at += size
            if place < length:
                moved[place], moved_flags[place], moved_origin[place] = read[place], flags[place], origin[place]
            first = place + 1
        read, moved = moved, space.moved if step % 2 == 0 else space.read
        flags, moved_flags = moved_flags, flags
        origin, moved_origin = moved_origin, origin
    return read, flags, origin


@inner
def _cut(space, flags, first, end, kind):
    """The pieces of one stretch of text, in their new order; -1: single tokens, in the order of space.chosen."""
    words, state, starts, lengths = space.words, space.state, space.starts, space.lengths
    if end == first:
        return 0
    if kind == SENTENCES:
        num_bit_words = collect(space.bits, flags, first, end - 1, _SENTENCE_END)
        num_sentences = 1 + list_bits(space.bits, num_bit_words, first + 1, space.chosen_too)
        space.positions[0] = first
        for number in range(num_sentences - 1):
            space.positions[number + 1] = space.chosen_too[number]
        space.positions[num_sentences] = end
        permutation(words, state, num_sentences, space.chosen)
        for number in range(num_sentences):
            sentence = space.chosen[number]
            starts[number] = space.positions[sentence]
            lengths[number] = space.positions[sentence + 1] - space.positions[sentence]
        return num_sentences
    if kind == ROTATION:
        pivot = first
        if end - first >= 2:
            pivot = first + 1 + below(words, state, end - first - 1)
        starts[0], lengths[0] = pivot, end - pivot
        starts[1], lengths[1] = first, pivot - first
        return 2
    permutation(words, state, end - first, space.chosen)
    return -1
