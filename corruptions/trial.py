"""One corruption tried on one window: what the laws look at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import Bools, Corruption, Example, Int32s, Window, read_only
from data_prep.vocab import OutOfSentinels, Vocab


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where in a run a window is."""

    seed: int = 0
    """Of the run; 0 to 2^64 - 1."""
    epoch: int = 0
    """How often the text was read before; 0 to 2^24 - 1."""
    window: int = 0
    """The window's number; 0 to 2^64 - 1."""

    def draws(self) -> Draws:
        """A fresh stream."""
        return Draws(self.seed, self.epoch, self.window)

    def __str__(self) -> str:
        return f"seed {self.seed}, epoch {self.epoch}, window {self.window}"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A corruption, a window and an address; what becomes of it is made when first asked for, and kept."""

    corruption: Corruption
    """What is tried."""
    window: Window
    """The clean text."""
    vocab: Vocab
    """Which ids mean what."""
    address: Address
    """Where the window is said to be."""

    @cached_property
    def given(self) -> Window:
        """A copy of the window whose arrays refuse to be written to."""
        return guarded_copy(self.window)

    @cached_property
    def outcome(self) -> Example | Exception:
        """The example, or why there is none."""
        return self._first[0]

    @property
    def used_global_generators(self) -> bool:
        """Whether Python's or NumPy's state changed while the example was made."""
        return self._first[1]

    @cached_property
    def _first(self) -> tuple[Example | Exception, bool]:
        before = _global_state()
        outcome: Example | Exception
        try:
            outcome = self.corruption.corrupt(self.given, self.address.draws(), self.vocab)
        except Exception as error:
            outcome = error
        return outcome, _global_state() != before

    @property
    def example(self) -> Example:
        """The example, where there is one."""
        assert isinstance(self.outcome, Example), self.outcome
        return self.outcome

    @property
    def may_lack_sentinels(self) -> bool:
        """Whether the window was refused for want of sentinels, and is long enough to need more than there are."""
        is_refused = isinstance(self.outcome, OutOfSentinels)
        return is_refused and len(self.window.tokens) > len(self.vocab.sentinels)

    def again(self, vocab: Vocab) -> Example:
        """Another example of the same address, while the global generators stand elsewhere."""
        with _disturbed_generators(len(self.window.tokens) + 1):
            return self.corruption.corrupt(self.given, self.address.draws(), vocab)

    @cached_property
    def hidden(self) -> Bools | None:
        """The tokens that the encoder does not see, if the corruption says which."""
        return self.corruption.hidden(self.given, self.address.draws(), self.vocab)

    def sentinels(self, ids: Int32s) -> list[int]:
        """The sentinels among these ids, in their order."""
        return ids[np.isin(ids, self.vocab.sentinels)].tolist()


def arrays(example: Example) -> list[tuple[str, Int32s | Bools]]:
    """The arrays that an example has, with their names."""
    return [(name, array) for name, array in example._asdict().items() if array is not None]


def ids_of(example: Example) -> list[tuple[str, Int32s]]:
    """Those of its arrays that hold ids."""
    return [(name, array) for name, array in arrays(example) if name in ("source", "target", "decoder_input")]


def difference(one: Example, other: Example) -> str | None:
    """The first array in which two examples differ, as text; None: they are equal."""
    for name, ours, theirs in zip(Example._fields, one, other, strict=True):
        if ours is None or theirs is None:
            if ours is not theirs:
                return f"{name} is there only once"
        elif not np.array_equal(ours, theirs):
            return f"{name} is {in_short(ours)}, then {in_short(theirs)}"
    return None


def in_short(values: Sequence[object] | np.ndarray, most: int = 24) -> str:
    """The values as a list, but only the first of many.

    >>> in_short([1, 2, 3]), in_short(range(2048), most=3)
    ('[1, 2, 3]', '[0, 1, 2, ... 2048 in all]')
    """
    shown = [value.item() if isinstance(value, np.generic) else value for value in values[:most]]
    rest = f", ... {len(values)} in all" if len(values) > most else ""
    return f"[{', '.join(map(str, shown))}{rest}]"


def guarded_copy(window: Window) -> Window:
    """A copy of the window whose arrays refuse to be written to."""
    return read_only(Window(*(column.copy() for column in window)))


def _global_state() -> tuple[object, ...]:
    numpy_state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 (to see that it is not used)
    return random.getstate(), numpy_state["key"].tobytes(), numpy_state["pos"]


@contextmanager
def _disturbed_generators(seed: int) -> Iterator[None]:
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (others may use it)
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
