"""Pages with a word of a given list, or of one for their language. None is shipped; C4's are LDNOOBW's (CC BY 4.0)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from pathlib import Path

from data_prep.cleaning.profiles import ANY, Profile
from data_prep.cleaning.urls import url_key
from data_prep.cleaning.verdicts import Document
from data_prep.errors import BadInput

_UNSPACED = ("ja", "th", "zh")
_ALLOWED = {"ja": {"sm", "グロ", "女の子"}, "zh": {"性"}}
"""Parts of so many ordinary words that C4 lets them pass."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(\.txt)?$")
"""The name of a file of words; LDNOOBW's folder also holds a licence and a README."""

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


class WordLists:
    """The lists of all languages, and which pages go for them."""

    def __init__(self, words: Mapping[str, Iterable[str]], profile: Profile) -> None:
        """`words` of each language, by its two-letter code; those under `any` hold for the language of the profile,
        and for all pages if it is any."""
        self._profile = profile
        self._numerator, self._denominator = profile.bad_words_fraction.as_integer_ratio()
        self._lists = {
            language: BadWords(chosen, profile.language if language == ANY else language)
            for language, chosen in words.items()
        }

    def of(self, language: str) -> BadWords | None:
        """The list for a page of a language, as its detector says it; none: no list holds for it.

        >>> lists = WordLists({"de": ["Mist"]}, Profile())
        >>> lists.of("de") is not None, lists.of("fr") is None
        (True, True)
        """
        return self._lists.get(language.partition("-")[0]) or self._lists.get(ANY)

    def drops(self, documents: Sequence[Document]) -> list[bool]:
        """For each document whether it goes."""
        places: dict[BadWords, list[int]] = {}
        for place, document in enumerate(documents):
            if words := self.of(document.language):
                places.setdefault(words, []).append(place)
        dropped = [False] * len(documents)
        for words, chosen in places.items():
            found = words.found_in_each([documents[place].text for place in chosen])
            for place, is_found in zip(chosen, found, strict=True):
                dropped[place] = is_found and not self.spares(documents[place])
        return dropped

    def spares(self, document: Document) -> bool:
        """Whether a document stays whatever its words: mC4 lets one page in a thousand stay, by the MD5 of its URL."""
        if self._numerator == self._denominator:
            return False
        key = url_key(document.url, self._profile) if document.url else document.text
        digest = md5(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        return int.from_bytes(digest, "big") % self._denominator >= self._numerator


def lists_in(path: Path) -> dict[str, tuple[str, ...]]:
    """The words of a file, under `any`; or of a folder of files named by their languages. Raises BadList.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for language, word in (("en", "darn"), ("de", "Mist")):
    ...     _ = (folder / language).write_text(word)
    >>> lists_in(folder), lists_in(folder / "en")
    ({'de': ('Mist',), 'en': ('darn',)}, {'any': ('darn',)})
    """
    if not path.is_dir():
        return {ANY: tuple(words_in(path))}
    found = {file.stem.lower(): tuple(words_in(file)) for file in sorted(path.iterdir()) if _LANGUAGE.match(file.name)}
    if not found:
        raise BadList(f"{path} has no list of words; give a file, or a folder of files named en, de, zh or en.txt")
    return found


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
