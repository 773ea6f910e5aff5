"""The laws of a corruption as a whole: noise depends on every part of an address, and lengths can be filled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, log

from corruptions.chain import Chain
from corruptions.draws import Draws
from corruptions.laws import Found
from corruptions.planned import PlannedCorruption
from corruptions.protocol import BadCorruption, Corruption, Window
from corruptions.trial import arrays, guarded_copy
from data_prep.vocab import OutOfSentinels, Vocab

Place = tuple[int, int, int, int]
"""Seed, epoch, window and operator."""
Relation = Callable[[int, int, int], tuple[Place, Place]]
"""Two places made of three numbers that differ."""

_FIT_LENS = (1, 2, 3, 10, 64, 512, 568, 2048)
_NUM_UNRELATED = 64
_CHANCE = 1e-9
"""How rarely a corruption that keeps the law may be told that it breaks it."""
_MOST_PAIRS = 400

# Noise that is drawn from a sum of the parts of an address, or from all but one, agrees in one of these.
_RELATIONS: dict[str, Relation] = {
    "two windows": lambda a, b, c: ((a, b, c, 0), (a, b, c + 1, 0)),
    "two epochs": lambda a, b, c: ((a, b, c, 0), (a, b + 1, c, 0)),
    "two seeds": lambda a, b, c: ((a, b, c, 0), (a + 1, b, c, 0)),
    "an epoch and the next epoch's window before": lambda a, b, c: ((a, b, c + 1, 0), (a, b + 1, c, 0)),
    "a seed and the next seed's window before": lambda a, b, c: ((a, b, c + 1, 0), (a + 1, b, c, 0)),
    "a seed and the next seed's epoch before": lambda a, b, c: ((a, b + 1, c, 0), (a + 1, b, c, 0)),
    "an epoch and a window of each other's number": lambda a, b, c: ((a, b, c, 0), (a, c, b, 0)),
    "a seed and a window of each other's number": lambda a, b, c: ((a, b, c, 0), (c, b, a, 0)),
}
_OPERATORS: dict[str, Relation] = {"two steps of a chain": lambda a, b, c: ((a, b, c, 0), (a, b, c, 1))}


def is_unrelated_elsewhere(corruption: Corruption, window: Window, vocab: Vocab) -> Found:
    """Noise differs from window to window, epoch to epoch and seed to seed."""
    # One that draws nothing, and does the same everywhere, keeps this law.
    given = guarded_copy(window)

    def example(place: Place) -> bytes:
        try:
            made = corruption.corrupt(given, Draws(*place), vocab)
        except OutOfSentinels:
            return b""
        return b"|".join(array.tobytes() for _, array in arrays(made))

    found = _related(example, _RELATIONS)
    if found or not isinstance(corruption, PlannedCorruption) or isinstance(corruption, Chain):
        return found
    planned = corruption

    def plan(place: Place) -> bytes:
        made = planned.plan(given, Draws(*place))
        order = b"" if made.order is None else made.order.tobytes()
        return b"|".join([made.starts.tobytes(), made.lengths.tobytes(), order])

    return _related(plan, _OPERATORS)


def can_be_filled(corruption: Corruption) -> Found:
    """Whatever a window gives, fit finds one that fills it."""
    for window_len in _FIT_LENS:
        lengths = corruption.longest(window_len)
        given = f"{window_len} tokens give at most {lengths.source} and {lengths.target}"
        try:
            fitting = corruption.fit(lengths.source, lengths.target)
        except BadCorruption as error:
            return f"{given}, but {error}"
        longest = corruption.longest(fitting)
        if fitting < window_len or longest.source > lengths.source or longest.target > lengths.target:
            return f"{given}, but fit says {fitting}, which give {longest.source} and {longest.target}"
    return None


def _related(noise: Callable[[Place], bytes], relations: dict[str, Relation]) -> Found:
    """The relation in which places always agree, or never do, where unrelated ones sometimes would."""
    unrelated = (((9, 8, 7 + 13 * i, 0), (1000 + 7 * i, 100 + 3 * i, 500 + 11 * i, 0)) for i in range(_NUM_UNRELATED))
    # At least a few: the share is an estimate itself.
    share = (_num_agreeing(noise, unrelated) + 5) / (_NUM_UNRELATED + 5)
    if share == 1:
        return None
    num_pairs = ceil(log(_CHANCE) / log(share))
    if num_pairs > _MOST_PAIRS:
        return None  # most windows are not touched at all
    for name, relation in relations.items():
        pairs = (relation(5 + 3 * i, 2 + 5 * i, 1011 + 2 * i) for i in range(num_pairs))
        num_agreeing = _num_agreeing(noise, pairs)
        if num_agreeing == num_pairs:
            return f"that of {name} is the same, each of {num_pairs} times"
        if num_agreeing == 0 and (1 - share) ** num_pairs < _CHANCE:
            return f"that of {name} is never the same in {num_pairs} trials, where others are in {share:.0%}"
    return None


def _num_agreeing(noise: Callable[[Place], bytes], pairs: Iterable[tuple[Place, Place]]) -> int:
    return sum(noise(one) == noise(other) for one, other in pairs)
