"""Held-out windows as people read them: the text, what the encoder saw, what the model said, what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

import numpy as np

from corruptions import Draws
from data_prep.tokenizer import Tokenizer
from data_prep.vocab import Vocab
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.batches import Visit
from denoise.feed.data import HELD_OUT_SEED, DenoisingData
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.generate import Writing, generate

Piece = list[str]
"""A stretch of text and its tag: "" plain, "noise", "mark", "end", "right" or "wrong"."""


def reconstruct(model: EncoderDecoder, data: DenoisingData) -> Iterator[dict[str, Any]]:
    """Rebuild some held-out windows, the same ones at every call, greedily.

    Yields rows of samples.jsonl: "window" and the four texts "original", "source", "target", "said" as pieces.
    """
    batches = data.held_out_batches()
    numbers = _visits(data)
    visits = {number: batches.visit(number, batches.step) for number in numbers}
    said: dict[int, list[int]] = {}
    for has_own_input in (False, True):
        group = [n for n in numbers if (visits[n].example.decoder_input is not None) is has_own_input]
        if group:
            batch = batches.of(np.array(group), batches.step)
            rows = write(model, batch, data.vocab, has_own_input=has_own_input)
            said.update(zip(group, rows, strict=True))
    for number in numbers:
        yield {"window": visits[number].number, **texts(visits[number], said[number], data)}


def write(model: EncoderDecoder, batch: Batch, vocab: Vocab, *, has_own_input: bool) -> list[list[int]]:
    """What the model says for each row of a batch, without padding and up to its end.

    An objective with a decoder input of its own (MASS) says just as many tokens as are asked for, the first one
    behind the token that stands before the fragment and at its place.
    """
    device, eos = next(model.parameters()).device, vocab.eos
    written = generate(
        model,
        batch.source.to(device),
        batch.source_mask.to(device) if batch.source_mask is not None else None,
        writing=Writing(
            max_new_tokens=batch.target.shape[1],
            eos=None if has_own_input else eos,
            num_ids=vocab.size,
        ),
        start=batch.decoder_input[:, 0].to(device),
        positions_start=batch.decoder_positions[:, 0].to(device),
    )
    rows = []
    for row, target in zip(written.tolist(), batch.target, strict=True):
        if has_own_input:
            rows.append(row[: int((target != IGNORED).sum())])
        else:
            rows.append(row[: row.index(eos) + 1] if eos in row else row)
    return rows


def texts(visit: Visit, said: Sequence[int], data: DenoisingData) -> dict[str, list[Piece]]:
    """The four texts of one window."""
    tokenizer = data.store.tokenizer
    window, example = visit.window, visit.example
    # The address is that of the example, so this is the noise it was made with.
    draws = Draws(seed=HELD_OUT_SEED, epoch=visit.epoch, window=visit.number)
    hidden = visit.corruption.hidden(window, draws, data.vocab)
    is_noise = hidden if hidden is not None else np.zeros(len(window.tokens), dtype=bool)
    target_is_noise = example.target_is_noise
    if target_is_noise is None:
        target_is_noise = np.zeros(len(example.target), dtype=bool)
    return {
        "original": pieces(window.tokens, ["noise" if noise else "" for noise in is_noise], tokenizer),
        "source": pieces(example.source, [""] * len(example.source), tokenizer),
        "target": pieces(example.target, ["noise" if noise else "" for noise in target_is_noise], tokenizer),
        "said": pieces(said, right_or_wrong(said, example.target.tolist()), tokenizer),
    }


def right_or_wrong(said: Sequence[int], target: Sequence[int]) -> list[str]:
    """A tag for each token said: right if it stands in the target at the place where it would be aligned.

    One token too many does not make all that follow it wrong.

    >>> right_or_wrong([5, 9, 6, 7], [5, 6, 7, 8])
    ['right', 'wrong', 'right', 'right']
    """
    tags = ["wrong"] * len(said)
    matcher = SequenceMatcher(None, said, target, autojunk=False)
    for block in matcher.get_matching_blocks():
        tags[block.a : block.a + block.size] = ["right"] * block.size
    return tags


def pieces(ids: Sequence[int] | np.ndarray, tags: Sequence[str], tokenizer: Tokenizer) -> list[Piece]:
    """Runs of equally tagged tokens as text; special ids are marks of their own, whatever their tag."""
    vocab = tokenizer.vocab

    def tag_of(place: int) -> str:
        token = int(ids[place])
        if token == vocab.eos:
            return "end"
        return "mark" if vocab.is_special[token] else tags[place]

    found = []
    for tag, places in groupby(range(len(ids)), key=tag_of):
        found.append([tokenizer.text_of([int(ids[place]) for place in places]), tag])
    return found


def _visits(data: DenoisingData) -> list[int]:
    """Windows at equal distances over the held-out ones, so that they come from different documents."""
    count = min(data.config.num_reconstructions, data.num_held_out_windows)
    return [number * data.num_held_out_windows // count for number in range(count)]
