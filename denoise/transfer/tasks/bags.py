"""A linear model of words, by scikit-learn: the baseline that reads, but knows no order and no meaning."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from denoise.transfer.tasks.measures import OF_SCORES, Answer, library
from denoise.transfer.tasks.task import Question, Task
from denoise.transfer.tasks.words import words_of


def bag_of_words(task: Task, train: Sequence[Question], scored: Sequence[Question]) -> list[Answer]:
    """Logistic regression over words and pairs of neighbours by TF-IDF (characters in Chinese); for scores, ridge.

    Several texts are a bag each, and what each two neighbours have in common is another. A question with a slot a
    word gets, of each word, the label it most often has in training.
    """
    if any(len(question.slots) > 1 or question.slots[0].given for question in train):
        return _by_word(train, scored)
    said = [question.said[0] for question in train]
    if len(set(said)) < 2:  # nothing to tell apart
        return [(said[0],)] * len(scored)
    known, asked = _features(task, train, scored)
    linear = library("sklearn.linear_model")
    if OF_SCORES.intersection(task.measures):
        model = linear.Ridge(alpha=1.0, solver="sparse_cg").fit(known, [float(text) for text in said])
        return [(f"{number:.3f}",) for number in model.predict(asked)]
    model = linear.LogisticRegression(C=10.0, max_iter=1000).fit(known, said)
    return [(str(label),) for label in model.predict(asked)]


def _features(task: Task, train: Sequence[Question], scored: Sequence[Question]) -> tuple[Any, Any]:
    """Sparse rows of features of both splits; weights of words are learnt from the train split alone."""
    chosen = {"analyzer": "char"} if task.language == "zh" else {"token_pattern": r"\w+|[^\w\s]"}
    make = library("sklearn.feature_extraction.text").TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **chosen)
    make.fit([text for question in train for text in _texts(question)])
    return _rows(make, train, task.language), _rows(make, scored, task.language)


def _rows(make: Any, questions: Sequence[Question], language: str) -> Any:
    sparse = library("scipy.sparse")
    columns = list(zip(*map(_texts, questions), strict=True))
    bags = [make.transform(texts) for texts in columns]
    common = [one.minimum(other) for one, other in pairwise(bags)]
    # Words that training does not have are in no bag, but two texts may share them, or not.
    shared = [
        sparse.csr_matrix([[_shared(one, other, language)] for one, other in zip(*pair, strict=True)])
        for pair in pairwise(columns)
    ]
    return sparse.hstack([*bags, *common, *shared], format="csr")


def _shared(one: str, other: str, language: str) -> float:
    """The share of all words of two texts that are in both."""
    words, others = set(words_of(one, language)), set(words_of(other, language))
    return len(words & others) / max(1, len(words | others))


def _texts(question: Question) -> tuple[str, ...]:
    return question.texts or (question.source,)


def _by_word(train: Sequence[Question], scored: Sequence[Question]) -> list[Answer]:
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for slot in (slot for question in train for slot in question.slots):
        labels[slot.given][slot.said] += 1
    every = sum(labels.values(), Counter[str]()).most_common(1)[0][0]
    usual = {word: counts.most_common(1)[0][0] for word, counts in labels.items()}
    return [tuple(usual.get(slot.given, every) for slot in question.slots) for question in scored]
