"""A mode token before the source, which tells the model how its text was corrupted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import BadCorruption, Bools, Corruption, Example, Int32s, Lengths, Window
from data_prep.vocab import CONTROLS, Vocab


@dataclass(frozen=True, kw_only=True)
class Prefixed(Corruption):
    """Any corruption, with a control word at the head of its source.

    >>> from corruptions import Draws, SpanCorruption
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> example = Prefixed(mode="[R]", corruption=SpanCorruption()).corrupt(
    ...     window_of("a b c d e f g h"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source)
    '[R] a b c d e f g <0> .'

    The word counts: lengths and `fit` have room for it.

    Source: Tay et al.: UL2 (2022), 3.2, where modes are [NLU], [S2S] and [NLG], here [R], [S] and [X].
    """

    mode: str
    """A control word of the vocabulary: [R], [S] or [X]."""
    corruption: Corruption
    """What follows it."""

    def __post_init__(self) -> None:
        if self.mode not in CONTROLS:
            raise BadCorruption(f"mode of Prefixed is {self.mode!r}; it must be one of {', '.join(CONTROLS)}")
        if type(self.corruption).chosen is not Corruption.chosen:
            raise BadCorruption("Prefixed holds a mixture; put a Prefixed around each of its parts instead")

    @property
    def hides_protected(self) -> bool:  # type: ignore[override]
        """Where what follows does."""
        return self.corruption.hides_protected

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        """The example of the corruption, its source behind the mode."""
        example = self.corruption.corrupt(window, draws, vocab)
        return example._replace(source=np.concatenate([np.array([vocab.control(self.mode)], np.int32), example.source]))

    def longest(self, window_len: int) -> Lengths:
        """One token more than without."""
        source, target = self.corruption.longest(window_len)
        return Lengths(source + 1, target)

    def fit(self, source_len: int, target_len: int | None = None) -> int:
        """The raw tokens that fill a source one token shorter."""
        try:
            return self.corruption.fit(source_len - 1, target_len)
        except BadCorruption:
            return super().fit(source_len, target_len)  # which says the same of the lengths that were asked for

    @property
    def restores(self) -> bool:
        """Where the corruption does."""
        return self.corruption.restores

    def restore(self, example: Example, vocab: Vocab) -> Int32s:
        """The tokens of the clean window."""
        return self.corruption.restore(example._replace(source=example.source[1:]), vocab)

    def hidden(self, window: Window, draws: Draws, vocab: Vocab) -> Bools | None:
        """bool[window]: the tokens that the encoder does not see."""
        return self.corruption.hidden(window, draws, vocab)

    def describe(self) -> str:
        """The mode and the corruption."""
        return f"{self.mode} {self.corruption.describe()}"
