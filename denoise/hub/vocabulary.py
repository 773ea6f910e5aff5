"""Vocabularies as transformers keeps them: a SentencePiece model, sentinels above it, and which id is called what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sentencepiece

from data_prep.tokenizer import BadTokenizer, Tokenizer
from data_prep.vocab import CONTROLS, Vocab
from denoise.hub.checkpoint import SPIECE_FILE
from denoise.train.config import BadCheckpoint

BACKEND_FILE, BACKEND = "spm_char.model", "SpeechT5Tokenizer"
"""The same model under the name that this class of transformers looks for; see `tokenizer_files`."""
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
_T5_SENTINELS = 100
_ID_NAMES = ("size", "pad", "eos", "unk", "mask")


def vocab_words(vocab: Vocab) -> dict[str, Any]:
    """A vocabulary as JSON has it."""
    words: dict[str, Any] = {name: getattr(vocab, name) for name in _ID_NAMES}
    return words | {
        "text_ids": [vocab.text_ids.start, vocab.text_ids.stop],
        "sentinels": list(vocab.sentinels),
        "controls": list(vocab.controls),
    }


def vocab_of(words: Mapping[str, Any]) -> Vocab:
    """The vocabulary that `vocab_words` described. Raises BadCheckpoint."""
    try:
        return Vocab(
            **{name: words[name] for name in _ID_NAMES},
            text_ids=range(*words["text_ids"]),
            sentinels=tuple(words["sentinels"]),
            controls=tuple(words["controls"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadCheckpoint(f"the vocabulary in config.json is damaged ({error}); export the run again") from None


def tokenizer_of(folder: Path, words: Mapping[str, Any] | None) -> Tokenizer:
    """The tokenizer of a checkpoint folder; `words` are those of `vocab_words`. Raises BadCheckpoint."""
    path = folder / SPIECE_FILE
    try:
        if words is not None:
            return Tokenizer(path.read_bytes(), vocab_of(words))
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(path)).get_piece_size()
        return Tokenizer.from_sentencepiece(path, len(t5_sentinels(folder, pieces)))
    except (OSError, RuntimeError, BadTokenizer) as error:
        raise BadCheckpoint(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from None


def pieces_of(folder: Path) -> list[str] | None:
    """The pieces of a checkpoint's vocabulary by their ids, special ones on top left out; None: it has none."""
    for name in (SPIECE_FILE, BACKEND_FILE):
        if (folder / name).is_file():
            try:
                spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
            except (OSError, RuntimeError):
                raise BadCheckpoint(f"{folder / name} is no SentencePiece model; copy the checkpoint again") from None
            return [spm.id_to_piece(id) for id in range(spm.get_piece_size())]
    if not (folder / "tokenizer.json").is_file():
        return None
    try:
        pieces = [piece for piece, _ in json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(f"{folder / 'tokenizer.json'} is not that of a T5 ({error})") from None
    while pieces and pieces[-1].startswith("<extra_id_"):
        pieces.pop()
    return pieces


def t5_sentinels(folder: Path, num_pieces: int) -> tuple[int, ...]:
    """T5's sentinels: as many as its tokenizer says, or 100, right above the pieces, the first the highest."""
    try:
        given = json.loads((folder / TOKENIZER_CONFIG_FILE).read_bytes()).get("extra_ids", _T5_SENTINELS)
        number = int(given)
    except (OSError, ValueError, TypeError, AttributeError):
        number = _T5_SENTINELS
    return tuple(reversed(range(num_pieces, num_pieces + number)))


def tokenizer_files(tokenizer: Tokenizer) -> dict[str, bytes]:
    """The files that make AutoTokenizer give SentencePiece's own ids, and eos at the end.

    Of transformers' classes only a few call SentencePiece itself. Its Rust unigram adds up in other precision and
    takes another of two equally good ways through a run such as `-----------`, and its T5Tokenizer knows neither
    byte fallback nor kept white space. SpeechT5Tokenizer is SentencePiece and an eos, also after
    save_pretrained, where the class that has no model of its own forgets the eos. White space beside a mark
    is taken away on both sides, since each stretch of text gets the vocabulary's own space in front. The name of
    unk is no mark, since texts spell it.
    """
    vocab = tokenizer.vocab
    spm = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    names = {vocab.pad: "<pad>", vocab.eos: "</s>"}
    names = {id: spm.id_to_piece(id) if id < spm.get_piece_size() else name for id, name in names.items()}
    marks = {id: f"<extra_id_{number}>" for number, id in enumerate(vocab.sentinels)}
    marks |= {vocab.mask: "<mask>"} | dict(zip(vocab.controls, CONTROLS, strict=False))
    added = {
        str(id): {
            "content": name,
            "lstrip": id in marks,
            "rstrip": id in marks,
            "normalized": False,
            "single_word": False,
            "special": True,
        }
        for id, name in sorted((names | marks).items())
    }
    config = {
        "tokenizer_class": BACKEND,
        "added_tokens_decoder": added,
        "pad_token": names[vocab.pad],
        "eos_token": names[vocab.eos],
        "unk_token": None,
        "mask_token": "<mask>",
        "bos_token": None,
        "extra_ids": len(vocab.sentinels),
        "extra_special_tokens": [name for id, name in sorted(marks.items()) if id != vocab.mask],
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "padding_side": "right",
    }
    return {
        SPIECE_FILE: tokenizer.model,
        BACKEND_FILE: tokenizer.model,
        TOKENIZER_CONFIG_FILE: (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode(),
    }
