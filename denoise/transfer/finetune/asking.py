"""Questions as ids, and ids as batches.

Axes: B batch · S source tokens · T target tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import torch

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import IGNORED, Batch
from denoise.transfer.finetune.config import BadFinetuning
from denoise.transfer.tasks import Question

_CHOICE = 1 << 63
"""The address, beside a seed, of which questions are trained on; passes through them have the addresses 0, 1, ..."""


class Asked(NamedTuple):
    """A question in ids."""

    source: np.ndarray
    """int32[s], its eos included."""
    target: np.ndarray
    """int32[t]: what was given and what must be said, and an eos."""
    is_said: np.ndarray
    """bool[t]: what must be said; the eos is."""
    given: tuple[np.ndarray, ...]
    """int32[g] a slot: what is given before it, never cut."""
    is_source_cut: bool
    is_target_cut: bool


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Makes ids of questions, for one vocabulary and one pair of longest lengths."""

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    """As the task has them."""
    source_len: int
    """Tokens of the longest source, its eos included."""
    target_len: int
    """Tokens of the longest target, its eos included."""

    def ask(self, questions: Sequence[Question]) -> list[Asked]:
        """The ids of questions, cut where they are too long."""
        encode = lru_cache(maxsize=None)(self.tokenizer.encode)  # words and labels come again and again
        return [self._asked(question, encode) for question in questions]

    @cached_property
    def label_ids(self) -> list[np.ndarray]:
        """int32[t] a label, without an eos. Raises BadFinetuning for two that are the same in this vocabulary."""
        found = [self.tokenizer.encode(label) for label in self.labels]
        numbers: dict[bytes, int] = {}
        for number, ids in enumerate(found):
            other = numbers.setdefault(ids.tobytes(), number)
            if other != number:
                raise BadFinetuning(
                    f"this vocabulary writes the labels {self.labels[other]!r} and {self.labels[number]!r} alike, for "
                    "want of their letters; fine-tune a run whose vocabulary has byte pieces, as those made here have"
                )
        return found

    @cached_property
    def _may_go_on(self) -> frozenset[bytes]:
        """Labels with which another begins."""
        every = [ids.tobytes() for ids in self.label_ids]
        return frozenset(one for one in every for other in every if one != other and other.startswith(one))

    def _asked(self, question: Question, encode: Callable[[str], np.ndarray]) -> Asked:
        eos = np.int32(self.tokenizer.vocab.eos)
        source = self.tokenizer.encode(question.source)
        given = tuple(encode(slot.given) for slot in question.slots)
        target, is_said, ends_by_it = list[np.ndarray](), list[np.ndarray](), False
        for before, said in zip(given, map(encode, question.said), strict=True):
            is_asked = np.zeros(len(before), dtype=bool)
            # What is given next is also how a label ends; where it might go on instead, that has to be learnt.
            is_asked[:1] = ends_by_it
            target += [before, said]
            is_said += [is_asked, np.ones(len(said), dtype=bool)]
            ends_by_it = said.tobytes() in self._may_go_on
        whole, cut_source = np.concatenate(target), source[: self.source_len - 1]
        cut_target = whole[: self.target_len - 1]
        return Asked(
            source=np.append(cut_source, eos),
            target=np.append(cut_target, eos),
            is_said=np.append(np.concatenate(is_said)[: len(cut_target)], True),
            given=given,
            is_source_cut=len(cut_source) < len(source),
            is_target_cut=len(cut_target) < len(whole),
        )

    def batch(self, asked: Sequence[Asked]) -> Batch:
        """Questions as one batch, padded to the longest of them; only what must be said is a target."""
        pad = self.tokenizer.vocab.pad
        source, source_mask = _stacked([each.source for each in asked], pad)
        target, _ = _stacked([each.target for each in asked], IGNORED)
        is_said, _ = _stacked([each.is_said for each in asked], False)
        read = np.where(target == IGNORED, pad, target)
        decoder_input = np.concatenate([np.full((len(asked), 1), pad), read[:, :-1]], 1)
        positions = np.broadcast_to(np.arange(target.shape[1]), target.shape)
        return Batch(
            source=torch.from_numpy(source.astype(np.int32)),
            source_mask=None if source_mask.all() else torch.from_numpy(source_mask),
            decoder_input=torch.from_numpy(decoder_input.astype(np.int32)),
            decoder_positions=torch.from_numpy(positions.astype(np.int32)),
            target=torch.from_numpy(np.where(is_said, target, IGNORED).astype(np.int64)),
        )


def chosen(num_questions: int, num_train: int | None, seed: int) -> np.ndarray:
    """int64: which questions are trained on, the first of an order that the seed decides; all of them without a number.

    >>> chosen(3, None, seed=1).tolist(), len(chosen(1000, 10, seed=1)), len(chosen(3, 10, seed=1))
    ([0, 1, 2], 10, 3)
    """
    if num_train is None:
        return np.arange(num_questions)
    return _permutation(num_questions, seed, _CHOICE)[:num_train]


def spread(num_questions: int, most: int | None) -> np.ndarray:
    """int64: at most so many questions at equal distances; all of them without a number.

    >>> spread(10, 4).tolist(), spread(3, 4).tolist()
    ([0, 2, 5, 7], [0, 1, 2])
    """
    number = num_questions if most is None else min(most, num_questions)
    return np.arange(number) * num_questions // max(number, 1)


def in_training_order(num_questions: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Numbers of questions, int64[batch_size], batch after batch without end: every pass in an order of its own.

    >>> order = in_training_order(3, 2, seed=1)
    >>> sorted(np.concatenate([next(order) for _ in range(3)])[:3].tolist())
    [0, 1, 2]
    """
    left = np.zeros(0, dtype=np.int64)
    epoch = 0
    while True:
        while len(left) < batch_size:
            left, epoch = np.append(left, _permutation(num_questions, seed, epoch)), epoch + 1
        yield left[:batch_size]
        left = left[batch_size:]


def by_length(lengths: Sequence[tuple[int, ...]], most: int) -> list[list[int]]:
    """Numbers of questions in batches of at most so many, those of like lengths together, the longest first.

    >>> by_length([(1,), (9,), (2,), (8,)], 2)
    [[1, 3], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True)
    return [order[first : first + most] for first in range(0, len(order), most)]


def _permutation(number: int, seed: int, address: int) -> np.ndarray:
    # An address, not a state: what a pass is like depends on the seed and its number only.
    return np.random.Generator(np.random.Philox(key=[seed, address])).permutation(number)


def _stacked(rows: Sequence[np.ndarray], fill: int | bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different lengths as one array, and where they are."""
    lengths = np.array([len(row) for row in rows])
    is_there = np.arange(lengths.max()) < lengths[:, None]
    stacked = np.full(is_there.shape, fill, dtype=bool if isinstance(fill, bool) else np.int64)
    stacked[is_there] = np.concatenate(rows)
    return stacked, is_there
