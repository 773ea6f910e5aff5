"""How right answers are: the published measures, by the libraries that keep them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise.transfer.tasks.task import Question, Task

Answer = tuple[str, ...]


def measured(name: str, task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """One measure, by its name, of answers to questions in the same order."""
    return MEASURES[name](task, questions, answers)


def _flat(questions: Sequence[Question], answers: Sequence[Answer]) -> tuple[list[str], list[str]]:
    golds = [said for question in questions for said in question.said]
    return golds, [text for answer in answers for text in answer]


def _accuracy(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(*_flat(questions, answers)))


def _matthews(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(*_flat(questions, answers)))


MEASURES: dict[str, Callable[[Task, Sequence[Question], Sequence[Answer]], float]] = {
    "accuracy": _accuracy,
    "matthews": _matthews,
}
"""By name; each is higher where answers are better."""
