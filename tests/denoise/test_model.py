from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml

from denoise.feed.batch import IGNORED
from denoise.model.attention import Past, Sight
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.loss import token_loss
from denoise.model.positions import RelativeBias, Rotation, laid_out
from denoise.train.optim.config import AdamW
from denoise.transfer.training import target_places
from tests.denoise.small_models import (
    fragment_batch,
    ids,
    padded,
    places,
    small_config,
    small_model,
    span_batch,
    text_batch,
    whole_text_batch,
)

CONFIGS = Path(__file__).parents[2] / "configs" / "models"
EACH_POSITIONS = pytest.mark.parametrize(
    "options",
    [{}, {"positions": "t5_bias"}, {"rope_in_cross": True}],
    ids=["rope", "t5_bias", "rope_in_cross"],
)


@EACH_POSITIONS
@pytest.mark.parametrize("place", [0, 3, 6])
def test_future_does_not_leak(options, place):
    model, batch = small_model(**options), text_batch()
    changed = batch.decoder_input.clone()
    changed[:, place + 1 :] = 5
    before, after = model.logits(batch), model.logits(batch._replace(decoder_input=changed))
    assert torch.equal(before[:, : place + 1], after[:, : place + 1])
    if place < 6:
        assert not torch.equal(before[:, place + 1 :], after[:, place + 1 :])


@EACH_POSITIONS
def test_every_place_sees_the_whole_source_and_its_own_input(options):
    model, batch = small_model(**options), text_batch()
    before = model.logits(batch)
    for place in range(batch.source.shape[1]):
        source = batch.source.clone()
        source[:, place] = 4
        assert (model.logits(batch._replace(source=source)) != before).any(-1).all(), place
    decoder_input = batch.decoder_input.clone()
    decoder_input[:, 0] = 4
    assert (model.logits(batch._replace(decoder_input=decoder_input)) != before).any(-1).all()


@EACH_POSITIONS
def test_padding_does_not_matter(options):
    model, batch = small_model(**options), text_batch()
    wide = padded(batch, num_source=5, num_target=4)
    target_len = batch.target.shape[1]
    torch.testing.assert_close(model.logits(wide)[:, :target_len], model.logits(batch), atol=1e-5, rtol=1e-5)
    loss, wide_loss = model(batch), model(wide)
    torch.testing.assert_close(wide_loss.nats, loss.nats)
    assert wide_loss.num_tokens == loss.num_tokens == batch.target.numel()


@EACH_POSITIONS
def test_what_stands_in_padded_places_is_not_read(options):
    model = small_model(**options)
    pads, words = (padded(text_batch(), num_source=5, num_target=0, pad_id=i) for i in (0, 7))
    assert torch.equal(model.logits(pads), model.logits(words))


@EACH_POSITIONS
def test_order_matters(options):
    model, batch = small_model(**options), text_batch()
    turned_round = batch._replace(source=batch.source.flip(1))
    # Without positions the two differ too, by rounding.
    assert (model.logits(batch) - model.logits(turned_round)).abs().max() > 1e-2


def test_rope_scores_depend_on_the_distance_alone():
    config = small_config()
    q, k = torch.randn(2, 1, 5, 2, 16, generator=torch.Generator().manual_seed(0))

    def scores(first: int) -> torch.Tensor:
        rotation = Rotation.at(torch.arange(first, first + 5), config)
        return torch.einsum("bthk,bshk->bhts", rotation.turn(q), rotation.turn(k))

    torch.testing.assert_close(scores(0), scores(300), atol=1e-3, rtol=1e-3)
    moved = torch.einsum("bthk,bshk->bhts", Rotation.at(torch.arange(1, 6), config).turn(q), k)
    assert not torch.allclose(moved, scores(0), atol=1e-2)


def test_rope_turns_the_slowest_and_fastest_pair_by_hand():
    rotation = Rotation.at(torch.tensor([3]), small_config(rope_base=10_000.0))
    x = torch.zeros(1, 1, 1, 16)
    x[..., 0] = 1.0  # pair (0, 8) turns by 3 radians, pair (7, 15) by 3 · 10000^(-14/16)
    turned = rotation.turn(x)[0, 0, 0]
    assert turned[0].item() == pytest.approx(math.cos(3))
    assert turned[8].item() == pytest.approx(math.sin(3))
    assert rotation.sin[0, 0, 0, 7].item() == pytest.approx(math.sin(3 * 10_000 ** (-14 / 16)))


