"""Questions as ids, and ids as batches.

Axes: B batch · S source tokens · T target tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import IGNORED, Batch
from denoise.transfer.tasks import Question


class Asked(NamedTuple):
    """A question in ids."""

    source: np.ndarray
    """int32[s], its eos included."""
    target: np.ndarray
    """int32[t]: what was given and what must be said, and an eos."""
    is_said: np.ndarray
    """bool[t]: what must be said; the eos is."""
    is_source_cut: bool
    is_target_cut: bool


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Makes ids of questions, for one vocabulary and one pair of longest lengths."""

    tokenizer: Tokenizer
    source_len: int
    """Tokens of the longest source, its eos included."""
    target_len: int
    """Tokens of the longest target, its eos included."""

    def ask(self, question: Question) -> Asked:
        """The ids of one question, cut where it is too long."""
        vocab, encode = self.tokenizer.vocab, self.tokenizer.encode
        source = encode(question.source)
        parts = [
            (encode(text), is_said)
            for slot in question.slots
            for text, is_said in zip(slot, (False, True), strict=True)
        ]
        target = np.concatenate([ids for ids, _ in parts])
        is_said = np.concatenate([np.full(len(ids), is_said) for ids, is_said in parts])
        cut_source, cut_target = source[: self.source_len - 1], target[: self.target_len - 1]
        return Asked(
            source=np.append(cut_source, np.int32(vocab.eos)),
            target=np.append(cut_target, np.int32(vocab.eos)),
            is_said=np.append(is_said[: len(cut_target)], True),
            is_source_cut=len(cut_source) < len(source),
            is_target_cut=len(cut_target) < len(target),
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
            # An address, not a state: what a pass is like depends on the seed and its number only.
            draws = np.random.Generator(np.random.Philox(key=[seed, epoch]))
            left, epoch = np.append(left, draws.permutation(num_questions)), epoch + 1
        yield left[:batch_size]
        left = left[batch_size:]


def _stacked(rows: Sequence[np.ndarray], fill: int | bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different lengths as one array, and where they are."""
    lengths = np.array([len(row) for row in rows])
    is_there = np.arange(lengths.max()) < lengths[:, None]
    stacked = np.full(is_there.shape, fill, dtype=bool if isinstance(fill, bool) else np.int64)
    stacked[is_there] = np.concatenate(rows)
    return stacked, is_there
