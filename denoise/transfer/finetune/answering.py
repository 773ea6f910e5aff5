"""What a model makes of labels that stand alone, and what it writes freely.

Axes: B batch · S source tokens · T target tokens · C labels · V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.generate import Writing, generate
from denoise.transfer.training import target_places


class Judged(NamedTuple):
    """What a model makes of every label behind every source."""

    nats: Tensor
    """float32 [B, C]: the cross-entropy of the label with its end, summed over its tokens. It is not divided by their
    number: the sum is the label's own probability, which a mean would raise for long labels."""
    is_written: Tensor
    """bool [B, C]: whether each of its tokens and its end is the likeliest of the vocabulary behind those before it,
    so that greedy writing says this label and nothing else; of one label in a row at most."""


@torch.inference_mode()
def judge(model: EncoderDecoder, batch: Batch, labels: Sequence[np.ndarray], eos: int) -> Judged:
    """Read each source once, and behind it every label; `labels` are their ids, int32[t] without an eos.

    The labels stand in one target, each a document of its own that starts at position 0 and sees no other.
    """
    num_rows, device = len(batch.source), batch.source.device
    targets = [np.append(ids, np.int32(eos)) for ids in labels]
    lengths = [len(target) for target in targets]

    def of_every_row(parts: Sequence[np.ndarray], dtype: type) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(dtype)).to(device).expand(num_rows, -1)

    asked = batch._replace(
        decoder_input=of_every_row([np.append(model.pad_id, target[:-1]) for target in targets], np.int32),
        decoder_positions=of_every_row([np.arange(length) for length in lengths], np.int32),
        target=of_every_row(targets, np.int64),
        target_documents=of_every_row([np.full(length, place) for place, length in enumerate(lengths)], np.int32),
    )
    nats, is_likeliest = model.verdicts(asked, torch.arange(asked.target.numel(), device=device))
    by_label = nats.view(num_rows, -1).split(lengths, 1), is_likeliest.view(num_rows, -1).split(lengths, 1)
    return Judged(
        torch.stack([part.sum(1) for part in by_label[0]], 1), torch.stack([part.all(1) for part in by_label[1]], 1)
    )


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
    every = [(batch, target_places(batch)) for batch in batches]
    nats = sum(float(model.verdicts(batch, places)[0].sum()) for batch, places in every)
    return nats / sum(len(places) for _, places in every)
