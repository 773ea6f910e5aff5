"""How long spans are: the twin of corruptions.span_lengths."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.codes import FIXED, ONE, POISSON, POISSON_FROM_ONE, ZERO
from corruptions.compiled.draws import AT, BLOCKS_AT_ONCE, MADE, choose, is_fair, long_word, make_words
from corruptions.compiled.vectors import inner, merged
from corruptions.span_lengths import FREE_TRIES, MAX_TRIES, TILT_LEVELS

_HALF = np.uint64(32)
_ONE = np.uint64(1)


@merged
def draw_lengths(space, law, total, parts, max_length, thresholds):
    """`parts` lengths that add up to `total` into space.lengths; max_length 0: there is none."""
    if law == FIXED:
        _equal(space, total, parts)
    elif law == POISSON:
        _multinomial(space, total, parts, ZERO)
    elif law == POISSON_FROM_ONE:
        _multinomial(space, total - parts, parts, ONE)
    elif max_length == 0 or total > parts * max_length:
        composition(space, total, parts, space.lengths)
    else:
        _bounded(space, total, parts, max_length, thresholds)


@inner
def composition(space, total, parts, lengths):
    """`parts` positive lengths that add up to `total`."""
    choose(space.words, space.state, total - 1, parts - 1, space.bits, space.chosen)
    before = 0
    for part in range(parts - 1):
        cut = space.chosen[part] + 1
        lengths[part] = cut - before
        before = cut
    lengths[parts - 1] = total - before


@inner
def _multinomial(space, total, parts, least):
    lengths, words, state = space.lengths, space.words, space.state
    for part in range(parts):
        lengths[part] = least
    bound = np.uint64(parts)
    at, made = state[AT], state[MADE]
    for _ in range(total):
        while True:
            if at == made:
                make_words(words, state, BLOCKS_AT_ONCE)
                at, made = state[AT], state[MADE]
            product = np.uint64(words[at]) * bound
            at += _ONE
            if is_fair(product, bound):
                break
        lengths[product >> _HALF] += 1
    state[AT] = at


@inner
def _equal(space, total, parts):
    length, num_longer = total // parts, total % parts
    for part in range(parts):
        space.lengths[part] = length
    choose(space.words, space.state, parts, num_longer, space.bits, space.chosen)
    for place in range(num_longer):
        space.lengths[space.chosen[place]] += 1


@inner
def _bounded(space, total, parts, max_length, thresholds):
    lengths, words, state = space.lengths, space.words, space.state
    if total == parts or total == parts * max_length:
        for part in range(parts):
            lengths[part] = total // parts
        return
    if 5 * total <= 2 * parts * max_length:
        for _ in range(FREE_TRIES):
            composition(space, total, parts, lengths)
            longest = ZERO
            for part in range(parts):
                longest = max(longest, lengths[part])
            if longest <= max_length:
                return
    is_mirrored = 2 * total > parts * (max_length + 1)
    if is_mirrored:
        total = parts * (max_length + 1) - total
    level = min(2 * TILT_LEVELS * (total - parts) // (parts * (max_length - 1)), TILT_LEVELS - 1)
    at_most, keep = thresholds[level], thresholds[TILT_LEVELS + level]
    is_found = False
    for _ in range(MAX_TRIES):
        rest = total
        for part in range(parts - 1):
            drawn = long_word(words, state)
            length = 1
            for longer in range(max_length - 1):
                length += drawn >= at_most[longer]
            lengths[part] = length
            rest -= length
        if 1 <= rest <= max_length and (rest == 1 or long_word(words, state) < keep[rest - 1]):
            lengths[parts - 1] = rest
            is_found = True
            break
    if not is_found:
        _equal(space, total, parts)
    if is_mirrored:
        for part in range(parts):
            lengths[part] = max_length + 1 - lengths[part]
