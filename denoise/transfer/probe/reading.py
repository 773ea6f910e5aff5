"""The texts that every checkpoint reads, and the labels of their parts: words, or the text as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from denoise.transfer.probe.config import WORD_LABELS, BadProbe, ProbeConfig
from denoise.transfer.tasks import BadTask, Split
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.registry import task_named
from denoise.transfer.tasks.tagging import POS

SENTENCES, SENTENCES_OF_THE_DEFAULT_CORPUS = "sst2", "sotu_spoken"
"""Classes of texts unless others are named, and those that need no files. Of words it is UD English EWT, scored on dev:
its test split is left to fine-tuning."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text in the parts that have labels."""

    parts: tuple[str, ...]
    """Its words, or the whole of it as one."""
    labels: tuple[tuple[str, ...], ...]
    """Of each label set, one a part."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Texts that are read once, and the label sets that stand upon them."""

    names: tuple[str, ...]
    """The label sets, in the order of `Text.labels`."""
    titles: tuple[str, ...]
    """The same in words."""
    of_words: bool
    """Whether the parts are words."""
    split: Split
    """The split that is scored."""
    train: tuple[Text, ...]
    scored: tuple[Text, ...]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All that a probe reads."""

    readings: tuple[Reading, ...]
    missing: dict[str, str] = field(default_factory=dict)
    """Label sets that were left out, and why."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all texts and labels."""
        digest = sha256()
        for reading in self.readings:
            digest.update(repr((reading.names, reading.split, reading.train, reading.scored)).encode())
        return digest.hexdigest()


def read_corpus(config: ProbeConfig, folder: Path) -> Corpus:
    """Read what is asked for out of the folder of the tasks.

    Raises BadTask for a label set that was named and is not there, BadProbe for one that cannot be probed.
    """
    names = config.label_sets
    of_words = tuple(name for name in names or WORD_LABELS if name in WORD_LABELS)
    of_texts = [name for name in names if name not in WORD_LABELS] or ([] if names else [SENTENCES])
    readings: list[Reading] = []
    missing: dict[str, str] = {}
    for name in [*of_words[:1], *of_texts]:
        try:
            readings.append(_of_words(of_words, config, folder) if name in WORD_LABELS else _of(name, config, folder))
        except BadTask as error:
            if names:
                raise
            missing |= dict.fromkeys(of_words if name in WORD_LABELS else (name,), str(error))
    if SENTENCES in missing:
        readings.append(_of(SENTENCES_OF_THE_DEFAULT_CORPUS, config, folder))
    return Corpus(readings=tuple(readings), missing=missing)


def _of_words(names: tuple[str, ...], config: ProbeConfig, folder: Path) -> Reading:
    def texts(split: Split, num_words: int) -> tuple[Text, ...]:
        found = [
            Text(
                parts=tuple(word.form for word in words),
                labels=tuple(tuple(word.tag if name == "pos" else word.relation for word in words) for name in names),
            )
            for words in POS.sentences(split, folder)
        ]
        return _some(found, num_words, config.seed)

    return Reading(
        names=names,
        titles=tuple(WORD_LABELS[name] for name in names),
        of_words=True,
        split="dev",
        train=texts("train", config.num_train_words),
        scored=texts("dev", config.num_scored_words),
    )


def _of(name: str, config: ProbeConfig, folder: Path) -> Reading:
    """A task with one label a text."""
    task = task_named(name)

    def texts(split: Split, num_texts: int) -> tuple[Text, ...]:
        questions = questions_of(task, split, folder)
        if not task.labels or any(len(question.slots) != 1 for question in questions):
            raise BadProbe(f"{name} has not one label a text, so it cannot be probed; name a task of classes")
        found = [Text(parts=(question.source,), labels=(question.said,)) for question in questions]
        return _some(found, num_texts, config.seed)

    return Reading(
        names=(task.name,),
        titles=(task.title or task.name,),
        of_words=False,
        split=task.scored_on,
        train=texts("train", config.num_train_texts),
        scored=texts(task.scored_on, config.num_scored_texts),
    )


def _some(texts: Sequence[Text], num_parts: int, seed: int) -> tuple[Text, ...]:
    """As many whole texts as have so many parts or just more, in an order that the seed decides."""
    order = np.random.Generator(np.random.Philox(key=[seed, len(texts)])).permutation(len(texts))
    chosen: list[Text] = []
    num_left = num_parts
    for place in order:
        if num_left <= 0:
            break
        chosen.append(texts[place])
        num_left -= len(texts[place].parts)
    return tuple(chosen)
