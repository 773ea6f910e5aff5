"""What no model is needed for: scores that stand beside those of models, so that a number means something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from data_prep.sentences import sentence_ends
from denoise.transfer.tasks.bags import bag_of_words
from denoise.transfer.tasks.measures import OF_SCORES, Answer
from denoise.transfer.tasks.task import Question, Task
from denoise.transfer.tasks.words import words_of

_SEARCHED_CHARS = 5_000
"""Of a passage, for its first sentences."""


def baselines(task: Task, train: Sequence[Question], scored: Sequence[Question]) -> dict[str, dict[str, float]]:
    """Every measure of the task for answers that need no model, on the questions that models are scored on.

    Of tasks with labels: `majority`, the most frequent label, or the mean score, whatever is asked; and `bag_of_words`,
    a linear model of words and pairs of words by TF-IDF, or of each word its most frequent label. Of tasks with free
    text: `lead`, the first sentences of the passage, as many as hold the words of a right answer of median length;
    none of a task whose questions do not name their texts.
    The same questions give the same figures.
    """
    answers = {"lead": lead(task, train, scored)} if all(question.texts for question in scored) else {}
    if task.labels:
        answers = {"majority": majority(task, train, scored), "bag_of_words": bag_of_words(task, train, scored)}
    return {name: task.scores(scored, given) for name, given in answers.items()}


def majority(task: Task, train: Sequence[Question], scored: Sequence[Question]) -> list[Answer]:
    """One answer to everything: the label most often right in training, or the mean where labels are scores."""
    if OF_SCORES.intersection(task.measures):
        text = f"{mean(float(question.said[0]) for question in train):.3f}"
    else:
        text = Counter(said for question in train for said in question.said).most_common(1)[0][0]
    return [(text,) * len(question.slots) for question in scored]


def lead(task: Task, train: Sequence[Question], scored: Sequence[Question]) -> list[Answer]:
    """The first sentences of each passage."""
    num_words = median(len(words_of(question.said[0], task.language)) for question in train)
    return [(_first_sentences(question, num_words, task.language),) for question in scored]


def _first_sentences(question: Question, num_words: float, language: str) -> str:
    passage = question.texts[-1][:_SEARCHED_CHARS]
    ends = sentence_ends(passage, language)
    enough = (end for end in ends if len(words_of(passage[:end], language)) >= num_words)
    return passage[: next(enough, len(passage))]
