"""Random numbers by address: what is drawn depends on (seed, epoch, window, operator) and on nothing else."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np

from data_prep.errors import BadInput

_WORD_MASK = 0xFFFFFFFF
_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_NUM_ROUNDS = 10
_BLOCKS_A_REFILL = 32  # 128 words: most windows need fewer, and the cost of a refill hardly depends on its size
_LOW_WORDS = np.uint64(_WORD_MASK)
_HALF = np.uint64(32)
REPLACEMENTS, PARTS, ORDER = 253, 254, 255
"""Operators with a meaning of their own: what is shown in place of masks, the part of a mixture, and the order in
which windows are visited. Those of a corruption count from 0."""


class Draws:
    """The stream of random numbers at one address; the only state is how far this object has read it.

    A counter-based generator, Philox4x32-10: the seed is the key, and epoch, operator, window and the
    place in the stream are separate bits of the counter, so that two addresses never share a stream and
    workers, batches and resume points change nothing. All draws are exact integers.

    >>> Draws(7, 0, 12).permutation(5)
    array([0, 2, 4, 1, 3], dtype=int32)
    >>> Draws(7, 0, 12).permutation(5)
    array([0, 2, 4, 1, 3], dtype=int32)
    >>> Draws(7, 1, 12).permutation(5)
    array([3, 2, 4, 0, 1], dtype=int32)

    Seed and window are 64-bit, epoch is 24-bit and operator 8-bit. The operators of a corruption count from
    0; those with a meaning of their own count down from 255.

    Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """

    __slots__ = ("_at", "_block", "_words", "address")

    def __init__(self, seed: int, epoch: int, window: int, operator: int = 0) -> None:
        for name, value, bits in (
            ("seed", seed, 64),
            ("epoch", epoch, 24),
            ("window", window, 64),
            ("operator", operator, 8),
        ):
            if not 0 <= value < 1 << bits:
                raise BadInput(f"{name} is {value}; it must lie in 0 .. 2^{bits} - 1: give another {name}")
        self.address = (int(seed), int(epoch), int(window), int(operator))
        self._words: list[int] = []
        self._at = 0
        self._block = 0

    def __repr__(self) -> str:
        return "Draws(seed={}, epoch={}, window={}, operator={})".format(*self.address)

    def operator(self, operator: int) -> Draws:
        """The stream of another operator at the same seed, epoch and window, from its beginning."""
        return Draws(*self.address[:3], operator)

    def word(self) -> int:
        """The next 32 bits, as an integer."""
        if self._at == len(self._words):
            self._refill()
        self._at += 1
        return self._words[self._at - 1]

    def below(self, n: int) -> int:
        """A uniform integer of 0 .. n - 1, for n in 1 .. 2^32 - 1.

        Exact: the few words that would favour small numbers are passed over.
        Source: Lemire: Fast random integer generation in an interval (2019).
        """
        if not 1 <= n <= _WORD_MASK:
            raise ValueError(f"below({n}): n must lie in 1 .. 2^32 - 1")
        product = self.word() * n
        if product & _WORD_MASK < n:
            threshold = (1 << 32) % n
            while product & _WORD_MASK < threshold:
                product = self.word() * n
        return product >> 32

    def uniform(self) -> float:
        """A float of [0, 1), a multiple of 2^-53, from two words."""
        high = self.word() >> 5
        return (high * (1 << 26) + (self.word() >> 6)) / (1 << 53)

    def chance(self, fraction: Fraction) -> bool:
        """True with this probability, to 2^-64: the next 64 bits are compared with it."""
        threshold = threshold_of(fraction)
        return threshold > 0 and (threshold == 1 << 64 or (self.word() << 32 | self.word()) < threshold)

    def permutation(self, n: int) -> np.ndarray:
        """int32[n]: 0 .. n - 1 in a uniformly random order (Fisher and Yates)."""
        order = list(range(n))
        for last in range(n - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return np.array(order, dtype=np.int32)

    def choose(self, n: int, k: int) -> np.ndarray:
        """int32[k]: k distinct numbers of 0 .. n - 1, ascending; every set is equally likely (Floyd)."""
        if not 0 <= k <= n:
            raise ValueError(f"choose({n}, {k}): k must lie in 0 .. n")
        chosen: set[int] = set()
        for last in range(n - k, n):
            number = self.below(last + 1)
            chosen.add(last if number in chosen else number)
        return np.array(sorted(chosen), dtype=np.int32)

    def _refill(self) -> None:
        seed, epoch, window, operator = self.address
        counters = np.empty((4, _BLOCKS_A_REFILL), dtype=np.uint64)
        counters[0] = np.arange(self._block, self._block + _BLOCKS_A_REFILL)
        counters[1] = operator << 24 | epoch
        counters[2] = window & _WORD_MASK
        counters[3] = window >> 32
        self._words = philox(counters, seed).T.ravel().tolist()
        self._at = 0
        self._block += _BLOCKS_A_REFILL


def threshold_of(fraction: Fraction) -> int:
    """How many of the 2^64 numbers of 64 bits lie below a fraction of 0 to 1.

    >>> threshold_of(Fraction(1, 2)) == 1 << 63
    True
    """
    return int(fraction * (1 << 64))


def philox(counters: np.ndarray, key: int) -> np.ndarray:
    """The four random words of each block: Philox4x32-10 of uint64[4, blocks], each below 2^32.

    >>> [f"{word:08x}" for word in philox(np.zeros((4, 1), dtype=np.uint64), key=0)[:, 0]]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    even, odd = counters[0::2], counters[1::2]
    for round_key in _round_keys(key):
        product = (even * _MULTIPLIERS)[::-1]
        even = (product >> _HALF) ^ odd ^ round_key
        odd = product & _LOW_WORDS
    words = np.empty_like(counters)
    words[0::2], words[1::2] = even, odd
    return words


@lru_cache(maxsize=64)
def _round_keys(key: int) -> tuple[np.ndarray, ...]:
    low, high = key & _WORD_MASK, key >> 32
    return tuple(
        np.array(
            [[(low + r * _KEY_STEPS[0]) & _WORD_MASK], [(high + r * _KEY_STEPS[1]) & _WORD_MASK]],
            dtype=np.uint64,
        )
        for r in range(_NUM_ROUNDS)
    )
