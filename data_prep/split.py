"""Which documents are trained on and which are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal, NamedTuple

from data_prep.reading.sources import BadSource
from data_prep.sentences import sentence_ends

NUM_RANKS = 1 << 64


class Side(NamedTuple):
    """A text and the split it belongs to."""

    split: str
    """`train` or `held_out`."""
    text: str
    """Never blank."""


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How the documents of one corpus are divided; a function of their texts, so order changes nothing."""

    by: Literal["pages", "hash", "tails"]
    """pages: as cleaning has it, by address or by text. hash: by text, with another threshold. tails: the last part
    of every document is held out."""
    held_out_fraction: float
    """Above 0 and at most 0.5."""
    language: str
    """Two-letter code, for where sentences end."""
    below: int = 0
    """By hash: documents whose hash is lower are held out."""

    def sides(self, split: str, text: str) -> Iterator[Side]:
        """The sides of one document, itself on one or its head and its tail; `split` is what cleaning says."""
        if self.by == "tails":
            start = tail_start(text, self.held_out_fraction, self.language)
            yield Side("train", text[:start].rstrip() if start else text)
            if start:
                yield Side("held_out", text[start:].strip())
        elif self.by == "hash":
            yield Side("held_out" if text_rank(text) < self.below else "train", text)
        else:
            yield Side("train" if split == "train" else "held_out", text)

    @property
    def sentence(self) -> str:
        """The rule in words, for the manifest."""
        if self.by == "tails":
            return f"too few documents to hold out whole ones: the last {self.held_out_fraction:g} of each is"
        what = "whose address, or else text, has" if self.by == "pages" else "with"
        return f"documents {what} a hash in the lowest {self.held_out_fraction:g} of all hashes are held out"


def choose_rule(
    texts: Callable[[], Iterable[str]], num_documents: Mapping[str, int], held_out_fraction: float, language: str
) -> SplitRule:
    """The rule for a corpus, which `texts` reads from its start at every call.

    `num_documents` are those that cleaning has put on either side. Where that leaves a side empty, by chance
    or in a small corpus, the text of the lowest hash is held out, or that of the highest trained on. In a
    corpus too small for the fraction (fewer than 1 / fraction documents) the last part of each document is
    held out instead, from the sentence end nearest to the fraction on: this serves the user of one long file.

    Raises BadSource when there is no way to have both sides.
    """
    rule = SplitRule(by="pages", held_out_fraction=held_out_fraction, language=language)
    total = sum(num_documents.values())
    if total * held_out_fraction < 1 and any(tail_start(text, held_out_fraction, language) for text in texts()):
        return replace(rule, by="tails")
    if min(num_documents.values()) > 0:
        return rule
    ranks = {text_rank(text) for text in texts()}
    if len(ranks) < 2:
        raise BadSource(
            "the corpus is one text without a place to cut it, so nothing can be held out; give more text"
            if total == 1
            else f"all {total} documents are the same text, so none can be held out; give others"
        )
    below = max(int(held_out_fraction * NUM_RANKS), min(ranks) + 1)
    return replace(rule, by="hash", below=min(below, max(ranks)))


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


def text_rank(text: str) -> int:
    """The place of a text among NUM_RANKS, by its hash."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
