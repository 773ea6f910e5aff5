"""A vocabulary of letters: windows and examples that fit on a line, for documentation and tests."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np

from corruptions.protocol import Window
from data_prep.vocab import CONTROLS, Vocab

_NUM_LETTERS = len(string.ascii_letters)
_FIRST_SENTINEL = 4 + _NUM_LETTERS
_FIRST_CONTROL = _FIRST_SENTINEL + 512

LETTERS = Vocab(
    size=_FIRST_CONTROL + len(CONTROLS),
    pad=0,
    eos=1,
    unk=2,
    mask=3,
    sentinels=tuple(reversed(range(_FIRST_SENTINEL, _FIRST_CONTROL))),
    text_ids=range(4, _FIRST_SENTINEL),
    controls=tuple(range(_FIRST_CONTROL, _FIRST_CONTROL + len(CONTROLS))),
)
"""a .. z, A .. Z, four special ids, 512 sentinels, which count down as in T5, and the control words."""

_NAMES = {
    LETTERS.pad: "|",
    LETTERS.eos: ".",
    LETTERS.unk: "?",
    LETTERS.mask: "_",
    **dict(zip(LETTERS.text_ids, string.ascii_letters, strict=True)),
    **{sentinel: f"<{number}>" for number, sentinel in enumerate(LETTERS.sentinels)},
    **LETTERS.control_names,
}
_IDS = {name: token for token, name in _NAMES.items()}


def letters(ids: Sequence[int] | np.ndarray) -> str:
    """Ids of LETTERS as text: letters, `_` mask, `<0>` sentinel, `[R]` control word, `.` eos, `|` pad, `?` unk.

    >>> letters([568, 4, 5, 3, 567, 1])
    '[R] a b _ <0> .'
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
