"""A label set as numbers, with its control task and what needs no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

UNSEEN = -1
"""The class of a label that the train split does not have; no probe says it."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The classes of parts, those to fit to and those to score."""

    classes: tuple[str, ...]
    """The labels of the train split, the most frequent first."""
    train: np.ndarray
    """int64[n], their numbers."""
    scored: np.ndarray
    """int64[m], UNSEEN for a label that is not among them."""
    baselines: dict[str, float]
    """Accuracy on what is scored. majority: of the most frequent class. type: of the most frequent class of the same
    word or text, and the most frequent of all where it is new."""

    @property
    def counts(self) -> np.ndarray:
        """int64[classes], how often each stands in the train split."""
        return np.bincount(self.train, minlength=len(self.classes))


def labels_of(train: Sequence[str], scored: Sequence[str], types: tuple[Sequence[str], Sequence[str]]) -> Labels:
    """Labels as numbers; `types` are the words, or the texts, that have them.

    >>> found = labels_of(["NOUN", "NOUN", "DET"], ["DET", "NOUN"], (["cat", "sat", "the"], ["the", "sat"]))
    >>> found.classes, found.scored.tolist(), found.baselines
    (('NOUN', 'DET'), [1, 0], {'majority': 0.5, 'type': 1.0})
    """
    counts = Counter(train)
    classes = tuple(sorted(counts, key=lambda label: (-counts[label], label)))
    number_of = {label: number for number, label in enumerate(classes)}
    of_train = np.array([number_of[label] for label in train], dtype=np.int64)
    of_scored = np.array([number_of.get(label, UNSEEN) for label in scored], dtype=np.int64)
    return Labels(classes=classes, train=of_train, scored=of_scored, baselines=_baselines((of_train, of_scored), types))


def control_of(labels: Labels, name: str, types: tuple[Sequence[str], Sequence[str]], seed: int) -> Labels:
    """The control task: every type has one label for good, drawn from how often labels stand in the train split.

    What it is depends on the seed, the label set and the type only, so a type that is new has one too, which nothing
    tells. Source: Hewitt and Liang 2019, https://arxiv.org/abs/1909.03368, part 2.
    """
    ends = np.cumsum(labels.counts)
    drawn: dict[str, int] = {}
    for each in dict.fromkeys((*types[0], *types[1])):
        number = int.from_bytes(sha256(f"{seed}\0{name}\0{each}".encode()).digest()[:8])
        drawn[each] = int(np.searchsorted(ends, (number * int(ends[-1])) >> 64, side="right"))
    train, scored = (np.array([drawn[each] for each in part], dtype=np.int64) for part in types)
    return Labels(classes=labels.classes, train=train, scored=scored, baselines=_baselines((train, scored), types))


def seen_share(types: tuple[Sequence[str], Sequence[str]]) -> float:
    """Share of what is scored whose type stands in the train split."""
    known = set(types[0])
    return sum(each in known for each in types[1]) / len(types[1])


def _baselines(numbers: tuple[np.ndarray, np.ndarray], types: tuple[Sequence[str], Sequence[str]]) -> dict[str, float]:
    train, scored = numbers
    overall = Counter(train.tolist())
    frequent = _most_frequent(overall, overall)
    of_type: dict[str, Counter[int]] = {}
    for each, number in zip(types[0], train.tolist(), strict=True):
        of_type.setdefault(each, Counter())[number] += 1
    best = {each: _most_frequent(counts, overall) for each, counts in of_type.items()}
    by_type = np.array([best.get(each, frequent) for each in types[1]])
    return {"majority": float((scored == frequent).mean()), "type": float((scored == by_type).mean())}


def _most_frequent(counts: Counter[int], overall: Counter[int]) -> int:
    """Of equally frequent ones that which is more frequent elsewhere, so that nothing depends on an order."""
    return max(counts, key=lambda number: (counts[number], overall[number], -number))