@pytest.mark.parametrize(("positions", "scale"), [("rope", 16**-0.5), ("t5_bias", 1.0)])
def test_attention_is_what_its_definition_says(positions, scale):
    attention = small_model(positions).encoder.layers[0].self_attention
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(0))
    q, k, v = (x @ matrix.T for matrix in attention.qkv.matrices())
    heads = [
        ((q[..., head] @ k[..., head].mT) * scale).softmax(-1) @ v[..., head] for head in (slice(0, 16), slice(16, 32))
    ]
    expected = torch.cat(heads, dim=-1) @ attention.out.weight.T
    torch.testing.assert_close(attention(x, Sight()), expected, atol=1e-5, rtol=1e-5)


def test_decoder_positions_are_used_and_only_their_differences_unless_cross_attention_turns():
    batch = fragment_batch()
    shifted = batch._replace(decoder_positions=batch.decoder_positions + 2)
    stretched = batch._replace(decoder_positions=batch.decoder_positions * 2)
    plain, turning = small_model(), small_model(rope_in_cross=True)
    torch.testing.assert_close(plain.logits(batch), plain.logits(shifted), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(plain.logits(batch), plain.logits(stretched), atol=1e-3)
    assert not torch.allclose(turning.logits(batch), turning.logits(shifted), atol=1e-3)


def test_rope_in_cross_sees_a_masked_fragments_distance_from_the_source():
    # Moving both stacks' places together must change nothing: only distances count across stacks too.
    model, source = small_model(rope_in_cross=True), ids(2, 9)
    mask = torch.ones(2, 9, dtype=torch.bool)
    padded_left = torch.cat([ids(2, 3, seed=5), source], dim=1)
    left_mask = torch.cat([torch.zeros(2, 3, dtype=torch.bool), mask], dim=1)
    inputs = ids(2, 4, seed=6)
    plain = model.decode(inputs, places(2, 4, 2), model.decoder.remember(model.encode(source, mask), mask))
    memory = model.decoder.remember(model.encode(padded_left, left_mask), left_mask)
    torch.testing.assert_close(model.decode(inputs, places(2, 4, 5), memory), plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("both_ways", [True, False])
def test_relative_bias_of_a_later_query_is_the_row_of_the_whole_square(both_ways):
    bias = RelativeBias(small_config("t5_bias", max_distance=24), both_ways=both_ways)
    bias.initialise(torch.Generator().manual_seed(0))
    square = laid_out(bias(40, 40), 40)
    assert torch.equal(laid_out(bias(1, 40, first_query=17), 40), square[:, :, 17:18])
    assert torch.equal(laid_out(bias(3, 40, first_query=17), 40), square[:, :, 17:20])
    assert torch.equal(square[:, :, 5, 2], square[:, :, 15, 12])
    assert not torch.equal(square[:, :, 5, 2], square[:, :, 5, 1])
    assert torch.equal(square[:, :, 5, 9], square[:, :, 5, 5]) is not both_ways


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
@pytest.mark.parametrize(("name", "vocab_size"), [("tiny", 8192), ("tiny", 32128), ("mini", 8192), ("small", 8192)])
@pytest.mark.parametrize("tie_head", [False, True])
def test_first_loss_is_that_of_knowing_nothing(name, vocab_size, positions, tie_head):
    shape = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    config = ModelConfig(**{**shape, "positions": positions, "tie_head": tie_head})
    with torch.no_grad():
        loss = EncoderDecoder(config, vocab_size)(text_batch(4, 48, 32, vocab_size=vocab_size))
    assert loss.nats_per_token.item() == pytest.approx(math.log(vocab_size), rel=0.03)


@EACH_POSITIONS
@pytest.mark.parametrize("make_batch", [span_batch, whole_text_batch, fragment_batch])
def test_overfits_four_windows(options, make_batch):
    model, batch = small_model(**options), make_batch()
    optimizer = AdamW(learning_rate=5e-3, weight_decay=0.0).build(model)
    for _ in range(80):
        model(batch).objective.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert model(batch).nats_per_token < 0.1


def test_weights_follow_from_the_seed_and_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    first, again, other = small_model(seed=4), small_model(seed=4), small_model(seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    for (name, weight), same, different in zip(
        first.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(weight, same)
        assert weight.ndim == 1 or not torch.equal(weight, different), name


def test_layers_start_alike_whatever_the_vocabulary():
    small, large = (EncoderDecoder(small_config(), size, seed=1) for size in (50, 60))
    for name, weight in small.decoder.state_dict().items():
        assert torch.equal(weight, large.decoder.state_dict()[name]), name


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
def test_fresh_matrices_have_the_stated_deviations(positions):
    config = ModelConfig(d_model=256, num_heads=4, head_dim=32, d_ff=512, positions=positions)
    model = EncoderDecoder(config, 1000)
    attention = model.decoder.layers[0].self_attention
    q, k, v = attention.qkv.matrices()
    expected = {
        q: (256 * 32) ** -0.5 if positions == "t5_bias" else 256**-0.5,
        k: 256**-0.5,
        v: 256**-0.5,
        attention.out.weight: 128**-0.5,
        model.decoder.layers[1].feed_forward.out.weight: 512**-0.5,
        model.encoder.layers[1].feed_forward.gate_value.weight: 256**-0.5,
        model.decoder.cross_keys_values.weight: 256**-0.5,
        model.embedding.weight: 1.0,
        model.head.weight: 0.5 * 256**-0.5,
    }
    for weight, std in expected.items():
        assert weight.std().item() == pytest.approx(std, rel=0.05)


@EACH_POSITIONS
def test_forward_is_one_graph_without_breaks(options):
    model, batch = small_model(**options), text_batch()
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=False)
    torch.testing.assert_close(compiled(batch).nats, model(batch).nats)
    wide = padded(batch, num_source=2, num_target=1)
    torch.testing.assert_close(compiled(wide, 1e-4).penalty, model(wide, 1e-4).penalty)


@EACH_POSITIONS
def test_bfloat16_stays_close_and_sums_in_float32(options):
    model, batch = small_model(**options), padded(text_batch(), num_source=2, num_target=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(batch)
    assert loss.nats.dtype == torch.float32
    assert loss.nats.item() == pytest.approx(model(batch).nats.item(), rel=2e-2)


def test_dropout_acts_in_training_only():
    model, batch = small_model(dropout=0.5), text_batch()
    assert not torch.equal(model.logits(batch), model.logits(batch))
    model.eval()
    assert torch.equal(model.logits(batch), model.logits(batch))


def test_every_weight_gets_a_gradient():
    for options in ({}, {"positions": "t5_bias"}, {"tie_head": True}):
        model = small_model(**options)
        model(text_batch()).objective.backward()
        for name, weight in model.named_parameters():
            assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_loss_of_forward_is_the_loss_of_its_logits():
    model, batch = small_model(), text_batch()
    torch.testing.assert_close(model(batch), token_loss(model.logits(batch), batch.target))


def test_the_loss_at_the_places_with_targets_is_that_of_the_whole_batch_with_its_gradients():
    model, batch = small_model(), padded(text_batch(), 2, 1)
    batch = batch._replace(target=batch.target.masked_fill(torch.arange(8) % 3 == 1, IGNORED))
    whole = model(batch, 0.1)
    whole.objective.backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    at = model.loss_at(batch, target_places(batch), 0.1)
    at.objective.backward()
    assert at.num_tokens == whole.num_tokens < batch.target.numel()
    torch.testing.assert_close(at.objective, whole.objective)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], msg=name)


def test_past_returns_all_places_written_so_far():
    past = Past(torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1))
    for place in range(3):
        new = torch.full((1, 1, 1, 1), float(place + 1))
        keys, values = past.append(new, -new)
    assert keys.flatten().tolist() == [1, 2, 3]
    assert values.flatten().tolist() == [-1, -2, -3]
