"""Windows to try corruptions on: short and long, of one document and of many, and of nothing to hide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import Window
from data_prep.vocab import Vocab

_SHORT_LENS = (0, 1, 2, 3, 4, 5, 7, 12, 24)
_LONG_LENS = (50, 61, 128, 300, 2048)
_DOCUMENT_LENS = (0, 40, 6)  # 0: one document longer than any window
_SENTENCE_LEN = 8


def made_windows(vocab: Vocab) -> Iterator[Window]:
    """Windows of 0 to 2048 tokens, short ones first.

    Each length comes as one document, as documents of 40 tokens and as documents of 6, and none of their text
    repeats itself before all of the vocabulary was used; short ones are also made of one token again and
    again, of document ends alone, and with unknown tokens, which are protected, in every third place.
    """
    for window_len in (*_SHORT_LENS, *_LONG_LENS):
        for document_len in _DOCUMENT_LENS:
            yield made_window(window_len, vocab, document_len=document_len)
        if window_len in _SHORT_LENS:
            one_token = np.full(window_len, vocab.text_ids.start, dtype=np.int32)
            yield _window(one_token, vocab)
            yield _window(np.full(window_len, vocab.eos, dtype=np.int32), vocab)
            yield _window(np.where(np.arange(window_len) % 3 == 2, np.int32(vocab.unk), one_token), vocab)


def made_window(window_len: int, vocab: Vocab, *, document_len: int = 0) -> Window:
    """A window of random text with a document's end after each `document_len` tokens; 0: none."""
    draws = Draws(0, document_len, window_len)
    num_texts = len(vocab.text_ids)
    shuffled = [draws.permutation(num_texts) for _ in range(0, window_len, num_texts)]
    tokens = np.concatenate([np.empty(0, dtype=np.int32), *shuffled])[:window_len] + np.int32(vocab.text_ids.start)
    if document_len:
        tokens[np.arange(window_len) % document_len == document_len - 1] = vocab.eos
    return _window(tokens, vocab)


def _window(tokens: np.ndarray, vocab: Vocab) -> Window:
    place = np.arange(len(tokens))
    sentence_ends = (place % _SENTENCE_LEN == _SENTENCE_LEN - 1) | (tokens == vocab.eos)
    return Window(tokens, sentence_ends, place % 2 == 0, vocab.is_special[tokens])
