"""An example as tokens that know where in the text they come from, and which hidden span they belong to.

Nothing here knows any objective. The objective is asked twice: for the text, and for as many tokens that all
differ; what becomes of those tells where each token of its example was. So text that moves, mixtures and
plug-ins are drawn like all others, as long as what they do does not depend on what the words are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

import numpy as np

from corruptions import Corruption, Draws, Example
from data_prep.errors import BadInput
from denoise.explore.config import Objective
from denoise.explore.links import Link, Links, link
from denoise.explore.subject import Subject


class BadObjectiveCode(BadInput):
    """A plug-in that raises something, or gives what is no example."""


class Kind(Enum):
    """What a token of an example is."""

    TEXT = "text"
    """A token of the text."""
    MARK = "mark"
    """Stands for hidden text: a sentinel or a mask."""
    OTHER = "other"
    """A token of the vocabulary that is not the text's, shown in the place of a hidden one."""
    CONTROL = "control"
    """A word to the model that stands for no text: a mode, a separator, an answer."""
    END = "end"
    """The eos behind a source or a target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token as it is drawn."""

    name: str
    """How it is written where tokens stand apart."""
    flowing: str
    """How it is written where text flows."""
    has_space: bool
    """Whether a space belongs before it where text flows."""
    kind: Kind = Kind.TEXT
    """What it is."""
    place: int | None = None
    """Its place in the text, or that of the one token that it stands for."""
    span: int | None = None
    """The number of the hidden span that it belongs to, or stands for; None: it is not hidden."""
    block: int | None = None
    """The number, in the order of the text, of the block that it was moved with; None: nothing moves."""


Tokens = tuple[Token, ...]

MOST_BLOCKS = 24
"""Where more blocks are moved than this, colours would say nothing, and their numbers alone tell."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What one objective makes of the text."""

    name: str
    """What the objective is called."""
    about: str
    """What it is, with its options."""
    part: str
    """The part of a mixture that was drawn; empty for all others."""
    text: Tokens
    """The window."""
    source: Tokens
    """What the encoder reads, its end included."""
    target: Tokens
    """What the decoder says, its end included."""
    is_known: bool
    """Whether it is known where tokens come from; if not, they have no places and no spans."""

    @property
    def is_moved(self) -> bool:
        """Whether the encoder reads the text in another order."""
        return any(token.block is not None for token in self.source)

    @property
    def num_tokens(self) -> int:
        """Encoder and decoder tokens: what the example costs."""
        return len(self.source) + len(self.target)


def drawn(
    subject: Subject, objective: Objective, *, seed: int, step: int = 0, epoch: int = 0, window: int = 0
) -> Drawing:
    """Ask the objective at an address, and draw what it says. Raises BadInput with what went wrong."""
    corruption = objective.corruption.at(step)
    draws = partial(Draws, seed=seed, epoch=epoch, window=window)
    try:
        part = corruption.chosen(draws())
        example = corruption.corrupt(subject.window, draws(), subject.vocab)
        _demand_ids(corruption, example, subject)
        about = corruption.describe()
    except BadInput:
        raise
    except Exception as error:
        raise failure(corruption, error) from error
    places = _places(subject, corruption, example, draws)
    links = link(subject.window, example, subject.vocab, places) if places is not None else None
    return Drawing(
        name=objective.name,
        about=about,
        part="" if part is corruption else part.describe(),
        text=_text(subject, links),
        source=_row(subject, example.source, links.source if links else None),
        target=_row(subject, example.target, links.target if links else None),
        is_known=links is not None,
    )


def failure(corruption: Corruption, error: Exception) -> BadObjectiveCode:
    """What a plug-in's exception says, in a sentence that names its line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    said = f": {' '.join(str(error).split())}" if str(error) else ""
    return BadObjectiveCode(f"{type(corruption).__name__} raised {type(error).__name__}{where}{said}; mend its code")


def _demand_ids(corruption: Corruption, example: Example, subject: Subject) -> None:
    for name in ("source", "target"):
        row = getattr(example, name, None)
        if not isinstance(row, np.ndarray) or not _are_ids(row, subject.vocab.size):
            raise BadObjectiveCode(
                f"{type(corruption).__name__} gives a {name} that is no array of ids from 0 to "
                f"{subject.vocab.size - 1}; corruptions.contract.check tells which laws it breaks"
            )


def _are_ids(row: np.ndarray, vocab_size: int) -> bool:
    is_row = row.ndim == 1 and np.issubdtype(row.dtype, np.integer)
    return is_row and bool((row >= 0).all() and (row < vocab_size).all())


def _places(
    subject: Subject, corruption: Corruption, example: Example, draws: Callable[[], Draws]
) -> tuple[np.ndarray, ...] | None:
    """int32[source] and int32[target], the place in the text of each token, -1 for what is not from there.

    None where the objective makes something else of other words, so that asking it told nothing.
    """
    for window in (subject.tagged(with_protected=True), subject.tagged(with_protected=False)):
        try:
            tagged = corruption.corrupt(window, draws(), subject.tagged_vocab)
        except Exception:  # a plug-in may rely on its vocabulary; its example is shown, if without places
            continue
        source = _traced(subject, example.source, tagged.source)
        target = _traced(subject, example.target, tagged.target)
        if source is not None and target is not None:
            return source, target
    return None


def _traced(subject: Subject, row: np.ndarray, tags: np.ndarray) -> np.ndarray | None:
    """The places that tags tell; None if they are not those of this row."""
    if len(row) != len(tags):
        return None
    text = subject.window.tokens
    places = tags.astype(np.int64) - subject.vocab.size
    is_text = (places >= 0) & (places < len(text))
    is_same = np.where(is_text, text[np.where(is_text, places, 0)], tags) == row
    is_drawn = (places >= len(text)) & ~subject.vocab.is_special[row]
    return np.where(is_text, places, -1).astype(np.int32) if (is_same | is_drawn).all() else None


def _text(subject: Subject, links: Links | None) -> Tokens:
    row = _row(subject, subject.window.tokens, None)
    if links is None:
        return row
    linked = zip(row, links.text, strict=True)
    return tuple(replace(t, kind=Kind.TEXT, place=at.place, span=at.span, block=at.block) for t, at in linked)


def _row(subject: Subject, row: np.ndarray, links: Sequence[Link] | None) -> Tokens:
    tokens = row.tolist()
    where = links or [Link()] * len(tokens)
    made = []
    for number, (token, (place, span, block)) in enumerate(zip(tokens, where, strict=True)):
        is_end = number == len(tokens) - 1 and token == subject.vocab.eos
        made.append(
            Token(
                name=subject.name(token),
                flowing=subject.flowing(token),
                has_space=subject.has_space(token),
                kind=Kind.END if is_end else _kind(subject, token, place),
                place=None if is_end else place,
                span=span,
                block=None if is_end else block,
            )
        )
    return tuple(made)


def _kind(subject: Subject, token: int, place: int | None) -> Kind:
    vocab = subject.vocab
    if token == vocab.mask or token in vocab.sentinels:
        return Kind.MARK
    if token in vocab.text_ids or token == vocab.unk:
        is_own = place is None or int(subject.window.tokens[place]) == token
        return Kind.TEXT if is_own else Kind.OTHER
    return Kind.TEXT if place is not None else Kind.CONTROL
