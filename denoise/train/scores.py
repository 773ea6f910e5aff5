"""Held-out scores as sums that add up over batches; division comes last."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from denoise.feed.batch import IGNORED, Batch


class Scores(NamedTuple):
    """Sums over held-out targets: of every token, and of those that were hidden from the encoder.

    Each is one number or, for a mixture, one for each of its parts: float[parts].

    The loss of an objective is over its own targets, so it ranks nothing across objectives. What they have in
    common is the hidden text: `noise_bits_per_byte` is what was left to guess of a byte of it.
    """

    nats: Tensor
    num_tokens: Tensor
    target_bytes: Tensor
    noise_nats: Tensor
    num_noise_tokens: Tensor
    noise_bytes: Tensor

    @classmethod
    def zero(cls, device: torch.device | str) -> Scores:
        """Nothing scored yet."""
        # float64 on the CPU and GPU; float32 where the device has no other, as Apple's.
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64
        return cls(*(torch.zeros((), device=device, dtype=dtype) for _ in cls._fields))

    def __add__(self, other: Scores) -> Scores:  # type: ignore[override]
        return Scores(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def loss(self) -> float:
        """Nats a target token."""
        return float(self.nats.sum() / self.num_tokens.sum())

    @property
    def bits_per_byte(self) -> float | None:
        """Bits a byte of text in the targets, hidden or not; None if they have none, as a yes or no."""
        return _bits_per_byte(self.nats, self.target_bytes)

    @property
    def noise_bits_per_byte(self) -> float | None:
        """Bits a byte of hidden text; None if the objective hides nothing, as permutation and rotation."""
        return _bits_per_byte(self.noise_nats, self.noise_bytes)

    def of_parts(self) -> list[Scores]:
        """The scores of each part of a mixture; empty where there is none."""
        return (
            [Scores(*sums) for sums in zip(*(field.unbind() for field in self), strict=True)] if self.nats.dim() else []
        )


def score(nats: Tensor, batch: Batch, token_bytes: Tensor) -> Scores:
    """The sums of one batch, a part of its mixture each.

    `nats` is float[B, T], the cross-entropy of each place; `token_bytes` int[V] the UTF-8 length of each id's text.
    """
    zero = Scores.zero(nats.device)
    nats = nats.to(zero.nats.dtype)
    is_target = batch.target != IGNORED
    is_noise = is_target & batch.target_is_noise if batch.target_is_noise is not None else torch.zeros_like(is_target)
    num_bytes = token_bytes[batch.target.clamp(min=0)].to(zero.nats.dtype)

    def total(of_tokens: Tensor) -> Tensor:
        if batch.parts is None or batch.counts is None:
            return of_tokens.sum()
        num_parts = len(batch.counts.windows)
        is_of_part = batch.parts == torch.arange(num_parts, device=batch.parts.device)[:, None]
        return (is_of_part * of_tokens.sum(1)).sum(1)  # always in one order, unlike index_add on a GPU

    return Scores(
        nats=total(nats),
        num_tokens=total(is_target),
        target_bytes=total(num_bytes * is_target),
        noise_nats=total(nats * is_noise),
        num_noise_tokens=total(is_noise),
        noise_bytes=total(num_bytes * is_noise),
    )


def _bits_per_byte(nats: Tensor, num_bytes: Tensor) -> float | None:
    return float(nats.sum() / num_bytes.sum()) / math.log(2) if num_bytes.sum() else None
