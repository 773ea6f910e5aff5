"""A run learns a task, unless it has: from its folder to transfer/TASK/seedN.json."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import torch
from rich.console import Console

from data_prep.files import only_one
from denoise.hub.trained import Trained, load_trained
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.stopping import Stopping
from denoise.train.config import RunConfig
from denoise.train.execution import execution_of
from denoise.transfer.finetune.asking import chosen, spread
from denoise.transfer.finetune.command import ADVICE
from denoise.transfer.finetune.config import BadFinetuning, Start
from denoise.transfer.finetune.learner import Learner
from denoise.transfer.finetune.learning import Learning
from denoise.transfer.finetune.lessons import Lesson, Lessons
from denoise.transfer.finetune.results import (
    Baselines,
    Finetuned,
    is_finetuned,
    path_of,
    read_baselines,
    read_finetuned,
    write_baselines,
    write_finetuned,
)
from denoise.transfer.finetune.watching import Watch

_SEED_OF_BASELINES = 1
"""Whose questions the baselines learn where num_train takes a part: each seed takes another."""


def take(
    run: Path,
    start: Start,
    lessons: Lessons,
    console: Console,
    *,
    data: Path | None = None,
    stopping: Stopping | None = None,
) -> None:
    """Have a finished run learn a task, unless it has, and write the result whole.

    `lessons` read each task once. `data`: where the run's tokens are now. `stopping`: what has held signals since
    before torch was imported. Raises BadFinetuning, BadTask, BadCheckpoint, and Stopped if a signal asked for it.
    """
    learner = Learner.of(run, data=data)
    held = nullcontext(stopping) if stopping else Stopping(advice=ADVICE)
    with held as stopping:
        learn(learner, start, lessons, console, stopping)


def learn(learner: Learner, start: Start, lessons: Lessons, console: Console, stopping: Stopping) -> bool:
    """`take` with weights that were looked at and tasks that may be read already; whether there was something to do."""
    home, lesson = learner.home, lessons.of(start.task)
    with only_one(home):
        learner.claim()
        _have_baselines(home, lesson)
        if _is_learnt(home, lesson, start):
            name = f"{home} has learnt {lesson.task.name}, {start.words}, with seed {start.seed}"
            console.print(name, highlight=False, soft_wrap=True, markup=False)
            return False
        watch = Watch(f"{lesson.task.name} seed {start.seed}", lessons.config.num_steps, console, stopping)
        watch.check()
        trained = _trained(learner)
        device = _device_of(trained)
        model = trained.model
        if start.from_scratch:
            model = EncoderDecoder(model.config, model.vocab_size, pad_id=model.pad_id, seed=start.seed).eval()
        # Fresh heads make tiny gradients, and numbers below the normal range are 50 times slower on a CPU.
        torch.set_flush_denormal(True)
        with watch:
            learning = Learning(
                lesson=lesson,
                model=model.to(device),
                tokenizer=trained.tokenizer,
                device=device,
                seed=start.seed,
                watch=watch,
            )
            learning.learn()
            result = learning.result(learner.weights, from_scratch=start.from_scratch)
        write_finetuned(path_of(home, lesson.task.name, start.seed, from_scratch=start.from_scratch), result)
    console.print(f"{home}: {_told(result, start)}", highlight=False, soft_wrap=True, markup=False)
    return True


def _trained(learner: Learner) -> Trained:
    """Raises BadFinetuning for a run whose last weights are gone, BadCheckpoint."""
    trained = load_trained(learner.folder, learner.data)
    if trained.config and trained.step != learner.weights[0]:
        raise BadFinetuning(
            f"{learner.folder} was trained to step {learner.weights[0]:,}, and its last checkpoint that can be read is "
            f"of step {trained.step:,}; bring the last one back, or train the run again"
        )
    return trained


def _device_of(trained: Trained) -> torch.device:
    """The run's own. In float32, as in the exam, every device gives the same to rounding."""
    wanted = trained.config.get("device", "auto")
    return execution_of(RunConfig(device=wanted, compile=False, precision="32-true")).device


def _is_learnt(home: Path, lesson: Lesson, start: Start) -> bool:
    """Whether it has learnt the very questions that lie there now."""
    name, seed, from_scratch = lesson.task.name, start.seed, start.from_scratch
    if not is_finetuned(home, lesson.config, name, seed, from_scratch=from_scratch):
        return False
    found = read_finetuned(path_of(home, name, seed, from_scratch=from_scratch))
    return found is not None and found.data_fingerprint == lesson.fingerprint


def _have_baselines(home: Path, lesson: Lesson) -> None:
    """Write what needs no model, unless it is there."""
    config = lesson.config
    train = [lesson.train[number] for number in chosen(len(lesson.train), config.num_train, _SEED_OF_BASELINES)]
    scored = [lesson.scored[number] for number in spread(len(lesson.scored), config.num_scored)]
    about = {"data_fingerprint": lesson.fingerprint, "num_train": len(train), "num_scored": len(scored)}
    found = read_baselines(home, lesson.task.name)
    if found is not None and all(getattr(found, name) == value for name, value in about.items()):
        return
    from denoise.transfer.tasks.baselines import baselines

    made = baselines(lesson.task, train, scored)
    write_baselines(home, lesson.task.name, Baselines(scores=made, **about))  # type: ignore[arg-type]


def _told(result: Finetuned, start: Start) -> str:
    """One line for whoever waited."""
    shown = ", ".join(f"{name} {value:.3f}" for name, value in result.scores.items())
    spent_s = result.cost["training_s"] + result.cost["scoring_s"]
    return f"{result.task}, {start.words}, seed {result.seed}: {shown} ({spent_s:.1f} s of CPU time)"
