"""A vocabulary of letters: windows and examples that fit on a line, for documentation and tests."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np

from corruptions.protocol import Window
from data_prep.vocab import Vocab

_NUM_LETTERS = len(string.ascii_letters)
_NUM_SENTINELS = 512

LETTERS = Vocab(
    size=4 + _NUM_LETTERS + _NUM_SENTINELS,
    pad=0,
    eos=1,
    unk=2,
    mask=3,
    sentinels=tuple(range(4 + _NUM_LETTERS + _NUM_SENTINELS - 1, 4 + _NUM_LETTERS - 1, -1)),
    text_ids=range(4, 4 + _NUM_LETTERS),
)
"""a .. z, A .. Z, four special ids and 512 sentinels, which count down from the last id as in T5."""

_NAMES = {
    LETTERS.pad: "|",
    LETTERS.eos: ".",
    LETTERS.unk: "?",
    LETTERS.mask: "_",
    **dict(zip(LETTERS.text_ids, string.ascii_letters, strict=True)),
    **{sentinel: f"<{number}>" for number, sentinel in enumerate(LETTERS.sentinels)},
}
_IDS = {name: token for token, name in _NAMES.items()}


def letters(ids: Sequence[int] | np.ndarray) -> str:
    """Ids of LETTERS as text: letters, `_` mask, `<0>` sentinel, `.` eos, `|` pad, `?` unk.

    >>> letters([4, 5, 3, 567, 1])
    'a b _ <0> .'
    """
    return " ".join(_NAMES[int(token)] for token in ids)


def window_of(text: str) -> Window:
    """A window from letters apart; a comma ends a sentence, a `.` is a document's end, which is protected.

    >>> window = window_of("a b, c d, . e")
    >>> letters(window.tokens), window.sentence_ends.nonzero()[0].tolist()
    ('a b c d . e', [1, 3])
    >>> window.protected.nonzero()[0].tolist()
    [4]
    """
    words = text.split()
    tokens = np.array([_IDS[word.rstrip(",")] for word in words], dtype=np.int32)
    sentence_ends = np.array([word.endswith(",") for word in words], dtype=bool)
    return Window(tokens, sentence_ends, np.ones(len(words), dtype=bool), LETTERS.is_special[tokens])
