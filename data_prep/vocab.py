"""Which ids mean what: the little that corruptions and models must know of a tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_prep.errors import BadInput


class OutOfSentinels(BadInput):
    """A window was given more spans than the vocabulary has sentinels."""


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
lower the rate, raise the mean span length, shorten the window, or train a vocabulary with more
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

    def __post_init__(self) -> None:
        special = [self.pad, self.eos, self.unk, self.mask, *self.sentinels]
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
                "or train a vocabulary with more"
            )
        return self.sentinels[span]

    @cached_property
    def is_special(self) -> np.ndarray:
        """bool[size], true at every id that does not stand for text; such tokens are never noise."""
        special = np.ones(self.size, dtype=bool)
        special[self.text_ids.start : self.text_ids.stop] = False
        special.flags.writeable = False
        return special
