"""How a model did on one paper: bits a byte of hidden text, and hidden spans that are exactly right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from denoise.feed.batch import IGNORED, Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.scores import Scores, score
from denoise.transfer.training import on


class Marks(NamedTuple):
    """Sums over hidden tokens; division comes last."""

    scores: Scores
    """Nats, tokens and bytes of what was hidden, as in training's held-out scores; its sums over whole targets are
    not taken."""
    num_spans: int
    """Unbroken runs of hidden tokens in the targets."""
    num_exact_spans: int
    """Those each of whose tokens was the likeliest."""


class Spots(NamedTuple):
    """Where the hidden tokens of a batch are; worked out on the CPU, so that the device is never waited for."""

    places: Tensor
    """int64 [N]: of each hidden token, its place among those of the targets row by row."""
    spans: Tensor
    """int64 [N]: the number of its span in the batch."""
    num_spans: int
    """Spans of the batch."""


def hidden_spots(batch: Batch) -> Spots:
    """The places of a batch that are scored: targets that were text and hidden from the encoder."""
    assert batch.target_is_noise is not None
    is_hidden = (batch.target_is_noise & (batch.target != IGNORED)).numpy()
    begins = is_hidden.copy()
    begins[:, 1:] &= ~is_hidden[:, :-1]
    places = np.flatnonzero(is_hidden)
    spans = np.cumsum(begins.ravel())[places] - 1
    return Spots(torch.from_numpy(places), torch.from_numpy(spans), int(begins.sum()))


@torch.no_grad()
def mark(model: EncoderDecoder, batches: Iterable[Batch], token_bytes: Tensor) -> Marks:
    """Read each batch once, behind the true tokens, and add up. `token_bytes` is int64 [V], where the model is."""
    device = token_bytes.device
    scores, num_exact, num_spans = Scores.zero(device), torch.zeros((), dtype=torch.int64, device=device), 0
    for batch in batches:
        spots = hidden_spots(batch)
        batch = on(device, batch)
        nats, is_right = model.verdicts(batch.for_model(), spots.places.to(device))
        every = nats.new_zeros(batch.target.numel()).index_copy(0, spots.places.to(device), nats)
        scores = scores + score(every.view(batch.target.shape), batch, token_bytes)
        num_wrong = torch.zeros(spots.num_spans, dtype=torch.int64, device=device)
        num_wrong.index_add_(0, spots.spans.to(device), (~is_right).long())
        num_exact = num_exact + (num_wrong == 0).sum()
        num_spans += spots.num_spans
    return Marks(scores, num_spans, int(num_exact))
