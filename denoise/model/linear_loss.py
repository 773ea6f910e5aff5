"""Head and cross-entropy as one, a few tokens at a time: the logits of a whole batch are never in memory.

Axes: N tokens · C tokens of a chunk · D width · V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from denoise.feed.batch import IGNORED
from denoise.model.loss import LossSum, token_nats

LOGITS_AT_ONCE = 1 << 26
"""Logits of a chunk at most: a quarter of a GB in float32."""


def tokens_at_once(vocab_size: int) -> int:
    """Tokens of a chunk: a multiple of 128, in which matrix products are fastest.

    >>> tokens_at_once(32_128)
    2048
    """
    return max(128, LOGITS_AT_ONCE // vocab_size // 128 * 128)


def linear_loss(
    state: Tensor, weight: Tensor, target: Tensor, z_loss: float = 0.0, chunk_tokens: int | None = None
) -> LossSum:
    """`token_loss` of the logits state @ weight.T: state [..., D], weight [V, D], target [...].

    The matrix product is done in the number format of `state`, the rest in float32; both gradients are made in
    the forward pass, while the logits of a chunk are at hand. A gradient reaches `nats` and `penalty` only as
    their sum, the objective, through `nats`.
    """
    chunk_tokens = chunk_tokens or tokens_at_once(len(weight))
    rows, flat = state.flatten(0, -2), target.flatten()
    if torch.is_grad_enabled() and (state.requires_grad or weight.requires_grad):
        total, penalty = _LinearLoss.apply(rows, weight, flat, z_loss, chunk_tokens)
    else:
        total, penalty = rows.new_zeros((2,), dtype=torch.float32)
        for some, wanted in _chunks(rows, flat, chunk_tokens):
            _, log_partition, nats = _scores(some, weight.to(some.dtype), wanted)
            penalty = penalty + z_loss * _squares(log_partition, wanted)
            total = total + nats
        total = total + penalty
    penalty = penalty.detach()
    return LossSum(total - penalty, (flat != IGNORED).sum(), penalty)


def linear_nats(state: Tensor, weight: Tensor, target: Tensor, chunk_tokens: int | None = None) -> Tensor:
    """`token_nats` of the logits state @ weight.T, float32 in the shape of target; no gradient is kept."""
    chunk_tokens = chunk_tokens or tokens_at_once(len(weight))
    with torch.no_grad():
        parts = [
            token_nats(F.linear(some, weight.to(some.dtype)), wanted)
            for some, wanted in _chunks(state.flatten(0, -2), target.flatten(), chunk_tokens)
        ]
    return torch.cat(parts).view(target.shape)


def linear_verdicts(
    state: Tensor, weight: Tensor, target: Tensor, chunk_tokens: int | None = None
) -> tuple[Tensor, Tensor]:
    """`linear_nats`, and whether each target is the likeliest id: state [N, D], weight [V, D], target [N].

    Returns float32 [N] and bool [N]; of several ids that are as likely, the first is the likeliest.
    """
    chunk_tokens = chunk_tokens or tokens_at_once(len(weight))
    nats, is_likeliest = [state.new_zeros((0,), dtype=torch.float32)], [target.new_zeros((0,), dtype=torch.bool)]
    with torch.no_grad():
        for some, wanted in _chunks(state, target, chunk_tokens):
            logits = F.linear(some, weight.to(some.dtype))
            nats.append(token_nats(logits, wanted))
            is_likeliest.append(logits.argmax(-1) == wanted)
    return torch.cat(nats), torch.cat(is_likeliest)


class _LinearLoss(torch.autograd.Function):
    """Sums of cross-entropy and penalty, float32 []; the second output is for showing."""

    @staticmethod
    def forward(
        ctx: Any, state: Tensor, weight: Tensor, target: Tensor, z_loss: float, chunk_tokens: int
    ) -> tuple[Tensor, Tensor]:
        # The gradient of the matrix adds up over chunks in its own format, float32, whatever the products are in.
        weight_gradient: Tensor | None = None
        narrow = weight.to(state.dtype)
        total = penalty = state.new_zeros((), dtype=torch.float32)
        state_gradients = []
        for some, wanted in _chunks(state, target, chunk_tokens):
            logits, log_partition, nats = _scores(some, narrow, wanted)
            squares = _squares(log_partition, wanted) if z_loss else torch.zeros_like(penalty)
            total, penalty = total + nats + z_loss * squares, penalty + z_loss * squares
            pulled = _logit_gradient(logits, log_partition, wanted, z_loss).to(state.dtype)
            state_gradients.append(pulled @ narrow)
            product = (pulled.T @ some).to(weight.dtype)
            weight_gradient = product if weight_gradient is None else weight_gradient.add_(product)
        ctx.save_for_backward(torch.cat(state_gradients), weight_gradient)
        ctx.mark_non_differentiable(penalty)
        return total, penalty

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        state_gradient, weight_gradient = ctx.saved_tensors
        return state_gradient * upstream.to(state_gradient.dtype), weight_gradient * upstream, None, None, None


def _chunks(state: Tensor, target: Tensor, chunk_tokens: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(state.split(chunk_tokens), target.split(chunk_tokens), strict=True)


def _scores(state: Tensor, weight: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits float32 [C, V], log partition functions [C], and the sum of the cross-entropies."""
    logits = F.linear(state, weight).float()
    log_partition = logits.logsumexp(-1)
    of_target = logits.gather(-1, target.clamp(min=0)[:, None]).squeeze(-1)
    return logits, log_partition, torch.where(target == IGNORED, 0.0, log_partition - of_target).sum()


def _squares(log_partition: Tensor, target: Tensor) -> Tensor:
    return torch.where(target == IGNORED, 0.0, log_partition.square()).sum()


def _logit_gradient(logits: Tensor, log_partition: Tensor, target: Tensor, z_loss: float) -> Tensor:
    """Of the sum over tokens of cross-entropy + z_loss × log partition², float32 [C, V]."""
    is_wanted = (target != IGNORED).float()[:, None]
    pulled = (logits - log_partition[:, None]).exp_()
    pulled *= (1 + 2 * z_loss * log_partition)[:, None] * is_wanted
    if torch.compiler.is_compiling():  # one kernel with the rest, where a scatter would write and read all once more
        is_target = torch.arange(logits.shape[-1], device=target.device) == target[:, None]
        return torch.where(is_target, pulled - 1, pulled)
    return pulled.scatter_add_(1, target.clamp(min=0)[:, None], -is_wanted)
