"""Pages with a word of a given list. No list is shipped; that of C4 is LDNOOBW's (CC BY 4.0)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from data_prep.errors import BadInput

_UNSPACED = ("ja", "th", "zh")
_ALLOWED = {"ja": {"sm", "グロ", "女の子"}, "zh": {"性"}}
"""Parts of so many ordinary words that C4 lets them pass."""

_WORD = re.compile(r"\w+")
_BLANKED = bytes(code if code >= 128 or _WORD.match(chr(code)) else ord(" ") for code in range(256))
"""UTF-8 with ASCII characters outside words as blanks."""


class BadList(BadInput):
    """A list of words that cannot be read, or that is empty."""


class BadWords:
    """The words of one language, ready for search."""

    def __init__(self, words: Iterable[str], language: str = "en") -> None:
        r"""Languages without blanks between words (ja, th, zh) are searched for parts of words.

        >>> words = BadWords(["darn", "son of a gun", "$!@"])
        >>> [words.found_in(text) for text in ("Oh DARN.", "darning", "a Son of a gun!", "son of a gunner", "x $!@\n")]
        [True, False, True, False, True]
        """
        chosen = {word.strip() for word in words} - {""} - _ALLOWED.get(language, set())
        if not chosen:
            raise BadList("the list of bad words is empty; give a file with one word a line, or none")
        self._parts = sorted(chosen) if language in _UNSPACED else []
        spaced = set() if self._parts else chosen
        self._single = {word for word in spaced if _WORD.fullmatch(word)}
        # A phrase is looked for only where its longest word stands by itself; then the pattern has the last say.
        self._phrases: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for phrase in sorted(spaced - self._single):
            longest = max(_WORD.findall(phrase), key=len, default="")
            pattern = re.compile(rf"(?:\W|^){re.escape(phrase)}(?:\W|$)")
            self._phrases.setdefault(longest, []).append((phrase, pattern))
        self._longest = frozenset(self._phrases)
        words_and_phrases = "|".join(re.escape(phrase) for phrase in sorted(spaced))
        self._any = rf"(?:\W|^)(?:{words_and_phrases})(?:\W|$)" if spaced else ""

    @classmethod
    def read(cls, path: Path, language: str = "en") -> BadWords:
        """From a UTF-8 file with one word or phrase a line. Raises BadList."""
        return cls(words_in(path), language)

    def found_in(self, text: str) -> bool:
        """Whether a word of the list stands in a text, in any case, with no letter, digit or _ beside it."""
        lower = text.lower()
        if self._parts:
            return any(part in lower for part in self._parts)
        words = _words(lower)
        if not self._single.isdisjoint(words):
            return True
        near = (pair for word in self._longest.intersection([*words, ""]) for pair in self._phrases[word])
        return any(phrase in lower and pattern.search(lower) for phrase, pattern in near)

    def found_in_each(self, texts: Sequence[str]) -> list[bool]:
        """The same for many texts, several times as fast: few have to be looked at word by word.

        RE2 finds those few. It reads bytes, and takes those of letters outside ASCII for ends of words: so it finds
        too much, and never too little.
        """
        if not self._any:
            return [self.found_in(text) for text in texts]
        import pyarrow
        from pyarrow import compute

        lower = [text.lower().encode("utf-8", "surrogatepass") for text in texts]
        try:
            may_be = compute.match_substring_regex(pyarrow.array(lower, pyarrow.large_binary()), self._any).to_pylist()
        except pyarrow.ArrowInvalid:  # more words than RE2 has room for
            may_be = [True] * len(texts)
        return [is_near and self.found_in(text) for is_near, text in zip(may_be, texts, strict=True)]


def _words(text: str) -> list[str]:
    """The words of a text; only what is not ASCII needs a look at each character."""
    parts = text.encode("utf-8", "surrogatepass").translate(_BLANKED).decode("utf-8", "surrogatepass").split()
    if text.isascii():
        return parts
    words = [part for part in parts if part.isascii()]
    if len(words) < len(parts):
        words += _WORD.findall(" ".join([part for part in parts if not part.isascii()]))
    return words


def words_in(path: Path) -> list[str]:
    """The words and phrases of a UTF-8 file, one a line. Raises BadList."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadList(f"{path} cannot be read as a list of words ({error}); give a UTF-8 file, one a line") from None
    if not any(lines):
        raise BadList(f"{path} holds no word; give a file with one word a line, or none")
    return [line for line in lines if line]
