from __future__ import annotations

import pytest
import torch

from denoise.model.config import BadModel
from denoise.model.generate import Writing, empty_pasts, generate, next_token
from denoise.train.optim.config import AdamW
from tests.denoise.small_models import (
    EOS,
    fragment_batch,
    ids,
    padded,
    places,
    small_model,
    span_batch,
    text_batch,
)

EACH_POSITIONS = pytest.mark.parametrize(
    "options",
    [{}, {"positions": "t5_bias"}, {"rope_in_cross": True}],
    ids=["rope", "t5_bias", "rope_in_cross"],
)


def learnt(model, batch, num_steps=80):
    optimizer = AdamW(learning_rate=5e-3, weight_decay=0.0).build(model)
    for _ in range(num_steps):
        model(batch).objective.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


@EACH_POSITIONS
@pytest.mark.parametrize("first", [0, 5])
def test_token_by_token_is_full_decoding(options, first):
    # A small max_distance puts several of T5's buckets into so short a text.
    model, batch = small_model(**{"max_distance": 24, **options}), padded(text_batch(3, 11, 30), 3, 0)
    positions = places(3, 30, first)
    with torch.no_grad():
        whole = model.logits(batch._replace(decoder_positions=positions))
        encoded = model.encode(batch.source, batch.source_mask)
        memory = model.decoder.remember(encoded, batch.source_mask)
        pasts = empty_pasts(model, 3, 30, encoded)
        for place in range(30):
            here = slice(place, place + 1)
            step = model.decode(batch.decoder_input[:, here], positions[:, here], memory, pasts)
            torch.testing.assert_close(step[:, 0], whole[:, place], atol=1e-5, rtol=1e-5)


@EACH_POSITIONS
def test_several_tokens_may_follow_a_past(options):
    model, batch = small_model(**options), text_batch(2, 9, 8)
    with torch.no_grad():
        whole = model.logits(batch)
        encoded = model.encode(batch.source)
        memory, pasts = model.decoder.remember(encoded, None), empty_pasts(model, 2, 8, encoded)
        for here in (slice(0, 3), slice(3, 8)):
            part = model.decode(batch.decoder_input[:, here], batch.decoder_positions[:, here], memory, pasts)
            torch.testing.assert_close(part, whole[:, here], atol=1e-5, rtol=1e-5)


def test_greedy_says_what_was_learnt_and_stops_at_the_end():
    batch = span_batch()
    model = learnt(small_model(), batch)
    said = generate(model, batch.source, writing=Writing(max_new_tokens=30, eos=EOS))
    assert torch.equal(said, batch.target)
    assert model.training


def test_a_fragment_is_written_from_its_neighbour_and_place():
    batch = fragment_batch()
    model = learnt(small_model(rope_in_cross=True), batch)
    said = generate(
        model,
        batch.source,
        writing=Writing(max_new_tokens=10),
        start=batch.decoder_input[:, 0],
        positions_start=batch.decoder_positions[:, 0],
    )
    assert torch.equal(said, batch.target)


@EACH_POSITIONS
def test_what_is_written_is_what_full_decoding_would_say_of_it(options):
    model, batch = small_model(**options), padded(text_batch(16, 11, 20), 3, 0)
    start, first = ids(16, seed=8), torch.arange(16)
    said = generate(
        model,
        batch.source,
        batch.source_mask,
        writing=Writing(max_new_tokens=20),
        start=start,
        positions_start=first,
    )
    read = torch.cat([start[:, None], said[:, :-1]], dim=1)
    positions = first[:, None] + torch.arange(20)
    whole = model.logits(batch._replace(decoder_input=read, decoder_positions=positions))
    assert torch.equal(whole.argmax(-1), said)


def test_first_token_and_first_position_are_used():
    model, batch = small_model(rope_in_cross=True), fragment_batch()
    for name, value in (("start", batch.decoder_input[:, 0]), ("positions_start", torch.full((4,), 9))):
        given, plain = (
            generate(model, batch.source, writing=Writing(max_new_tokens=10), **options)
            for options in ({name: value}, {})
        )
        assert not torch.equal(given, plain), name


def test_rows_end_on_their_own_and_are_padded_behind():
    model, source = small_model(), ids(3, 5)
    free = generate(model, source, writing=Writing(max_new_tokens=12))
    eos = int(free[1, 4])
    ended = generate(model, source, writing=Writing(max_new_tokens=12, eos=eos))
    for row, free_row in zip(ended.tolist(), free.tolist(), strict=True):
        num_said = free_row.index(eos) + 1 if eos in free_row else 12
        assert row[:num_said] == free_row[:num_said]
        assert set(row[num_said:]) <= {model.pad_id}


def test_dropout_is_off_while_writing_and_back_on_behind():
    model, source = small_model(dropout=0.5), ids(3, 5)
    first, again = (generate(model, source, writing=Writing(max_new_tokens=12)) for _ in range(2))
    assert torch.equal(first, again)
    assert model.training


def test_padded_sources_are_answered_as_unpadded_ones():
    model, batch = learnt(small_model(), span_batch(), num_steps=10), span_batch()
    wide, writing = padded(batch, num_source=6, num_target=0), Writing(max_new_tokens=12)
    plain = generate(model, batch.source, writing=writing)
    assert torch.equal(generate(model, wide.source, wide.source_mask, writing=writing), plain)


def test_draws_follow_from_the_generator_and_leave_the_global_one_alone():
    model, source = small_model(), ids(3, 5)

    def drawn(seed: int | None) -> torch.Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return generate(model, source, writing=Writing(max_new_tokens=12, temperature=1.0), generator=generator)

    state = torch.get_rng_state()
    assert torch.equal(drawn(3), drawn(3))
    assert torch.equal(drawn(None), drawn(0))
    assert not torch.equal(drawn(3), drawn(4))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({}, {0, 1, 2, 3}),
        ({"top_k": 2}, {1, 3}),
        ({"top_k": 9}, {0, 1, 2, 3}),
        ({"top_p": 0.4}, {1}),
        ({"top_p": 0.6}, {1, 3}),
        ({"top_p": 0.81}, {0, 1, 3}),
        ({"top_p": 0.81, "top_k": 1}, {1}),
        ({"temperature": 1e-6}, {1}),
    ],
)
def test_draws_keep_to_the_likeliest(options, allowed):
    logits = torch.tensor([0.15, 0.5, 0.05, 0.3]).log().expand(2000, 4)
    writing = Writing(**{"max_new_tokens": 1, "temperature": 1.0, **options})
    drawn = next_token(logits, writing, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == allowed


def test_draws_have_the_models_probabilities():
    probabilities = torch.tensor([0.15, 0.5, 0.05, 0.3])
    writing = Writing(max_new_tokens=1, temperature=2.0)
    drawn = next_token(probabilities.log().expand(20_000, 4), writing, torch.Generator().manual_seed(0))
    expected = probabilities.sqrt() / probabilities.sqrt().sum()
    torch.testing.assert_close(drawn.bincount(minlength=4) / 20_000, expected, atol=0.012, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
    ],
)
def test_impossible_ways_of_writing_say_why(options, message):
    with pytest.raises(BadModel, match=message):
        Writing(**{"max_new_tokens": 3, **options})
