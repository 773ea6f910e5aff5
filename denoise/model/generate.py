"""Writing a target token by token.

Axes: B batch · S source tokens · N new tokens · V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from denoise.model.attention import Past
from denoise.model.config import BadModel
from denoise.model.encoder_decoder import EncoderDecoder


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How the next token is chosen, and when to stop."""

    max_new_tokens: int
    """Tokens a row at most, its end included; at least 1."""
    eos: int | None = None
    """The id that ends a row. None: every row gets max_new_tokens, as a MASS fragment does."""
    temperature: float = 0.0
    """0 takes the likeliest token; 1 draws as the model believes; lower is bolder, higher wilder."""
    top_k: int | None = None
    """Draw among this many likeliest tokens only; at least 1. None: among all."""
    top_p: float = 1.0
    """Draw among the fewest tokens that have this much probability together; above 0, at most 1."""
    num_ids: int | None = None
    """Ids from this one on are never written: a checkpoint may have more rows than its vocabulary has ids.
    None: all may be."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise BadModel(f"max_new_tokens is {self.max_new_tokens}; it must be at least 1")
        if self.temperature < 0:
            raise BadModel(f"temperature is {self.temperature}; it must not be negative")
        if self.top_k is not None and self.top_k < 1:
            raise BadModel(f"top_k is {self.top_k}; it must be at least 1")
        if not 0 < self.top_p <= 1:
            raise BadModel(f"top_p is {self.top_p}; it must be above 0 and at most 1")


def next_token(logits: Tensor, writing: Writing, generator: torch.Generator) -> Tensor:
    """Choose an id a row, int64 [B], from logits [B, V].

    >>> logits = torch.tensor([[0.0, 2.0, 1.0]])
    >>> next_token(logits, Writing(max_new_tokens=1), torch.Generator()).tolist()
    [1]
    """
    logits = logits[:, : writing.num_ids]
    if writing.temperature == 0:
        return logits.argmax(-1)
    # Subtracting the largest first keeps a tiny temperature from making infinities.
    logits = (logits.float() - logits.float().amax(-1, keepdim=True)) / writing.temperature
    ranked, ids = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ranked.softmax(-1)
    likelier = probabilities.cumsum(-1) - probabilities  # 0 at the likeliest, which therefore always stays
    ranked_out = likelier >= writing.top_p
    if writing.top_k is not None:
        ranked_out[:, writing.top_k :] = True
    drawn = torch.multinomial(probabilities.masked_fill(ranked_out, 0.0), 1, generator=generator)
    return ids.gather(-1, drawn).squeeze(-1)


def empty_pasts(model: EncoderDecoder, batch_size: int, longest: int, like: Tensor) -> list[Past]:
    """A past a decoder layer with room for `longest` tokens, of the type and on the device of `like`."""
    config = model.config
    shape = (batch_size, longest, config.num_heads, config.head_dim)
    return [Past(like.new_empty(shape), like.new_empty(shape)) for _ in range(config.num_decoder_layers)]


@torch.inference_mode()
def generate(
    model: EncoderDecoder,
    source: Tensor,
    source_mask: Tensor | None = None,
    *,
    writing: Writing,
    start: Tensor | None = None,
    positions_start: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Write a target for each source [B, S]: int64 [B, N], N <= max_new_tokens, pad behind each row's end.

    start, int64 [B], is what the decoder reads first (the pad id unless given); positions_start, int64 [B],
    is the position of the first new token (0). For MASS they are the token before the fragment and the
    fragment's place. Drawing uses the given generator, or one seeded with 0, never PyTorch's global one.
    Dropout, if the model has any, is off meanwhile.
    """
    was_training = model.training
    model.eval()
    try:
        return _write(model, source, source_mask, writing, start, positions_start, generator)
    finally:
        model.train(was_training)


def _write(
    model: EncoderDecoder,
    source: Tensor,
    source_mask: Tensor | None,
    writing: Writing,
    start: Tensor | None,
    positions_start: Tensor | None,
    generator: torch.Generator | None,
) -> Tensor:
    batch_size = len(source)
    if generator is None:
        generator = torch.Generator(source.device).manual_seed(0)
    memory = model.decoder.remember(model.encode(source, source_mask), source_mask)
    pasts = empty_pasts(model, batch_size, writing.max_new_tokens, memory.keys)
    token = source.new_full((batch_size,), model.pad_id) if start is None else start
    position = source.new_zeros(batch_size) if positions_start is None else positions_start
    finished = torch.zeros(batch_size, dtype=torch.bool, device=source.device)
    written = []
    for place in range(writing.max_new_tokens):
        logits = model.decode(token[:, None], position[:, None] + place, memory, pasts)[:, 0]
        token = next_token(logits, writing, generator).masked_fill(finished, model.pad_id)
        written.append(token)
        if writing.eos is not None:
            finished = finished | (token == writing.eos)
            if bool(finished.all()):
                break
    return torch.stack(written, dim=1)
