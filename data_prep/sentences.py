"""Where sentences end."""

from __future__ import annotations

import re

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
    import sentencex  # here, because reading a prepared corpus does not need it

    plain = text if text.isascii() else _WIDE_SPACE.sub(" ", text)
    ends = [
        segment["start_index"] + len(visible)
        for segment in sentencex.get_sentence_boundaries(language, plain)
        if (visible := segment["text"].rstrip())
    ]
    return np.array(ends, dtype=np.int64)
