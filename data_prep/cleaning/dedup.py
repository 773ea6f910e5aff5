"""Of all pages with the same text, one keeps it: the one whose URL has the smallest MD5, in any order of files.

What is compared is a choice: lines, as the code that made C4 does, or spans of sentences, as its paper says. Both
give keys, 64-bit numbers. A page loses each key that a page of lower priority has too, and then says itself what is
left of it. So texts never meet, only keys do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from hashlib import md5
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from data_prep.cleaning.verdicts import Document, Dropped

if TYPE_CHECKING:  # a profile chooses among these
    from data_prep.cleaning.rules import Rules


class DedupUnit(Enum):
    """What one page alone may keep."""

    NONE = "none"
    """Nothing is compared."""
    LINES = "lines"
    """Lines (the code that made C4)."""
    SPANS = "spans"
    """Three successive sentences (the paper of T5, Raffel et al. 2020, section 2.2)."""


class Dedup(ABC):
    """One way to compare pages."""

    @abstractmethod
    def keys(self, text: str) -> list[int]:
        """What other pages may have too, as numbers of 64 bits without a sign; the same number may come again."""

    @abstractmethod
    def without(
        self, document: Document, keys: Sequence[int], lost: Collection[int], rules: Rules, cut: Counter[str]
    ) -> Document | Dropped:
        """A document without what other pages keep, the keys in `lost`, and what it says twice; counted in `cut`.

        `keys` are those of its text, which need not be found a second time. Sentences are counted once more, even if
        nothing is cut, for the code that made C4 counts otherwise then.
        """


class Nothing(Dedup):
    """No page is compared."""

    def keys(self, text: str) -> list[int]:
        """None."""
        return []

    def without(
        self, document: Document, keys: Sequence[int], lost: Collection[int], rules: Rules, cut: Counter[str]
    ) -> Document | Dropped:
        """The document."""
        return document


class Lines(Dedup):
    """Lines are compared; case, and blanks around, make no difference."""

    def keys(self, text: str) -> list[int]:
        r"""One key a line; blank ones have none.

        >>> one, two = Lines().keys(" The Fox.\nthe fox.")
        >>> one == two
        True
        """
        return [text_key(stripped) for line in text.lower().split("\n") if (stripped := line.strip())]

    def without(
        self, document: Document, keys: Sequence[int], lost: Collection[int], rules: Rules, cut: Counter[str]
    ) -> Document | Dropped:
        """A document without the lines that other pages keep, or that stand further up."""
        if not lost and len(set(keys)) == len(keys):
            return what_is_left(document, document.text, rules)
        key_of_next = iter(keys)
        seen: set[int] = set()
        kept = []
        for line in document.text.split("\n"):
            key = next(key_of_next) if line.strip() else None
            if key is None:
                kept.append(line)
            elif key in lost:
                cut["duplicate"] += 1
            elif key in seen:
                cut["repeated"] += 1
            else:
                kept.append(line)
                seen.add(key)
        return what_is_left(document, "\n".join(kept), rules)


def what_is_left(document: Document, text: str, rules: Rules) -> Document | Dropped:
    """A document of this text alone, or why it is dropped."""
    if not text or text.isspace():
        return Dropped("all duplicates")
    if rules.lacks_sentences(text):
        return Dropped("too few sentences left")
    return document if text is document.text else replace(document, text=text)


def dedup_of(unit: DedupUnit, language: str = "en") -> Dedup:
    """The way to compare what a profile names; `language` is a two-letter code, for where sentences end."""
    if unit is DedupUnit.SPANS:
        from data_prep.cleaning.sentence_spans import SentenceSpans  # which is one of these itself

        return SentenceSpans(language)
    return Lines() if unit is DedupUnit.LINES else Nothing()


def text_key(text: str) -> int:
    """XXH3 of a line or a span, by which it is compared, 64 bits; MD5 takes longer (LOG.md, cleaning once more).

    Among 10¹⁰ lines about three are taken for others.

    >>> text_key("a")
    16629034431890738719
    """
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def digest64(text: str) -> int:
    """The first 64 bits of a text's MD5, which C4's code orders pages by.

    >>> digest64("a")
    919145239626757800
    """
    return int.from_bytes(md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:8], "big")


def priority(url: str) -> int:
    """A page's place in the one order that holds for all keys: of the pages with a key, the lowest keeps it.

    With an order of its own for each key, two pages that share several could both lose them all.
    """
    return digest64(url)


def priority_of(document: Document) -> int:
    """The priority of a page by its URL, or by its text if it has none: both are its own in any division of files."""
    return priority(document.url or "\0" + document.text)


def owners(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Pairs of key and priority → the lowest priority of each key.

    >>> owners([(7, 30), (7, 20), (8, 50), (7, 40)])
    {7: 20, 8: 50}
    """
    lowest: dict[int, int] = {}
    for key, place in pairs:
        if place <= lowest.get(key, place):
            lowest[key] = place
    return lowest


def lost_by(place: int, keys: Iterable[int], lowest: Mapping[int, int]) -> set[int]:
    """Which keys of a page of this priority other pages keep.

    >>> lost_by(30, [7, 8], {7: 20, 8: 30})
    {7}
    """
    return {key for key in keys if lowest[key] != place}
