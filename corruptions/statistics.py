"""What a corruption did to many windows: how much it hid, how long its examples are, whether it kept its promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np

from corruptions.draws import Draws
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Bools, Corruption, Example, Int32s, Lengths, Window
from data_prep.vocab import Vocab


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers as their count, sum and bounds, so that ranges add up.

    >>> both = Range.of([3, 5]) + Range.of([10])
    >>> both.least, both.mean, both.most
    (3, 6.0, 10)
    """

    count: int
    """How many numbers."""
    total: int
    """Their sum."""
    least: int | None
    """The smallest; None of no numbers."""
    most: int | None
    """The greatest; None of no numbers."""

    @staticmethod
    def of(numbers: Sequence[int] | Int32s) -> Range:
        """The range of these numbers."""
        values = np.asarray(numbers, dtype=np.int64)
        bounds = (int(values.min()), int(values.max())) if len(values) else (None, None)
        return Range(count=len(values), total=int(values.sum()), least=bounds[0], most=bounds[1])

    def __add__(self, other: Range) -> Range:
        ends = [end for part in (self, other) for end in (part.least, part.most) if end is not None]
        return Range(
            count=self.count + other.count,
            total=self.total + other.total,
            least=min(ends, default=None),
            most=max(ends, default=None),
        )

    @property
    def mean(self) -> float | None:
        """The sum through the count; None of no numbers."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Sums over windows, which add up over batches, workers and runs; rates and means are made when they are read.

    >>> from corruptions import SpanCorruption
    >>> from corruptions.letters import LETTERS, window_of
    >>> found = measured(SpanCorruption(rate=0.25), [window_of("a b c d e f g h")] * 3, LETTERS)
    >>> found.rate, found.source.mean, found.target.mean, found.num_longer
    (0.25, 8.0, 4.0, 0)
    >>> (found + found).num_windows
    6
    """

    num_windows: int
    """Windows that were corrupted."""
    num_raw_tokens: int
    """Their tokens."""
    source: Range
    """Lengths of sources, in tokens, their eos included."""
    target: Range
    """Lengths of targets, in tokens, their eos included where they have one."""
    promised_source: Range
    """What `longest` promised of the sources: batches are padded to it."""
    promised_target: Range
    """What `longest` promised of the targets."""
    num_longer: int
    """Examples whose source or target is longer than promised."""
    num_told: int
    """Tokens of the windows of which it is known what was hidden."""
    hidden: Range
    """Hidden tokens a window, of windows where that is known."""
    spans: Range
    """Hidden spans a window, of windows where that is known; spans of no tokens count."""
    span_lengths: Int32s
    """int64[longest span + 1]: how many spans hide 0, 1, 2, ... tokens."""

    @staticmethod
    def of(
        window_lens: Sequence[int] | Int32s,
        lengths: Sequence[Lengths],
        promised: Sequence[Lengths],
        spans: Sequence[Int32s | None],
    ) -> Statistics:
        """Of windows one by one: tokens, lengths of examples, what `longest` says, and lengths of hidden spans.

        `spans` has None for windows of which it is not known what was hidden.
        """
        made, most = (np.array(pairs, dtype=np.int64).reshape(-1, 2) for pairs in (lengths, promised))
        told = [found for found in spans if found is not None]
        together = np.concatenate([np.empty(0, dtype=np.int64), *told])
        return Statistics(
            num_windows=len(window_lens),
            num_raw_tokens=int(np.sum(window_lens, dtype=np.int64)),
            source=Range.of(made[:, 0]),
            target=Range.of(made[:, 1]),
            promised_source=Range.of(most[:, 0]),
            promised_target=Range.of(most[:, 1]),
            num_longer=int((made > most).any(axis=1).sum()),
            num_told=sum(int(n) for n, found in zip(window_lens, spans, strict=True) if found is not None),
            hidden=Range.of([int(found.sum()) for found in told]),
            spans=Range.of([len(found) for found in told]),
            span_lengths=np.bincount(together),
        )

    def __add__(self, other: Statistics) -> Statistics:
        longest = max(len(self.span_lengths), len(other.span_lengths))
        padded = [np.pad(s.span_lengths, (0, longest - len(s.span_lengths))) for s in (self, other)]
        names = [name for name in self.__dataclass_fields__ if name != "span_lengths"]
        added = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Statistics(**added, span_lengths=padded[0] + padded[1])

    @property
    def rate(self) -> float | None:
        """The fraction of tokens that were hidden; None if that is not known of any window."""
        return self.hidden.total / self.num_told if self.num_told else None

    @property
    def mean_span_length(self) -> float | None:
        """Hidden tokens a span; None if there is no span."""
        return self.hidden.total / self.spans.total if self.spans.total else None

    @property
    def padding_share(self) -> float:
        """The fraction of the places of batches, as long as promised, that no token fills."""
        room = self.promised_source.total + self.promised_target.total
        return max(room - self.source.total - self.target.total, 0) / room if room else 0.0

    @property
    def tokens_a_raw_token(self) -> float | None:
        """What reading a token of text costs, in encoder + decoder tokens; None of no text."""
        return (self.source.total + self.target.total) / self.num_raw_tokens if self.num_raw_tokens else None


