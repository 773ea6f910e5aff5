"""Whether a task, which may be a user's own, is what the rest of denoise takes it for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from denoise.transfer.tasks.measures import MEASURES, OF_LABELS
from denoise.transfer.tasks.task import BadTask, Question, Split, Task

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def checked(task: Task) -> Task:
    """The task itself. Raises BadTask for names, labels, measures or splits that cannot be used."""
    if not _NAME.fullmatch(task.name):
        raise BadTask(f"a task is named {task.name!r}; it needs small letters, digits and _, since it names a folder")
    twice = sorted({label for label in task.labels if task.labels.count(label) > 1})
    if twice or len(task.labels) == 1 or any(label != label.strip() or not label for label in task.labels):
        raise BadTask(
            f"{task.name} has the labels {', '.join(map(repr, task.labels))}; give two or more different words"
        )
    unknown = [name for name in task.measures if name not in MEASURES]
    if unknown or not task.measures:
        given = ", ".join(unknown) or "none"
        raise BadTask(f"{task.name} has the measures {given}; choose from {', '.join(MEASURES)}")
    of_labels = sorted(OF_LABELS.intersection(task.measures))
    if of_labels and not task.labels:
        raise BadTask(f"{task.name} has the measure {of_labels[0]} and no labels; name its labels, or another measure")
    if task.scored_on not in get_args(Split) or task.scored_on == "train":
        raise BadTask(f"{task.name} is scored on {task.scored_on!r}; choose dev or test, never what is trained on")
    return task


def questions_of(task: Task, split: Split, folder: Path) -> list[Question]:
    """The examples of a split, each found to be one that can be asked and scored. Raises BadTask."""
    questions = list(task.questions(split, folder))
    if not questions:
        raise BadTask(f"{task.name} has no question in its {split} split; check its files in {folder}")
    labels = frozenset(task.labels)
    for number, question in enumerate(questions, start=1):
        place = f"question {number} of {task.name} ({split})"
        if not isinstance(question, Question) or not question.source.strip() or not question.slots:
            raise BadTask(f"{place} needs a source and at least one slot; it is {question!r:.80}")
        if not labels and len(question.slots) > 1:
            raise BadTask(f"{place} has {len(question.slots)} slots; a task without labels has one slot a question")
        if not all(slot.given.strip() for slot in question.slots[1:]):
            raise BadTask(
                f"{place} has a slot with nothing given behind another, so that nothing tells where an answer ends; "
                "give each slot but the first a text"
            )
        for slot in question.slots:
            if labels and slot.said not in labels:
                raise BadTask(f"{place} has the answer {slot.said!r}; it must be one of {', '.join(task.labels)}")
            if not slot.said.strip():
                raise BadTask(f"{place} has an empty answer; leave such questions out")
    return questions
