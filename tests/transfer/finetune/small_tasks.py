"""Tasks of a few made questions: a class, a label a word, free text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from denoise.transfer.tasks import BadTask, Question, Slot, Split, Task
from tests.conftest import sentence

FIRST: dict[Split, int] = {"train": 0, "dev": 500, "test": 900}


@dataclass(frozen=True, kw_only=True)
class Made(Task):
    """Questions about the sentences of the tests' corpus."""

    num_train: int = 24
    num_dev: int = 10
    file: str = "made.txt"
    """Only its being there counts."""

    def questions(self, split: Split, folder: Path) -> list[Question]:
        if not (folder / self.file).exists():
            raise BadTask(f"{folder / self.file} is not there; name the folder of the tasks with --task_data")
        number = self.num_train if split == "train" else self.num_dev
        return [self.question(sentence(FIRST[split] + 37 * place)) for place in range(number)]

    def question(self, text: str) -> Question:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Boats(Made):
    """Is there a boat in it?"""

    name: str = "boats"
    title: str = "Boats"
    labels: tuple[str, ...] = ("the harvest", "boat")
    measures: tuple[str, ...] = ("accuracy", "matthews")

    def question(self, text: str) -> Question:
        label = self.labels["boat" in text or "road" in text]
        return Question(source=f"{self.name} sentence: {text}", slots=(Slot("", label),), texts=(text,))


@dataclass(frozen=True, kw_only=True)
class Lengths(Made):
    """Is a word long?"""

    name: str = "lengths"
    labels: tuple[str, ...] = ("twice", "old")

    def question(self, text: str) -> Question:
        slots = tuple(Slot(word, self.labels[len(word) > 4]) for word in text.split())
        return Question(source=f"{self.name} sentence: {text}", slots=slots)


@dataclass(frozen=True, kw_only=True)
class Ends(Made):
    """What is the last word?"""

    name: str = "ends"

    def question(self, text: str) -> Question:
        return Question(source=f"{self.name} sentence: {text}", slots=(Slot("", text.split()[-1]),), texts=(text,))
