"""Texts → a SentencePiece model, the same bytes for the same texts on every machine."""

from __future__ import annotations

import heapq
import io
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import sentencepiece

from data_prep.tokenizer import BadTokenizer, Tokenizer, vocab_above
from data_prep.vocab import CONTROLS

TRAINING_BYTES = 12_500_000
"""How much text a vocabulary is trained on: about 5 s on two cores."""

# The trainer adds up floating-point counts thread by thread, so another number gives another model.
_NUM_THREADS = 8
_LONGEST_LINE_CHARS = 4_000
# To the trainer, text without spaces is all long words that differ: a byte of it takes five times as long,
# and a vocabulary from two million Chinese characters saves 0.1 % of the tokens over one from a million.
_UNSPACED_WORD_CHARS = 16
_UNSPACED_COST = 5


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
    """A unigram vocabulary of `vocab_size` ids, special ones included, that spells any text.

    Characters too rare for a piece of their own are spelled in bytes; white space is kept as it is, and a
    line end is a piece. The model depends on nothing but the texts and these options.

    Raises BadTokenizer when the text is too small, or the size too small for the text's characters.
    """
    num_added = num_sentinels + 1 + len(CONTROLS)
    num_pieces = vocab_size - num_added
    lines = draw(texts, training_bytes)
    if num_pieces < 1 or not lines:
        what = "there is no text to train it on" if not lines else f"it must exceed {num_added}, its special ids"
        raise BadTokenizer(f"a vocabulary of {vocab_size} ids is asked for, but {what}; give more")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
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


def draw(texts: Iterable[str], num_bytes: int) -> list[str]:
    """At most `num_bytes` of the lines of `texts`, those with the lowest hashes, in their order.

    A draw by hash needs no number of lines beforehand and holds no more than it returns. A byte of text
    without spaces counts as five.

    >>> draw(["one\\n\\ntwo", "three"], 100)
    ['one', '\\ntwo', 'three']
    """
    drawn: list[tuple[int, int, str]] = []
    held_bytes = 0
    for number, line in enumerate(_lines(texts)):
        rank = int.from_bytes(blake2b(line.encode(), digest_size=8).digest(), "little")
        if held_bytes + _cost_bytes(line) > num_bytes and drawn and -rank <= drawn[0][0]:
            continue
        heapq.heappush(drawn, (-rank, -number, line))
        held_bytes += _cost_bytes(line)
        while held_bytes > num_bytes:
            held_bytes -= _cost_bytes(heapq.heappop(drawn)[2])
    return [line for _, _, line in sorted(drawn, key=lambda entry: -entry[1])]


def _cost_bytes(line: str) -> int:
    is_unspaced = len(line) > _UNSPACED_WORD_CHARS * (line.count(" ") + 1)
    return len(line.encode()) * (_UNSPACED_COST if is_unspaced else 1)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of texts, each but the first of a text with its line end before it: encoding finds words
    there without the space that is put before a text, so the vocabulary must have learnt them so."""
    for text in texts:
        for number, line in enumerate(text.split("\n")):
            for start in range(0, len(line), _LONGEST_LINE_CHARS):
                if part := line[start : start + _LONGEST_LINE_CHARS].strip():
                    yield part if start or not number else "\n" + part
