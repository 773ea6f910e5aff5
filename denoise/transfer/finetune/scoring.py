"""The answers of a model to the questions of a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.transfer.finetune.answering import judge, written
from denoise.transfer.finetune.asking import Asked, Asker, by_length
from denoise.transfer.finetune.walking import Node, tree_of, walk
from denoise.transfer.training import on

QUESTIONS_AT_ONCE = 64
OUTSIDE = ""
"""The written answer that stands for all that is no label."""

Answer = tuple[str, ...]
"""A text a slot."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model said to questions, in their order."""

    likeliest: list[Answer]
    """The likeliest labels; empty for tasks without labels."""
    written: list[Answer]
    """What it wrote freely; OUTSIDE where that was none of the labels."""
    num_outside: int
    """Written answers that are none of the labels."""


def answers_to(
    asked: Sequence[Asked],
    model: EncoderDecoder,
    asker: Asker,
    device: torch.device,
    after_batch: Callable[[], None] = lambda: None,
) -> Answers:
    """Ask a model, questions of like lengths together. A label that stands alone is judged by its whole likelihood."""
    answers: list[tuple[Answer, Answer, int]] = [((), (), 0)] * len(asked)
    is_alone = [bool(asker.labels) and len(each.given) == 1 and not len(each.given[0]) for each in asked]
    root = tree_of(asker.label_ids)
    for numbers in by_length([_order(each) for each in asked], QUESTIONS_AT_ONCE):
        for is_judged in (True, False):
            part = [number for number in numbers if is_alone[number] is is_judged]
            if not part:
                continue
            some = [asked[number] for number in part]
            batch = on(device, asker.batch(some))
            if is_judged:
                found = _judged(model, batch, asker)
            elif asker.labels:
                found = _walked(model, batch, some, asker, root)
            else:
                texts = written(model, batch, asker.tokenizer, asker.target_len)
                found = [((), (text,), 0) for text in texts]
            for number, answer in zip(part, found, strict=True):
                answers[number] = answer
        after_batch()
    return Answers(
        likeliest=[likeliest for likeliest, _, _ in answers] if asker.labels else [],
        written=[said for _, said, _ in answers],
        num_outside=sum(number for _, _, number in answers),
    )


def _order(asked: Asked) -> tuple[int, int, int]:
    """Labels of words come by the tokens that are given, everything else by its source."""
    return len(asked.given), sum(map(len, asked.given)), len(asked.source)


def _judged(model: EncoderDecoder, batch: Batch, asker: Asker) -> list[tuple[Answer, Answer, int]]:
    judged = judge(model, batch, asker.label_ids, asker.tokenizer.vocab.eos)
    is_outside = (~judged.is_written.any(1)).tolist()
    likeliest = judged.nats.argmin(1).tolist()
    # As numbers, since not every device has the largest of truth values.
    said = judged.is_written.int().argmax(1).tolist()
    return [
        ((asker.labels[one],), (OUTSIDE if out else asker.labels[other],), int(out))
        for one, other, out in zip(likeliest, said, is_outside, strict=True)
    ]


def _walked(
    model: EncoderDecoder, batch: Batch, asked: Sequence[Asked], asker: Asker, root: Node
) -> list[tuple[Answer, Answer, int]]:
    vocab = asker.tokenizer.vocab
    steps = walk(model, batch, [each.given for each in asked], root, eos=vocab.eos, num_ids=vocab.size)
    found = []
    for likeliest, is_outside in steps:
        labels = tuple(asker.labels[number] for number in likeliest)
        said = tuple(OUTSIDE if out else label for label, out in zip(labels, is_outside, strict=True))
        found.append((labels, said, int(np.sum(is_outside))))
    return found
