"""Texts → a SentencePiece model, the same bytes for the same texts on every machine."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

import sentencepiece

from data_prep.tokenizer import BadTokenizer, Tokenizer, vocab_above
from data_prep.tokenizing.training_lines import Draw, draw_lines
from data_prep.vocab import CONTROLS

TRAINING_BYTES = 12_500_000
"""How much text a vocabulary is trained on: about 5 s on two cores."""

# The trainer adds up floating-point counts thread by thread, so another number gives another model.
_NUM_THREADS = 8

_OPTIONS: dict[str, Any] = {
    "model_type": "unigram",
    "pad_id": 0,
    "eos_id": 1,
    "unk_id": 2,
    "bos_id": -1,
    "byte_fallback": True,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True,
    "user_defined_symbols": ["\n"],
    "max_sentence_length": 1 << 20,
    "num_threads": _NUM_THREADS,
    "minloglevel": 3,
}


def train(
    texts: Iterable[str], *, vocab_size: int, num_sentinels: int = 100, training_bytes: int = TRAINING_BYTES
) -> Tokenizer:
    """`train_on` the lines drawn from texts."""
    return train_on(draw_lines(texts, training_bytes), vocab_size=vocab_size, num_sentinels=num_sentinels)


def train_on(draw: Draw, *, vocab_size: int, num_sentinels: int = 100) -> Tokenizer:
    """A unigram vocabulary of `vocab_size` ids, special ones included, that spells any text.

    Characters too rare for a piece of their own are spelled in bytes; white space is kept as it is, and a
    line end is a piece. The model depends on nothing but the lines and these options.

    Raises BadTokenizer when the text is too small, or the size too small for the text's characters.
    """
    num_added = num_sentinels + 1 + len(CONTROLS)
    num_pieces = vocab_size - num_added
    if num_pieces < 1 or not draw.lines:
        what = "there is no text to train it on" if not draw.lines else f"it must exceed {num_added}, its special ids"
        raise BadTokenizer(f"a vocabulary of {vocab_size} ids is asked for, but {what}; give more")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(draw.lines),
            model_writer=model,
            vocab_size=num_pieces,
            **_OPTIONS,
        )
    except (RuntimeError, OSError) as error:
        raise _too_small(str(error), vocab_size, num_added) from None
    trained = model.getvalue()
    spm = sentencepiece.SentencePieceProcessor(model_proto=trained)
    return Tokenizer(trained, vocab_above(spm, num_sentinels))


def _too_small(message: str, vocab_size: int, num_added: int) -> BadTokenizer:
    most = re.search(r"too high .*<= (\d+)", message)
    least = re.search(r"smaller than required_chars\. \d+ vs (\d+)", message)
    if most:
        return BadTokenizer(
            f"the corpus is too small for a vocabulary of {vocab_size} ids; the largest possible is "
            f"{int(most[1]) + num_added}: set vocab_size to that or less, or give more text"
        )
    if least:
        return BadTokenizer(
            f"a vocabulary of {vocab_size} ids is too small for the characters of this corpus; "
            f"set vocab_size to {int(least[1]) + num_added} or more"
        )
    return BadTokenizer(f"no vocabulary could be trained ({' '.join(message.split())[:200]}); give more text")
