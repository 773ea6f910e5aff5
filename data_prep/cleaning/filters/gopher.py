"""The quality filter of Gopher's MassiveWeb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from data_prep.cleaning.filters.base import PageFilter, words_of


@dataclass(frozen=True, kw_only=True)
class GopherQuality(PageFilter):
    """Pages must look like prose by their words and lines.

    Source: Rae et al. 2021, arXiv:2112.11446, appendix A.1.1, "Quality Filtering". Words are those of `words_of`, all
    of them. datatrove's GopherQualityFilter departs from the paper: marks are words of their own, they do not count
    for number and mean length but do for the share with a letter; a hyphen is a bullet (here too); today it asks for
    two different stop words (here too), in 2023 two of any.
    """

    min_words: int = 50
    """A page of fewer words is dropped."""
    max_words: int = 100_000
    """A page of more words is dropped."""
    min_mean_word_chars: float = 3.0
    """The mean length of words must not be lower, in characters."""
    max_mean_word_chars: float = 10.0
    """The mean length of words must not be higher, in characters."""
    max_hashes_per_word: float = 0.1
    """`#` in the text for each word."""
    max_ellipses_per_word: float = 0.1
    """`...` and `…` in the text for each word."""
    bullets: str = "•-"
    """Characters that make a bullet point of the line that they begin; the paper does not name them."""
    max_bullet_lines: float = 0.9
    """Share of the lines, blank ones left out, that begin with a bullet, 0 to 1."""
    max_ellipsis_lines: float = 0.3
    """Share of the lines, blank ones left out, that end in `...` or `…`, 0 to 1."""
    min_alphabetic_words: float = 0.8
    """Share of the words that have a letter in them, 0 to 1."""
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")
    """Words of which a text has some; as they stand, in lower case and without marks beside them."""
    min_stop_words: int = 2
    """So many different stop words must be there; 0 for languages other than English, or give that language's."""

    reasons: ClassVar[Mapping[str, str]] = {
        "few words on page": "too short to be an article",
        "many words on page": "longer than a page of prose is",
        "short words": "words are too short on average to be prose",
        "long words": "words are too long on average to be prose",
        "hashes": "too many # for its words",
        "ellipses": "too many ellipses for its words",
        "bullets": "almost all of it is a list",
        "lines cut short": "too many lines end in an ellipsis: excerpts of other pages",
        "few alphabetic words": "too many words without a letter: numbers and signs",
        "few stop words": "hardly one of the words that every text has",
    }

    def reason_for(self, text: str) -> str | None:
        """The first of the limits that a page does not keep to, in the order of `reasons`."""
        words = words_of(text)
        num_words = len(words)
        if num_words < max(self.min_words, 1):
            return "few words on page"
        if num_words > self.max_words:
            return "many words on page"
        num_chars = len("".join(words))
        if num_chars / num_words < self.min_mean_word_chars:
            return "short words"
        if num_chars / num_words > self.max_mean_word_chars:
            return "long words"
        if text.count("#") / num_words > self.max_hashes_per_word:
            return "hashes"
        num_ellipses = text.count("...") + text.count("…")
        if num_ellipses / num_words > self.max_ellipses_per_word:
            return "ellipses"
        if reason := self._lines_reason(text, has_ellipses=num_ellipses > 0):
            return reason
        if not self._are_alphabetic(words):
            return "few alphabetic words"
        if self.min_stop_words and len(set(self.stop_words).intersection(words)) < self.min_stop_words:
            return "few stop words"
        return None

    def _lines_reason(self, text: str, *, has_ellipses: bool) -> str | None:
        lines = [stripped for line in text.split("\n") if (stripped := line.strip())]
        bullets = self.bullets
        if sum([line[0] in bullets for line in lines]) / len(lines) > self.max_bullet_lines:
            return "bullets"
        if has_ellipses:
            num_cut = sum([line.endswith(("...", "…")) for line in lines])
            if num_cut / len(lines) > self.max_ellipsis_lines:
                return "lines cut short"
        return None

    def _are_alphabetic(self, words: list[str]) -> bool:
        others = [word for word in words if not word.isalpha()]  # few, and only their characters are looked at
        num_alphabetic = len(words) - len(others)
        if num_alphabetic / len(words) < self.min_alphabetic_words:
            num_alphabetic += sum([any(map(str.isalpha, word)) for word in others])
        return num_alphabetic / len(words) >= self.min_alphabetic_words
