"""What a fine-tuning leaves in a run folder: transfer/TASK/seedN.json, and how it is read; no torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.files import write_json
from denoise.transfer.exam.papers import trained_to
from denoise.transfer.finetune.config import BadFinetuning, FinetuneConfig
from denoise.transfer.stored import stored

FOLDER = "transfer"
BASELINES_FILE = "baselines.json"
CHECKPOINT_FILE = "checkpoint.json"
"""Beside results of a checkpoint folder: which weights they are of."""
VERSION = 1
"""Of how it is trained and scored; raised when figures can no longer be compared with earlier ones."""

Weights = tuple[int, str | None]
"""What results are known by: the step, and finished_at of the run's done.json or the SHA-256 of a checkpoint."""


class Point(NamedTuple):
    """A place of a loss curve."""

    step: int
    """Steps done."""
    loss: float
    """Nats a said token: of training the mean since the point before, else of the scored questions."""


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """One task learnt from one start with one seed."""

    version: int
    """VERSION of the code that wrote it."""
    task: str
    """The name of the task, or its dotted path."""
    seed: int
    """Decides the order of the questions and, from scratch, the first weights."""
    from_scratch: bool
    """Whether it began from fresh weights instead of the run's."""
    settings: dict[str, Any]
    """Every option of FinetuneConfig. Scores are comparable where settings, version and data_fingerprint are equal."""
    data_fingerprint: str
    """SHA-256 of all questions of both splits, whichever of them num_train and num_scored took."""
    step: int
    """The run's step whose weights were fine-tuned, or whose model was begun anew."""
    trained_at: str | None
    """finished_at of the run's done.json: weights trained anew are fine-tuned anew. Of a checkpoint folder the SHA-256
    of its files."""
    split: str
    """The split that was scored."""
    measures: tuple[str, ...]
    """Names of the scores; tables show the first."""
    scores: dict[str, float]
    """By the task's measures. Of tasks with labels the answer is the likeliest of them."""
    generated: dict[str, float]
    """The same of what the model writes freely; empty for tasks without labels, whose answers are always written."""
    num_outside: int
    """Written answers that are none of the labels, in the pieces that the vocabulary makes of them; they count as wrong
    in `generated`."""
    num_answers: int
    """Answers that were scored: one a slot, of which none is left out."""
    num_train: int
    """Questions there were to train on, of which num_steps × batch_size were drawn."""
    num_scored: int
    """Questions that were scored."""
    num_cut: dict[str, int]
    """Texts that were longer than they may be: train_sources and train_targets, of the questions that were drawn;
    scored_sources; scored_targets, right answers of free text that are longer than what may be written."""
    train_curve: tuple[Point, ...]
    """The loss over the steps."""
    scored_curve: tuple[Point, ...]
    """The loss on num_curve_questions of the scored questions, targets cut as in training: before the first step, and
    num_evaluations times up to behind the last."""
    cost: dict[str, float] = field(default_factory=dict)
    """training_s and scoring_s, seconds of CPU time; tokens, encoder and decoder, that were trained on."""
    finished_at: str = ""
    """When it was written."""

    def __post_init__(self) -> None:
        if not self.measures or not set(self.measures) <= set(self.scores):
            raise ValueError(f"its measures are {', '.join(self.measures) or 'none'}, its scores {list(self.scores)}")

    @property
    def score(self) -> float:
        """The score that tables show."""
        return self.scores[self.measures[0]]


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """What needs no model, scored on the same questions: transfer/TASK/baselines.json."""

    data_fingerprint: str
    """Of the questions, as in Finetuned."""
    scores: dict[str, dict[str, float]]
    """By the name of the baseline, majority, bag_of_words or lead, every measure of the task; without those that a
    baseline cannot answer."""
    num_train: int = 0
    """Questions that they were made of."""
    num_scored: int = 0
    """Questions that they were scored on."""


def path_of(run: Path, task: str, seed: int, *, from_scratch: bool) -> Path:
    """Where the result of a fine-tuning is.

    >>> path_of(Path("runs/a"), "sst2", 1, from_scratch=True).as_posix()
    'runs/a/transfer/sst2/scratch-seed1.json'
    """
    return run / FOLDER / task / f"{'scratch-' if from_scratch else ''}seed{seed}.json"


def write_finetuned(path: Path, result: Finetuned) -> None:
    """Write it, whole, and the score with it, for readers who do not know which measure counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**dataclasses.asdict(result), "score": result.score})


def read_finetuned(path: Path) -> Finetuned | None:
    """A result; None where there is none. Raises BadFinetuning for a file that is not one."""
    try:
        return stored(Finetuned, path)
    except (OSError, ValueError) as error:
        raise BadFinetuning(f"{path} cannot be read ({error}); delete it, and fine-tune the run again") from None


def write_baselines(run: Path, task: str, baselines: Baselines) -> None:
    """Write them, whole."""
    path = run / FOLDER / task / BASELINES_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dataclasses.asdict(baselines))


def read_baselines(run: Path, task: str) -> Baselines | None:
    """The baselines of a task; None where there are none that can be read."""
    try:
        return stored(Baselines, run / FOLDER / task / BASELINES_FILE)
    except (OSError, ValueError):
        return None


def all_finetuned(run: Path) -> list[Finetuned]:
    """Every result of a run's final weights and of its model from scratch, by task, start and seed."""
    found = [read_finetuned(path) for path in sorted((run / FOLDER).glob("*/*seed*.json"))]
    return [each for each in found if each is not None and (each.step, each.trained_at) == weights_of(run)]


def weights_of(run: Path) -> Weights | None:
    """The weights whose results lie in a folder: a finished run's own, or those that checkpoint.json names."""
    finished = trained_to(run)
    if finished is not None:
        return finished
    try:
        about = json.loads((run / FOLDER / CHECKPOINT_FILE).read_text(encoding="utf-8"))
        return int(about["step"]), str(about["weights"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_finetuned(run: Path, config: FinetuneConfig, task: str, seed: int, *, from_scratch: bool) -> bool:
    """Whether a run's final weights were fine-tuned so; a file that cannot be read counts as none."""
    try:
        found = read_finetuned(path_of(run, task, seed, from_scratch=from_scratch))
    except BadFinetuning:
        return False
    return (
        found is not None
        and found.version == VERSION
        and found.settings == config.settings()
        and (found.step, found.trained_at) == weights_of(run)
    )


def compared(found: Finetuned) -> Mapping[str, Any]:
    """What two results must share to be compared."""
    return {"version": found.version, "settings": found.settings, "data": found.data_fingerprint}
