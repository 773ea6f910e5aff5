"""Where words start and sentences end among the tokens of many documents at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
import sentencepiece

from data_prep.vocab import Vocab

SPACE = "\u2581"
"""What SentencePiece writes for a space."""

_NUM_CHARACTERS = 0x110000

# Scripts written without spaces between words; each of their pieces counts as a word.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
# The first UTF-8 byte of U+3000 .. U+9FFF and of U+20000 .. U+3FFFF starts such a character too.
_UNSPACED_BYTES = (*range(0xE3, 0xEA), 0xF0)


class Sentences(NamedTuple):
    """Where the sentences of some texts end."""

    ends: np.ndarray
    """int64[n], in characters of their text, rising in each."""
    num_ends: np.ndarray
    """int64[number of texts], how many of them each text has."""


class Marker:
    """Finds the marks of tokens.

    Words are seen from the tokens alone. For sentences a text and its tokens are measured in one unit, so that
    the same length on both sides is the same place: bytes, where a space is one, and a run of characters that
    the vocabulary lacks is one, since that is what becomes one `unk`. The text measured is the one that
    SentencePiece cuts up: ours itself, or what a given model has made of it.
    """

    def __init__(self, model: bytes, spm: sentencepiece.SentencePieceProcessor, vocab: Vocab) -> None:
        self._model, self._spm, self._vocab = model, spm, vocab

    @cached_property
    def token_texts(self) -> list[bytes]:
        """What each id stands for; nothing for special ids."""
        texts = [b""] * self._vocab.size
        for i in self._vocab.text_ids:
            piece = self._spm.id_to_piece(i)
            is_byte = self._spm.is_byte(i)
            texts[i] = bytes([int(piece[3:5], 16)]) if is_byte else piece.replace(SPACE, " ").encode()
        return texts

    @cached_property
    def token_bytes(self) -> np.ndarray:
        """int32[size], the lengths of `token_texts`."""
        return _frozen(np.array([len(text) for text in self.token_texts], dtype=np.int32))

    @cached_property
    def prefix(self) -> str:
        """The space that the model puts before a text, or nothing."""
        return SPACE if self._spm.normalize("a").startswith(SPACE) else ""

    def word_starts(self, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """bool[n]; documents lie one behind the other, document d from offsets[d] to offsets[d + 1]."""
        starts = self._starts_word[ids]
        starts[1:] |= self._ends_line[ids[:-1]]
        starts[offsets[:-1][np.diff(offsets) > 0]] = True
        return starts

    def sentence_ends(
        self, texts: Sequence[str], sentences: Sentences, ids: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """bool[n], true at the tokens that hold the last characters of sentences, or at line ends behind them.

        A space behind the line ends belongs to the next sentence: it may be part of that one's first word.
        """
        has_tokens = np.repeat(np.diff(offsets) > 0, sentences.num_ends)
        document = np.repeat(np.arange(len(texts)), sentences.num_ends)[has_tokens]
        last = self._last_tokens(texts, sentences, ids, offsets)[has_tokens]

        visible = np.append(np.flatnonzero(~self._is_blank[ids]), len(ids))
        following = visible[np.searchsorted(visible, last, side="right")]
        line_ends = np.append(-1, np.flatnonzero(self._ends_line[ids]))
        places = np.maximum(last, line_ends[np.searchsorted(line_ends, following) - 1])

        # White space at the very end of a document is no sentence of its own.
        last_visible = visible[np.searchsorted(visible, offsets[1:]) - 1]
        is_blank_end = (last_visible >= offsets[:-1])[document] & (places >= last_visible[document])
        marks = np.zeros(len(ids), dtype=bool)
        marks[places[~is_blank_end]] = True
        marks[offsets[1:][np.diff(offsets) > 0] - 1] = True
        return marks

    def _last_tokens(
        self, texts: Sequence[str], sentences: Sentences, ids: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """int64[n], for each sentence the first token that reaches as far as it does, counted over all documents."""
        measured, wanted = (texts, sentences.ends) if self._keeps_text else self._as_cut(texts, sentences)
        before_bytes = len(self.prefix) if self._keeps_text else 0
        text_starts, text_bytes = self._text_bytes(measured)
        token_bytes = np.append(0, np.cumsum(self._measured_bytes[ids], dtype=np.int64))

        document = np.repeat(np.arange(len(texts)), sentences.num_ends)
        base_bytes = token_bytes[offsets[:-1]] + before_bytes - text_bytes[text_starts[:-1]]
        wanted_bytes = text_bytes[text_starts[document] + wanted] + base_bytes[document]
        last = np.searchsorted(token_bytes[1:], wanted_bytes)

        is_odd = text_bytes[text_starts[1:]] + base_bytes != token_bytes[offsets[1:]]
        stops = np.cumsum(sentences.num_ends)
        for number in np.flatnonzero(is_odd & (np.diff(offsets) > 0)).tolist():
            place = slice(stops[number] - sentences.num_ends[number], stops[number])
            last[place] = self._asked(texts[number], sentences.ends[place]) + offsets[number]
        return last

    def _asked(self, text: str, ends: np.ndarray) -> np.ndarray:
        """The same for one document, from SentencePiece itself: six times slower, right for any model."""
        mapping = self._spm.encode(text, return_type="offset_mapping")["offsets"]
        token_ends = np.array([end for _, end in mapping], dtype=np.int64)
        return np.minimum(np.searchsorted(token_ends, ends), len(token_ends) - 1)

    def _as_cut(self, texts: Sequence[str], sentences: Sentences) -> tuple[list[str], np.ndarray]:
        """The texts as the model changes them, and where in these the sentences end."""
        changed, places = [], sentences.ends.copy()
        stop = 0
        for text, num_ends in zip(texts, sentences.num_ends.tolist(), strict=True):
            start, stop = stop, stop + num_ends
            ends = places[start:stop]
            normal = self._spm.normalize(text)
            spaced, ends_there = _single_spaced(text, ends.tolist())
            if normal == self.prefix + spaced:
                ends[:] = ends_there
                ends += len(self.prefix)
            else:  # three times slower
                origins = np.array(self._spm.normalize(text, with_offsets=True)[1], dtype=np.int64)
                ends[:] = np.minimum(np.searchsorted(origins, ends), len(normal))
            changed.append(normal)
        return changed, places

    def _text_bytes(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Where each text starts among all characters, and the bytes before each character; both with the end."""
        starts = np.append(0, np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))))
        codes = characters(texts)
        num_bytes = self._character_bytes[codes]
        if self._lacks_characters:
            is_lacking = num_bytes == 0
            is_first = is_lacking.copy()
            is_first[1:] &= ~is_lacking[:-1]
            firsts = starts[:-1][np.diff(starts) > 0]
            is_first[firsts] = is_lacking[firsts]
            num_bytes = num_bytes + is_first
        return starts, np.append(0, np.cumsum(num_bytes, dtype=np.int64))

    @cached_property
    def _keeps_text(self) -> bool:
        return keeps_text(self._model)

    @cached_property
    def _character_bytes(self) -> np.ndarray:
        """uint8[number of characters], what each adds to the length of a text; 0: the vocabulary lacks it."""
        num_bytes = np.full(_NUM_CHARACTERS, 4, dtype=np.uint8)
        for end, size in ((0x10000, 3), (0x800, 2), (0x80, 1)):
            num_bytes[:end] = size
        num_bytes[ord(SPACE)] = 1
        if self._lacks_characters:
            spelt = b"".join(self.token_texts).decode() + SPACE
            is_spelt = np.zeros(_NUM_CHARACTERS, dtype=bool)
            is_spelt[list(map(ord, set(spelt)))] = True
            num_bytes[~is_spelt] = 0
        return _frozen(num_bytes)

    @cached_property
    def _lacks_characters(self) -> bool:
        return not any(map(self._spm.is_byte, self._vocab.text_ids))

    @cached_property
    def _measured_bytes(self) -> np.ndarray:
        num_bytes = self.token_bytes.copy()
        num_bytes[self._vocab.unk] = 1
        return _frozen(num_bytes)

    @cached_property
    def _is_blank(self) -> np.ndarray:
        return _frozen(np.array([bool(text) and text.isspace() for text in self.token_texts]))

    @cached_property
    def _ends_line(self) -> np.ndarray:
        return _frozen(np.array([text.endswith(b"\n") for text in self.token_texts]))

    @cached_property
    def _starts_word(self) -> np.ndarray:
        return _frozen(np.array([_starts_word(text) for text in self.token_texts]))


