"""One task learnt from one start with one seed: questions, steps, answers, a result."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import ScaledAdamW
from denoise.train.optim.schedule import warm_up
from denoise.transfer.finetune.answering import mean_nats
from denoise.transfer.finetune.asking import Asked, Asker, by_length, chosen, in_training_order, spread
from denoise.transfer.finetune.config import BadFinetuning, FinetuneConfig
from denoise.transfer.finetune.lessons import Lesson
from denoise.transfer.finetune.results import VERSION, Finetuned, Point, Weights
from denoise.transfer.finetune.scoring import QUESTIONS_AT_ONCE, Answers, answers_to
from denoise.transfer.finetune.watching import Watch
from denoise.transfer.tasks import Question
from denoise.transfer.training import on, train_on


@dataclass(kw_only=True)
class Learning:
    """A model while it learns a task."""

    lesson: Lesson
    model: EncoderDecoder
    tokenizer: Tokenizer
    device: torch.device
    seed: int
    watch: Watch
    train_curve: list[Point] = field(default_factory=list)
    scored_curve: list[Point] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config, lesson = self.lesson.config, self.lesson
        self.asker = Asker(
            tokenizer=self.tokenizer,
            labels=lesson.task.labels,
            source_len=config.source_len,
            target_len=config.target_len,
        )
        self.questions: list[Question] = [lesson.scored[n] for n in spread(len(lesson.scored), config.num_scored)]
        self.scored = self.asker.ask(self.questions)
        numbers = chosen(len(lesson.train), config.num_train, self.seed)
        self.num_train = len(numbers)
        every_batch = in_training_order(self.num_train, config.batch_size, self.seed)
        self.order = [numbers[places] for places in islice(every_batch, config.num_steps)]
        # Of a large split only a part is drawn, and only that is worth its ids.
        drawn = np.unique(np.concatenate(self.order)).tolist()
        self.train = dict(zip(drawn, self.asker.ask([lesson.train[n] for n in drawn]), strict=True))

    def learn(self) -> None:
        """Train for all steps of the budget, and keep the loss curves. Raises BadFinetuning, Stopped."""
        config = self.lesson.config
        started_s = time.process_time()
        # What is scored is asked with its right answers: only for the loss.
        curve = self._curve_batches([self.scored[n] for n in spread(len(self.scored), config.num_curve_questions)])
        every = -(-config.num_steps // config.num_evaluations)
        losses: list[Tensor] = []

        def after_step(step: int, loss: Tensor) -> None:
            losses.append(loss)
            self.watch.after_step(step, loss, int(self.cost["tokens"]))
            if step % every == 0 or step == config.num_steps:
                self.train_curve.append(Point(step, float(torch.stack(losses).mean())))
                self.scored_curve.append(Point(step, self._loss_on(curve)))
                self._demand_finite()
                losses.clear()

        self.cost["tokens"] = 0
        self.scored_curve.append(Point(0, self._loss_on(curve)))
        with _dropping_out(self.model, self.seed):
            # In units of each matrix, as T5 is fine-tuned: one rate for weights of any size, trained or fresh.
            optimizer = ScaledAdamW(learning_rate=config.learning_rate)
            train_on(self.model, self._train_batches(), optimizer, lambda step: rate_of(step, config), after_step)
        self.cost["training_s"] = round(time.process_time() - started_s, 3)

    def result(self, weights: Weights, *, from_scratch: bool) -> Finetuned:
        """Score what was learnt."""
        started_s = time.process_time()
        lesson, task = self.lesson, self.lesson.task
        answers = answers_to(self.scored, self.model, self.asker, self.device, self.watch.check)
        scores, generated = self._scores(answers)
        self.cost["scoring_s"] = round(time.process_time() - started_s, 3)
        return Finetuned(
            version=VERSION,
            task=task.name,
            seed=self.seed,
            from_scratch=from_scratch,
            settings=lesson.config.settings(),
            data_fingerprint=lesson.fingerprint,
            step=weights[0],
            trained_at=weights[1],
            split=task.scored_on,
            measures=task.measures,
            scores=scores,
            generated=generated,
            num_outside=answers.num_outside,
            num_answers=sum(len(question.slots) for question in self.questions),
            num_train=self.num_train,
            num_scored=len(self.questions),
            num_cut=self._num_cut(),
            train_curve=tuple(self.train_curve),
            scored_curve=tuple(self.scored_curve),
            cost=self.cost,
            finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    def _scores(self, answers: Answers) -> tuple[dict[str, float], dict[str, float]]:
        """Of the answers that count, and of written ones where others count."""
        written = self.lesson.task.scores(self.questions, answers.written)
        if not self.lesson.task.labels:
            return written, {}
        return self.lesson.task.scores(self.questions, answers.likeliest), written

    def _num_cut(self) -> dict[str, int]:
        return {
            "train_sources": sum(each.is_source_cut for each in self.train.values()),
            "train_targets": sum(each.is_target_cut for each in self.train.values()),
            "scored_sources": sum(each.is_source_cut for each in self.scored),
            "scored_targets": 0 if self.asker.labels else sum(each.is_target_cut for each in self.scored),
        }

    def _loss_on(self, batches: Sequence[Batch]) -> float:
        was_training = self.model.training
        self.model.eval()
        loss = mean_nats(self.model, batches)
        self.model.train(was_training)
        return loss

    def _demand_finite(self) -> None:
        (step, loss), (_, scored) = self.train_curve[-1], self.scored_curve[-1]
        if not (math.isfinite(loss) and math.isfinite(scored)):
            name, rate = self.lesson.task.name, self.lesson.config.learning_rate
            raise BadFinetuning(
                f"{name}: the loss is no number any more at step {step}; lower learning_rate ({rate:g})"
            )

    def _train_batches(self) -> Iterator[Batch]:
        for numbers in self.order:
            batch = self.asker.batch([self.train[number] for number in numbers.tolist()])
            self.cost["tokens"] += batch.source.numel() + batch.target.numel()
            yield batch

    def _curve_batches(self, asked: Sequence[Asked]) -> list[Batch]:
        """All of them, those of like lengths together, on the device."""
        parts = by_length([(len(each.target), len(each.source)) for each in asked], QUESTIONS_AT_ONCE)
        return [on(self.device, self.asker.batch([asked[number] for number in part])) for part in parts]


def rate_of(step: int, config: FinetuneConfig) -> float:
    """The rate of a step, counted from 0, in units of the highest: up in a line, then down in a line to 0.

    >>> [rate_of(step, FinetuneConfig(num_steps=10, warmup=0.2)) for step in (0, 1, 2, 6)]
    [0.5, 1.0, 1.0, 0.5]
    """
    warmup_steps = round(config.num_steps * config.warmup)
    return min(warm_up(step, warmup_steps), (config.num_steps - step) / max(1, config.num_steps - warmup_steps))


@contextmanager
def _dropping_out(model: EncoderDecoder, seed: int) -> Iterator[None]:
    """Dropout as the model's config has it, drawn by this seed; PyTorch's own generators are put back behind it."""
    devices = [parameter.device for parameter in model.parameters() if parameter.is_cuda][:1]
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        model.train()
        try:
            yield
        finally:
            model.eval()
