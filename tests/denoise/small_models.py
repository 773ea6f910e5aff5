"""Models and batches that fit into a test."""

from __future__ import annotations

import torch
from torch import Tensor

from denoise.feed.batch import IGNORED, Batch
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder

VOCAB_SIZE = 96
EOS = 1
MASK = 95

# Fresh heads make tiny softmax gradients, and numbers below the normal range are 50 times slower on a CPU.
torch.set_flush_denormal(True)


def small_config(positions: str = "rope", **options: object) -> ModelConfig:
    shape = {"d_model": 32, "num_heads": 2, "head_dim": 16, "d_ff": 64, "positions": positions}
    return ModelConfig(**{**shape, **options})  # type: ignore[arg-type]


def small_model(positions: str = "rope", *, seed: int = 0, **options: object) -> EncoderDecoder:
    return EncoderDecoder(small_config(positions, **options), VOCAB_SIZE, seed=seed)


def ids(*shape: int, seed: int = 0, vocab_size: int = VOCAB_SIZE) -> Tensor:
    """Ids of text, drawn at an address."""
    return torch.randint(3, vocab_size - 1, shape, generator=torch.Generator().manual_seed(seed))


def behind_pad(target: Tensor) -> Tensor:
    """What a decoder reads unless the objective says otherwise: the target, one place later."""
    start = torch.zeros(len(target), 1, dtype=torch.int64)
    return torch.cat([start, target[:, :-1].masked_fill(target[:, :-1] == IGNORED, 0)], dim=1)


def places(batch_size: int, num_places: int, first: int = 0) -> Tensor:
    return torch.arange(first, first + num_places).expand(batch_size, num_places)


def text_batch(
    batch_size: int = 3, source_len: int = 11, target_len: int = 7, *, vocab_size: int = VOCAB_SIZE
) -> Batch:
    """Random ids without padding."""
    target = ids(batch_size, target_len, seed=1, vocab_size=vocab_size)
    source = ids(batch_size, source_len, seed=2, vocab_size=vocab_size)
    return Batch(source, None, behind_pad(target), places(batch_size, target_len), target, None)


def padded(batch: Batch, num_source: int, num_target: int, pad_id: int = 0) -> Batch:
    """The same examples with so many places of padding behind each source and each target."""
    batch_size, source_len = batch.source.shape
    target_len = batch.target.shape[1]
    pad = torch.nn.functional.pad
    return Batch(
        source=pad(batch.source, (0, num_source), value=pad_id),
        source_mask=pad(torch.ones(batch_size, source_len, dtype=torch.bool), (0, num_source), value=False),
        decoder_input=pad(batch.decoder_input, (0, num_target), value=pad_id),
        decoder_positions=places(batch_size, target_len + num_target),
        target=pad(batch.target, (0, num_target), value=IGNORED),
    )


def span_batch() -> Batch:
    """Four windows of 20: places 4-7 are hidden behind a sentinel, the target is sentinel, span, end."""
    window, sentinel = ids(4, 20, seed=3), torch.full((4, 1), 94)
    end = torch.full((4, 1), EOS)
    source = torch.cat([window[:, :4], sentinel, window[:, 8:], end], dim=1)
    target = torch.cat([sentinel, window[:, 4:8], end], dim=1)
    return Batch(source, None, behind_pad(target), places(4, 6), target, None)


def whole_text_batch() -> Batch:
    """The same windows, tokens 4-7 masked, and the decoder says the whole text."""
    window, end = ids(4, 20, seed=3), torch.full((4, 1), EOS)
    source = torch.cat([window, end], dim=1)
    source[:, 4:8] = MASK
    target = torch.cat([window, end], dim=1)
    return Batch(source, None, behind_pad(target), places(4, 21), target, None)


def fragment_batch() -> Batch:
    """The same windows as MASS: the fragment alone, behind its original neighbour, at its original places."""
    window, end = ids(4, 20, seed=3), torch.full((4, 1), EOS)
    source = torch.cat([window, end], dim=1)
    source[:, 4:14] = MASK
    return Batch(source, None, window[:, 3:13], places(4, 10, first=4), window[:, 4:14], None)