def _single_spaced(text: str, ends: list[int]) -> tuple[str, list[int]]:
    r"""A text with one ▁ for each white space in it, and where its sentences end there.

    >>> _single_spaced(" One.\n\nTwo  is.Three \n", [5, 15, 20])
    ('One.▁Two▁is.Three', [4, 12, 17])
    """
    parts, ends_there = [], []
    start = num_chars = 0
    for end in ends:
        part = SPACE.join(text[start:end].split())
        if start and text[start].isspace():
            part = SPACE + part
        parts.append(part)
        num_chars += len(part)
        ends_there.append(num_chars)
        start = end
    return "".join(parts), ends_there


def characters(texts: Sequence[str]) -> np.ndarray:
    """The code points of texts one behind the other, in the smallest integers that hold them."""
    joined = "".join(texts)
    if joined.isascii():
        return np.frombuffer(joined.encode(), dtype=np.uint8)
    return np.frombuffer(joined.encode("utf-32-le"), dtype="<u4")


def keeps_text(model: bytes) -> bool:
    """Whether a SentencePiece model changes nothing of a text but to put one space before it.

    Read from the normalizer's options in the file itself; sentencepiece tells of them only with protobuf installed.
    Source: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    """
    options = chain.from_iterable(_fields(value) for number, value in _fields(model) if number == 3)
    found = {2: b"", 4: b"\1", 5: b"\1"} | dict(options)  # the table of changes, fewer spaces, ▁ for a space
    return (found[2], found[4], found[5]) == (b"", b"\0", b"\1")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field of a protobuf message; small integers as the one byte they are."""
    place = 0

    def integer() -> int:
        nonlocal place
        start = place
        while message[place] > 127:
            place += 1
        place += 1
        return sum((byte & 127) << 7 * i for i, byte in enumerate(message[start:place]))

    while place < len(message):
        key = integer()
        kind = key & 7
        num_bytes = integer() if kind == 2 else {1: 8, 5: 4}.get(kind, 0)
        start, place = place, place + num_bytes
        if kind == 0:
            integer()
        yield key >> 3, message[start:place]


def _starts_word(text: bytes) -> bool:
    if len(text) == 1:
        return text.isspace() or text[0] in _UNSPACED_BYTES
    first = ord(text.decode()[0]) if text else 0
    return first in (0x0A, 0x20) or any(low <= first <= high for low, high in _UNSPACED)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
