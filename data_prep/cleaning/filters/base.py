"""What a filter of pages is, and the words that several of them count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar


class PageFilter(ABC):
    """Keeps a page as it is, or drops it for a reason.

    Subclasses are frozen, keyword-only dataclasses; their fields are their options.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Quiet(PageFilter):
    ...     most_marks: int = 3
    ...     reasons: ClassVar = {"shouting": "too many exclamation marks"}
    ...
    ...     def reason_for(self, text: str) -> str | None:
    ...         return "shouting" if text.count("!") > self.most_marks else None
    >>> Quiet(most_marks=1).reason_for("No! No!")
    'shouting'
    """

    reasons: ClassVar[Mapping[str, str]]
    """Every reason for which it may drop a page, and a sentence that explains it."""

    @abstractmethod
    def reason_for(self, text: str) -> str | None:
        """Why a page with this text, never empty, is dropped: one of `reasons`; none: it is kept."""


@lru_cache(maxsize=1)
def words_of(text: str) -> list[str]:
    """What stands between white space; not to be changed: filters that follow each other share it.

    Punctuation stays with its word. datatrove splits by spaCy or NLTK by language, which makes words of marks
    (`home.` is two), so there means are shorter and counts higher. A script without blanks gives one long word a
    phrase: leave limits on words out for it.
    """
    return text.split()
