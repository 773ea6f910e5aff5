"""Held-out windows as people read them are those of the part that corrupted them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from corruptions import Draw, Linear, MaskedFragment, Mixture, SpanCorruption
from data_prep.tokens import TokenStore
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.reconstructions import reconstruct, write
from tests.denoise.small_models import small_config


def test_each_part_of_a_mixture_is_shown_and_written_as_its_own(prepared: Path) -> None:
    mixture = Mixture(
        parts=[SpanCorruption(rate=Linear(start=0.5, end=0.2, num_steps=9)), MaskedFragment(rate=0.4)],
        draw=Draw.STRATIFIED,
    )
    stores = (TokenStore.open(prepared, split=split) for split in ("train", "held_out"))
    config = FeedConfig(source_len=48, batch_size=4, num_held_out_windows=6, num_reconstructions=6)
    data = DenoisingData(*stores, mixture, config)
    data.num_steps = 9
    model = EncoderDecoder(small_config(), data.vocab.size, seed=0).eval()
    rows = list(reconstruct(model, data))
    assert [row["window"] for row in rows] == list(range(6))
    held_out = data.held_out_batches()
    parts = set()
    for row in rows:
        visit = held_out.visit(row["window"], held_out.step)
        parts.add(type(visit.corruption))
        hidden = "".join(text for text, tag in row["original"] if tag == "noise").replace(" ", "")
        asked = "".join(text for text, tag in row["target"] if tag == "noise").replace(" ", "")
        assert hidden == asked
        own_input = isinstance(visit.corruption, MaskedFragment)
        batch = held_out.of(np.array([row["window"]]), held_out.step)
        [alone] = write(model, batch, data.vocab, has_own_input=own_input)
        texts = data.store.tokenizer.text_of(alone)
        assert "".join(text for text, _ in row["said"]).replace(" ", "") == texts.replace(" ", "")
        if own_input:
            assert len(alone) == len(visit.example.target)
    assert parts == {SpanCorruption, MaskedFragment}
