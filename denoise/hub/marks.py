"""Texts with marks: cut at their marks, and encoded as the sources of a run were."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from data_prep.errors import BadInput
from data_prep.tokenizer import Tokenizer
from data_prep.vocab import CONTROLS

_MARK = re.compile(r"(<extra_id_\d+>|<mask>)")
_MODE = re.compile(rf"\s*({'|'.join(re.escape(word) for word in CONTROLS)})\s*")


class BadText(BadInput):
    """A text that the model cannot be asked with."""


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A text as stretches between marks: text, mark, text, mark, ..., text; stretches may be empty."""

    mode: str | None
    """The control word at its head, if there is one."""
    texts: list[str]
    """The stretches, white space and all."""
    marks: list[str]
    """The names between them; one fewer."""

    @property
    def plain(self) -> str:
        """The text as it was written, without the control word."""
        rest = (mark + text for mark, text in zip(self.marks, self.texts[1:], strict=True))
        return self.texts[0] + "".join(rest)


def marked(text: str) -> Marked:
    """Cut a text at its marks.

    >>> cut = marked("[R] Thank you <extra_id_0> me.")
    >>> cut.mode, cut.texts, cut.marks
    ('[R]', ['Thank you ', ' me.'], ['<extra_id_0>'])
    """
    head = _MODE.match(text)
    pieces = _MARK.split(text[head.end() :] if head else text)
    return Marked(mode=head[1] if head else None, texts=pieces[::2], marks=pieces[1::2])


def source_ids(cut: Marked, tokenizer: Tokenizer, *, masks: int = 1) -> np.ndarray:
    """int32[n]: what the encoder reads, with its eos; each `<mask>` stands for so many masks.

    White space beside a mark is not read, and each stretch is encoded as a text of its own: the ids are those
    that an export's AutoTokenizer gives. Raises BadText for a mark that the vocabulary does not have.
    """
    vocab = tokenizer.vocab
    ids: list[int] = [] if cut.mode is None else [vocab.control(cut.mode)]
    for number, text in enumerate(cut.texts):
        text = text.lstrip() if number or cut.mode else text
        ids += tokenizer.encode(text.rstrip() if number < len(cut.marks) else text).tolist()
        if number < len(cut.marks):
            ids += _ids_of(cut.marks[number], tokenizer, masks)
    return np.array([*ids, vocab.eos], dtype=np.int32)


def _ids_of(mark: str, tokenizer: Tokenizer, masks: int) -> list[int]:
    if mark == "<mask>":
        return [tokenizer.vocab.mask] * masks
    number, sentinels = int(mark.removeprefix("<extra_id_").rstrip(">")), tokenizer.vocab.sentinels
    if number >= len(sentinels):
        has = f"<extra_id_0> to <extra_id_{len(sentinels) - 1}>" if sentinels else "none"
        raise BadText(f"the vocabulary has no {mark}; it has {has}")
    return [sentinels[number]]
