"""The filter that FineWeb adds to those of Gopher and C4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from data_prep.cleaning.filters.base import PageFilter, words_of


@dataclass(frozen=True, kw_only=True)
class FineWebQuality(PageFilter):
    """Pages must not be lists, nor repeat their lines.

    Source: FineWebQualityFilter of https://github.com/huggingface/datatrove, whose numbers made the data set; Penedo et
    al. 2024, arXiv:2406.17557, section 3.6. Blank lines do not count. In datatrove's first version they did, and a
    page at a limit was dropped; today's takes 159 marks of all scripts, and no quotes, for ends of lines. Words are
    those of `words_of`.
    """

    end_marks: str = ".!?\"'"
    """Characters that end a line as a sentence ends."""
    min_ended_lines: float = 0.12
    """Share of the lines that end in a mark, 0 to 1."""
    short_line_chars: int = 30
    """A line of no more characters is short."""
    max_short_lines: float = 0.67
    """Share of the lines that are short, 0 to 1."""
    max_repeated_chars: float = 0.01
    """Share of the characters, line ends left out, in lines that stand further up already, 0 to 1."""
    max_lines_per_word: float = 0.3
    """Line ends in the text for each word."""

    reasons: ClassVar[Mapping[str, str]] = {
        "few ended lines": "hardly a line ends as a sentence does",
        "short lines": "most lines are short, as in a list or a menu",
        "repeated lines": "too much of it stands in lines that are repeated",
        "many lines": "too many lines for its words, as in a list",
    }

    def reason_for(self, text: str) -> str | None:
        """The first of the limits that a page does not keep to, in the order of `reasons`."""
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if not lines:
            return "few ended lines"
        marks = self.end_marks
        if sum([line[-1] in marks for line in lines]) / len(lines) < self.min_ended_lines:
            return "few ended lines"
        longest = self.short_line_chars
        if sum([len(line) <= longest for line in lines]) / len(lines) > self.max_short_lines:
            return "short lines"
        num_line_ends = text.count("\n")
        num_repeated = repeated_chars(lines)
        if num_repeated / (len(text) - num_line_ends) > self.max_repeated_chars:
            return "repeated lines"
        if num_line_ends / len(words_of(text)) > self.max_lines_per_word:
            return "many lines"
        return None


def repeated_chars(parts: list[str]) -> int:
    """Characters in parts that equal an earlier one.

    >>> repeated_chars(["ab", "c", "ab", "ab"])
    4
    """
    different = set(parts)
    if len(different) == len(parts):
        return 0
    return sum(map(len, parts)) - sum(map(len, different))
