"""The loops behind near duplicates, compiled by Numba; data_prep.cleaning.near_duplicates says what they are for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_START, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a's, here for whole characters
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # MurmurHash3's finalizer
_SHIFT, _HALF = np.uint64(33), np.uint64(32)


def _kept_on_disk(loop: Any) -> Any:
    """The compiled loop; the next process finds it on disk, if it can be kept there."""
    try:
        return njit(cache=True, nogil=True)(loop)
    except RuntimeError:  # neither the folder of this package nor a user's own can be written to
        return njit(nogil=True)(loop)


@_kept_on_disk
def shingles(chars: Any, kinds: Any, num_together: int) -> Any:
    """uint32[n]: one number for each run of so many words, or for all words where there are fewer.

    chars: uint32[n], code points; kinds: uint8[0x110000], 0 between words, 1 part of a word, 2 a word by itself.
    """
    words = np.empty(len(chars) + 1, dtype=np.uint64)
    num_words = 0
    word = _START
    for char in chars:
        kind = kinds[char]
        if kind != 1 and word != _START:
            words[num_words] = word
            num_words += 1
            word = _START
        if kind != 0:
            word = (word ^ np.uint64(char)) * _PRIME
        if kind == 2:
            words[num_words] = word
            num_words += 1
            word = _START
    if word != _START:
        words[num_words] = word
        num_words += 1

    num_together = min(num_together, num_words)
    numbers = np.empty(num_words - num_together + 1, dtype=np.uint32)
    for first in range(len(numbers)):
        number = _START
        for word in words[first : first + num_together]:
            number = (number ^ (word >> _HALF) ^ word) * _MIX_2
        number = (number ^ (number >> _SHIFT)) * _MIX_1
        numbers[first] = number >> _HALF
    return numbers


@_kept_on_disk
def minima(numbers: Any, factors: Any, terms: Any) -> Any:
    """The smallest number in each order, x · factor + term modulo 2³²; all are uint32[orders]."""
    lowest = np.full(len(factors), np.uint32(0xFFFFFFFF))
    for number in numbers:
        for order in range(len(factors)):
            lowest[order] = min(lowest[order], np.uint32(number * factors[order] + terms[order]))
    return lowest


@_kept_on_disk
def joined(lowest: Any, num_rows: int) -> Any:
    """uint64[bands]: the numbers of each band as one; the same numbers make another one in another band."""
    bands = np.empty(len(lowest) // num_rows, dtype=np.uint64)
    for band in range(len(bands)):
        number = _START + np.uint64(band)
        for row in lowest[band * num_rows : (band + 1) * num_rows]:
            number = (number ^ np.uint64(row)) * _MIX_1
            number ^= number >> _SHIFT
        bands[band] = number * _MIX_2
    return bands
