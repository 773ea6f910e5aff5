"""Tasks with their questions, read once and looked through before anything is computed; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from denoise.transfer.finetune.config import FinetuneConfig
from denoise.transfer.tasks import Question, Task
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.registry import task_named


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A task as it is put to every run."""

    task: Task
    config: FinetuneConfig
    train: Sequence[Question]
    """All questions that may be trained on."""
    scored: Sequence[Question]
    """All questions of the split that is scored, in its order."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all questions and answers, whichever of them are taken."""
        digest = sha256()
        for question in (*self.train, *self.scored):
            digest.update(repr((question.source, question.slots, question.golds)).encode())
        return digest.hexdigest()


@dataclass(kw_only=True)
class Lessons:
    """The lessons of one budget, read from a folder at their first use."""

    config: FinetuneConfig
    folder: Path
    """Of the files of all tasks."""
    _read: dict[str, Lesson] = field(default_factory=dict)

    def of(self, name: str) -> Lesson:
        """The lesson of a task by its name or dotted path. Raises BadTask."""
        if name not in self._read:
            task = task_named(name)
            train, scored = (questions_of(task, split, self.folder) for split in ("train", task.scored_on))
            self._read[name] = Lesson(task=task, config=self.config, train=train, scored=scored)
        return self._read[name]
