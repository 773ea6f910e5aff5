"""How right answers are: the published measures, by the libraries that keep them.

All are fractions of 1, correlations from -1 to 1; higher is better. What has no value is 0: a correlation with answers
that are all the same, or Matthews' of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from denoise.transfer.tasks.task import BadTask
from denoise.transfer.tasks.words import spaced, words_of

if TYPE_CHECKING:
    from denoise.transfer.tasks.task import Question, Task

Answer = tuple[str, ...]
Measure = Callable[["Task", Sequence["Question"], Sequence[Answer]], float]
NO_NUMBER = -1.0
"""What an answer that is no number counts as where a number is asked for, as in T5's reading of STS-B."""


def measured(name: str, task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """One measure, by its name, of answers to questions in the same order. Raises BadTask for a name there is not."""
    if name not in MEASURES:
        raise BadTask(f"{task.name} names the measure {name}; there are {', '.join(MEASURES)}")
    if not questions or [len(each.slots) for each in questions] != [len(answer) for answer in answers]:
        raise ValueError(f"{task.name}: {len(answers)} answers do not fit {len(questions)} questions, a text a slot")
    return MEASURES[name](task, questions, answers)


def library(name: str) -> Any:
    """A library that measures or learns. Raises BadTask, saying how to install it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise BadTask(
            f"tasks are scored with {error.name}, which is not there; run: pip install 'denoise[tasks]'"
        ) from None


def _accuracy(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Share of the slots whose answer is right."""
    return float(library("sklearn.metrics").accuracy_score(*_flat(questions, answers)))


def _matthews(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Matthews' correlation of classes; an answer that is no label is a class of its own."""
    with warnings.catch_warnings():  # it warns where all is one class, of which 0 is the correlation
        warnings.simplefilter("ignore", UserWarning)
        return float(library("sklearn.metrics").matthews_corrcoef(*_flat(questions, answers)))


def _f1(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """F1 of the last label, as 1 is the last of 0 and 1."""
    return _f1_of(task.labels[-1:], questions, answers)


def _macro_f1(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """The mean over the labels of the F1 of each, so that a rare one counts as much as a frequent one."""
    return _f1_of(task.labels, questions, answers)


def _f1_of(labels: Sequence[str], questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    score = library("sklearn.metrics").f1_score
    return float(score(*_flat(questions, answers), labels=list(labels), average="macro", zero_division=0.0))


def _pearson(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Pearson's correlation with the scores before they were rounded to labels."""
    return _correlation("pearsonr", questions, answers)


def _spearman(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Spearman's correlation with the scores before they were rounded to labels."""
    return _correlation("spearmanr", questions, answers)


def _correlation(name: str, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    golds = [_number(each.golds[0] if each.golds else each.said[0]) for each in questions]
    given = [_number(answer[0]) for answer in answers]
    if len(set(golds)) < 2 or len(set(given)) < 2:
        return 0.0
    return float(getattr(library("scipy.stats"), name)(golds, given).statistic)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return NO_NUMBER
    return number if math.isfinite(number) else NO_NUMBER


def _exact_match(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Share of the answers that are one of the right ones, but for case, punctuation and articles, as SQuAD has it."""
    return _squad("exact_match", task, questions, answers)


def _token_f1(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """SQuAD's F1: words in common with the nearest right answer, the mean over all questions.

    Chinese is compared by characters, as in MLQA, but that English articles in it are taken away here and not there.
    """
    return _squad("f1", task, questions, answers)


def _squad(name: str, task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    given, golds = [], []
    for number, (question, (text,)) in enumerate(zip(questions, answers, strict=True)):
        right = [spaced(each, task.language) for each in question.golds or question.said]
        given.append({"id": str(number), "prediction_text": spaced(text, task.language)})
        golds.append({"id": str(number), "answers": {"text": right, "answer_start": [0] * len(right)}})
    return float(library("torchmetrics.functional.text.squad").squad(given, golds)[name]) / 100


def _in_passage(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Share of the answers, right or wrong, that stand in the passage, white space aside."""
    passages = ["".join((question.texts or (question.source,))[-1].split()) for question in questions]
    found = ["".join(text.split()) for (text,) in answers]
    return sum(bool(text) and text in passage for text, passage in zip(found, passages, strict=True)) / len(found)


def _rouge1(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """F of words in common with the right answer."""
    return _rouge("rouge1", task, questions, answers)


def _rouge2(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """F of pairs of words in common with the right answer."""
    return _rouge("rouge2", task, questions, answers)


def _rouge_l(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """F of the longest sequence of words, gaps allowed, in common with the right answer."""
    return _rouge("rougeL", task, questions, answers)


def _rouge(name: str, task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """Google's ROUGE without stemming, as T5 takes it; of Chinese by characters."""
    is_chinese = task.language == "zh"
    scores = library("torchmetrics.functional.text.rouge").rouge_score(
        [text for (text,) in answers],
        [list(question.golds or question.said) for question in questions],
        rouge_keys=name,
        normalizer=(lambda text: text) if is_chinese else None,
        tokenizer=(lambda text: words_of(text, "zh")) if is_chinese else None,
    )
    return float(scores[f"{name}_fmeasure"])


def _flat(questions: Sequence[Question], answers: Sequence[Answer]) -> tuple[list[str], list[str]]:
    golds = [said for question in questions for said in question.said]
    return golds, [text for answer in answers for text in answer]


MEASURES: dict[str, Measure] = {
    "accuracy": _accuracy,
    "matthews": _matthews,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "pearson": _pearson,
    "spearman": _spearman,
    "exact_match": _exact_match,
    "token_f1": _token_f1,
    "in_passage": _in_passage,
    "rouge1": _rouge1,
    "rouge2": _rouge2,
    "rougeL": _rouge_l,
}
"""By name; each is higher where answers are better."""
OF_SCORES = frozenset({"pearson", "spearman"})
"""Measures of tasks whose answer is a number."""
OF_LABELS = frozenset({"matthews", "f1", "macro_f1"})
"""Measures of tasks with label words."""
