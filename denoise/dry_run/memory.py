"""How much memory a step takes, from shapes alone.

What is counted was read from the operations of one step, and is held against a measured step by a test.
"""

from __future__ import annotations

from typing import NamedTuple

from corruptions import Lengths
from denoise.model.config import ModelConfig, num_parameters
from denoise.model.linear_loss import tokens_at_once

EXACT_BYTES = 4
"""Weights, gradients and the optimizer's moments are float32, whatever the precision of the products."""


class MemoryEstimate(NamedTuple):
    """Bytes of one process in a training step, not compiled."""

    weights: int
    """The model."""
    gradients: int
    """Of all weights, as they are at the end of the backward pass."""
    optimizer: int
    """Its moments of all weights."""
    activations: int
    """What the layers keep for the backward pass, as it is at its start."""
    logits: int
    """Logits of a chunk and their gradient, and the head's gradient, at the end of the forward pass."""
    keeps_gradients: bool = False
    """Whether gradients stay from step to step, as where DDP adds them up in buffers of its own."""

    @property
    def peak(self) -> int:
        """The most at one time: activations go as gradients come, unless these are there already."""
        for_backward, gradients = self.activations + self.logits, self.gradients
        most = for_backward + gradients if self.keeps_gradients else max(for_backward, gradients)
        return self.weights + self.optimizer + most


class Sharing(NamedTuple):
    """How processes share a run."""

    num_processes: int = 1
    num_shards: int = 1
    """Into how many parts weights, gradients and moments are cut; each process holds one."""


ALONE = Sharing()


def memory_estimate(
    config: ModelConfig,
    vocab_size: int,
    lengths: Lengths,
    num_rows: int,
    *,
    is_bf16: bool = False,
    moments_of_matrices: int = 2,
    sharing: Sharing = ALONE,
) -> MemoryEstimate:
    """Bytes of a process that is given `num_rows` windows a step.

    Layers are whole while they compute: of several shards each process holds the largest layer besides its own
    share. float32 is meant where not is_bf16; with bf16 the model computes in bfloat16 from float32 weights, and
    norms and the loss in float32. The bfloat16 copies of the weights are not counted apart: a test holds the sum.
    """
    weights = num_parameters(config, vocab_size) * EXACT_BYTES
    layer = config.d_model * (8 * config.attention_width + 3 * config.d_ff) * EXACT_BYTES
    per_token = activation_bytes(config, lengths, is_bf16=is_bf16)
    activations = num_rows * (lengths.source * per_token.source + lengths.target * per_token.target)
    # At most at once: a chunk's logits and their gradient, and of bfloat16 products a copy besides. The head's
    # gradient is made there too, before those of the layers.
    num_at_once = min(num_rows * lengths.target, tokens_at_once(vocab_size))
    of_logits = vocab_size * (2 * EXACT_BYTES + (2 if is_bf16 else 0))
    of_head = vocab_size * config.d_model * (EXACT_BYTES + (2 if is_bf16 else 0))
    moments = optimizer_bytes(config, vocab_size, moments_of_matrices=moments_of_matrices)
    whole_layer = layer if sharing.num_shards > 1 else 0
    return MemoryEstimate(
        weights=weights // sharing.num_shards + whole_layer,
        gradients=weights // sharing.num_shards + whole_layer,
        optimizer=moments // sharing.num_shards,
        activations=round(activations),
        logits=num_at_once * of_logits + of_head,
        keeps_gradients=sharing.num_processes > sharing.num_shards,
    )


def optimizer_bytes(config: ModelConfig, vocab_size: int, *, moments_of_matrices: int) -> int:
    """Bytes of the moments: so many numbers for each of a hidden matrix, two for each of embedding and head."""
    outer = vocab_size * config.d_model * (1 if config.tie_head else 2)
    hidden = num_parameters(config, vocab_size) - outer  # norms and biases with them: they are too few to be seen
    return (2 * outer + moments_of_matrices * hidden) * EXACT_BYTES


def activation_bytes(config: ModelConfig, lengths: Lengths, *, is_bf16: bool) -> Lengths:
    """Bytes kept for the backward pass a token of the source and of the target, over all layers.

    Of each norm its input, the scaled input and its output; of attention what q, k, v were cut from, q and k as
    they were turned, and the mixed values; of a feed-forward gate and value, and what becomes of them.
    """
    mixed = 2 if is_bf16 else EXACT_BYTES
    norm = config.d_model * (3 * EXACT_BYTES + (2 if is_bf16 else 0))
    attention = config.attention_width * mixed
    feed_forward = 4 * config.d_ff * mixed
    is_turned = config.positions == "rope"
    own = attention * (6 if is_turned else 4)

    def scores(num_keys: int) -> int:  # only a learned bias makes torch write them down: the weights and the mask
        return 0 if is_turned else 2 * config.num_heads * num_keys * mixed

    encoder_layer = 2 * norm + own + feed_forward + scores(lengths.source)
    decoder_layer = 3 * norm + own + 2 * attention + feed_forward + scores(lengths.target)
    keys_and_values = 2 * config.num_decoder_layers * attention
    return Lengths(
        source=config.num_encoder_layers * encoder_layer + norm + keys_and_values,
        target=config.num_decoder_layers * decoder_layer + norm,
    )
