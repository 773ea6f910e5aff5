"""The rules of C4: a page → what is left of it, or the reason why nothing is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from data_prep.cleaning.filters import PageFilter
from data_prep.cleaning.profiles import Profile
from data_prep.cleaning.sentence_counts import counter_of
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.errors import BadInput
from data_prep.pages import Page

CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_TELLING = ("lorem ipsum", "javascript", *POLICIES)
_TELLING_WITHOUT_COOKIES = tuple(words for words in _TELLING if "cookie" not in words)

# Thai, Lao, Burmese, Khmer, kana and Chinese characters: scripts without blanks between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_UNSPACED_CHARS_PER_WORD = 2

_LINE_FEED = 10
_CONTROLS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_BLANKS = frozenset(chr(code) for code in range(0x3001) if chr(code).isspace())


class BadFilter(BadInput):
    """A filter that drops a page for a reason that it does not explain."""


class Rules:
    """One profile's rules, ready for many pages."""

    def __init__(self, profile: Profile) -> None:
        """Raises NoPunkt if the profile counts sentences by a model that is not installed."""
        self.profile = profile
        self._marks = frozenset(profile.end_marks)
        # The last byte of a line that is looked at: of a mark, of a citation, or of a blank.
        self._may_be_last = np.zeros(256, bool)
        self._may_be_last[[char.encode()[-1] for char in self._marks | {"]"} | _BLANKS]] = True
        self._may_be_last[_LINE_FEED] = False
        self.count_sentences = counter_of(profile)

    def admits(self, page: Page) -> Dropped | None:
        """Why a page is not looked at, nor compared with other copies of it; none: it is."""
        needed = ("url", "text", "time") if self.profile.needs_url_and_time else ("text",)
        for name in needed:
            value = getattr(page, name)
            if not value or value.isspace():
                return Dropped(f"no {name}")
        # First a cheap look: hardly any page is too long, with blanks or without.
        if self.profile.counts_raw_chars and self._is_too_long(page.text) and self._is_too_long(_stripped(page.text)):
            return Dropped("too long")
        return None

    def clean(self, page: Page, cut: Counter[str]) -> Document | Dropped:
        """What the rules and filters leave of a page; lines cut are counted in `cut` by reason.

        >>> from data_prep.cleaning.profiles import C4
        >>> text = "Home | News\\nThe fox came back. It was late. Nobody heard it.\\nPlease turn JavaScript on first."
        >>> cut = Counter()
        >>> Rules(C4).clean(Page(url="a.org", time="2019", text=text), cut).text
        'The fox came back. It was late. Nobody heard it.'
        >>> dict(cut)
        {'no end mark': 1, 'javascript': 1}

        Raises BadFilter.
        """
        profile = self.profile
        if why := _unfit_for(profile.filters_before_lines, page.text):
            return why
        text = self._chosen(page.text, cut) if profile.line_rules else page.text
        if isinstance(text, Dropped):
            return text
        if not profile.line_rules and self.lacks_sentences(text):
            return Dropped("too few sentences")
        if not profile.counts_raw_chars and self._is_too_long(text):
            return Dropped("too long")
        if why := _unfit_for(profile.filters, text):
            return why
        return Document(url=page.url, time=page.time, text=text)

    def _is_too_long(self, text: str) -> bool:
        return 0 < self.profile.longest_page_chars < len(text)

    def lacks_sentences(self, text: str) -> bool:
        """Whether a text has fewer sentences than the profile asks for."""
        least = self.profile.min_sentences
        return least > 0 and self.count_sentences(text, least) < least

    def _chosen(self, text: str, cut: Counter[str]) -> str | Dropped:
        """What the rules for lines leave of a text.

        Cheap tests come first: nine lines of ten on the web end without a mark and are never looked at again.
        """
        content = self.encoded(text)
        if not self.profile.forgives_cut_lines and (why := unfit(content)):
            return why
        lines = self.sentence_lines(content, cut)
        text = "\n".join(lines)
        lower = text.lower()
        telling = [words for words in (_TELLING if "cookie" in lower else _TELLING_WITHOUT_COOKIES) if words in lower]
        if telling or "{" in text:
            chosen = self.without_notices(lines, cut, telling)
            if isinstance(chosen, Dropped):
                return chosen
            lines, text = chosen, "\n".join(chosen)
        if not lines or not self._has_sentences(lines):
            return Dropped("too few sentences")
        return text.strip()

    def lines_of(self, text: str) -> list[str]:
        """A text, split where the profile says that lines end."""
        return self._with_line_feeds(text).split("\n") if self.profile.line_rules else text.split("\n")

    def encoded(self, text: str) -> bytes:
        """A text in UTF-8, with a line feed before each of its lines and at its end."""
        return b"\n%b\n" % self._with_line_feeds(text).encode("utf-8", "surrogatepass")

    def _with_line_feeds(self, text: str) -> str:
        """A text in which line feeds alone end lines."""
        if self.profile.splits_at_controls:
            return "\n".join(text.splitlines()) if any(end in text for end in _CONTROLS) else text
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.isascii():
            text = text.replace("\u2028", "\n").replace("\u2029", "\n")
        return text

    def _ending_lines(self, content: bytes) -> tuple[list[str], int]:
        """The lines that may end as sentences do, among them all that end in a blank; and how many others there are.

        Bytes are looked at, so that of nine lines in ten not even a string is made; empty lines are not counted.
        """
        if not self._marks:
            return content[1:-1].decode("utf-8", "surrogatepass").split("\n"), 0
        codes = np.frombuffer(content, np.uint8)
        ends = (codes == _LINE_FEED).nonzero()[0]
        last = codes[ends[1:] - 1]
        chosen = self._may_be_last[last].nonzero()[0]
        spans = zip((ends[chosen] + 1).tolist(), ends[chosen + 1].tolist(), strict=True)
        lines = [content[start:end].decode("utf-8", "surrogatepass") for start, end in spans]
        return lines, len(last) - len(lines) - int(np.count_nonzero(last == _LINE_FEED))

    def sentence_lines(self, content: bytes, cut: Counter[str]) -> list[str]:
        """Of an `encoded` text the lines that end as sentences do and have enough words, none too long."""
        ending, num_others = self._ending_lines(content)
        marks = self._marks
        longest, least = self.profile.longest_word_chars, self.profile.min_line_words
        kept = []
        for line in map(str.strip, ending):
            if not line:
                continue
            if marks and line[-1] not in marks and line[-1] != "]":
                num_others += 1
                continue
            if len(line) > longest and max(map(len, line.split())) > longest:
                cut["long word"] += 1
                continue
            if "[" in line:
                line = self._without_citations(line)
            if marks and (line[-1:] not in marks or line.endswith("...")):
                num_others += 1
            elif len(line.split(None, least - 1)) < least and not self._has_unspaced_words(line):
                cut["few words"] += 1
            else:
                kept.append(line)
        cut["no end mark"] += num_others
        return kept

    def _without_citations(self, line: str) -> str:
        line = CITATION.sub("", line)
        return line if self.profile.leaves_blanks_of_citations else line.strip()

    def _has_unspaced_words(self, line: str) -> bool:
        """Whether a line in a script without blanks is as long as the words asked for."""
        if self.profile.counts_spaced_words or line.isascii():
            return False
        num_words = len(line.split()) + len(_UNSPACED.findall(line)) // _UNSPACED_CHARS_PER_WORD
        return num_words >= self.profile.min_line_words

    def without_notices(
        self, lines: list[str], cut: Counter[str], telling: Sequence[str] = _TELLING
    ) -> list[str] | Dropped:
        """The lines that are no notices, or why the page is dropped for one of them.

        Words of `_TELLING` that are not in `telling` are in no line.
        """
        policies = [words for words in telling if words in POLICIES]
        kept = []
        for line in lines:
            lower = line.lower()
            if "lorem ipsum" in lower:
                return Dropped("lorem ipsum")
            if "javascript" in lower:
                cut["javascript"] += 1
            elif "{" in line:
                return Dropped("curly bracket")
            elif policies and any(policy in lower for policy in policies):
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


def _stripped(text: str) -> str:
    """A text without blank lines and blanks round lines, as C4 counts its characters."""
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


def unfit(content: bytes) -> Dropped | None:
    """Why a page is dropped that has this text, in UTF-8, anywhere in it."""
    # Bytes are lowered ten times as fast, and no capital outside ASCII becomes one of these letters.
    if b"lorem ipsum" in content.lower():
        return Dropped("lorem ipsum")
    return Dropped("curly bracket") if b"{" in content else None


def _unfit_for(filters: Sequence[PageFilter], text: str) -> Dropped | None:
    for page_filter in filters:
        if reason := page_filter.reason_for(text):
            if reason not in page_filter.reasons:
                name = type(page_filter).__name__
                raise BadFilter(f"{name} drops a page for {reason!r}, which is not among its reasons; explain it there")
            return Dropped(reason)
    return None
