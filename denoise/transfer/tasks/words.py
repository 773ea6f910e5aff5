"""Where words end, for measures and baselines that count them."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+")
_HAN = "\u4e00-\u9fa5"
_HAN_OR_WORD = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])\w)+")
_HAN_ALONE = re.compile(rf"([{_HAN}])")


def words_of(text: str, language: str) -> list[str]:
    """The words of a text, in lower case, without punctuation; in Chinese each character is one.

    >>> words_of("It isn't 3.5 m.", "en")
    ['it', 'isn', 't', '3', '5', 'm']
    >>> words_of("我用 Python 3。", "zh")
    ['我', '用', 'python', '3']
    """
    return (_HAN_OR_WORD if language == "zh" else _WORD).findall(text.lower())


def spaced(text: str, language: str) -> str:
    """The text as measures of English take it: of Chinese without punctuation, each character a word, as MLQA has it.

    >>> spaced("黑豹队丢了 308分。", "zh").split()
    ['黑', '豹', '队', '丢', '了', '308', '分']
    >>> spaced("308 points.", "en")
    '308 points.'
    """
    if language != "zh":
        return text
    without = "".join(each for each in text if not unicodedata.category(each).startswith("P"))
    return _HAN_ALONE.sub(r" \1 ", without)
