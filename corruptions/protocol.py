"""What a corruption is: one window of text in, one training example out."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import product
from numbers import Real
from typing import NamedTuple

import numpy as np

from corruptions.draws import Draws
from corruptions.schedules import Schedule, resolved, schedules_in
from data_prep.errors import BadInput
from data_prep.vocab import Vocab

Int32s = np.ndarray
"""A one-dimensional array of int32."""
Bools = np.ndarray
"""A one-dimensional array of bool."""

_MAX_WINDOW_TOKENS = 1 << 26


class BadCorruption(BadInput):
    """Options that make no sense together, or lengths that no window can be made to fit."""


class Window(NamedTuple):
    """A stretch of the token store; all four arrays are as long as it is and may not be written to."""

    tokens: Int32s
    """Ids."""
    sentence_ends: Bools
    """True at the last token of a sentence."""
    word_starts: Bools
    """True at the first token of a word."""
    protected: Bools
    """True at tokens that are never noise: document ends and other special ids."""


def read_only(window: Window) -> Window:
    """The same window, whose arrays refuse to be written to.

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


class Example(NamedTuple):
    """What the encoder reads and what the decoder must say."""

    source: Int32s
    """Ids for the encoder, its eos included."""
    target: Int32s
    """Ids the decoder must say; the loss is taken on every one."""
    decoder_input: Int32s | None = None
    """What the decoder reads at each place of the target. None: the target moved right behind a pad."""
    target_positions: Int32s | None = None
    """The position of each place of the target. None: 0, 1, 2, ... MASS keeps places in the window."""
    target_is_noise: Bools | None = None
    """True where the target is a token that was hidden from the encoder: the part of the loss that
    different objectives have in common. None: not known."""


class Lengths(NamedTuple):
    """How long a source and a target are, in tokens, each with its eos where it has one."""

    source: int
    target: int


class Corruption(ABC):
    """One way to spoil text and to ask for what was lost; a plug-in writes `corrupt` and nothing else.

    Subclasses are frozen keyword-only dataclasses: their fields are their options.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> class ReadBackwards(Corruption):
    ...     def corrupt(self, window, draws, vocab):
    ...         eos = np.array([vocab.eos], dtype=np.int32)
    ...         return Example(np.append(window.tokens[::-1], eos), np.append(window.tokens, eos))
    >>> example = ReadBackwards().corrupt(window_of("a b c"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('c b a .', 'a b c .')
    """

    hides_protected = False
    """Whether the encoder may miss protected tokens, as where a text is cut in two; they are never noise."""

    @abstractmethod
    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        """Make the example of this window: int32 arrays of its own, the same ones at the same address.

        `draws` is fresh, and the only source of randomness; the window is never written to.
        """

    def longest(self, window_len: int) -> Lengths:
        """The longest source and target that a window of this many tokens can give.

        Batches are made this long. A plug-in that does not say promises at most one token more than the
        window, on both sides.
        """
        return Lengths(window_len + 1, window_len + 1)

    def fit(self, source_len: int, target_len: int | None = None) -> int:
        """The most raw tokens whose source and target stay within these lengths; None: any target.

        >>> from corruptions import SpanCorruption
        >>> SpanCorruption().fit(512), SpanCorruption().longest(568)
        (568, Lengths(source=512, target=114))

        Raises BadCorruption when not even one token fits, or when any number does.
        """

        def fits(window_len: int) -> bool:
            lengths = self.longest(window_len)
            return lengths.source <= source_len and (target_len is None or lengths.target <= target_len)

        room = f"a source of {source_len} tokens" + (
            "" if target_len is None else f" and a target of {target_len} tokens"
        )
        window_len = _most_tokens(fits)
        if window_len == 0:
            raise BadCorruption(
                f"{self.describe()}: no text fits {room}, since one token already makes a source of "
                f"{self.longest(1).source} and a target of {self.longest(1).target}; allow more"
            )
        if window_len > _MAX_WINDOW_TOKENS:
            raise BadCorruption(f"{self.describe()}: windows of any length fit {room}; limit the target too")
        return window_len

    def at(self, step: int) -> Corruption:
        """This corruption with its schedules read off at a step; itself where it has none."""
        return resolved(self, lambda schedule: schedule.at(step))

    def variants(self) -> tuple[Corruption, ...]:
        """Those that batches must have room for: the parts of a mixture, the extremes of schedules, or itself."""
        schedules = schedules_in(self)
        if not schedules:
            return (self,)
        corners = product(*(schedule.extremes() for schedule in schedules))
        return tuple(resolved(self, dict(zip(schedules, corner, strict=True)).__getitem__) for corner in corners)

    def chosen(self, draws: Draws) -> Corruption:
        """The part that corrupts the window of this address: for all but mixtures, itself."""
        return self

    @property
    def restores(self) -> bool:
        """Whether the text can be told from source and target; a subclass says so with `restores = True`."""
        return False

    def restore(self, example: Example, vocab: Vocab) -> Int32s:
        """The tokens of the clean window. Raises BadCorruption when this corruption does not say how."""
        raise BadCorruption(f"{self.describe()} does not say how to restore its text; use one whose `restores` is true")

    def hidden(self, window: Window, draws: Draws, vocab: Vocab) -> Bools | None:
        """bool[window]: the tokens the encoder does not see, as `corrupt` with fresh draws of the same
        address decides; None: not known."""
        return None

    def describe(self) -> str:
        """A short name with the options, for tables and messages.

        >>> from corruptions import SpanCorruption
        >>> SpanCorruption().describe()
        'span corruption (rate 0.15, mean span length 3.0)'
        """
        return described(self)


