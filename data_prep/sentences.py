"""Where sentences end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np

# sentencex 1.0.32 slices its text at the wrong byte, and panics, where a white-space character of several
# bytes stands before a full stop. A plain space in its place has the same meaning and the same offset.
_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")


def sentence_ends(text: str, language: str = "en") -> np.ndarray:
    r"""int64[n], for each sentence the offset, in characters, just behind its last visible character.

    Paragraphs (blank lines) end sentences too; so does the text. Stops that follow each other stay together.

    >>> text = "Mr. Fox came... Did she?!\n\nA title\n\n你好。世界！"
    >>> ends = sentence_ends(text).tolist()
    >>> [text[a:b] for a, b in zip([0, *ends], ends)]
    ['Mr. Fox came...', ' Did she?!', '\n\nA title', '\n\n你好。', '世界！']

    `language` is a two-letter code (ISO 639-1); one that sentencex does not know is read by common rules.
    """
    return np.array(_ends(text, language), dtype=np.int64)


def sentence_ends_of(texts: Sequence[str], language: str = "en") -> tuple[np.ndarray, np.ndarray]:
    """`sentence_ends` of many texts: int64[n], all ends, and int64[len(texts)], how many each text has.

    >>> sentence_ends_of(["One. Two.", "", "Three"])
    (array([4, 9, 5]), array([2, 0, 1]))
    """
    ends = [_ends(text, language) for text in texts]
    num_ends = np.array([len(of_text) for of_text in ends], dtype=np.int64)
    return np.fromiter(chain.from_iterable(ends), dtype=np.int64, count=int(num_ends.sum())), num_ends


def _ends(text: str, language: str) -> list[int]:
    import sentencex  # here, because reading a prepared corpus does not need it

    # Not `segment`, a third faster: it leaves out blank lines of texts above 10 KB, so places cannot be told.
    plain = text if text.isascii() else _WIDE_SPACE.sub(" ", text)
    return [
        segment["start_index"] + len(visible)
        for segment in sentencex.get_sentence_boundaries(language, plain)
        if (visible := segment["text"].rstrip())
    ]
