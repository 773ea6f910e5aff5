"""Which tokens of an example belong together: the spans that are hidden, and what stands for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from corruptions import Example, Window
from data_prep.vocab import Vocab

VISIBLE = -1


class Link(NamedTuple):
    """What one token of an example belongs to."""

    place: int | None = None
    """Its place in the text, or that of the one token that it stands for."""
    span: int | None = None
    """The hidden span that it is of, or stands for."""
    block: int | None = None
    """The block that it is moved with; None where nothing moves."""


@dataclass(frozen=True)
class Links:
    """What belongs to what."""

    text: list[Link]
    """One a token of the text."""
    source: list[Link]
    """One a token of the source."""
    target: list[Link]
    """One a token of the target."""


class _Stretch(NamedTuple):
    """Tokens of a source, one behind the other, that are not of the text."""

    marks: list[int]
    """Their places in the source, without control words."""
    before: int
    """The place in the text of the visible token before; -1 at the start of the source."""
    after: int
    """That of the visible token behind; the length of the text at the end of the source."""


def link(window: Window, example: Example, vocab: Vocab, places: Sequence[np.ndarray]) -> Links:
    """Tell from where the tokens come from what was hidden, and what stands for it.

    A hidden span is a run of tokens of the text that no token of the source is; what stands between the
    visible tokens around it stands for it. Where the text moves, the sentinels of the target tell, and else
    spans end where sentences do.
    """
    source = _with_protected(window, example.source, places[0])
    target = _with_protected(window, example.target, places[1])
    return _Linker(window, example, vocab, source, target).links()


class _Linker:
    def __init__(self, window: Window, example: Example, vocab: Vocab, source: np.ndarray, target: np.ndarray) -> None:
        self._vocab, self._text_len = vocab, len(window.tokens)
        self._source_ids, self._target_ids = example.source.tolist(), example.target.tolist()
        self._source, self._target = source.tolist(), target.tolist()
        visible = source[source >= 0]
        self._is_hidden = np.ones(self._text_len, dtype=bool)
        self._is_hidden[visible] = False
        self._is_moved = bool((np.diff(visible) <= 0).any())
        self._span_of = _runs(self._is_hidden, window.sentence_ends if self._is_moved else None)
        self._span_of_sentinel = self._spans_that_are_said()

    def links(self) -> Links:
        marked = {number: found for stretch in self._stretches() for number, found in self._marked(stretch)}
        blocks, block_of_source = (
            self._blocks() if self._is_moved else ([None] * self._text_len, [None] * len(self._source))
        )
        number = {span: count for count, span in enumerate(dict.fromkeys(self._span_of[self._is_hidden].tolist()))}

        def of_text(place: int) -> Link:
            return Link(place, number.get(int(self._span_of[place])), blocks[place])

        def of_source(at: int) -> Link:
            if self._source[at] >= 0:
                return Link(self._source[at], None, block_of_source[at])
            place, span = marked.get(at, (None, None))
            return Link(place, number.get(span), block_of_source[at])

        def of_target(at: int) -> Link:
            if self._target[at] >= 0:
                return of_text(self._target[at])
            return Link(span=number.get(self._span_of_sentinel.get(self._target_ids[at])))

        return Links(
            [of_text(place) for place in range(self._text_len)],
            [of_source(at) for at in range(len(self._source))],
            [of_target(at) for at in range(len(self._target))],
        )

    def _spans_that_are_said(self) -> dict[int, int]:
        """Spans that follow their sentinel in the target become spans of their own; their numbers by sentinel."""
        found: dict[int, int] = {}
        span = None
        for token, place in zip(self._target_ids, self._target, strict=True):
            if token in self._vocab.sentinels:
                span = found[token] = self._text_len + len(found)
            elif span is not None and place >= 0 and self._is_hidden[place]:
                self._span_of[place] = span
        return found

    def _stretches(self) -> Iterator[_Stretch]:
        marks: list[int] = []
        before = -1
        for at, place in enumerate([*self._source, self._text_len]):
            if place < 0:
                if self._stands_for_text(at):
                    marks.append(at)
                continue
            if marks:
                yield _Stretch(marks, before, place)
            marks, before = [], place

    def _stands_for_text(self, at: int) -> bool:
        token, vocab = self._source_ids[at], self._vocab
        return token in vocab.text_ids or token == vocab.mask or token in vocab.sentinels

    def _marked(self, stretch: _Stretch) -> Iterator[tuple[int, tuple[int | None, int | None]]]:
        """For each mark, the place of the one token that it stands for, and its span."""
        hidden = self._hidden_around(stretch)
        spans = list(dict.fromkeys(int(self._span_of[place]) for place in hidden))
        if len(stretch.marks) == len(hidden):
            for at, place in zip(stretch.marks, hidden, strict=True):
                yield at, (place, int(self._span_of[place]))
            return
        if len(stretch.marks) == 1 and self._source_ids[stretch.marks[0]] not in self._span_of_sentinel:
            self._span_of[hidden] = spans[0] if spans else VISIBLE
        for number, at in enumerate(stretch.marks):
            span = spans[min(number, len(spans) - 1)] if spans else None
            yield at, (None, self._span_of_sentinel.get(self._source_ids[at], span))

    def _hidden_around(self, stretch: _Stretch) -> list[int]:
        """The hidden places behind the visible token before, and those before the visible token behind."""
        before, after = stretch.before, stretch.after
        if not self._is_moved:
            return list(range(before + 1, after))
        behind = self._run(before + 1, 1) if before >= 0 else []
        ahead = self._run(after - 1, -1)[::-1] if after < self._text_len else []
        if not behind and not ahead:  # all that is told is that it stands at an end of the source
            ahead = self._run(0, 1) if before < 0 else self._run(self._text_len - 1, -1)[::-1]
        return list(dict.fromkeys([*behind, *ahead]))

    def _run(self, place: int, step: int) -> list[int]:
        found: list[int] = []
        while 0 <= place < self._text_len and self._is_hidden[place]:
            if found and self._span_of[place] != self._span_of[found[0]]:
                break
            found.append(place)
            place += step
        return found

    def _blocks(self) -> tuple[list[int | None], list[int | None]]:
        """For each token of the text, and of the source, the block that it is moved with."""
        firsts: list[int] = []
        of_source: list[int] = []
        last = None
        for place in self._source:
            if place >= 0:
                follows = last is not None and last < place and self._is_hidden[last + 1 : place].all()
                if not follows:
                    firsts.append(place)
                last = place
            of_source.append(max(len(firsts) - 1, 0))
        ascending = np.unique(firsts)
        of_text = (np.searchsorted(ascending, np.arange(self._text_len), side="right") - 1).clip(min=0).tolist()
        numbers = np.searchsorted(ascending, firsts).tolist()
        return of_text, [numbers[block] for block in of_source]


def _runs(is_hidden: np.ndarray, ends: np.ndarray | None) -> np.ndarray:
    """int[text]: hidden tokens that follow each other have one number; VISIBLE elsewhere."""
    starts = is_hidden & ~np.concatenate([[False], is_hidden[:-1]])
    if ends is not None:
        starts |= is_hidden & np.concatenate([[False], ends[:-1]])
    return np.where(is_hidden, np.cumsum(starts) - 1, VISIBLE)


def _with_protected(window: Window, row: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places for protected tokens too: they look alike, so each is taken to be the one behind the token before it."""
    places = places.copy()
    for at in range(1, len(row)):
        place = places[at - 1] + 1
        if places[at] < 0 < place < len(window.tokens) and window.protected[place] and window.tokens[place] == row[at]:
            places[at] = place
    return places
