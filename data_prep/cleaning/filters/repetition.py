"""The repetition filter of Gopher's MassiveWeb."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data_prep.cleaning.filters.base import PageFilter, words_of
from data_prep.cleaning.filters.fineweb import repeated_chars

_PARAGRAPH_END = re.compile(r"\n{2,}")
_STEP = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no bit of a hash is lost; 2⁶⁴ by the golden ratio
_TOP_SIZE, _REPEATED_SIZE = 2, 5
"""Words in the shortest runs that the two tuples of limits are for."""

_Hashes = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class GopherRepetition(PageFilter):
    """Pages must not repeat themselves: their lines, their paragraphs, or runs of n words.

    Source: Rae et al. 2021, arXiv:2112.11446, appendix A.1.1, "Repetition Removal" and table A1. As in datatrove's
    GopherRepetitionFilter the first of several equal parts is not a repetition, shares are of all characters of the
    text, a top run counts with the blanks between its words and a repeated one without, and runs are compared from
    the start of the text, behind each repeated one anew. Words are those of `words_of`. Unlike there, a top run must
    occur twice (there a page of few words may be dropped for its first two), and blank lines are no lines.
    Words are compared by 64-bit hashes.
    """

    max_repeated_lines: float = 0.3
    """Share of the lines that stand further up already, 0 to 1."""
    max_repeated_paragraphs: float = 0.3
    """Share of the paragraphs (blank lines between) that stand further up already, 0 to 1."""
    max_repeated_line_chars: float = 0.2
    """Share of the characters in such lines, 0 to 1."""
    max_repeated_paragraph_chars: float = 0.2
    """Share of the characters in such paragraphs, 0 to 1."""
    max_top_run_chars: tuple[float, ...] = (0.2, 0.18, 0.16)
    """Share of the characters in the run that occurs most often (of several the first): for runs of 2 words, of 3, of 4
    and so on, 0 to 1."""
    max_repeated_run_chars: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.1)
    """Share of the characters in runs that stand further up already: for runs of 5 words, of 6 and so on, 0 to 1."""

    reasons: ClassVar[Mapping[str, str]] = {
        "lines repeat": "too many of its lines stand further up already",
        "paragraphs repeat": "too many of its paragraphs stand further up already",
        "one run repeats": "two, three or four words in a row come again and again",
        "runs repeat": "too much of it is five words in a row, or more, that stand further up already",
    }

    def reason_for(self, text: str) -> str | None:
        """The first of the limits that a page does not keep to, in the order of `reasons`."""
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if self._has_repeats(lines, len(text), self.max_repeated_lines, self.max_repeated_line_chars):
            return "lines repeat"
        if "\n\n" in text:
            paragraphs = _PARAGRAPH_END.split(text.strip())
            if self._has_repeats(
                paragraphs, len(text), self.max_repeated_paragraphs, self.max_repeated_paragraph_chars
            ):
                return "paragraphs repeat"
        return self._runs_reason(words_of(text), len(text))

    @staticmethod
    def _has_repeats(parts: list[str], num_chars: int, most: float, most_chars: float) -> bool:
        num_repeated = len(parts) - len(set(parts))
        return num_repeated > 0 and (num_repeated / len(parts) > most or repeated_chars(parts) / num_chars > most_chars)

    def _runs_reason(self, words: list[str], num_chars: int) -> str | None:
        if not words:
            return None
        hashes = np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)
        longest_word_chars = max(map(len, words))
        runs = hashes
        for size, limit in enumerate(self.max_top_run_chars, start=_TOP_SIZE):
            # Below so many times not even a run of the longest word would be too much; most texts end here.
            least = max(int(limit * num_chars / (size * longest_word_chars + size - 1)), 2)
            runs = _longer(runs, hashes)
            if _occur(runs, least):
                num_times, first = _top(runs)
                if num_times * len(" ".join(words[first : first + size])) / num_chars > limit:
                    return "one run repeats"
        return "runs repeat" if self._repeats_runs(words, hashes, num_chars, longest_word_chars) else None

    def _repeats_runs(self, words: list[str], hashes: _Hashes, num_chars: int, longest_word_chars: int) -> bool:
        if not self.max_repeated_run_chars:
            return False
        runs = hashes
        for _ in range(_REPEATED_SIZE - 1):
            runs = _longer(runs, hashes)
        ordered = np.sort(runs)
        repeats = ordered[1:][ordered[1:] == ordered[:-1]]
        # A run that occurs twice begins with a shorter one that does, so what those cover is the most there can be.
        least_limit = min(self.max_repeated_run_chars)
        if len(repeats) * _REPEATED_SIZE * longest_word_chars / num_chars <= least_limit:
            return False
        equal = set(repeats.tolist())
        places = [place for place, run in enumerate(runs.tolist()) if run in equal]
        ends = [0, *accumulate(map(len, words))]
        if _covered_chars(places, ends) / num_chars <= least_limit:
            return False
        for size, limit in enumerate(self.max_repeated_run_chars, start=_REPEATED_SIZE):
            runs = runs if size == _REPEATED_SIZE else _longer(runs, hashes)
            places = [place for place in places if place < len(runs)]
            if _repeated_run_chars(runs[places].tolist(), places, size, ends) / num_chars > limit:
                return True
        return False


def _longer(runs: _Hashes, hashes: _Hashes) -> _Hashes:
    """Of the hashes for so many words from each word on: those for one word more."""
    num_words = len(hashes) - len(runs) + 1
    return runs[:-1] * _STEP + hashes[num_words:]


def _occur(runs: _Hashes, num_times: int) -> bool:
    """Whether a run occurs so many times, two or more."""
    ordered = np.sort(runs)
    return bool((ordered[num_times - 1 :] == ordered[: len(ordered) - num_times + 1]).any())


def _top(runs: _Hashes) -> tuple[int, int]:
    """How often the most frequent run occurs, and where it, or the first of several, stands first."""
    _, first, counts = np.unique(runs, return_index=True, return_counts=True)
    most = counts.max()
    return int(most), int(first[counts == most].min())


def _covered_chars(places: list[int], ends: list[int]) -> int:
    """Characters in the shortest repeated runs, and in those that they repeat."""
    num_chars = until = 0
    for place in places:
        num_chars += ends[place + _REPEATED_SIZE] - ends[max(place, until)]
        until = place + _REPEATED_SIZE
    return num_chars


def _repeated_run_chars(runs: list[int], places: list[int], size: int, ends: list[int]) -> int:
    """Characters in runs that came before; a run that overlaps a repeated one is not looked at."""
    seen: set[int] = set()
    free_from = num_chars = 0
    for place, run in zip(places, runs, strict=True):
        if place < free_from:
            continue
        if run in seen:
            free_from = place + size
            num_chars += ends[free_from] - ends[place]
        else:
            seen.add(run)
    return num_chars
