"""Of all pages with the same line, one keeps it: the one whose URL has the smallest MD5, in any order of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import md5

from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document, Dropped


def digest64(text: str) -> int:
    """The first 64 bits of a text's MD5; among 10¹⁰ lines about three are taken for others.

    >>> digest64("a")
    919145239626757800
    """
    return int.from_bytes(md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:8], "big")


def line_hashes(text: str) -> list[int]:
    r"""One hash a line; case, and blanks around, make no difference.

    >>> one, two = line_hashes(" The Fox.\nthe fox.")
    >>> one == two
    True
    """
    return [digest64(line.strip().lower()) for line in text.split("\n")]


def priority(url: str) -> int:
    """A page's place in the one order that holds for all lines: of the pages with a line, the lowest keeps it.

    With an order of its own for each line, two pages that share several could both lose them all.
    """
    return digest64(url)


def owners(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Pairs of line hash and priority → the lowest priority of each hash.

    >>> owners([(7, 30), (7, 20), (8, 50), (7, 40)])
    {7: 20, 8: 50}
    """
    lowest: dict[int, int] = {}
    for line, place in pairs:
        if place <= lowest.get(line, place):
            lowest[line] = place
    return lowest


def without_duplicates(
    document: Document, lowest: Mapping[int, int], rules: Rules, cut: Counter[str]
) -> Document | Dropped:
    """A document without the lines that other pages keep, or that stand further up; those are counted in `cut`."""
    place = priority(document.url)
    kept: dict[int, str] = {}
    lines = document.text.split("\n")
    for line, line_hash in zip(lines, line_hashes(document.text), strict=True):
        if lowest[line_hash] != place:
            cut["duplicate"] += 1
        elif line_hash in kept:
            cut["repeated"] += 1
        else:
            kept[line_hash] = line
    if not kept:
        return Dropped("all duplicates")
    text = document.text if len(kept) == len(lines) else "\n".join(kept.values())
    wanted = rules.profile.min_sentences
    if rules.count_sentences(text, wanted) < wanted:
        return Dropped("too few sentences left")
    return Document(url=document.url, time=document.time, text=text)
