"""The answers of a model to the questions of a split, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.transfer.finetune.answering import label_nats, written
from denoise.transfer.finetune.asking import Asker
from denoise.transfer.tasks import Question, Task
from denoise.transfer.training import on

QUESTIONS_AT_ONCE = 64
_SPARE_TOKENS = 4
"""That a written answer may have more than the longest label: what is too long is no label."""

Answer = tuple[str, ...]
"""A text a slot."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model said to questions, in their order."""

    likeliest: list[Answer]
    """The likeliest labels; empty for tasks without labels."""
    written: list[Answer]
    """What it wrote freely."""

    def outside(self, labels: Sequence[str]) -> int:
        """Written answers that are none of the labels."""
        return sum(text not in labels for answer in self.written for text in answer) if labels else 0


def answers_to(
    task: Task, questions: Sequence[Question], model: EncoderDecoder, asker: Asker, device: torch.device
) -> Answers:
    """Ask a model, in batches."""
    tokenizer = asker.tokenizer
    labels = [np.append(tokenizer.encode(label), np.int32(tokenizer.vocab.eos)) for label in task.labels]
    longest = max(map(len, labels)) + _SPARE_TOKENS if labels else asker.target_len
    likeliest: list[Answer] = []
    said: list[Answer] = []
    for batch in _batches(questions, asker, device):
        if labels:
            likeliest += [(task.labels[number],) for number in label_nats(model, batch, labels).argmin(1).tolist()]
        said += [(text,) for text in written(model, batch, tokenizer, longest)]
    return Answers(likeliest=likeliest, written=said)


def _batches(questions: Sequence[Question], asker: Asker, device: torch.device) -> Iterator[Batch]:
    for first in range(0, len(questions), QUESTIONS_AT_ONCE):
        part = questions[first : first + QUESTIONS_AT_ONCE]
        yield on(device, asker.batch([asker.ask(question) for question in part]))
