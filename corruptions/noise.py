"""Which tokens are noise: the first of the three choices that make a corruption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

import numpy as np

from corruptions.draws import Draws
from corruptions.placement import TRIES, Span, Units
from corruptions.plan import Counts, Plan, exact, num_noise_tokens, rounded
from corruptions.protocol import BadCorruption, Bools, Window, demand, demand_rate
from corruptions.schedules import Schedule


class Noise(ABC):
    """A law of which tokens of a window are hidden. Subclasses are frozen keyword-only dataclasses."""

    hides_protected = False
    """Whether protected tokens may be hidden with the rest; they are never noise."""

    @abstractmethod
    def plan(self, window: Window, draws: Draws) -> Plan:
        """What is hidden; protected tokens never are, unless a subclass says so."""

    @abstractmethod
    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """The counts between which those of every window of this length lie; one, where they are exact."""


@dataclass(frozen=True, kw_only=True)
class Tokens(Noise):
    """Single tokens, or whole words, each set of them equally likely.

    >>> from corruptions.letters import window_of
    >>> Tokens(rate=0.5).plan(window_of("a b c d e f g h"), Draws(1, 0, 0)).hidden().nonzero()[0].tolist()
    [4, 5, 6, 7]
    """

    rate: float | Schedule = 0.15
    """Fraction of the tokens that are hidden, exact in every window; above 0 and below 1."""
    whole_words: bool = False
    """Hide words and no parts of words. The number of tokens stays exact: words that fit are added or
    taken away, and a word is cut only where none fits."""

    def __post_init__(self) -> None:
        demand_rate(self)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the tokens."""
        return self.of_tokens(self.extremes(len(window.tokens))[0].noise, window, draws)

    def of_tokens(self, num_noise: int, window: Window, draws: Draws) -> Plan:
        """Hide so many tokens, or all that may be."""
        units = Units.of(window, whole_words=self.whole_words)
        num_noise = min(num_noise, len(units.positions))
        if num_noise == 0:
            return Plan.of_spans([], [], window_len=len(window.tokens))
        if self.whole_words:
            chosen = np.flatnonzero(_chosen_words(units, num_noise, draws))
        else:
            chosen = draws.choose(len(units.positions), num_noise)
        return Plan.of_tokens(units.positions[chosen], window_len=len(window.tokens))

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """The hidden tokens, all in one span and as far apart as can be."""
        num_noise = num_noise_tokens(window_len, number(self.rate))
        most = min(num_noise, window_len - num_noise + 1)
        return (Counts(num_noise, min(num_noise, 1)), Counts(num_noise, most))


def _chosen_words(units: Units, num_noise: int, draws: Draws) -> Bools:
    """bool[unprotected]: words that hold so many tokens together, and at most one word in part."""
    num_eligible, num_units = len(units.positions), units.num_units
    sizes = np.diff(units.firsts)
    is_chosen = np.zeros(num_units, dtype=bool)
    is_chosen[draws.choose(num_units, num_words(num_noise, num_units, num_eligible))] = True
    missing = num_noise - int(sizes[is_chosen].sum())
    part = None
    while missing:
        in_question = is_chosen if missing < 0 else ~is_chosen
        word = _drawn_word(in_question & (sizes <= abs(missing)), draws)
        if word is None:
            part = _drawn_word(in_question, draws)
            break
        is_chosen[word] = missing > 0
        missing -= int(sizes[word]) if missing > 0 else -int(sizes[word])
    is_noise = np.repeat(is_chosen, sizes)
    if part is not None:  # the first tokens of a word more, or the last ones of a word less
        first, last = int(units.firsts[part]), int(units.firsts[part + 1])
        start, end = (first, first + missing) if missing > 0 else (last + missing, last)
        is_noise[start:end] = missing > 0
    return is_noise


def _drawn_word(is_possible: Bools, draws: Draws) -> int | None:
    """One of the possible words, each equally likely; None: there is none. A few are drawn before all are sought."""
    for _ in range(TRIES):
        word = draws.below(len(is_possible))
        if is_possible[word]:
            return word
    possible = np.flatnonzero(is_possible)
    return int(possible[draws.below(len(possible))]) if len(possible) else None


def num_words(num_noise: int, num_units: int, num_eligible: int) -> int:
    """How many of the words hold about so many of the tokens: one or more."""
    return min(max(rounded(num_noise * num_units, num_eligible), 1), num_units)


