"""The order in which the windows of an epoch are visited, for a whole batch at once."""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

import numpy as np

from corruptions.draws import ORDER, philox

_NUM_ROUNDS = 8
_LOW_WORDS = 0xFFFFFFFF


def visiting_order(places: np.ndarray, num_windows: int, *, seed: int, epoch: int, period: int = 1) -> np.ndarray:
    """int64[B]: the window seen at each place of an epoch, a bijection of range(num_windows).

    A window stays in the residue class of its place: of `period` places in a row each shows a window of
    another class, whatever the order within the class. `num_windows` is a multiple of the period.

    >>> order = visiting_order(np.arange(8), 8, seed=1, epoch=0, period=2)
    >>> order, order % 2
    (array([0, 5, 4, 3, 2, 7, 6, 1]), array([0, 1, 0, 1, 0, 1, 0, 1]))

    The order is never written down: a place is two digits, of bases a and b with a * b just above n; each round
    adds a keyed hash of one digit to the other (a Feistel network), and a result of n or more goes round again.
    Each class has keys of its own.
    """
    turns, classes = np.divmod(places, period)
    keys = _keys(seed, epoch, period)[:, classes]
    return _permuted(turns, num_windows // period, keys) * period + classes


def _permuted(turns: np.ndarray, n: int, keys: np.ndarray) -> np.ndarray:
    """Each class's own order, by the keys of its places."""
    base = isqrt(n - 1) + 1
    bases = np.uint64(base), np.uint64(-(-n // base))
    found = turns.astype(np.uint64)
    pending = np.arange(len(found))
    while len(pending):
        high, low = np.divmod(found[pending], bases[0])
        for number in range(0, _NUM_ROUNDS, 2):
            low = (low + _mix(high ^ keys[number, pending]) % bases[0]) % bases[0]
            high = (high + _mix(low ^ keys[number + 1, pending]) % bases[1]) % bases[1]
        found[pending] = high * bases[0] + low
        pending = pending[found[pending] >= n]
    return found.astype(np.int64)


@lru_cache(maxsize=4)
def _keys(seed: int, epoch: int, period: int) -> np.ndarray:
    """uint64[rounds, period]: the keys of each residue class, drawn at the address of its number."""
    num_blocks = _NUM_ROUNDS // 2
    classes = np.repeat(np.arange(period, dtype=np.uint64), num_blocks)
    counters = np.zeros((4, period * num_blocks), dtype=np.uint64)
    counters[0] = np.tile(np.arange(num_blocks, dtype=np.uint64), period)
    counters[1] = ORDER << 24 | epoch
    counters[2] = classes & np.uint64(_LOW_WORDS)
    words = philox(counters, seed).T.reshape(period, _NUM_ROUNDS, 2)
    return np.ascontiguousarray((words[..., 0] << np.uint64(32) | words[..., 1]).T)


def _mix(x: np.ndarray) -> np.ndarray:
    """The 64-bit finaliser of SplitMix64: every bit of x reaches every bit of the result."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
