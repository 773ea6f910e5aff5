"""One task learnt from one start with one seed: questions, steps, answers, a result."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

import torch
from torch import Tensor

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import AdamW
from denoise.train.optim.schedule import warm_up
from denoise.transfer.finetune.answering import mean_nats
from denoise.transfer.finetune.asking import Asked, Asker, in_training_order
from denoise.transfer.finetune.config import FinetuneConfig
from denoise.transfer.finetune.results import VERSION, Finetuned, Point
from denoise.transfer.finetune.scoring import QUESTIONS_AT_ONCE, answers_to
from denoise.transfer.tasks import Question, Task
from denoise.transfer.training import on, train_on


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A task as it is put to every run of one vocabulary."""

    task: Task
    config: FinetuneConfig
    tokenizer: Tokenizer
    train: Sequence[Question]
    """Questions to train on."""
    scored: Sequence[Question]
    """Questions to score, in the order of their split."""

    @property
    def asker(self) -> Asker:
        """What makes ids of questions."""
        return Asker(tokenizer=self.tokenizer, source_len=self.config.source_len, target_len=self.config.target_len)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all questions and answers."""
        digest = sha256()
        for question in (*self.train, *self.scored):
            digest.update(repr((question.source, question.slots, question.golds)).encode())
        return digest.hexdigest()


@dataclass(kw_only=True)
class Learning:
    """A model while it learns a task."""

    lesson: Lesson
    model: EncoderDecoder
    device: torch.device
    seed: int
    train_curve: list[Point] = field(default_factory=list)
    scored_curve: list[Point] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)

    def learn(self) -> None:
        """Train for all steps of the budget, and keep the loss curves."""
        config, asker = self.lesson.config, self.lesson.asker
        started_s = time.process_time()
        asked = [asker.ask(question) for question in self.lesson.train]
        # What is scored is asked with its right answers: only for the loss.
        scored = self._batches([asker.ask(question) for question in self.lesson.scored])
        warmup_steps = round(config.num_steps * config.warmup)
        every = -(-config.num_steps // config.num_evaluations)
        losses: list[Tensor] = []

        def factor(step: int) -> float:
            return min(warm_up(step, warmup_steps), (config.num_steps - step) / max(1, config.num_steps - warmup_steps))

        def after_step(step: int, loss: Tensor) -> None:
            losses.append(loss)
            if step % every == 0 or step == config.num_steps:
                self.train_curve.append(Point(step, float(torch.stack(losses).mean())))
                self.scored_curve.append(Point(step, mean_nats(self.model, scored)))
                losses.clear()

        self.scored_curve.append(Point(0, mean_nats(self.model, scored)))
        train_on(self.model, self._train_batches(asked), AdamW(learning_rate=config.learning_rate), factor, after_step)
        self.cost["training_s"] = round(time.process_time() - started_s, 3)

    def result(self, *, from_scratch: bool, step: int, trained_at: str | None) -> Finetuned:
        """Score what was learnt."""
        started_s = time.process_time()
        lesson, task, asker = self.lesson, self.lesson.task, self.lesson.asker
        answers = answers_to(task, lesson.scored, self.model, asker, self.device)
        generated = task.scores(lesson.scored, answers.written)
        scores = task.scores(lesson.scored, answers.likeliest) if task.labels else generated
        self.cost["scoring_s"] = round(time.process_time() - started_s, 3)
        return Finetuned(
            version=VERSION,
            task=task.name,
            seed=self.seed,
            from_scratch=from_scratch,
            settings=lesson.config.settings(),
            data_fingerprint=lesson.fingerprint,
            step=step,
            trained_at=trained_at,
            split=task.scored_on,
            measures=task.measures,
            scores=scores,
            generated=generated if task.labels else {},
            num_outside=answers.outside(task.labels),
            num_answers=sum(len(question.slots) for question in lesson.scored),
            num_train=len(lesson.train),
            num_scored=len(lesson.scored),
            num_cut=self._num_cut(),
            train_curve=tuple(self.train_curve),
            scored_curve=tuple(self.scored_curve),
            cost=self.cost,
            finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    def _num_cut(self) -> dict[str, int]:
        ask = self.lesson.asker.ask
        train, scored = ([ask(question) for question in part] for part in (self.lesson.train, self.lesson.scored))
        return {
            "train_sources": sum(each.is_source_cut for each in train),
            "train_targets": sum(each.is_target_cut for each in train),
            "scored_sources": sum(each.is_source_cut for each in scored),
        }

    def _train_batches(self, asked: Sequence[Asked]) -> Iterator[Batch]:
        config = self.lesson.config
        order = islice(in_training_order(len(asked), config.batch_size, self.seed), config.num_steps)
        for numbers in order:
            yield self.lesson.asker.batch([asked[number] for number in numbers])

    def _batches(self, asked: Sequence[Asked]) -> list[Batch]:
        """All of them in their order, on the device."""
        parts = [asked[first : first + QUESTIONS_AT_ONCE] for first in range(0, len(asked), QUESTIONS_AT_ONCE)]
        return [on(self.device, self.lesson.asker.batch(part)) for part in parts]
