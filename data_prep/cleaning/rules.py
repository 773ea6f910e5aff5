"""The rules of C4: a page → what is left of it, or the reason why nothing is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from data_prep.cleaning.profiles import Profile
from data_prep.cleaning.sentence_counts import Punkt, english
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.pages import Page

_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_TELLING = ("lorem ipsum", "javascript", *_POLICIES)

# Thai, Lao, Burmese, Khmer, kana and Chinese characters: scripts without blanks between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_UNSPACED_CHARS_PER_WORD = 2

CountSentences = Callable[[str, int], int]
"""Text, limit → how many sentences there are, or the limit if there are more."""


class Rules:
    """One profile's rules, ready for many pages."""

    def __init__(self, profile: Profile) -> None:
        """Raises NoPunkt if the profile counts sentences by a model that is not installed."""
        self.profile = profile
        self._may_end = frozenset(profile.end_marks + "]")
        self._marks = tuple(profile.end_marks)
        self.count_sentences = count_sentences_of(profile)

    def admits(self, page: Page) -> Dropped | None:
        """Why a page is not looked at, nor compared with other copies of it; none: it is."""
        for name, value in (("url", page.url), ("text", page.text), ("time", page.time)):
            if not value or value.isspace():
                return Dropped(f"no {name}")
        if self.profile.counts_raw_chars and len(page.text) > self.profile.longest_page_chars:
            return Dropped("too long")
        return None

    def clean(self, page: Page, cut: Counter[str]) -> Document | Dropped:
        """What the rules for lines leave of a page; lines cut are counted in `cut` by reason.

        >>> from data_prep.cleaning.profiles import C4
        >>> text = "Home | News\\nThe fox came back. It was late. Nobody heard it.\\nPlease turn JavaScript on first."
        >>> cut = Counter()
        >>> Rules(C4).clean(Page(url="a.org", time="2019", text=text), cut).text
        'The fox came back. It was late. Nobody heard it.'
        >>> dict(cut)
        {'no end mark': 1, 'javascript': 1}

        Cheap tests come first: nine lines of ten on the web end without a mark and are never looked at again.
        """
        if not self.profile.forgives_cut_lines and (unfit := _unfit(page.text)):
            return unfit
        lines = self._sentence_lines(page.text, cut)
        text = "\n".join(lines)
        lower = text.lower()
        if "{" in text or any(words in lower for words in _TELLING):
            chosen = self._without_notices(lines, cut)
            if isinstance(chosen, Dropped):
                return chosen
            lines, text = chosen, "\n".join(chosen)
        if not self._has_sentences(lines):
            return Dropped("too few sentences")
        text = text.strip()
        if len(text) > self.profile.longest_page_chars and not self.profile.counts_raw_chars:
            return Dropped("too long")
        return Document(url=page.url, time=page.time, text=text)

    def _sentence_lines(self, text: str, cut: Counter[str]) -> list[str]:
        """The lines that end as sentences do and have enough words, none too long."""
        may_end = self._may_end
        lines = [stripped for line in self._lines(text) if (stripped := line.strip())]
        ended = [line for line in lines if line[-1] in may_end]
        cut["no end mark"] += len(lines) - len(ended)
        longest, least = self.profile.longest_word_chars, self.profile.min_line_words
        kept = []
        for line in ended:
            if len(line) > longest and max(map(len, line.split())) > longest:
                cut["long word"] += 1
                continue
            if "[" in line:
                line = _CITATION.sub("", line)
                if not self.profile.leaves_blanks_of_citations:
                    line = line.strip()
            if not line.endswith(self._marks) or line.endswith("..."):
                cut["no end mark"] += 1
            elif len(line.split(None, least - 1)) < least and not self._has_unspaced_words(line):
                cut["few words"] += 1
            else:
                kept.append(line)
        return kept

    def _lines(self, text: str) -> list[str]:
        if self.profile.splits_at_controls:
            return text.splitlines()
        for line_end in ("\r\n", "\r", "\u2028", "\u2029"):
            if line_end in text:
                text = text.replace(line_end, "\n")
        return text.split("\n")

    def _has_unspaced_words(self, line: str) -> bool:
        """Whether a line in a script without blanks is as long as the words asked for."""
        if self.profile.counts_english_sentences or line.isascii():
            return False
        num_words = len(line.split()) + len(_UNSPACED.findall(line)) // _UNSPACED_CHARS_PER_WORD
        return num_words >= self.profile.min_line_words

    def _without_notices(self, lines: list[str], cut: Counter[str]) -> list[str] | Dropped:
        kept = []
        for line in lines:
            lower = line.lower()
            if "javascript" in lower and "lorem ipsum" not in lower:
                cut["javascript"] += 1
            elif unfit := _unfit(line):
                return unfit
            elif any(policy in lower for policy in _POLICIES):
                cut["policy"] += 1
            else:
                kept.append(line)
        return kept

    def _has_sentences(self, lines: list[str]) -> bool:
        """Whether the lines, each of which is a sentence at least, are enough together."""
        missing = self.profile.min_sentences - len(lines)
        for line in lines:
            if missing <= 0:
                return True
            missing -= self.count_sentences(line, missing + 1) - 1
        return missing <= 0


def _unfit(text: str) -> Dropped | None:
    # Bytes are lowered ten times as fast, and no capital outside ASCII becomes one of these letters.
    if b"lorem ipsum" in text.encode("utf-8", "surrogatepass").lower():
        return Dropped("lorem ipsum")
    return Dropped("curly bracket") if "{" in text else None


def count_sentences_of(profile: Profile) -> CountSentences:
    """The way in which a profile counts sentences. Raises NoPunkt."""
    if profile.counts_english_sentences:
        return Punkt(english(), at_curly_quotes=profile.ends_at_curly_quotes).count

    def count(text: str, at_most: int) -> int:
        from data_prep.sentences import sentence_ends

        return min(len(sentence_ends(text, profile.language)), at_most)

    return count
