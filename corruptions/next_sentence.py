"""BERT's next sentence prediction, text to text: two parts of a text, and whether one follows the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import Bools, Corruption, Example, Lengths, Window
from corruptions.sentence_order import cut_nearest, cuts, pair
from data_prep.vocab import Vocab


class Thirds(NamedTuple):
    """Where the three parts of a window meet: it is 0 .. second, second .. third, third .. its end."""

    second: int
    """The first token of the part that follows the first."""
    third: int
    """The first token of the part that does not."""


@dataclass(frozen=True, kw_only=True)
class NextSentence(Corruption):
    """The first third of the window with the second or the last; the decoder says whether it is the second.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> for epoch in (0, 1):
    ...     example = NextSentence().corrupt(window_of("a b, c d, e f, g h,"), Draws(4, epoch, 0), LETTERS)
    ...     print(letters(example.source), "→", letters(example.target))
    a b [SEP] c d e f . → [YES] .
    a b [SEP] g h . → [NO] .

    The parts meet behind the sentences nearest one and two thirds of the window, the earlier of two; where
    there are too few, the window is cut after a third and the rest in its middle. The part that is not
    shown cannot be told, and a document's end in it is hidden with it. BERT takes the wrong second part
    from another document; here it is of the same window, which leaves no topic to tell by.

    Source: Devlin et al.: BERT (2019), 3.1; the answer as a word, as T5 puts labels.
    """

    hides_protected = True

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        """Cut, and show the last part with probability 1/2. Raises NoControl."""
        second, third = thirds(window, vocab)
        tokens = window.tokens
        if draws.below(2) == 1:
            return pair(tokens[:second], tokens[third:], "[NO]", vocab)
        return pair(tokens[:second], tokens[second:third], "[YES]", vocab)

    def longest(self, window_len: int) -> Lengths:
        """The longest source: from two tokens on, a part of one token at least is hidden. Targets are all as long."""
        num_hidden = 1 if window_len > 1 else 0
        return Lengths(window_len - num_hidden + 2, 2)

    def hidden(self, window: Window, draws: Draws, vocab: Vocab) -> Bools:
        """bool[window]: the part that is not shown."""
        second, third = thirds(window, vocab)
        hidden = np.zeros(len(window.tokens), dtype=bool)
        if draws.below(2) == 1:
            hidden[second:third] = True
        else:
            hidden[third:] = True
        return hidden


def thirds(window: Window, vocab: Vocab) -> Thirds:
    """Where the parts of a window meet; from three tokens on none of them is empty.

    >>> from corruptions.letters import LETTERS, window_of
    >>> [thirds(window_of(text), LETTERS) for text in ("a b, c d, e f", "a b c d e f g, h", "a b c d e f", "a b")]
    [Thirds(second=2, third=4), Thirds(second=2, third=7), Thirds(second=2, third=4), Thirds(second=0, third=1)]
    """
    window_len = len(window.tokens)
    ends = cuts(window, vocab)
    second = cut_nearest(ends[ends < window_len - 1], window_len, 3)
    if second is None:
        second = window_len // 3
    third = cut_nearest(ends[ends > second], 2 * window_len, 3)
    return Thirds(second, (second + window_len) // 2 if third is None else third)
