"""Attention: of a stack to itself, and of the decoder to the encoder.

Axes: B batch · T queries · S keys · L decoder layers · D width · H heads · K head width.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from denoise.model.config import ModelConfig
from denoise.model.layers import Projection
from denoise.model.sight import Sight, attend_flexibly

_WITHOUT_CUDNN = partial(sdpa_kernel, [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])


class Memory(NamedTuple):
    """What the decoder's layers read of the encoder."""

    keys: Tensor
    """[B, S, L, H, K]."""
    values: Tensor
    """[B, S, L, H, K]."""
    mask: Tensor | None = None
    """bool [B, S], true at tokens. None: no padding."""
    documents: Tensor | None = None
    """int32 [B, S]: the document of each place. None: they are not told apart."""


@dataclass
class Past:
    """Keys and values that one layer's self-attention has seen while a text is written token by token."""

    keys: Tensor
    """[B, longest, H, K]; the first num_places places are filled."""
    values: Tensor
    """As keys."""
    num_places: int = 0
    """How many tokens were written so far."""

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the next places [B, T, H, K] and return all of them so far."""
        end = self.num_places + keys.shape[1]
        self.keys[:, self.num_places : end] = keys
        self.values[:, self.num_places : end] = values
        self.num_places = end
        return self.keys[:, :end], self.values[:, :end]


def query_std(config: ModelConfig) -> float:
    """Deviation of a fresh query matrix: T5 has no 1/sqrt(K) in its scores and carries it in the matrix."""
    fan_in = config.d_model * config.head_dim if config.positions == "t5_bias" else config.d_model
    return fan_in**-0.5


class Attention(nn.Module):
    """Scaled dot products of given queries, keys and values, and the matrix behind them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_shape = (config.num_heads, config.head_dim)
        self.scale = 1.0 if config.positions == "t5_bias" else config.head_dim**-0.5
        self.dropout = config.dropout
        width = config.attention_width
        self.out = Projection(width, ((config.d_model, width**-0.5),))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, sight: Sight) -> Tensor:
        """Mix values [B, S, H, K] by the likeness of queries [B, T, H, K] and keys, into [B, T, D]."""
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        if sight.flexible is not None:
            mixed = attend_flexibly(q, k, v, sight.flexible, self.scale)
        else:
            mixed = self._attend_plainly(q, k, v, sight)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(-2))
        return out

    def _attend_plainly(self, q: Tensor, k: Tensor, v: Tensor, sight: Sight) -> Tensor:
        mask = sight.mask
        if mask is not None and mask.is_floating_point():
            mask = mask.to(q.dtype)
        # With a mask cuDNN's backward pass is wrong at some lengths (pytorch/pytorch#196678) and gives the mask none.
        with _WITHOUT_CUDNN() if mask is not None and q.is_cuda else nullcontext():
            return F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
                is_causal=sight.is_causal,
                dropout_p=self.dropout if self.training else 0.0,
                scale=self.scale,
            )


class SelfAttention(Attention):
    """A stack looks at itself; one matrix makes queries, keys and values."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, key_std = config.attention_width, config.d_model**-0.5
        parts = ((width, query_std(config)), (width, key_std), (width, key_std))
        self.qkv = Projection(config.d_model, parts)

    def forward(self, x: Tensor, sight: Sight, past: Past | None = None) -> Tensor:
        """Map [B, T, D] to [B, T, D]; with a past, the keys are those of the past and of x."""
        qkv = self.qkv(x).unflatten(-1, (3 * self.head_shape[0], self.head_shape[1]))
        if sight.rotation is None:
            q, k, v = qkv.chunk(3, dim=2)
        else:
            num_heads = self.head_shape[0]
            q, k = sight.rotation.turn(qkv[:, :, : 2 * num_heads]).chunk(2, dim=2)
            v = qkv[:, :, 2 * num_heads :]
        if past is not None:
            k, v = past.append(k, v)
        return self.attend(q, k, v, sight)


class CrossAttention(Attention):
    """The decoder looks at the encoder, whose keys and values were made for all layers at once."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.query = Projection(config.d_model, ((config.attention_width, query_std(config)),))

    def forward(self, x: Tensor, memory: Memory, layer: int, sight: Sight) -> Tensor:
        """Map [B, T, D] to [B, T, D], reading the memory made for this layer."""
        q = self.query(x).unflatten(-1, self.head_shape)
        if sight.rotation is not None:
            q = sight.rotation.turn(q)
        return self.attend(q, memory.keys[:, :, layer], memory.values[:, :, layer], sight)
