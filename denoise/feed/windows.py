"""The text of a token store as windows of equal length: where each one begins in each epoch."""

from __future__ import annotations

import numpy as np

from corruptions import Draws, Window
from corruptions.draws import permuted_index
from data_prep.tokens import SENTENCE_END, WORD_START, BadStore, TokenStore

# Draws for a corruption count windows from 0; this number no window has.
_SHIFT_ADDRESS = 2**63


class Windows:
    """Cuts one split of a store into windows of `window_len` tokens; documents follow each other without padding.

    Every epoch begins at another place inside the first window, so that over the epochs a text is not always
    cut at the same tokens, and visits the windows in another order. Both are functions of (seed, epoch): nothing
    is shuffled in memory and nothing has to be saved. Up to two windows of text at the ends of the store are
    left out of an epoch (`num_skipped_tokens`); other epochs have them.

    Raises BadStore if the split is shorter than one window.
    """

    def __init__(self, store: TokenStore, window_len: int, *, seed: int, shuffle: bool) -> None:
        self.store = store
        self.window_len = window_len
        self.seed = seed
        self.shuffle = shuffle
        # One window fewer when shuffling leaves room for the shift; a tiny store is not shifted at all.
        self._shifts = shuffle and store.num_tokens >= 2 * window_len
        room_tokens = store.num_tokens - (window_len - 1 if self._shifts else 0)
        self._num_windows = room_tokens // window_len
        if self._num_windows == 0:
            raise BadStore(
                f"{store.folder} has {store.num_tokens:,} {store.split} tokens, fewer than one window of "
                f"{window_len:,}; prepare more text, or lower source_len"
            )

    def __len__(self) -> int:
        """Windows in an epoch."""
        return self._num_windows

    @property
    def num_skipped_tokens(self) -> int:
        """Tokens of the split that one epoch does not visit."""
        return self.store.num_tokens - self._num_windows * self.window_len

    def at(self, visit: int) -> tuple[int, int, Window]:
        """The window seen at visit number `visit` of a run, with its address: (epoch, window id, window).

        Visits count on through the epochs; visit `len(self)` is the first of epoch 1.
        """
        epoch, place = divmod(visit, self._num_windows)
        number = place
        if self.shuffle:
            number = permuted_index(place, self._num_windows, seed=self.seed, epoch=epoch)
        return epoch, number, self._cut(self._first_token(epoch) + number * self.window_len)

    def _first_token(self, epoch: int) -> int:
        if not self._shifts:
            return 0
        return Draws(seed=self.seed, epoch=epoch, window=_SHIFT_ADDRESS).below(self.window_len)

    def _cut(self, start: int) -> Window:
        stop = start + self.window_len
        tokens = self.store.tokens[start:stop].astype(np.int32)
        marks = np.asarray(self.store.marks[start:stop])
        return read_only(
            Window(
                tokens=tokens,
                sentence_ends=(marks & SENTENCE_END) != 0,
                word_starts=(marks & WORD_START) != 0,
                protected=self.store.vocab.is_special[tokens],
            )
        )


def read_only(window: Window) -> Window:
    """The same window, whose arrays refuse to be written to.

    >>> import numpy as np
    >>> flags = np.zeros(2, dtype=bool)
    >>> window = read_only(Window(np.array([5, 6], dtype=np.int32), flags, flags, flags))
    >>> window.tokens[0] = 1
    Traceback (most recent call last):
        ...
    ValueError: assignment destination is read-only
    """
    for array in window:
        array.flags.writeable = False
    return window


def shortened(window: Window, length: int) -> Window:
    """The first `length` tokens of a window."""
    return Window(*(array[:length] for array in window))
