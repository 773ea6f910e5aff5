"""Spans of three sentences, the unit in which the paper of T5 says that C4 was made; its code compares lines.

"We discarded all but one of any three-sentence span occurring more than once in the data set" (Raffel et al. 2020,
arXiv:1910.10683, section 2.2) leaves open what becomes of a sentence that lies in several spans. Here, a sentence is
cut if *any* span that it lies in is kept by another page or stands further up on this one. Were it cut only if every
such span is, three sentences copied into another text would stay, for their first and last lie in spans of its own
too. Every sentence stays somewhere all the same: of the pages that have it, the one of the lowest priority keeps all
spans in which it stands there for the first time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from data_prep.cleaning.dedup import Dedup, text_key, what_is_left
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document, Dropped

NUM_SENTENCES = 3

# sentencex takes no half of a surrogate pair, and stops at a white-space character of several bytes before a full stop.
_HARD_TO_SPLIT = re.compile(r"[^\S\x00-\x7f]|[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SentenceSpans(Dedup):
    """Spans of three successive sentences are compared, across lines; case, and blanks around, make no difference."""

    language: str = "en"
    """Two-letter code (ISO 639-1), for where sentences end; unknown ones are read by common rules."""

    def keys(self, text: str) -> list[int]:
        r"""One key for the first three sentences, one from the second on, ...; a shorter text has one of all it has.

        >>> one, two, three = SentenceSpans().keys("One is here. Two is.\nThree is.  One is here. Two is.")
        >>> SentenceSpans().keys("TWO is. Three is. One is here.") == [two]
        True
        """
        return _keys([sentence for line in self.sentences(text) for sentence in line])

    def sentences(self, text: str) -> list[list[str]]:
        r"""The sentences of each line, with the blanks behind them, so that the text can be put together again.

        >>> SentenceSpans().sentences("Mr. Fox came.  Did she?\n你好。世界！")
        [['Mr. Fox came.  ', 'Did she?'], ['你好。', '世界！']]
        """
        import sentencex  # here, because other ways to compare do not need it

        lines = []
        for line in text.split("\n"):
            plain = line if line.isascii() else _HARD_TO_SPLIT.sub(" ", line)
            sentences, start = [], 0
            for segment in sentencex.segment(self.language, plain):
                sentences.append(line[start : start + len(segment)])
                start += len(segment)
            lines.append(sentences)
        return lines

    def without(
        self, document: Document, keys: Sequence[int], lost: Collection[int], rules: Rules, cut: Counter[str]
    ) -> Document | Dropped:
        """A document without the sentences of the spans that other pages keep, or that stand further up.

        What follows a sentence goes with it; a line of which nothing stays goes with its line feed.
        """
        lines = self.sentences(document.text)
        why = _why_cut(keys, lost, sum(map(len, lines)))
        if not any(why):
            return what_is_left(document, document.text, rules)
        cut.update(reason for reason in why if reason)
        reasons = iter(why)
        kept = ["".join([sentence for sentence in line if not next(reasons)]).strip() for line in lines]
        left = [now for now, line in zip(kept, lines, strict=True) if now or not line]
        return what_is_left(document, "\n".join(left), rules)


def _keys(sentences: list[str]) -> list[int]:
    plain = [sentence.strip().lower() for sentence in sentences]
    spans = zip(plain, plain[1:], plain[2:], strict=False) if len(plain) >= NUM_SENTENCES else [plain]
    return [text_key("\n".join(span)) for span in spans]


def _why_cut(keys: Sequence[int], lost: Collection[int], num_sentences: int) -> list[str | None]:
    """For each sentence why it is cut, or none; that another page keeps it is said first."""
    why: list[str | None] = [None] * num_sentences
    seen: set[int] = set()
    for first, key in enumerate(keys):
        reason = "duplicate span" if key in lost else "repeated span" if key in seen else None
        seen.add(key)
        for place in range(first, min(first + NUM_SENTENCES, num_sentences)) if reason else ():
            if why[place] != "duplicate span":
                why[place] = reason
    return why
