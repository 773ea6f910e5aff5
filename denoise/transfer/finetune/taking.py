"""A run learns a task, unless it has: from its folder to transfer/TASK/seedN.json."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from data_prep.files import only_one
from denoise.hub.trained import load_trained
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.stopping import Stopping
from denoise.train.config import RunConfig
from denoise.train.execution import execution_of
from denoise.transfer.exam.papers import trained_to
from denoise.transfer.finetune.command import ADVICE
from denoise.transfer.finetune.config import BadFinetuning, FinetuneConfig
from denoise.transfer.finetune.learning import Learning, Lesson
from denoise.transfer.finetune.results import is_finetuned, path_of, write_finetuned
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.registry import task_named


@dataclass(frozen=True, kw_only=True)
class Start:
    """What is learnt, and from where."""

    task: str
    """Name of the task, or its dotted path."""
    seed: int
    """Decides the order of the questions and, from scratch, the first weights."""
    from_scratch: bool
    """Whether to begin from fresh weights of the run's model."""


def take(
    run: Path,
    start: Start,
    config: FinetuneConfig,
    task_data: Path,
    console: Console,
    *,
    data: Path | None = None,
    stopping: Stopping | None = None,
) -> None:
    """Have a finished run learn a task, unless it has, and write the result whole.

    `task_data`: folder of the tasks' files. `data`: where the run's tokens are now. `stopping`: what has held signals
    since before torch was imported. Raises BadFinetuning, BadTask, BadCheckpoint, and Stopped if a signal asked for it.
    """
    finished = trained_to(run)
    if finished is None:
        raise BadFinetuning(f"{run} is not finished: it has no done.json; train it to its end, then fine-tune it")
    task, seed, from_scratch = task_named(start.task), start.seed, start.from_scratch
    held = nullcontext(stopping) if stopping else Stopping(advice=ADVICE)
    with only_one(run), held as stopping:
        if is_finetuned(run, config, task.name, seed, from_scratch=from_scratch):
            console.print(
                f"{run} has learnt {task.name} with seed {seed}", highlight=False, soft_wrap=True, markup=False
            )
            return
        stopping.check(f"stopped before {task.name}")
        trained = load_trained(run, data)
        model = trained.model
        if from_scratch:
            model = EncoderDecoder(model.config, model.vocab_size, pad_id=model.pad_id, seed=seed)
        device = execution_of(RunConfig(compile=False, precision="32-true")).device
        lesson = Lesson(
            task=task,
            config=config,
            tokenizer=trained.tokenizer,
            train=questions_of(task, "train", task_data),
            scored=questions_of(task, task.scored_on, task_data),
        )
        learning = Learning(lesson=lesson, model=model.to(device), device=device, seed=seed)
        learning.learn()
        result = learning.result(from_scratch=from_scratch, step=finished[0], trained_at=finished[1])
        write_finetuned(path_of(run, task.name, seed, from_scratch=from_scratch), result)
    shown = ", ".join(f"{name} {value:.3f}" for name, value in result.scores.items())
    begun = "from scratch" if from_scratch else "fine-tuned"
    console.print(f"{run}: {task.name}, {begun}, seed {seed}: {shown}", highlight=False, soft_wrap=True, markup=False)