def described(options: object) -> str:
    """The name of a dataclass in words, with its options but for flags, names and zeros left as they were."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(options).__name__).lower()
    shown = []
    for option in fields(options) if is_dataclass(options) else ():
        value = getattr(options, option.name)
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if (is_number and value != 0) or value != option.default:
            shown.append(f"{option.name.replace('_', ' ')} {_option_text(value)}")
    return f"{name} ({', '.join(shown)})" if shown else name


def _option_text(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if is_dataclass(value) and not isinstance(value, Schedule):
        return described(value)
    return str(value)


def _most_tokens(fits: Callable[[int], bool]) -> int:
    """The largest window length that fits: 0 if none does, above _MAX_WINDOW_TOKENS if there is no limit.

    Lengths grow with the window but not at every step, since counts are rounded: after the bisection
    the lengths just above are tried one by one.
    """
    longest = next((window_len for window_len in range(1, 65) if fits(window_len)), 0)
    if longest == 0:
        return 0
    while fits(2 * longest):
        longest *= 2
        if longest > _MAX_WINDOW_TOKENS:
            return longest
    too_long = 2 * longest
    while too_long - longest > 1:
        middle = (longest + too_long) // 2
        longest, too_long = (middle, too_long) if fits(middle) else (longest, middle)
    reach = longest + 64 + min(longest, 1024)
    return next((window_len for window_len in range(reach, longest, -1) if fits(window_len)), longest)


def demand(options: object, field: str, is_allowed: Callable[[float], bool], allowed: str) -> None:
    """Raise BadCorruption unless the field is a number that is allowed, or a schedule of such numbers.

    `allowed` says which are.
    """
    given = getattr(options, field)
    for value in given.extremes() if isinstance(given, Schedule) else (given,):
        if not isinstance(value, Real) or isinstance(value, bool) or not is_allowed(float(value)):
            raise BadCorruption(f"{field} of {type(options).__name__} is {given!r}; it must be a number {allowed}")


def demand_rate(corruption: object) -> None:
    """Raise BadCorruption unless `rate` lies strictly between 0 and 1."""
    demand(corruption, "rate", lambda rate: 0 < rate < 1, "above 0 and below 1")
