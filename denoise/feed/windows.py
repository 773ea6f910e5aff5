"""The text of a token store as windows at equal distances: where each one begins in each epoch."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from corruptions import Draws
from data_prep.tokens import BadStore, TokenStore
from denoise.feed.order import visiting_order

# Draws for a corruption count windows from 0; this number no window has.
_SHIFT_ADDRESS = 2**63


class Places(NamedTuple):
    """Windows at their addresses, and where they begin; all arrays are int64, one number a window."""

    epochs: np.ndarray
    """How often the text was read before."""
    numbers: np.ndarray
    """Each window's number in its epoch."""
    starts: np.ndarray
    """Its first token in the store."""


class Windows:
    """Cuts one split of a store into windows `stride` tokens apart; documents follow each other without padding.

    A window is at most `stride` tokens long; where it is shorter, the rest of its stride is not read in this
    epoch. Every epoch begins at another place inside the first stride, so that over the epochs a text is not
    always cut at the same tokens, and visits the windows in another order. Both are functions of (seed, epoch):
    nothing is shuffled in memory and nothing has to be saved. Up to two strides at the ends of the store are
    left out of an epoch, and the last windows if their number is no multiple of `period`; other epochs have them.

    Of `period` visits in a row each shows a window of another residue class of its number: that is how every
    batch gets its share of each part of a stratified mixture. An epoch of fewer windows is visited in any order.

    Raises BadStore if the split is shorter than one window.
    """

    def __init__(self, store: TokenStore, stride: int, *, seed: int, shuffle: bool, period: int = 1) -> None:
        self.store = store
        self.stride = stride
        self.seed = seed
        self.shuffle = shuffle
        # One window fewer when shuffling leaves room for the shift; a tiny store is not shifted at all.
        self._shifts = shuffle and store.num_tokens >= 2 * stride
        room_tokens = store.num_tokens - (stride - 1 if self._shifts else 0)
        num_windows = room_tokens // stride
        if num_windows == 0:
            raise BadStore(
                f"{store.folder} has {store.num_tokens:,} {store.split} tokens, fewer than one window of "
                f"{stride:,}; prepare more text, or lower source_len"
            )
        self._period = period if shuffle and num_windows >= period else 1
        self._num_windows = num_windows - num_windows % self._period

    def __len__(self) -> int:
        """Windows in an epoch."""
        return self._num_windows

    def num_skipped_tokens(self, mean_window_len: float) -> int:
        """Tokens of the split that one epoch does not visit, if its windows are so long on average."""
        return self.store.num_tokens - round(self._num_windows * mean_window_len)

    def at(self, visits: np.ndarray) -> Places:
        """The windows seen at these visits of a run; visit `len(self)` is the first of epoch 1."""
        epochs, numbers = np.divmod(np.asarray(visits, dtype=np.int64), self._num_windows)
        starts = numbers * self.stride
        for epoch in np.unique(epochs).tolist() if self.shuffle else ():
            rows = epochs == epoch
            numbers[rows] = visiting_order(
                numbers[rows], self._num_windows, seed=self.seed, epoch=epoch, period=self._period
            )
            starts[rows] = numbers[rows] * self.stride + self._first_token(epoch)
        return Places(epochs, numbers, starts)

    def _first_token(self, epoch: int) -> int:
        return _shift(self.seed, epoch, self.stride) if self._shifts else 0


@lru_cache(maxsize=4)
def _shift(seed: int, epoch: int, stride: int) -> int:
    return Draws(seed=seed, epoch=epoch, window=_SHIFT_ADDRESS).below(stride)
