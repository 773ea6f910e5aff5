"""The shape of a model, and what follows from it without building one; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from data_prep.errors import BadInput


class BadModel(BadInput):
    """A shape that cannot be built, or weights that do not fit it."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of an encoder-decoder; the size of the vocabulary comes from the data.

    >>> config = ModelConfig(d_model=512, num_encoder_layers=8, num_decoder_layers=8, num_heads=6,
    ...                      head_dim=64, d_ff=1024, positions="t5_bias")
    >>> f"{num_parameters(config, vocab_size=32128) / 1e6:.1f} M"  # T5 v1.1 small
    '77.0 M'
    """

    d_model: int = 192
    """Width of the residual stream, in numbers a token; at least 1."""
    num_encoder_layers: int = 2
    """Layers of self-attention and feed-forward that read the source; at least 1."""
    num_decoder_layers: int = 2
    """Layers of self-attention, cross attention and feed-forward that write the target; at least 1."""
    num_heads: int = 6
    """Attention heads of each layer; num_heads × head_dim need not be d_model. At least 1."""
    head_dim: int = 32
    """Width of a head, in numbers; even with rope, and a multiple of 8 for the fast kernels of GPUs."""
    d_ff: int = 512
    """Width inside each feed-forward: of the gate and of the value each, where it has a gate; at least 1."""
    feed_forward: Literal["geglu", "relu"] = "geglu"
    """geglu: a value behind a gate, as in T5 v1.1. relu: one matrix in and one out, as in the first T5."""
    positions: Literal["rope", "t5_bias"] = "rope"
    """rope: queries and keys are rotated by their positions, the fastest attention kernels apply.
    t5_bias: T5's learned bias by distance within the source or the target, exchangeable with transformers."""
    rope_base: float = 10_000.0
    """Longest wavelength of rope, in units of 2π tokens; above 1."""
    rope_in_cross: bool = False
    """Rotate also queries and keys of cross attention: the decoder then sees how far its own position is from
    that of a source token. For rope only; without it the position where a MASS fragment began is not seen."""
    position_buckets: int = 32
    """Distances that t5_bias tells apart, in both directions together in the encoder; even, at least 4."""
    max_distance: int = 128
    """Distances from here on share the last bucket of t5_bias, in tokens; above position_buckets / 2."""
    tie_head: bool = False
    """Predict with the embedding matrix instead of a matrix of its own."""
    head_init: float = 0.5
    """Standard deviation of a fresh untied head in units of d_model^-0.5: fresh logits have this deviation,
    so the first loss is about ln V + head_init² / 2 nats. 0 starts at ln V and holds all else still for a
    step. Not negative."""
    norm_epsilon: float = 1e-6
    """Added to the mean square before its root is taken; above 0."""
    dropout: float = 0.0
    """Fraction of activations dropped while training, 0 up to but not 1; pretraining goes best without."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and value < 1:
                raise BadModel(f"{field.name} is {value}; it must be at least 1")
        self._check_positions()
        if self.feed_forward not in ("geglu", "relu"):
            raise BadModel(f"feed_forward is {self.feed_forward!r}; choose geglu or relu")
        if not 0 <= self.dropout < 1:
            raise BadModel(f"dropout is {self.dropout}; it must be at least 0 and less than 1")
        if self.norm_epsilon <= 0:
            raise BadModel(f"norm_epsilon is {self.norm_epsilon}; it must be above 0, such as 1e-6")
        if self.head_init < 0:
            raise BadModel(f"head_init is {self.head_init}; it must not be negative")

    def _check_positions(self) -> None:
        if self.positions not in ("rope", "t5_bias"):
            raise BadModel(f"positions is {self.positions!r}; choose rope or t5_bias")
        if self.positions == "rope":
            if self.head_dim % 2:
                raise BadModel(f"head_dim is {self.head_dim}; rope rotates pairs of numbers and needs it even")
            if self.rope_base <= 1:
                raise BadModel(f"rope_base is {self.rope_base}; it must be above 1, such as 10000")
            return
        if self.rope_in_cross:
            raise BadModel("rope_in_cross needs positions=rope; with t5_bias leave it off")
        if self.position_buckets < 4 or self.position_buckets % 2:
            raise BadModel(f"position_buckets is {self.position_buckets}; it must be even and at least 4")
        if self.max_distance <= self.position_buckets // 2:
            raise BadModel(
                f"max_distance is {self.max_distance}; it must be above half of position_buckets, "
                f"which is {self.position_buckets // 2}"
            )

    @property
    def attention_width(self) -> int:
        """Width of all heads together, in numbers."""
        return self.num_heads * self.head_dim

    @property
    def feed_forward_width(self) -> int:
        """Rows of all matrices of one feed-forward together, each counted as d_model wide."""
        return (3 if self.feed_forward == "geglu" else 2) * self.d_ff


def num_parameters(config: ModelConfig, vocab_size: int) -> int:
    """Count the numbers that training may change, embedding and head included."""
    d_model, attention, feed_forward = config.d_model, 4 * config.attention_width, config.feed_forward_width
    encoder_layer = d_model * (attention + feed_forward + 2)
    decoder_layer = d_model * (2 * attention + feed_forward + 3)
    layers = config.num_encoder_layers * encoder_layer + config.num_decoder_layers * decoder_layer
    biases = 2 * config.position_buckets * config.num_heads if config.positions == "t5_bias" else 0
    return layers + 2 * d_model + biases + vocab_size * d_model * (1 if config.tie_head else 2)


def training_flops(config: ModelConfig, vocab_size: int, source_len: int, target_len: int) -> int:
    """Floating-point operations of one example's forward and backward pass, matrix products only.

    A multiplication and an addition count as two; the backward pass as twice the forward pass; the decoder's
    self-attention as half its square, since places do not look ahead.

    >>> base = ModelConfig(d_model=768, num_encoder_layers=12, num_decoder_layers=12, num_heads=12,
    ...                    head_dim=64, d_ff=2048)
    >>> f"{training_flops(base, vocab_size=32128, source_len=512, target_len=114) / 1e9:.1f} GFLOP"
    '425.2 GFLOP'
    """
    d_model, attention = config.d_model, config.attention_width
    feed_forward = d_model * config.feed_forward_width
    encoder_layer = 2 * source_len * (4 * d_model * attention + feed_forward) + 4 * source_len**2 * attention
    on_target = 2 * target_len * (6 * d_model * attention + feed_forward)
    cross_keys_and_values = 2 * source_len * 2 * d_model * attention
    scores = 2 * target_len**2 * attention + 4 * source_len * target_len * attention
    head = 2 * target_len * d_model * vocab_size
    decoder = config.num_decoder_layers * (on_target + cross_keys_and_values + scores)
    return 3 * (config.num_encoder_layers * encoder_layer + decoder + head)
