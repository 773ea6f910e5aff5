"""One loop over the rows of a batch."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from corruptions.compiled.codes import (
    ANY_TOKENS,
    DONE,
    FEW_WORDS,
    FIRST_TEXT,
    FRAGMENT,
    LAW,
    MASKED_OF,
    NO_NOISE,
    NOISE,
    NOISE_OF,
    NUM_ORDERINGS,
    NUM_TEXT,
    ONLY_MASKS,
    OPERATOR,
    OUT_OF_SENTINELS,
    OUTSIDE,
    PAIR,
    POISSON,
    PROTECTED,
    RANDOM_MARKS,
    SAID,
    SAY_SPANS,
    SENTINEL_A_SPAN,
    SHOWN,
    SPANS,
    SPANS_OF,
    SUFFIX,
    TOO_LONG,
    WHOLE_WORDS,
    ZERO,
)
from corruptions.compiled.draws import KEY_HIGH, KEY_LOW, begin
from corruptions.compiled.noise import draw_noise
from corruptions.compiled.order import copy, reorder
from corruptions.compiled.pairs import draw_pair, write_pair
from corruptions.compiled.vectors import LINE, WIDTH, fetch_ahead, find_special, inner, lowest_bit, merged
from corruptions.compiled.write import (
    fill,
    lengths_of,
    replace_masks,
    unmark_protected,
    write_decoder_rows,
    write_source,
    write_target,
)
from corruptions.draws import REPLACEMENTS

_REPLACEMENTS = np.int64(REPLACEMENTS)
_NUM_EPOCHS = np.int64(1 << 24)  # as many as Draws has; above lie the bits of the operator


class Program(NamedTuple):
    """Corruptions as numbers: what the loops know of them."""

    codes: np.ndarray
    """int64 [corruptions, NUM_CODES]."""
    tables: np.ndarray
    """int64 [corruptions, NUM_TABLES, lengths]."""
    thresholds: np.ndarray
    """uint64 [corruptions, 2 * TILT_LEVELS, ...]: of bounded lengths and of keeping a list; or, in the first row, of a
    fragment at the start and at the end."""
    ids: np.ndarray
    """int64 [NUM_IDS]: of the vocabulary."""
    sentinels: np.ndarray
    """int64: in the order of use."""


class Flat(NamedTuple):
    """The columns of a batch, each row behind the other, or one row with twice WIDTH places to spare.

    Positions are empty where they are 0, 1, 2, ... in every row.
    """

    source: np.ndarray
    target: np.ndarray
    decoder_input: np.ndarray
    positions: np.ndarray
    target_is_noise: np.ndarray


@merged
def _is_inside(store, row, num_parts):
    """Whether a row is a window of the store, for a corruption that there is."""
    start, length, part = store.starts[row], store.lengths[row], store.parts[row]
    is_window = length >= 0 and 0 <= start <= len(store.tokens) - length  # their sum may be no int64
    return is_window and 0 <= store.epochs[row] < _NUM_EPOCHS and 0 <= part < num_parts


@merged
def _read(space, store, start, length, codes, ids):
    """The window and, where something asks for them, its flags; the number of protected tokens, into space.ends."""
    clean, flags, ends = space.clean, space.flags, space.ends
    needs_flags = codes[NUM_ORDERINGS] != 0 or codes[WHOLE_WORDS] != 0 or codes[PAIR] != 0
    if start + length + WIDTH <= len(store.tokens):
        copy(clean, ZERO, store.tokens, start, length)
        if needs_flags:
            copy(flags, ZERO, store.marks, start, length)
    else:
        for place in range(length):
            clean[place] = store.tokens[start + place]
            flags[place] = store.marks[start + place]
    num_ends = ZERO
    for place in range(ZERO, length, WIDTH):
        special = find_special(clean, place, ids[FIRST_TEXT], ids[NUM_TEXT])
        if special:
            num_ends = _note_ends(ends, num_ends, place, special, length)
    if num_ends and not needs_flags:
        for place in range(length):
            flags[place] = store.marks[start + place]
    for number in range(num_ends):
        flags[ends[number]] |= PROTECTED
    return num_ends


@inner
def _note_ends(ends, num_ends, place, special, length):
    """The places whose bits are set, but for those behind the window."""
    left = np.uint64(special)
    while left:
        at = place + lowest_bit(left)
        if at < length:
            ends[num_ends] = at
            num_ends += 1
        left &= left - np.uint64(1)
    return num_ends


@merged
def _num_expected(length, codes, tables):
    """About how many random words the noise of a window takes."""
    num_noise = tables[NOISE_OF, length]
    if codes[NOISE] == SPANS:
        return 2 * tables[SPANS_OF, num_noise] + (num_noise if codes[LAW] == POISSON else 0)
    return 8 if codes[NOISE] >= FRAGMENT else num_noise


@merged
def _plan(space, store, row, length, codes, tables, thresholds, ids):
    """The order and the spans of the first tokens of a window."""
    num_ends = _read(space, store, store.starts[row], length, codes, ids)
    read, flags, origin = space.clean, space.flags, space.identity
    epoch, window = store.epochs[row], store.windows[row]
    if codes[NUM_ORDERINGS]:
        copy(space.origin, ZERO, space.identity, ZERO, length)
        read, flags, origin = reorder(space, length, num_ends, epoch, window, codes)
    num_spans = ZERO
    if codes[PAIR]:
        draw_pair(space, length, num_ends, epoch, window, codes, ids)
    elif codes[NOISE] != NO_NOISE:
        begin(space.words, space.state, codes[OPERATOR], epoch, window, _num_expected(length, codes, tables))
        num_spans = draw_noise(space, flags, length, num_ends, codes, tables, thresholds)
    return read, flags, origin, num_spans, num_ends


@merged
def _write(space, planned, out, at, lens, store, row, length, num_hidden, program):
    """The row into `out`, from the places `at` of the source and of the target, padded to `lens`."""
    read, flags, origin, num_spans, num_ends = planned
    codes = program.codes[store.parts[row]]
    if codes[PAIR]:
        write_pair(space, out, at, lens, codes, program)
        return
    text_at = write_source(space, read, out.source, at[0], at[0] + lens[0], length, num_spans, codes, program)
    if codes[RANDOM_MARKS] != ONLY_MASKS:
        begin(space.words, space.state, _REPLACEMENTS, store.epochs[row], store.windows[row], FEW_WORDS)
        marks = num_spans if codes[RANDOM_MARKS] == ANY_TOKENS else length
        num_masked = program.tables[store.parts[row], MASKED_OF, marks]
        replace_masks(space, read, out.source, text_at, num_spans, num_hidden, num_masked, codes, program.ids)
    is_noise = out.target_is_noise
    end = write_target(space, read, origin, out, at[1], length, num_spans, codes, program)
    if codes[NOISE] == SUFFIX and num_spans and num_ends:
        unmark_protected(space, flags, origin, is_noise, at[1], codes)
    stop = at[1] + lens[1]
    write_decoder_rows(space, read, out, at[1], end, stop, num_spans, codes, program.ids)
    fill(is_noise, end, stop, np.uint8(0))


@inner
def _move_row(spare, out, source_at, target_at, lens):
    """A row that was written where there is room to write too far, to its place."""
    for place in range(lens[0]):
        out.source[source_at + place] = spare.source[place]
    for place in range(lens[1]):
        out.target[target_at + place] = spare.target[place]
        out.decoder_input[target_at + place] = spare.decoder_input[place]
        out.target_is_noise[target_at + place] = spare.target_is_noise[place]
    if len(out.positions):
        for place in range(lens[1]):
            out.positions[target_at + place] = spare.positions[place]


def make_loop(fingerprint: int) -> Any:
    """The loop over rows, compiled at its first call and kept on disk under this fingerprint of its sources.

    Numba looks only at the file of the function it keeps: with the fingerprint in its closure, a change in
    any other file of this package makes it anew.
    """

    def loop(store, program, spaces, out, spare, lens, seed, found):
        """Fill all rows; the first row that cannot be, and why."""
        _ = fingerprint
        space = spaces[0]
        used, source_lengths, target_lengths = found
        space.state[KEY_LOW], space.state[KEY_HIGH] = seed & np.uint64(0xFFFFFFFF), seed >> np.uint64(32)
        num_rows = len(store.starts)
        for row in range(num_rows):
            if not _is_inside(store, row, len(program.codes)):
                return row, OUTSIDE
        for row in range(num_rows):
            part = store.parts[row]
            codes, tables, thresholds = program.codes[part], program.tables[part], program.thresholds[part]
            length = store.lengths[row]
            if row + 1 < num_rows:  # rows lie anywhere in the store: the next is on its way while this one is made
                for ahead in range(ZERO, store.lengths[row + 1], LINE):
                    fetch_ahead(store.tokens, store.starts[row + 1] + ahead)
            while True:
                planned = _plan(space, store, row, length, codes, tables, thresholds, program.ids)
                num_spans, num_ends = planned[3], planned[4]
                num_hidden = ZERO
                for span in range(num_spans):
                    num_hidden += space.lengths[span]
                source_len, target_len = lengths_of(space, length, num_hidden, num_spans, codes)
                excess = max(source_len - lens[0], target_len - lens[1])
                if excess <= 0:
                    break
                if num_ends == 0 or excess > length:
                    return row, TOO_LONG
                length -= excess
            if num_spans > len(program.sentinels) and (codes[SHOWN] == SENTINEL_A_SPAN or codes[SAID] == SAY_SPANS):
                return row, OUT_OF_SENTINELS
            used[row], source_lengths[row], target_lengths[row] = length, source_len, target_len
            # Behind the last rows there is less than what is written too far, and so they are written elsewhere.
            is_last = (num_rows - row - 1) * min(lens[0], lens[1]) < 2 * WIDTH
            at = (ZERO, ZERO) if is_last else (row * lens[0], row * lens[1])
            to = spare if is_last else out
            _write(space, planned, to, at, lens, store, row, length, num_hidden, program)
            if is_last:
                _move_row(spare, out, row * lens[0], row * lens[1], lens)
        return num_rows, DONE

    return _kept_on_disk(loop)


def _kept_on_disk(loop: Any) -> Any:
    """The compiled loop, which the next process finds on disk; where it cannot be kept, it is compiled all the same."""
    try:
        kept = njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # neither the folder of this package nor a user's own can be written to
        _warn_that_it_is_not_kept()
        return njit(nogil=True)(loop)

    def run(*arguments):
        try:
            return kept(*arguments)
        except OSError:  # the disk is full: what was compiled is in memory all the same
            _warn_that_it_is_not_kept()
            return kept(*arguments)

    return run


def _warn_that_it_is_not_kept() -> None:
    warnings.warn(
        "compiled corruptions cannot be kept on this disk, and every process compiles them anew, for ten seconds or "
        "more; make room, or set NUMBA_CACHE_DIR to a folder that can be written to",
        stacklevel=3,
    )
