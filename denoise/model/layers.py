"""The parts of a layer that look at one token at a time.

Axes: B batch · T tokens · D width · V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from denoise.model.config import ModelConfig


class Projection(nn.Linear):
    """One or more matrices without biases that read the same input, kept as one for speed.

    parts are the (rows, standard deviation when fresh) of each. The weight is not set until `initialise`,
    since PyTorch's own start would draw from its global generator.

    >>> Projection(8, ((4, 0.1), (4, 0.2)))(torch.zeros(2, 8)).shape
    torch.Size([2, 8])
    """

    def __init__(self, width: int, parts: tuple[tuple[int, float], ...]) -> None:
        super().__init__(width, sum(rows for rows, _ in parts), bias=False)
        self.parts = parts

    def reset_parameters(self) -> None:
        """Leave the weight unset."""

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., width] to [..., rows] in the number format of x, whatever the weight is kept in."""
        return F.linear(x, self.weight.to(x.dtype))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw every matrix from N(0, std²), in float32 on the CPU, so that all devices start alike."""
        drawn = torch.randn(self.weight.shape, generator=generator, device="cpu")
        stds = torch.cat([torch.full((rows, 1), std, device="cpu") for rows, std in self.parts])
        with torch.no_grad():
            self.weight.copy_(drawn * stds)

    def matrices(self) -> tuple[Tensor, ...]:
        """The matrices that were put together, each [rows, width], as views."""
        return self.weight.split([rows for rows, _ in self.parts])


class Head(Projection):
    """The matrix that turns the decoder's last state into logits."""


class Embedding(nn.Embedding):
    """One vector an id, drawn from N(0, 1) by `initialise`."""

    def reset_parameters(self) -> None:
        """Leave the weight unset."""

    def initialise(self, generator: torch.Generator) -> None:
        """Draw in float32 on the CPU, so that all devices start alike."""
        with torch.no_grad():
            self.weight.copy_(torch.randn(self.weight.shape, generator=generator, device="cpu"))


class RMSNorm(nn.Module):
    """Scale each token's vector to a root mean square of 1, then by learned weights.

    Written out because PyTorch's own leaves its fused path, with a warning, when activations are bfloat16 and
    weights float32; the two are equal bit for bit.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.d_model))
        self.epsilon = config.norm_epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, T, D] to [B, T, D], computing in float32."""
        exact = x.float()
        scaled = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.epsilon)
        return (scaled * self.weight).to(x.dtype)


class GatedFeedForward(nn.Module):
    """GELU(gate) × value, back to the width of the stream.

    Source: Shazeer 2020, https://arxiv.org/abs/2002.05202; the GELU is its tanh form, as in T5 v1.1.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        std = config.d_model**-0.5
        self.gate_value = Projection(config.d_model, ((config.d_ff, std), (config.d_ff, std)))
        self.out = Projection(config.d_ff, ((config.d_model, config.d_ff**-0.5),))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, T, D] to [B, T, D]."""
        gate, value = self.gate_value(x).chunk(2, dim=-1)
        out: Tensor = self.out(self.dropout(F.gelu(gate, approximate="tanh") * value))
        return out


class PlainFeedForward(nn.Module):
    """ReLU between two matrices, as in the first T5."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hidden = Projection(config.d_model, ((config.d_ff, config.d_model**-0.5),))
        self.out = Projection(config.d_ff, ((config.d_model, config.d_ff**-0.5),))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, T, D] to [B, T, D]."""
        out: Tensor = self.out(self.dropout(F.relu(self.hidden(x))))
        return out


def feed_forward_of(config: ModelConfig) -> GatedFeedForward | PlainFeedForward:
    """The feed-forward that a config asks for."""
    return GatedFeedForward(config) if config.feed_forward == "geglu" else PlainFeedForward(config)
