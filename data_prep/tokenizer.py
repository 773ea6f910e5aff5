"""Text ↔ ids: a SentencePiece model with sentinels, a mask and control words on top."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece

from data_prep.errors import BadInput
from data_prep.files import write_whole
from data_prep.sentences import sentence_ends_of
from data_prep.tokenizing.marks import Marker, Sentences
from data_prep.vocab import CONTROLS, Vocab

MODEL_FILE = "spm.model"
VOCAB_FILE = "vocab.json"


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


class TokenizedBatch(NamedTuple):
    """Documents in ids, one behind the other, without eos; the first three arrays have one place a token."""

    ids: np.ndarray
    """int32[n]."""
    word_starts: np.ndarray
    """bool[n]."""
    sentence_ends: np.ndarray
    """bool[n]."""
    offsets: np.ndarray
    """int64[number of documents + 1]; document d has the places offsets[d] to offsets[d + 1], maybe none."""

    def document(self, number: int) -> Tokenized:
        """One document of the batch, without a copy."""
        place = slice(self.offsets[number], self.offsets[number + 1])
        return Tokenized(self.ids[place], self.word_starts[place], self.sentence_ends[place])


class Tokenizer:
    """Text to ids and back.

    Ids are laid out as T5's: SentencePiece's own first (pad 0, eos 1, unk 2 in models trained here), then
    pad or eos where a given model lacks them, then `<extra_id_99> … <extra_id_0>`, so that the first
    sentinel is the highest, then the mask and the control words. Special ids are never made from text: a
    text that spells `<extra_id_0>`, `</s>` or `[SEP]` is encoded letter by letter.

    A model trained by `data_prep.tokenizing.training` gives every text back, line ends and runs of spaces included:
    decode(encode(text)) == text. The one exception is the character ▁ (U+2581), which SentencePiece uses for
    a space. A given model may normalise more: T5's turns each run of white space into one space.
    """

    def __init__(self, model: bytes, vocab: Vocab) -> None:
        self.model = model
        """The SentencePiece model, as the bytes of its file."""
        self.vocab = vocab
        self._spm = _processor(model)
        self._marker = Marker(model, self._spm, vocab)

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
        ids, word_starts, sentence_ends, _ = self.encode_documents([text], language)
        return Tokenized(ids, word_starts, sentence_ends)

    def encode_documents(self, texts: Sequence[str], language: str = "en") -> TokenizedBatch:
        """The same of many texts at once, which is faster; each as if it were alone.

        A megabyte of text is a good batch; memory grows with it. Raises BadTokenizer for half a surrogate pair.
        """
        texts = list(texts)
        for text in texts:
            _checked(text)
        encoded = self._spm.encode(texts, return_type="numpy", num_threads=1)
        ids = np.concatenate([np.zeros(0, dtype=np.int32), *encoded])
        offsets = np.append(0, np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(texts))))
        sentences = Sentences(*sentence_ends_of(texts, language))
        return TokenizedBatch(
            ids,
            self._marker.word_starts(ids, offsets),
            self._marker.sentence_ends(texts, sentences, ids, offsets),
            offsets,
        )

    def decode(self, ids: Sequence[int] | np.ndarray, *, show_special: bool = False) -> str:
        """The text of ids; special ids are left out, or shown: `<extra_id_0>`, `<mask>`, `</s>`, `<pad>`, `[SEP]`.

        The space that SentencePiece puts before a text is taken away again. Bytes that are not UTF-8, as
        a model may generate, become U+FFFD.
        """
        special = self.vocab.is_special
        shown = [i for i in map(int, ids) if show_special or not special[i]]
        text = b"".join(self.piece(i).encode() if special[i] else self._marker.token_texts[i] for i in shown)
        starts_with_prefix = self._marker.prefix and shown and not special[shown[0]]
        return text.decode(errors="replace").removeprefix(" " if starts_with_prefix else "")

    def text_of(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids in the middle of a document: no space is taken away, special ids are shown."""
        special = self.vocab.is_special
        shown = (self.piece(i).encode() if special[i] else self._marker.token_texts[i] for i in map(int, ids))
        return b"".join(shown).decode(errors="replace")

    def piece(self, id: int) -> str:
        """How an id is shown: as SentencePiece spells it, ▁ for a space, or the name of a special id."""
        name = self._special_names.get(int(id))
        return name if name is not None else self._spm.id_to_piece(int(id))

    @property
    def token_bytes(self) -> np.ndarray:
        """int32[size], how many bytes of UTF-8 text each id stands for: special ids 0, byte pieces 1, ▁ 1.

        Over an encoded text they add up to its bytes, and one more for the space put before it.
        """
        return self._marker.token_bytes

    @cached_property
    def _special_names(self) -> dict[int, str]:
        vocab = self.vocab
        names = {vocab.pad: "<pad>", vocab.eos: "</s>", vocab.unk: "<unk>", vocab.mask: "<mask>"} | vocab.control_names
        return names | {id: f"<extra_id_{number}>" for number, id in enumerate(vocab.sentinels)}


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
