"""Attention: of a stack to itself, and of the decoder to the encoder.

Axes: B batch · T queries · S keys · L decoder layers · D width · H heads · K head width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from denoise.model.config import ModelConfig
from denoise.model.layers import Projection
from denoise.model.positions import Rotation


class Sight(NamedTuple):
    """What the queries of a stack may look at, and how far away it is; made once for all its layers."""

    mask: Tensor | None = None
    """[B or 1, H or 1, T or 1, S]: bool, true where a query may look, or float, added to the scores."""
    is_causal: bool = False
    """Query t sees keys 0 .. t; never together with a mask, which would keep the fast kernels away."""
    rotation: Rotation | None = None
    """Turns queries, and keys with them unless the keys come from another stack."""


class Memory(NamedTuple):
    """What the decoder's layers read of the encoder."""

    keys: Tensor
    """[B, S, L, H, K]."""
    values: Tensor
    """[B, S, L, H, K]."""
    mask: Tensor | None
    """bool [B, 1, 1, S], true at tokens. None: no padding."""


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
        mask = sight.mask
        if mask is not None and mask.is_floating_point():
            mask = mask.to(q.dtype)
        mixed = F.scaled_dot_product_attention(
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
            attn_mask=mask,
            is_causal=sight.is_causal,
            dropout_p=self.dropout if self.training else 0.0,
            scale=self.scale,
        )
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(-2))
        return out


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

    def forward(self, x: Tensor, memory: Memory, layer: int, rotation: Rotation | None) -> Tensor:
        """Map [B, T, D] to [B, T, D], reading the memory made for this layer."""
        q = self.query(x).unflatten(-1, self.head_shape)
        if rotation is not None:
            q = rotation.turn(q)
        return self.attend(q, memory.keys[:, :, layer], memory.values[:, :, layer], Sight(memory.mask))


def no_looking_ahead(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """float [T, S] for the last T of S places: 0 where they may look, minus infinity at those behind them.

    >>> no_looking_ahead(2, 3, torch.device("cpu"))
    tensor([[0., 0., -inf],
            [0., 0., 0.]])
    """
    forbidden = torch.full((num_queries, num_keys), -torch.inf, device=device)
    return forbidden.triu(1 + num_keys - num_queries)
