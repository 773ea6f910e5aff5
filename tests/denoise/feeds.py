"""Batches that fit into a test, and how two are compared."""

from __future__ import annotations

import numpy as np
import torch

from corruptions import Corruption, Draw, Linear, Mixture, Prefixed, PrefixLM, SpanCorruption, Split, Stairs
from data_prep.tokens import TokenStore
from denoise.feed.batch import Batch
from denoise.feed.batches import Batches
from denoise.feed.counts import NoiseCounts
from denoise.feed.room import Room
from denoise.feed.windows import Windows


def batches_of(
    store: TokenStore, corruption: Corruption, source_len: int, *, target_len: int | None = None, **options: int
) -> Batches:
    room = Room(corruption, source_len, target_len)
    windows = Windows(store, room.stride, seed=options.pop("seed", 3), shuffle=True, period=room.period)
    return Batches(windows, room, **{"batch_size": 8, "num_batches": 6, **options})


def equal(one: Batch, other: Batch) -> bool:
    """Tensors, counts and all."""

    def same(a: object, b: object) -> bool:
        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            return torch.equal(a, b)
        if isinstance(a, NoiseCounts) and isinstance(b, NoiseCounts):
            return all(np.array_equal(mine, others) for mine, others in zip(a, b, strict=True))
        return a is b is None

    return all(same(a, b) for a, b in zip(one, other, strict=True))


def in_mode(mode: str, corruption: Corruption) -> Prefixed:
    return Prefixed(mode=mode, corruption=corruption)


def three_parts(draw: Draw = Draw.STRATIFIED, weights: list | None = None) -> Mixture:
    """R, S and X in the shares 1/2, 1/4 and 1/4, unless weights are given."""
    return Mixture(
        parts=[
            in_mode("[R]", SpanCorruption()),
            in_mode("[S]", PrefixLM(rate=0.25, split=Split.FIXED)),
            in_mode("[X]", SpanCorruption(rate=0.5, mean_span_length=8.0)),
        ],
        weights=weights or [2, 1, 1],
        draw=draw,
    )


def changing() -> dict[str, Corruption]:
    """Corruptions that differ from step to step, or from window to window."""
    decay = Linear(start=0.5, end=0.15, num_steps=5)
    return {
        "rate": SpanCorruption(rate=decay),
        "span_length": SpanCorruption(mean_span_length=Stairs(values=(3.0, 8.0), steps=(0, 3))),
        "stratified": three_parts(),
        "weights": three_parts(Draw.IID, [1.0, 1.0, Linear(start=0.0, end=2.0, num_steps=5)]),
        "part_of_mixture": Mixture(
            parts=[SpanCorruption(rate=decay), PrefixLM(split=Split.FIXED)], draw=Draw.STRATIFIED
        ),
    }
