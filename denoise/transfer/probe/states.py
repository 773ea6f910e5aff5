"""What a frozen encoder makes of texts, a vector a part and layer.

Axes: B batch · S source tokens · D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from data_prep.tokenizer import Tokenizer
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder

_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Texts in ids, and where their parts are."""

    ids: list[np.ndarray]
    """int32[s] of each text, its eos last."""
    starts: list[np.ndarray]
    """int64[parts + 1] of each text: part p has the places starts[p] to starts[p + 1], none where it was cut off or
    where the vocabulary has nothing for it."""
    num_cut: int
    """Texts that were longer than they may be."""

    @property
    def is_read(self) -> np.ndarray:
        """bool, over the parts of all texts: whether there is anything of it to read."""
        return np.concatenate([np.zeros(0, dtype=bool), *(np.diff(starts) > 0 for starts in self.starts)])


def encoded(texts: Sequence[Sequence[str]], tokenizer: Tokenizer, source_len: int) -> Encoded:
    """Ids of texts, part by part: a label can so never stand upon a piece of another word.

    Parts are told apart by a space, as treebanks are probed: pieces do not reach across spaces.
    """
    known: dict[str, np.ndarray] = {}
    ids, starts, num_cut = [], [], 0
    for parts in texts:
        pieces = [known[part] if part in known else known.setdefault(part, tokenizer.encode(part)) for part in parts]
        whole = np.concatenate([np.zeros(0, dtype=np.int32), *pieces])[: source_len - 1]
        ends = np.cumsum([0, *map(len, pieces)])
        num_cut += int(ends[-1] > len(whole))
        ids.append(np.append(whole, np.int32(tokenizer.vocab.eos)))
        starts.append(np.minimum(ends, len(whole)))
    return Encoded(ids=ids, starts=starts, num_cut=num_cut)


def layer_names(config: ModelConfig) -> tuple[str, ...]:
    """What `layer_states` gives, in words.

    >>> layer_names(ModelConfig(num_encoder_layers=2))
    ('embedding', 'layer 1', 'layer 2', 'final norm')
    """
    return ("embedding", *(f"layer {number + 1}" for number in range(config.num_encoder_layers)), "final norm")


def layer_states(model: EncoderDecoder, texts: Encoded, *, tokens_at_once: int = _TOKENS_AT_ONCE) -> list[np.ndarray]:
    """float32[parts read, D] for each of `layer_names`: the mean of the states of a part's pieces.

    The model is read as it is: nothing is drawn, nothing is changed.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    found: list[list[np.ndarray]] = [[] for _ in layer_names(model.config)]
    try:
        with torch.inference_mode(), _listening(model) as caught:
            for numbers in _batches(texts.ids, tokens_at_once):
                source, mask = _padded([texts.ids[number] for number in numbers], model.pad_id)
                caught.clear()
                model.encode(source.to(device), None if mask is None else mask.to(device))
                places, first = _places([texts.starts[number] for number in numbers], source.shape[1])
                for layer, state in zip(found, caught, strict=True):
                    layer.append(_means(state, places, first))
    finally:
        model.train(was_training)
    back = np.argsort(_parts_in_order(texts, tokens_at_once))
    return [np.concatenate(layer)[back] for layer in found]


@contextmanager
def _listening(model: EncoderDecoder) -> Iterator[list[Tensor]]:
    """What the embedding, each layer and the last norm of the encoder give, in this order, while it reads."""
    caught: list[Tensor] = []
    parts = [model.embedding, *model.encoder.layers, model.encoder.norm]
    handles = [part.register_forward_hook(lambda _, given, out: caught.append(out)) for part in parts]
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()


def _batches(ids: Sequence[np.ndarray], tokens_at_once: int) -> Iterator[list[int]]:
    """Numbers of texts, the longest first, so many at once as have so many tokens, padding included."""
    order = sorted(range(len(ids)), key=lambda number: (-len(ids[number]), number))
    while order:
        num_rows = max(1, tokens_at_once // len(ids[order[0]]))
        yield order[:num_rows]
        order = order[num_rows:]


def _parts_in_order(texts: Encoded, tokens_at_once: int) -> np.ndarray:
    """The number of each part that is read, in the order of the batches."""
    counts = [int((np.diff(starts) > 0).sum()) for starts in texts.starts]
    firsts = np.cumsum([0, *counts])
    order = [number for numbers in _batches(texts.ids, tokens_at_once) for number in numbers]
    return np.concatenate([np.arange(firsts[number], firsts[number + 1]) for number in order])


def _padded(rows: Sequence[np.ndarray], pad_id: int) -> tuple[Tensor, Tensor | None]:
    lengths = np.array([len(row) for row in rows])
    is_there = np.arange(lengths.max()) < lengths[:, None]
    source = np.full(is_there.shape, pad_id, dtype=np.int64)
    source[is_there] = np.concatenate(rows)
    return torch.from_numpy(source), None if is_there.all() else torch.from_numpy(is_there)


def _places(starts: Sequence[np.ndarray], row_len: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of all pieces in a flattened batch, part by part, and where each part that is read begins in them."""
    lengths = np.concatenate([np.diff(row) for row in starts])
    places = [np.arange(row[-1]) + number * row_len for number, row in enumerate(starts)]
    read = lengths[lengths > 0]
    return np.concatenate(places), np.cumsum([0, *read])[:-1]


def _means(state: Tensor, places: np.ndarray, first: np.ndarray) -> np.ndarray:
    flat = state.float().flatten(0, 1).cpu().numpy()[places]
    if not len(first):
        return np.zeros((0, state.shape[-1]), dtype=np.float32)
    counts = np.diff([*first, len(places)])
    return (np.add.reduceat(flat, first, axis=0) / counts[:, None]).astype(np.float32)
