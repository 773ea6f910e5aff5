"""The text that is explored, as a window with names for its tokens: in words, or in a prepared vocabulary's pieces."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from corruptions import Window
from corruptions.protocol import read_only
from data_prep.errors import BadInput
from data_prep.vocab import CONTROLS, Vocab

A_SENTENCE = (
    "Fellow-citizens, we cannot escape history. We of this Congress and this administration will be remembered in "
    "spite of ourselves. No personal significance or insignificance can spare one or another of us."
)
"""Lincoln, State of the Union, 1862: the default corpus has it, and public domain it is."""

_NUM_SENTINELS = 100  # as in T5
_NUM_TAGS = 1 << 20
_SPACE = "\u2581"  # SentencePiece's
_TEXT_TURNERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Written without spaces between words: Thai to Khmer, Chinese and Japanese with their stops, full-width forms.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


class NoText(BadInput):
    """A text of no tokens, or bytes that are none."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One window of a text, and how its tokens are written."""

    window: Window
    """Read only."""
    vocab: Vocab
    """What the ids mean."""
    spelled: Callable[[int], str]
    """How an id of the text is written."""
    unit: str
    """What a token is, in the plural: words or pieces."""
    num_left_out: int
    """Tokens of the text that come behind the window."""

    def name(self, token: int) -> str:
        """How an id is written where tokens stand apart."""
        return visible(self.spelled(token)) if token in self.vocab.text_ids else mark_name(token, self.vocab)

    def flowing(self, token: int) -> str:
        """How an id is written where text flows, without the space before it."""
        return self.name(token).removeprefix(_SPACE) or "\u2423"

    def has_space(self, token: int) -> bool:
        """Whether a space belongs before it where text flows: not inside words, nor in Chinese."""
        if token not in self.vocab.text_ids:
            return True
        spelled = self.spelled(token)
        return spelled.startswith(_SPACE) if self.unit == "pieces" else not _IS_UNSPACED.match(spelled)

    @cached_property
    def tagged_vocab(self) -> Vocab:
        """A vocabulary of so many more words that chance hardly meets one of the first."""
        start = self.vocab.size
        return dataclasses.replace(self.vocab, size=start + _NUM_TAGS, text_ids=range(start, start + _NUM_TAGS))

    def tagged(self, *, with_protected: bool) -> Window:
        """The same window of tokens that all differ: the first words of `tagged_vocab`.

        What an objective makes of it tells where each token of its example comes from. Protected tokens stay
        what they are unless they are tagged too, for objectives that ask which is a document's end.
        """
        places = np.arange(len(self.window.tokens), dtype=np.int32) + self.vocab.size
        kept = self.window.protected & (not with_protected)
        tokens = np.where(kept, self.window.tokens, places).astype(np.int32)
        return read_only(Window(tokens, *(column.copy() for column in self.window[1:])))


def subject_of(text: str, data: str | None, shown_len: int) -> Subject:
    """The start of a text, in words, or in the pieces of a prepared corpus. Raises NoText."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoText(f"the text is not UTF-8 at character {error.start}; give it in UTF-8") from None
    if not text.strip():
        raise NoText("there is no text to explore; give a sentence")
    return in_pieces(text, Path(data), shown_len) if data else in_words(text, shown_len)


def in_words(text: str, shown_len: int) -> Subject:
    """The first words of a text, in a vocabulary made of them, so that a picture needs nothing prepared.

    >>> subject = in_words("to be or not to be. 你好。", 100)
    >>> [subject.name(i) for i in subject.window.tokens]
    ['to', 'be', 'or', 'not', 'to', 'be.', '你', '好', '。']
    >>> subject.window.sentence_ends.nonzero()[0].tolist()
    [5, 8]
    """
    from data_prep.sentences import sentence_ends

    found = list(_WORD.finditer(text))
    shown = found[:shown_len]
    number = {word: place for place, word in enumerate(dict.fromkeys(match[0] for match in shown))}
    vocab = made_vocab(len(number))
    known = list(number)
    tokens = np.array([vocab.text_ids.start + number[match[0]] for match in shown], dtype=np.int32)
    stops = np.array([match.end() for match in shown])
    ends = np.zeros(len(shown), dtype=bool)
    ends[np.searchsorted(stops, sentence_ends(text[: stops[-1]])).clip(max=len(shown) - 1)] = True
    return Subject(
        window=_window(tokens, sentence_ends=ends, word_starts=np.ones(len(shown), dtype=bool), vocab=vocab),
        vocab=vocab,
        spelled=lambda token: known[token - vocab.text_ids.start],
        unit="words",
        num_left_out=len(found) - len(shown),
    )


def in_pieces(text: str, folder: Path, shown_len: int) -> Subject:
    """The first pieces of a text in the vocabulary of a prepared corpus."""
    from data_prep.tokens import TokenStore

    tokenizer = TokenStore.open(folder).tokenizer
    tokens, word_starts, sentence_ends = (column[:shown_len] for column in tokenizer.encode_document(text))
    return Subject(
        window=_window(tokens, sentence_ends=sentence_ends, word_starts=word_starts, vocab=tokenizer.vocab),
        vocab=tokenizer.vocab,
        spelled=tokenizer.piece,
        unit="pieces",
        num_left_out=len(tokenizer.encode(text)) - len(tokens),
    )


def made_vocab(num_words: int) -> Vocab:
    """A vocabulary of so many words, with all the special ids that objectives ask for."""
    first = 4
    specials = first + num_words
    controls = specials + _NUM_SENTINELS
    return Vocab(
        size=controls + len(CONTROLS),
        pad=0,
        eos=1,
        unk=2,
        mask=3,
        sentinels=tuple(range(specials, specials + _NUM_SENTINELS)),
        text_ids=range(first, specials),
        controls=tuple(range(controls, controls + len(CONTROLS))),
    )


def _window(tokens: np.ndarray, *, sentence_ends: np.ndarray, word_starts: np.ndarray, vocab: Vocab) -> Window:
    tokens = tokens.astype(np.int32)
    return read_only(Window(tokens, sentence_ends.copy(), word_starts.copy(), vocab.is_special[tokens]))


def mark_name(token: int, vocab: Vocab) -> str:
    """Short names for what is no text: <0>, <1>, ... for sentinels, [M] for the mask, </s> for the end.

    >>> vocab = Vocab(size=9, pad=0, eos=1, unk=2, mask=8, sentinels=(7, 6), text_ids=range(3, 6))
    >>> [mark_name(token, vocab) for token in (7, 6, 8, 1)]
    ['<0>', '<1>', '[M]', '</s>']
    """
    if token in vocab.sentinels:
        return f"<{vocab.sentinels.index(token)}>"
    names = {vocab.mask: "[M]", vocab.eos: "</s>", vocab.pad: "<pad>", vocab.unk: "<unk>"} | vocab.control_names
    return names.get(token, f"#{token}")


def visible(text: str) -> str:
    r"""A text that no terminal, page or picture takes for a command: control characters are drawn.

    >>> visible("a\x1b[31m"), visible("line\n"), visible("\u202eabc")
    ('a␛[31m', 'line␊', '�abc')
    """
    return "".join(character if _is_plain(character) else _drawn(character) for character in text)


def _is_plain(character: str) -> bool:
    is_none = ord(character) & 0xFFFE == 0xFFFE  # no character, in any plane
    is_command = unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or character in _TEXT_TURNERS
    return not (is_command or is_none)


def _drawn(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
