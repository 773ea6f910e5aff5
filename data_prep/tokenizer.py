"""Text ↔ ids: a SentencePiece model with sentinels, a mask and control words on top."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece

from data_prep.errors import BadInput
from data_prep.files import write_whole
from data_prep.sentences import sentence_ends
from data_prep.vocab import CONTROLS, Vocab

MODEL_FILE = "spm.model"
VOCAB_FILE = "vocab.json"

_SPACE = "\u2581"

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


class BadTokenizer(BadInput):
    """Not a SentencePiece model, or not the one that was used."""


class Tokenized(NamedTuple):
    """A document in ids, without an eos; all three arrays have one place a token."""

    ids: np.ndarray
    """int32[n]."""
    word_starts: np.ndarray
    """bool[n], true at the first token of a word: behind white space, at a line's start, and at each
    piece of a script that is written without spaces."""
    sentence_ends: np.ndarray
    """bool[n], true at the last token of a sentence, line ends behind it included."""


class Tokenizer:
    """Text to ids and back.

    Ids are laid out as T5's: SentencePiece's own first (pad 0, eos 1, unk 2 in models trained here), then
    pad or eos where a given model lacks them, then `<extra_id_99> … <extra_id_0>`, so that the first
    sentinel is the highest, then the mask and the control words. Special ids are never made from text: a
    text that spells `<extra_id_0>`, `</s>` or `[SEP]` is encoded letter by letter.

    A model trained by `data_prep.training` gives every text back, line ends and runs of spaces included:
    decode(encode(text)) == text. The one exception is the character ▁ (U+2581), which SentencePiece uses for
    a space. A given model may normalise more: T5's turns each run of white space into one space.
    """

    def __init__(self, model: bytes, vocab: Vocab) -> None:
        self.model = model
        """The SentencePiece model, as the bytes of its file."""
        self.vocab = vocab
        self._spm = _processor(model)

    @classmethod
    def from_sentencepiece(cls, path: Path, num_sentinels: int = 100) -> Tokenizer:
        """A tokenizer around any SentencePiece model. Raises BadTokenizer."""
        model = _read(Path(path))
        try:
            return cls(model, vocab_above(_processor(model), num_sentinels))
        except BadTokenizer as error:
            raise BadTokenizer(f"{path}: {error}") from None

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """The tokenizer saved in a folder, or in a prepared corpus. Raises BadTokenizer."""
        folder = Path(path)
        if (folder / "tokenizer").is_dir():
            folder = folder / "tokenizer"
        return cls(_read(folder / MODEL_FILE), load_vocab(folder))

    def save(self, folder: Path) -> None:
        """Write `spm.model` and `vocab.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / MODEL_FILE, self.model)
        write_whole(folder / VOCAB_FILE, _vocab_json(self.vocab))

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the model and of what each id means."""
        return fingerprint(self.model, self.vocab)

    def encode(self, text: str) -> np.ndarray:
        """int32[n], the ids of a text, without an eos. Raises BadTokenizer for half a surrogate pair."""
        return self._spm.encode(_checked(text), return_type="numpy")

    def encode_document(self, text: str, language: str = "en") -> Tokenized:
        """The ids of a text, and where its words start and its sentences end."""
        text = _checked(text)
        if self._spm.normalize(text) == self._prefix + text.replace(" ", _SPACE) and _SPACE not in text:
            ids = self._spm.encode(text, return_type="numpy")
            ends = np.cumsum(self.token_bytes[ids]) - len(self._prefix)
            wanted = _byte_offsets(text, sentence_ends(text, language))
        else:  # the model changes the text, so only it knows which piece came from where; 7 times slower
            mapping = self._spm.encode(text, return_type="offset_mapping")
            ids = np.array(mapping["ids"], dtype=np.int32)
            ends = np.array([end for _, end in mapping["offsets"]], dtype=np.int64)
            wanted = sentence_ends(text, language)
        return Tokenized(ids, self._word_starts(ids), self._sentence_ends(ids, ends, wanted))

    def _word_starts(self, ids: np.ndarray) -> np.ndarray:
        starts = self._starts_word[ids]
        starts[1:] |= self._ends_line[ids[:-1]]
        starts[:1] = True
        return starts

    def _sentence_ends(self, ids: np.ndarray, ends: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Marks at the pieces that hold the last characters, moved on over line ends behind them.

        A space behind the line ends belongs to the next sentence: it may be part of that one's first word.
        """
        marks = np.zeros(len(ids), dtype=bool)
        last = np.minimum(np.searchsorted(ends, wanted), len(ids) - 1)
        visible = np.append(np.flatnonzero(~self._is_blank[ids]), len(ids))
        following = visible[np.searchsorted(visible, last, side="right")]
        line_ends = np.append(-1, np.flatnonzero(self._ends_line[ids]))
        marks[np.maximum(last, line_ends[np.searchsorted(line_ends, following) - 1])] = True
        if len(visible) > 1:
            marks[visible[-2] :] = False  # white space at the very end is no sentence of its own
        marks[-1:] = True
        return marks

    def decode(self, ids: Sequence[int] | np.ndarray, *, show_special: bool = False) -> str:
        """The text of ids; special ids are left out, or shown: `<extra_id_0>`, `<mask>`, `</s>`, `<pad>`, `[SEP]`.

        The space that SentencePiece puts before a text is taken away again. Bytes that are not UTF-8, as
        a model may generate, become U+FFFD.
        """
        special = self.vocab.is_special
        shown = [i for i in map(int, ids) if show_special or not special[i]]
        text = b"".join(self.piece(i).encode() if special[i] else self._token_texts[i] for i in shown)
        starts_with_prefix = self._prefix and shown and not special[shown[0]]
        return text.decode(errors="replace").removeprefix(" " if starts_with_prefix else "")

    def text_of(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids in the middle of a document: no space is taken away, special ids are shown."""
        special = self.vocab.is_special
        shown = (self.piece(i).encode() if special[i] else self._token_texts[i] for i in map(int, ids))
        return b"".join(shown).decode(errors="replace")

    def piece(self, id: int) -> str:
        """How an id is shown: as SentencePiece spells it, ▁ for a space, or the name of a special id."""
        name = self._special_names.get(int(id))
        return name if name is not None else self._spm.id_to_piece(int(id))

    @cached_property
    def token_bytes(self) -> np.ndarray:
        """int32[size], how many bytes of UTF-8 text each id stands for: special ids 0, byte pieces 1, ▁ 1.

        Over an encoded text they add up to its bytes, and one more for the space put before it.
        """
        return _frozen(np.array([len(text) for text in self._token_texts], dtype=np.int32))

    @cached_property
    def _token_texts(self) -> list[bytes]:
        texts = [b""] * self.vocab.size
        for i in self.vocab.text_ids:
            piece = self._spm.id_to_piece(i)
            is_byte = self._spm.is_byte(i)
            texts[i] = bytes([int(piece[3:5], 16)]) if is_byte else piece.replace(_SPACE, " ").encode()
        return texts

    @cached_property
    def _special_names(self) -> dict[int, str]:
        vocab = self.vocab
        names = {vocab.pad: "<pad>", vocab.eos: "</s>", vocab.unk: "<unk>", vocab.mask: "<mask>"} | vocab.control_names
        return names | {id: f"<extra_id_{number}>" for number, id in enumerate(vocab.sentinels)}

    @cached_property
    def _prefix(self) -> str:
        return _SPACE if self._spm.normalize("a").startswith(_SPACE) else ""

    @cached_property
    def _is_blank(self) -> np.ndarray:
        return _frozen(np.array([bool(text) and text.isspace() for text in self._token_texts]))

    @cached_property
    def _ends_line(self) -> np.ndarray:
        return _frozen(np.array([text.endswith(b"\n") for text in self._token_texts]))

    @cached_property
    def _starts_word(self) -> np.ndarray:
        return _frozen(np.array([_starts_word(text) for text in self._token_texts]))


def vocab_above(spm: sentencepiece.SentencePieceProcessor, num_sentinels: int) -> Vocab:
    """The vocabulary of a model with sentinels, a mask and control words on top. Raises BadTokenizer."""
    size = spm.get_piece_size()
    is_special = np.array([spm.is_control(i) or spm.is_unknown(i) or spm.is_unused(i) for i in range(size)])
    texts = np.flatnonzero(~is_special)
    if not len(texts) or is_special[texts[0] :].any():
        raise BadTokenizer("its special pieces do not all stand before its text; use another SentencePiece model")
    fresh = iter(range(size, size + 3))
    pad, eos = (id if id >= 0 else next(fresh) for id in (spm.pad_id(), spm.eos_id()))
    first = next(fresh)
    mask = first + num_sentinels
    controls = tuple(range(mask + 1, mask + 1 + len(CONTROLS)))
    return Vocab(
        size=mask + 1 + len(controls),
        pad=pad,
        eos=eos,
        unk=spm.unk_id(),
        mask=mask,
        sentinels=tuple(reversed(range(first, first + num_sentinels))),
        text_ids=range(int(texts[0]), size),
        controls=controls,
    )


def fingerprint(model: bytes, vocab: Vocab) -> str:
    """SHA-256, in hex, of a SentencePiece model and of what each id means."""
    return sha256(model + b"\0" + _vocab_json(vocab).encode()).hexdigest()


def _vocab_json(vocab: Vocab) -> str:
    fields = {name: getattr(vocab, name) for name in ("size", "pad", "eos", "unk", "mask")}
    fields |= {"text_ids": [vocab.text_ids.start, vocab.text_ids.stop], "sentinels": list(vocab.sentinels)}
    if vocab.controls:  # left out otherwise, so that vocabularies without any keep their fingerprints
        fields["controls"] = list(vocab.controls)
    return json.dumps(fields) + "\n"


def load_vocab(folder: Path) -> Vocab:
    """The vocabulary saved in a folder, without its model. Raises BadTokenizer."""
    path = folder / VOCAB_FILE
    try:
        fields = json.loads(_read(path))
        fields["text_ids"] = range(*fields["text_ids"])
        fields["sentinels"] = tuple(fields["sentinels"])
        fields["controls"] = tuple(fields.get("controls", ()))
        return Vocab(**fields)
    except BadTokenizer:
        raise
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadTokenizer(f"{path} is no vocabulary ({error}); prepare the corpus again") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadTokenizer(
            f"{path} cannot be read ({error.strerror}); name a .model file or a prepared folder"
        ) from None


def _processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    try:
        if model:
            return sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError:
        pass
    raise BadTokenizer("the tokenizer is not a SentencePiece model; give the .model file of one")


def _checked(text: str) -> str:
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        raise BadTokenizer(f"character {error.start} of a text is half a surrogate pair; remove it") from None
    return text


def _byte_offsets(text: str, offsets: Iterable[int]) -> np.ndarray:
    offsets = np.asarray(offsets)
    if text.isascii():
        return offsets
    encoded = np.frombuffer(text.encode(), dtype=np.uint8)
    is_first = (encoded & 0xC0) != 0x80
    return np.append(np.flatnonzero(is_first), len(encoded))[offsets]


def _starts_word(text: bytes) -> bool:
    if len(text) == 1:
        return text.isspace() or text[0] in _UNSPACED_BYTES
    first = ord(text.decode()[0]) if text else 0
    return first in (0x0A, 0x20) or any(low <= first <= high for low, high in _UNSPACED)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
