"""Where a token stands, told to attention in one of two ways: rope turns, t5_bias adds.

Axes: B batch · T queries · S keys · H heads · K head width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from denoise.model.config import ModelConfig


class Rotation(NamedTuple):
    """The angles by which rope turns each pair of numbers of a head, as float32 [B or 1, T, 1, K/2]."""

    cos: Tensor
    sin: Tensor

    @staticmethod
    def at(positions: Tensor, config: ModelConfig) -> Rotation:
        """The angles at integer positions [B, T] or [T].

        Float32 whatever the model computes in: bfloat16 cannot tell position 256 from 257.
        Source: Su et al. 2021, RoFormer, https://arxiv.org/abs/2104.09864
        """
        exponent = torch.arange(0, config.head_dim, 2, device=positions.device, dtype=torch.float32)
        frequency = config.rope_base ** (-exponent / config.head_dim)
        angle = positions.reshape(-1, positions.shape[-1], 1, 1).float() * frequency
        return Rotation(angle.cos(), angle.sin())

    def turn(self, x: Tensor) -> Tensor:
        """Rotate queries or keys [B, T, H, K]; number k is paired with number k + K/2."""
        first, second = x.float().chunk(2, dim=-1)
        turned = (first * self.cos - second * self.sin, second * self.cos + first * self.sin)
        return torch.cat(turned, dim=-1).to(x.dtype)


def bucket(distance: Tensor, *, num_buckets: int, max_distance: int, both_ways: bool) -> Tensor:
    """Number the distances key minus query as T5 does: near ones singly, far ones by their logarithm.

    Without both_ways, keys ahead of the query share bucket 0 with the query itself.

    >>> distance = torch.tensor([-200, -20, -3, 0, 3])
    >>> bucket(distance, num_buckets=32, max_distance=128, both_ways=False).tolist()
    [31, 17, 3, 0, 0]
    >>> bucket(distance, num_buckets=32, max_distance=128, both_ways=True).tolist()
    [15, 10, 3, 0, 19]

    Source: Raffel et al. 2020, https://arxiv.org/abs/1910.10683, section 2.1
    """
    ahead = torch.zeros_like(distance)
    if both_ways:
        num_buckets //= 2
        ahead = (distance > 0) * num_buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    num_single = num_buckets // 2
    # float32 and this order of operations: distances on the edge of two buckets must fall as they did when
    # the published weights were trained.
    octaves = torch.log(distance.clamp(min=1).float() / num_single) / math.log(max_distance / num_single)
    far = (num_single + (octaves * (num_buckets - num_single)).long()).clamp(max=num_buckets - 1)
    return ahead + torch.where(distance < num_single, distance, far)


class RelativeBias(nn.Module):
    """T5's learned addition to attention scores: a number for each head and bucket, shared by all layers."""

    def __init__(self, config: ModelConfig, *, both_ways: bool) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(config.position_buckets, config.num_heads))
        self.max_distance = config.max_distance
        self.both_ways = both_ways
        self.std = config.d_model**-0.5

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the table from N(0, 1 / d_model)."""
        with torch.no_grad():
            self.table.copy_(torch.randn(self.table.shape, generator=generator, device="cpu") * self.std)

    def forward(self, num_queries: int, num_keys: int, first_query: int = 0) -> Tensor:
        """The bias by distance [H, T + S - 1] of queries first_query, first_query + 1, ... and keys 0, 1, ...

        Each distance is looked up once: looking up every pair would make the backward pass add T × S times into
        the few rows of the table.
        """
        nearest_start = -(first_query + num_queries - 1)
        distances = torch.arange(nearest_start, num_keys - first_query, device=self.table.device)
        buckets = bucket(
            distances, num_buckets=len(self.table), max_distance=self.max_distance, both_ways=self.both_ways
        )
        return self.table[buckets].T


def laid_out(by_distance: Tensor, num_keys: int) -> Tensor:
    """[1, H, T, S] of a bias by distance [H, T + S - 1], laid out along the diagonals.

    >>> laid_out(torch.tensor([[-1, 0, 1, 2]]), num_keys=3).tolist()
    [[[[0, 1, 2], [-1, 0, 1]]]]
    """
    return by_distance.unfold(-1, num_keys, 1).flip(1).unsqueeze(0)
