"""Which ids mean what: the little that corruptions and models must know of a tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_prep.errors import BadInput

WORD_START = 1
"""Bit of a token's mark: it starts a word."""
SENTENCE_END = 2
"""Bit of a token's mark: it ends a sentence."""

CONTROLS = ("[R]", "[S]", "[X]", "[SEP]", "[YES]", "[NO]")
"""The control words, in the order of `Vocab.controls`: UL2's modes for regular spans, suffixes and extreme
spans; what stands between two parts of a source; and the answers of a target that is no text."""


class OutOfSentinels(BadInput):
    """A window was given more spans than the vocabulary has sentinels."""


class NoControl(BadInput):
    """A control word that the vocabulary does not have."""


@dataclass(frozen=True, kw_only=True)
class Vocab:
    """The special ids of a vocabulary, each explicit, and the range of ids that stand for text.

    Sentinels are a list, never "the last ids": published collators compute them as `size - k` and
    hand out ids of real words once they run out.

    >>> vocab = Vocab(size=16, pad=0, eos=1, unk=2, mask=15, sentinels=(14, 13, 12), text_ids=range(3, 12))
    >>> vocab.sentinel(0), vocab.sentinel(2)
    (14, 12)
    >>> vocab.sentinel(3)
    Traceback (most recent call last):
        ...
    data_prep.vocab.OutOfSentinels: span 4 of a window has no sentinel: the vocabulary has 3; \
lower the rate, raise the mean span length, shorten the window, or prepare the text again with a larger num_sentinels
    """

    size: int
    """Number of ids; they are 0 .. size - 1."""
    pad: int
    """Fills the ends of short rows; it also starts every decoder, as in T5."""
    eos: int
    """Ends a source, a target and, in the token store, each document."""
    unk: int
    """Stands for what the vocabulary cannot spell; never seen with byte fallback."""
    mask: int
    """What an encoder sees in place of hidden tokens in BART's and MASS's objectives."""
    sentinels: tuple[int, ...]
    """One id a span, in the order of use: the first hidden span gets sentinels[0]."""
    text_ids: range
    """The ids that stand for text; random replacements are drawn from here."""
    controls: tuple[int, ...] = ()
    """The ids of the words in CONTROLS, in that order; none in a vocabulary made before there were any."""

    def __post_init__(self) -> None:
        special = [self.pad, self.eos, self.unk, self.mask, *self.sentinels, *self.controls]
        if len(self.controls) > len(CONTROLS):
            raise BadInput(f"a vocabulary has at most {len(CONTROLS)} control words, {CONTROLS}; got {self.controls}")
        if len(set(special)) != len(special):
            raise BadInput(f"the special ids of a vocabulary must differ from each other; got {special}")
        outside = [i for i in (*special, *self.text_ids[:1], *self.text_ids[-1:]) if not 0 <= i < self.size]
        if outside:
            raise BadInput(f"ids {outside} lie outside the vocabulary 0 .. {self.size - 1}")
        mixed = [i for i in special if i in self.text_ids]
        if mixed:
            raise BadInput(f"ids {mixed} are special and also among the text ids {self.text_ids}")

    def sentinel(self, span: int) -> int:
        """The id that marks hidden span number `span`, counted from 0. Raises OutOfSentinels."""
        if span >= len(self.sentinels):
            raise OutOfSentinels(
                f"span {span + 1} of a window has no sentinel: the vocabulary has {len(self.sentinels)}; "
                "lower the rate, raise the mean span length, shorten the window, "
                "or prepare the text again with a larger num_sentinels"
            )
        return self.sentinels[span]

    def control(self, name: str) -> int:
        """The id of a control word. Raises NoControl.

        >>> vocab = Vocab(size=9, pad=0, eos=1, unk=2, mask=3, sentinels=(), text_ids=range(4, 6), controls=(6, 7, 8))
        >>> vocab.control("[X]")
        8
        >>> vocab.control("[SEP]")
        Traceback (most recent call last):
            ...
        data_prep.vocab.NoControl: the vocabulary has no control word [SEP], only [R] [S] [X]; \
prepare the corpus again, into another folder
        """
        if name not in CONTROLS:
            raise NoControl(f"{name} is no control word; use one of {' '.join(CONTROLS)}")
        number = CONTROLS.index(name)
        if number >= len(self.controls):
            others = " ".join(self.control_names.values())
            has = f"only {others}" if others else "nor any other, since it was made before there were any"
            raise NoControl(
                f"the vocabulary has no control word {name}, {has}; prepare the corpus again, into another folder"
            )
        return self.controls[number]

    @property
    def control_names(self) -> dict[int, str]:
        """The control words by their ids."""
        return dict(zip(self.controls, CONTROLS, strict=False))

    @cached_property
    def is_special(self) -> np.ndarray:
        """bool[size], true at every id that does not stand for text; such tokens are never noise."""
        special = np.ones(self.size, dtype=bool)
        special[self.text_ids.start : self.text_ids.stop] = False
        special.flags.writeable = False
        return special
