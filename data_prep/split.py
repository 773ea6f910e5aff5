"""Which documents are trained on and which are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from data_prep.sentences import sentence_ends
from data_prep.sources import BadSource

_NUM_HASHES = 1 << 64


class Side(NamedTuple):
    """A text and the split it belongs to."""

    split: str
    """`train` or `held_out`."""
    text: str
    """Never blank."""


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How the documents of one corpus are divided; a function of their texts, so order changes nothing."""

    sides: Callable[[str], Iterator[Side]]
    """The sides of one document: itself on one side, or its head and its tail."""
    sentence: str
    """The rule in words, for the manifest."""


def choose_rule(texts: Callable[[], Iterable[str]], held_out_fraction: float, language: str) -> SplitRule:
    """The rule for a corpus, which `texts` reads from its start at every call.

    By hash: a document is held out if its hash lies in the lowest `held_out_fraction` of all hashes. Equal
    texts share a side. If chance leaves a side empty, the lowest hash is held out, or the highest trained on.

    By tails: in a corpus too small for the fraction (fewer than 1 / fraction documents), the last part of
    each document is held out instead, from the sentence end nearest to the fraction on. This serves the
    user of one long text file.

    Raises BadSource when there is no way to have both sides.
    """
    num_documents, lowest, highest = 0, _NUM_HASHES, -1
    for text in texts():
        rank = _hash(text)
        num_documents, lowest, highest = num_documents + 1, min(lowest, rank), max(highest, rank)
    if num_documents * held_out_fraction < 1 and any(tail_start(text, held_out_fraction, language) for text in texts()):
        return _by_tails(held_out_fraction, language)
    if lowest >= highest:
        raise BadSource(
            "the corpus is one text without a place to cut it, so nothing can be held out; give more text"
            if num_documents == 1
            else f"all {num_documents} documents are the same text, so none can be held out; give others"
        )
    below = int(held_out_fraction * _NUM_HASHES)
    below = highest if highest < below else max(below, lowest + 1)
    return _by_hash(below, held_out_fraction)


def _by_hash(below: int, held_out_fraction: float) -> SplitRule:
    def sides(text: str) -> Iterator[Side]:
        yield Side("held_out" if _hash(text) < below else "train", text)

    return SplitRule(
        sides=sides,
        sentence=f"documents whose hash lies in the lowest {held_out_fraction:g} of all hashes are held out",
    )


def _by_tails(held_out_fraction: float, language: str) -> SplitRule:
    def sides(text: str) -> Iterator[Side]:
        start = tail_start(text, held_out_fraction, language)
        yield Side("train", text[:start].rstrip() if start else text)
        if start:
            yield Side("held_out", text[start:].strip())

    return SplitRule(
        sides=sides,
        sentence=f"too few documents to hold out whole ones: the last {held_out_fraction:g} of each is",
    )


def tail_start(text: str, fraction: float, language: str) -> int:
    """The offset behind the sentence that leaves about `fraction` of a text, or 0 if it cannot be cut.

    A text without sentence ends is cut at white space.

    >>> text = "One is here. Two is here. Three is here."
    >>> text[tail_start(text, 0.3, "en"):]
    ' Three is here.'
    """
    places = [int(end) for end in sentence_ends(text, language)[:-1]]
    places = places or [i for i, character in enumerate(text) if character.isspace()]
    wanted = len(text) * (1 - fraction)
    return min(places, key=lambda place: abs(place - wanted), default=0)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