def measured(
    corruption: Corruption,
    windows: Sequence[Window],
    vocab: Vocab,
    *,
    seed: int = 0,
    examples: Sequence[Example] | None = None,
) -> Statistics:
    """Corrupt windows, the first at window 0 of epoch 0, and measure; `examples` are those, if already made."""
    return sum_of(list(measured_parts(corruption, windows, vocab, seed=seed, examples=examples).values()))


def measured_parts(
    corruption: Corruption,
    windows: Sequence[Window],
    vocab: Vocab,
    *,
    seed: int = 0,
    examples: Sequence[Example] | None = None,
) -> dict[str, Statistics]:
    """The same for each part of a mixture that was drawn, by its description; all others are one part.

    >>> from corruptions import Mixture, SpanCorruption, TokenDeletion
    >>> from corruptions.letters import LETTERS, window_of
    >>> mixture = Mixture(parts=[SpanCorruption(), TokenDeletion()])
    >>> found = measured_parts(mixture, [window_of("a b c d e f g h")] * 20, LETTERS)
    >>> {name.split(" (")[0]: part.num_windows for name, part in found.items()}
    {'span corruption': 8, 'token deletion': 12}
    """
    addresses = [(seed, 0, number) for number in range(len(windows))]
    if examples is None:
        examples = [corruption.corrupt(w, Draws(*at), vocab) for w, at in zip(windows, addresses, strict=True)]
    rows: dict[str, list[_Row]] = {}
    for window, example, address in zip(windows, examples, addresses, strict=True):
        part = corruption.chosen(Draws(*address))
        rows.setdefault(part.describe(), []).append(
            _Row(
                len(window.tokens),
                Lengths(len(example.source), len(example.target)),
                part.longest(len(window.tokens)),
                hidden_spans(part, window, Draws(*address), vocab),
            )
        )
    return {name: Statistics.of(*zip(*found, strict=True)) for name, found in rows.items()}


class _Row(NamedTuple):
    """One window, as `Statistics.of` takes it."""

    window_len: int
    lengths: Lengths
    promised: Lengths
    spans: Int32s | None


def sum_of(parts: Sequence[Statistics]) -> Statistics:
    """All parts as one; none is a statistic of no windows."""
    return reduce(add, parts, Statistics.of([], [], [], []))


def hidden_spans(part: Corruption, window: Window, draws: Draws, vocab: Vocab) -> Int32s | None:
    """The lengths of the spans hidden at this address, 0 for those of no tokens; None: not known.

    A corruption that plans tells them; of all others they are the runs of hidden tokens.
    """
    if isinstance(part, PlannedCorruption):
        return part.plan(window, draws).lengths
    hidden = part.hidden(window, draws, vocab)
    return None if hidden is None else runs(hidden)


def runs(hidden: Bools) -> Int32s:
    """The lengths of the runs of hidden tokens.

    >>> runs(np.array([True, True, False, True])).tolist()
    [2, 1]
    """
    edges = np.diff(np.concatenate([[False], hidden, [False]]).astype(np.int8))
    return np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
