"""What a model answers: the likeliest label, and what it writes.

Axes: B batch · S source tokens · T target tokens · C labels · V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import IGNORED, Batch
from denoise.model.attention import Memory
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.generate import Writing, generate


@torch.inference_mode()
def label_nats(model: EncoderDecoder, batch: Batch, labels: Sequence[np.ndarray]) -> Tensor:
    """float32 [B, C]: the cross-entropy, in nats, of each label with its end, behind each source.

    `labels` are the ids of the labels, each int32[t] with its eos. The sources are read once.
    """
    encoded = model.encode(batch.source, batch.source_mask)
    memory = model.decoder.remember(encoded, batch.source_mask)
    return torch.stack([_nats(model, memory, ids) for ids in labels], 1)


def _nats(model: EncoderDecoder, memory: Memory, ids: np.ndarray) -> Tensor:
    num_rows, device = len(memory.keys), memory.keys.device
    target = torch.from_numpy(ids.astype(np.int64)).to(device).expand(num_rows, -1)
    read = torch.cat([target.new_full((num_rows, 1), model.pad_id), target[:, :-1]], 1)
    positions = torch.arange(target.shape[1], device=device).expand(num_rows, -1)
    logits = model.decode(read, positions, memory).float()
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), target, reduction="none").sum(1)


def written(model: EncoderDecoder, batch: Batch, tokenizer: Tokenizer, max_new_tokens: int) -> list[str]:
    """What the model writes, taking the likeliest token each time, up to its end."""
    vocab = tokenizer.vocab
    writing = Writing(max_new_tokens=max_new_tokens, eos=vocab.eos, num_ids=vocab.size)
    rows = generate(model, batch.source, batch.source_mask, writing=writing).tolist()
    ends = [row.index(vocab.eos) if vocab.eos in row else len(row) for row in rows]
    return [tokenizer.decode(row[:end]).strip() for row, end in zip(rows, ends, strict=True)]


@torch.inference_mode()
def mean_nats(model: EncoderDecoder, batches: Sequence[Batch]) -> float:
    """Nats a said token over all batches."""
    nats = sum(float(model.token_nats(batch).sum()) for batch in batches)
    return nats / sum(int((batch.target != IGNORED).sum()) for batch in batches)
