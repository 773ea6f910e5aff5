"""Random numbers in compiled loops: the twin of corruptions.draws, word for word."""

from __future__ import annotations

import numpy as np

from corruptions.compiled.vectors import inlined, inner, lowest_bit, num_bits

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_STEP_0, _STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ONE, _SIX, _LOW_SIX = np.uint64(1), np.uint64(6), np.uint64(63)

ZERO = np.int64(0)
BLOCKS_AT_ONCE = np.int64(16)
"""Blocks of four words are made in groups of so many, which the processor makes side by side."""

# The places of a stream's state: what is read of the words made, how many there are, the next block, and
# the rest of the counter and the key.
AT, MADE, BLOCK, PLACE, WINDOW_LOW, WINDOW_HIGH, KEY_LOW, KEY_HIGH, STATE_SIZE = range(9)


@inner
def make_words(words, state, num_blocks):
    """The words of the next blocks, into the beginning of `words`."""
    first = state[BLOCK]
    place, window_low, window_high = state[PLACE], state[WINDOW_LOW], state[WINDOW_HIGH]
    key_low, key_high = state[KEY_LOW], state[KEY_HIGH]
    for block in range(num_blocks):
        a = (first + np.uint64(block)) & _LOW
        b, c, d = place, window_low, window_high
        key_0, key_1 = key_low, key_high
        for _ in range(10):
            product_0 = a * _MULTIPLIER_0
            product_1 = c * _MULTIPLIER_1
            a = (product_1 >> _HALF) ^ b ^ key_0
            b = product_1 & _LOW
            c = (product_0 >> _HALF) ^ d ^ key_1
            d = product_0 & _LOW
            key_0 = (key_0 + _STEP_0) & _LOW
            key_1 = (key_1 + _STEP_1) & _LOW
        words[4 * block] = a
        words[4 * block + 1] = b
        words[4 * block + 2] = c
        words[4 * block + 3] = d
    state[BLOCK] = first + np.uint64(num_blocks)
    state[AT] = 0
    state[MADE] = 4 * num_blocks


@inner
def begin(words, state, operator, epoch, window, num_expected):
    """Begin the stream of an operator; about so many words will be read."""
    state[BLOCK] = 0
    state[PLACE] = np.uint64(operator) << np.uint64(24) | np.uint64(epoch)
    state[WINDOW_LOW] = window & _LOW
    state[WINDOW_HIGH] = window >> _HALF
    num_blocks = (num_expected // (4 * BLOCKS_AT_ONCE) + 1) * BLOCKS_AT_ONCE
    make_words(words, state, min(num_blocks, len(words) // 4))


@inner
def word(words, state):
    """The next 32 bits."""
    if state[AT] == state[MADE]:
        make_words(words, state, BLOCKS_AT_ONCE)
    at = state[AT]
    state[AT] = at + np.uint64(1)
    return np.uint64(words[at])


@inner
def long_word(words, state):
    """The next 64 bits."""
    high = word(words, state)
    return high << _HALF | word(words, state)


@inlined
def is_fair(product, bound):
    """Whether the high half of word * bound may be taken: the few that would favour small numbers may not."""
    return product & _LOW >= bound or product & _LOW >= (_LOW + _ONE) % bound


@inner
def below(words, state, n):
    """A uniform integer of 0 .. n - 1."""
    bound = np.uint64(n)
    product = word(words, state) * bound
    while not is_fair(product, bound):
        product = word(words, state) * bound
    return np.int64(product >> _HALF)


@inner
def chance(words, state, threshold, is_sure):
    """True with the probability threshold / 2^64; nothing is drawn where it is 0 or sure."""
    return is_sure or (threshold > 0 and long_word(words, state) < threshold)


# Loops that draw many hold how far the words are read in variables of their own and not in the state, and so each
# has these lines; in a function they shared, deshuffling ran at half its speed.


@inner
def choose(words, state, n, k, bits, chosen):
    """k distinct numbers of 0 .. n - 1 into `chosen`, ascending."""
    if k <= 0:
        return
    num_bit_words = (n + 63) >> 6
    for i in range(num_bit_words):
        bits[i] = 0
    at, made = state[AT], state[MADE]
    for last in range(n - k, n):
        bound = np.uint64(last + 1)
        while True:
            if at == made:
                make_words(words, state, BLOCKS_AT_ONCE)
                at, made = state[AT], state[MADE]
            product = np.uint64(words[at]) * bound
            at += _ONE
            if is_fair(product, bound):
                break
        number = product >> _HALF
        if (bits[number >> _SIX] >> (number & _LOW_SIX)) & _ONE:
            number = np.uint64(last)
        bits[number >> _SIX] |= _ONE << (number & _LOW_SIX)
    state[AT] = at
    list_bits(bits, num_bit_words, ZERO, chosen)


@inner
def list_bits(bits, num_bit_words, first, listed):
    """The numbers of a set, each plus `first`, ascending; how many there are.

    Eight are listed at a time, whether they are there or not, and what is too much is written over by the next:
    a loop that ended with each word's last bit would end where the processor does not expect it.
    """
    found = ZERO
    for i in range(num_bit_words):
        left = bits[i]
        num_left = num_bits(left)
        at = found
        found += num_left
        while at < found:
            for ahead in range(8):
                listed[at + ahead] = first + (i << 6) + lowest_bit(left)
                left &= left - _ONE
            at += 8
    return found


@inner
def permutation(words, state, n, order):
    """0 .. n - 1 in random order into `order`."""
    for i in range(n):
        order[i] = i
    at, made = state[AT], state[MADE]
    for last in range(n - 1, 0, -1):
        bound = np.uint64(last + 1)
        while True:
            if at == made:
                make_words(words, state, BLOCKS_AT_ONCE)
                at, made = state[AT], state[MADE]
            product = np.uint64(words[at]) * bound
            at += _ONE
            if is_fair(product, bound):
                break
        other = product >> _HALF
        order[last], order[other] = order[other], order[last]
    state[AT] = at
