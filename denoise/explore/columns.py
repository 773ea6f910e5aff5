"""A drawing as columns: a token of the text, what the encoder sees at its place, and what the decoder says there."""

from __future__ import annotations

from dataclasses import dataclass

from denoise.explore.drawing import Drawing, Kind, Tokens


@dataclass(frozen=True, kw_only=True)
class Column:
    """One place of the picture; each row may be empty."""

    text: Tokens = ()
    """The token of the text; none under a mark that stands for nothing, or under a control word."""
    source: Tokens = ()
    """What the encoder sees there. One mark for many tokens stands under the first."""
    target: Tokens = ()
    """What the decoder says there; a sentinel comes before the first token of its span."""

    @property
    def span(self) -> int | None:
        """The hidden span that this place is in."""
        return self.text[0].span if self.text else None


def aligned(drawing: Drawing) -> list[Column]:
    """The columns of a drawing whose encoder reads the text in its own order; each token of the text has one.

    >>> from corruptions import SpanCorruption
    >>> from denoise.explore.config import Objective
    >>> from denoise.explore.drawing import drawn
    >>> from denoise.explore.subject import in_words
    >>> spans = Objective("T5", SpanCorruption(rate=0.5))
    >>> for column in aligned(drawn(in_words("to be or not to be", 99), spans, seed=1)):
    ...     print("|".join(" ".join(token.name for token in row) for row in (column.source, column.target)))
    to|
    be|
    or|
    <0>|<0> not
    |to
    |be
    """
    at_place, before_place = _source_by_place(drawing)
    said = said_by_place(drawing) or {}
    columns: list[Column] = []
    for place, token in enumerate(drawing.text):
        columns += [Column(source=(alone,)) for alone in before_place.get(place, ())]
        columns.append(Column(text=(token,), source=at_place.get(place, ()), target=said.get(place, ())))
    columns += [Column(source=(alone,)) for alone in before_place.get(len(drawing.text), ())]
    return columns


def said_by_place(drawing: Drawing) -> dict[int, Tokens] | None:
    """What the decoder says at each place of the text; None if it does not go through the text in its order."""
    said: dict[int, Tokens] = {}
    marks: Tokens = ()
    last = -1
    for token in without_end(drawing.target):
        if token.place is None:
            marks += (token,)
            continue
        if token.place <= last:
            return None
        last = token.place
        said[last] = (*marks, token)
        marks = ()
    if last < 0:
        return None
    said[last] += marks
    return said


def says_the_text(drawing: Drawing) -> bool:
    """Whether the decoder says the whole text, in its own order."""
    return [token.place for token in without_end(drawing.target)] == [token.place for token in drawing.text]


def without_end(tokens: Tokens) -> Tokens:
    """A source or a target without its eos."""
    return tuple(token for token in tokens if token.kind is not Kind.END)


def _source_by_place(drawing: Drawing) -> tuple[dict[int, Tokens], dict[int, Tokens]]:
    """Source tokens at the places of the text, and those that stand alone before them."""
    spans: dict[int, list[int]] = {}
    for place, token in enumerate(drawing.text):
        if token.span is not None:
            spans.setdefault(token.span, []).append(place)
    at_place: dict[int, Tokens] = {}
    alone: dict[int, Tokens] = {}
    following = 0
    for token in without_end(drawing.source):
        if token.place is not None:
            place, following = token.place, token.place + 1
        elif token.span is not None:
            place, following = spans[token.span][0], spans[token.span][-1] + 1
        else:
            alone[following] = (*alone.get(following, ()), token)
            continue
        at_place[place] = (*at_place.get(place, ()), token)
    return at_place, alone
