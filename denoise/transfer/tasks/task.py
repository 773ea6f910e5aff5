"""What a task is: questions and answers as text, and a score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from data_prep.errors import BadInput

Split = Literal["train", "dev", "test"]


class BadTask(BadInput):
    """A task that is not known, or whose data are missing or are not what they should be."""


class Slot(NamedTuple):
    """A part of a target: what the decoder is given, then what it must say."""

    given: str
    """Text that is not asked for, such as the word whose label comes next; it is never scored."""
    said: str
    """The right answer."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One labelled example of a task, as text.

    >>> question = Question(source="cola sentence: The boat sank.", slots=(Slot("", "acceptable"),))
    >>> question.said
    ('acceptable',)
    """

    source: str
    """What the encoder reads."""
    slots: tuple[Slot, ...]
    """What the decoder says, in turn. A task with a label a word has a slot a word, behind the word; every other task
    has one slot with nothing given."""
    golds: tuple[str, ...] = ()
    """What answers are held against where it is not what is trained on: all right answers, or a score before it was
    rounded."""
    texts: tuple[str, ...] = ()
    """The texts that the source is made of, in its order, for baselines that need no model; a passage that holds the
    answer is the last. Left out: the source is one text."""

    @property
    def said(self) -> tuple[str, ...]:
        """The right answer of each slot."""
        return tuple(slot.said for slot in self.slots)


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A labelled task. Subclasses are frozen keyword-only dataclasses with a default for every field.

    Your own is named by its dotted path: denoise finetune RUN --task my_tasks.Sarcasm
    """

    name: str
    """Short name, such as sst2: of its folder and its column, and the first word of its sources."""
    title: str = ""
    """Its name in tables; left out: `name`."""
    labels: tuple[str, ...] = ()
    """The words of the classes, each once. Answers are then scored by likelihood over them, and generated too. Empty:
    answers are free text."""
    measures: tuple[str, ...] = ("accuracy",)
    """Names of `denoise.transfer.tasks.measures`; the first is the one that tables show. Higher is better."""
    scored_on: Split = "dev"
    """The split that is scored: test where its labels are public."""
    split_note: str = ""
    """How the data were split where there is no official split, and what else a reader of its scores should know."""
    language: str = "en"
    """Two-letter code of its texts: where words and sentences end. Only zh has words of one character."""
    home: str = ""
    """Where its files can be had, for the message that says they are missing."""

    @abstractmethod
    def questions(self, split: Split, folder: Path) -> list[Question]:
        """The examples of a split, in the order of their file. `folder` holds the data of all tasks.

        Raises BadTask, saying which file or data set is missing and where it can be had.
        """

    def scores(self, questions: Sequence[Question], answers: Sequence[tuple[str, ...]]) -> dict[str, float]:
        """Every measure of answers, a text a slot, to questions in the same order."""
        from denoise.transfer.tasks.measures import measured

        return {name: measured(name, self, questions, answers) for name in self.measures}
