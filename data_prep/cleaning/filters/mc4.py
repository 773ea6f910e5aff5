"""The filter of mC4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from data_prep.cleaning.filters.base import PageFilter


@dataclass(frozen=True, kw_only=True)
class LongParagraphs(PageFilter):
    """Some lines of a page must be as long as paragraphs.

    Source: Xue et al. 2021, arXiv:2010.11934, section 3.1; `paragraph_filter` of
    https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/text/c4_utils.py (there all lines were
    stripped when they were read; here blanks around a line do not count).
    """

    min_lines: int = 3
    """So many lines must be long."""
    min_line_chars: int = 200
    """A line of so many characters is long."""

    reasons: ClassVar[Mapping[str, str]] = {"no paragraphs": "hardly a line is as long as a paragraph"}

    def reason_for(self, text: str) -> str | None:
        """`no paragraphs`, or none."""
        num_long = 0
        for line in text.split("\n"):
            if len(line) >= self.min_line_chars and len(line.strip()) >= self.min_line_chars:
                num_long += 1
        return "no paragraphs" if num_long < self.min_lines else None
