"""ALBERT's sentence order prediction, text to text: two parts of a text, and whether they are in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import Bools, Corruption, Example, Int32s, Lengths, Window
from data_prep.vocab import Vocab


@dataclass(frozen=True, kw_only=True)
class SentenceOrder(Corruption):
    """The window in two parts, which change places in half of all windows; the decoder says whether they did not.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> for epoch in (0, 1):
    ...     example = SentenceOrder().corrupt(window_of("a b c, d e, f g"), Draws(4, epoch, 0), LETTERS)
    ...     print(letters(example.source), "→", letters(example.target))
    a b c [SEP] d e f g . → [YES] .
    d e f g [SEP] a b c . → [NO] .

    The cut lies behind the sentence nearest the middle of the window, the earlier one of two; a window of
    one sentence is cut in its middle. Nothing is hidden: where the parts were swapped, the answer tells
    how to swap them back. ALBERT's two segments are of one document; here a window may hold several, and
    is then best cut behind a document's end if that is nearest the middle.

    Source: Lan et al.: ALBERT (2020), 3.1; the answer as a word, as T5 puts labels.
    """

    restores = True

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        """Cut, and swap with probability 1/2. Raises NoControl."""
        window_len = len(window.tokens)
        cut = cut_nearest(cuts(window, vocab), window_len, 2)
        if cut is None:
            cut = window_len // 2
        first, second = window.tokens[:cut], window.tokens[cut:]
        is_swapped = draws.below(2) == 1
        return pair(second, first, "[NO]", vocab) if is_swapped else pair(first, second, "[YES]", vocab)

    def longest(self, window_len: int) -> Lengths:
        """The exact lengths: the text, [SEP] and eos; an answer and eos."""
        return Lengths(window_len + 2, 2)

    def restore(self, example: Example, vocab: Vocab) -> Int32s:
        """The tokens of the clean window, bit for bit."""
        place = int(np.flatnonzero(example.source == vocab.control("[SEP]"))[0])
        first, second = example.source[:place], example.source[place + 1 : -1]
        is_swapped = example.target[0] == vocab.control("[NO]")
        return np.concatenate([second, first] if is_swapped else [first, second])

    def hidden(self, window: Window, draws: Draws, vocab: Vocab) -> Bools:
        """bool[window]: no token is hidden."""
        return np.zeros(len(window.tokens), dtype=bool)


def cuts(window: Window, vocab: Vocab) -> Int32s:
    """The places between tokens, ascending, where a sentence or a document ends; the window's edges are none.

    >>> from corruptions.letters import LETTERS, window_of
    >>> cuts(window_of("a b, c d, . e"), LETTERS).tolist()
    [2, 5]

    No cut lies before a document's end: it belongs to the text before it, and a second part that began
    with it would tell that it is one.
    """
    is_document_end = window.tokens == vocab.eos
    is_end = window.sentence_ends | is_document_end
    is_inner_end = is_end[:-1] & ~is_document_end[1:]
    return np.flatnonzero(is_inner_end) + 1


def cut_nearest(cuts: Int32s, part: int, num_parts: int) -> int | None:
    """The cut nearest to part / num_parts, the earlier one of two; None: there is no cut.

    >>> cut_nearest(np.array([2, 4, 9]), 10, 3), cut_nearest(np.array([2, 4]), 6, 2)
    (4, 2)
    """
    return int(cuts[np.abs(num_parts * cuts - part).argmin()]) if len(cuts) else None


def pair(first: Int32s, second: Int32s, answer: str, vocab: Vocab) -> Example:
    """The example whose source is two parts of a text, with [SEP] in between, and whose target is an answer."""
    source = np.concatenate([first, [vocab.control("[SEP]")], second, [vocab.eos]]).astype(np.int32)
    target = np.array([vocab.control(answer), vocab.eos], dtype=np.int32)
    return Example(source, target, target_is_noise=np.zeros(2, dtype=bool))