@dataclass(frozen=True, kw_only=True)
class Fragment(Noise):
    """One fragment of the window: MASS."""

    rate: float | Schedule = 0.5
    """Fraction of the tokens that the fragment holds, exact in every window; above 0 and below 1."""
    start_fraction: float = 0.2
    """Fraction of the windows whose fragment starts at the first token; 0 to 1."""
    end_fraction: float = 0.2
    """Fraction of the windows whose fragment ends at the last token; 0 to 1. In the rest, every place is
    equally likely."""

    def __post_init__(self) -> None:
        demand_rate(self)
        for field in ("start_fraction", "end_fraction"):
            demand(self, field, lambda fraction: 0 <= fraction <= 1, "from 0 to 1")
        if exact(self.start_fraction) + exact(self.end_fraction) > 1:
            raise BadCorruption(
                f"start_fraction {self.start_fraction} and end_fraction {self.end_fraction} of "
                f"{type(self).__name__} must add up to at most 1; lower one of them"
            )

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """The length of the fragment."""
        num_noise = num_noise_tokens(window_len, number(self.rate))
        return (Counts(num_noise, min(num_noise, 1)),)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw where the fragment starts among the unprotected tokens."""
        eligible = np.flatnonzero(~window.protected)
        num_noise = min(num_noise_tokens(len(window.tokens), number(self.rate)), len(eligible))
        start = self._start(len(eligible) - num_noise, draws)
        return Plan.of_tokens(eligible[start : start + num_noise], window_len=len(window.tokens))

    def chances(self) -> tuple[Fraction, Fraction]:
        """That the fragment is at the start; and, where it is not, that it is at the end."""
        at_start, at_end = exact(self.start_fraction), exact(self.end_fraction)
        return at_start, at_end / (1 - at_start) if at_start < 1 else Fraction(0)

    def _start(self, last_start: int, draws: Draws) -> int:
        at_start, at_end = self.chances()
        if draws.chance(at_start):
            return 0
        return last_start if draws.chance(at_end) else draws.below(last_start + 1)


class Split(Enum):
    """Where a text is cut in two."""

    FIXED = "fixed"
    """So that the suffix is exactly its share: source and target are as long in every window."""
    UNIFORM = "uniform"
    """T5's law: the suffix is uniform between one token and twice its share, and at most all but one."""


@dataclass(frozen=True, kw_only=True)
class Suffix(Noise):
    """All that follows a pivot, document ends included: prefix language modelling."""

    rate: float | Schedule = 0.5
    """Fraction of the tokens behind the pivot, on average; above 0 and below 1, and for a uniform split
    at most one half."""
    split: Split = Split.UNIFORM
    """How the pivot is drawn."""

    hides_protected = True

    def __post_init__(self) -> None:
        demand_rate(self)
        if self.split is Split.UNIFORM and exact(ends(self.rate)[1]) * 2 > 1:
            raise BadCorruption(
                f"rate of Suffix is {ends(self.rate)[1]} and its split uniform, which reaches up to twice the rate; "
                "lower the rate to 0.5 or less, or take a fixed split"
            )

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """The shortest suffix and the longest."""
        first, last = self.pivots(window_len)
        return tuple(Counts(window_len - at, min(window_len - at, 1)) for at in dict.fromkeys((last, first)))

    def pivots(self, window_len: int) -> tuple[int, int]:
        """The first and the last place where the suffix may start."""
        if window_len < 2:
            return window_len, window_len
        if self.split is Split.FIXED:
            pivot = window_len - num_noise_tokens(window_len, number(self.rate))
            return pivot, pivot
        least = (1 - 2 * exact(number(self.rate))) * (window_len - 1)
        return max(rounded(least.numerator, least.denominator), 1), window_len - 1

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Draw the pivot."""
        window_len = len(window.tokens)
        first, last = self.pivots(window_len)
        pivot = first + (draws.below(last - first + 1) if last > first else 0)
        span = [(pivot, window_len)] if window_len > pivot else []
        return plan_of(span, window_len)


def plan_of(spans: list[Span], window_len: int) -> Plan:
    """The plan of spans given as (start, end), ascending."""
    starts = [start for start, _ in spans]
    return Plan.of_spans(starts, [end - start for start, end in spans], window_len=window_len)


def number(option: float | Schedule) -> float:
    """An option that must be a number by now."""
    if isinstance(option, Schedule):
        raise BadCorruption(f"{option} changes with the step: corrupt with what corruption.at(step) gives")
    return option


def ends(option: float | Schedule) -> tuple[float, float]:
    """The least and the greatest number that an option takes."""
    return option.extremes() if isinstance(option, Schedule) else (option, option)
