from __future__ import annotations

import pytest
import torch

from denoise.train.optim.config import AdamW, BadOptimizer, Muon, ScaledAdamW
from denoise.train.optim.groups import parameter_groups
from tests.denoise.small_models import small_model, text_batch


@pytest.mark.parametrize("options", [{}, {"positions": "t5_bias"}, {"tie_head": True}])
def test_groups_hold_every_parameter_once(options):
    model = small_model(**options)
    grouped = [id(weight) for group in parameter_groups(model, AdamW()) for weight in group["params"]]
    assert sorted(grouped) == sorted(id(weight) for weight in model.parameters())
    assert len(set(grouped)) == len(grouped)


def test_groups_are_chosen_by_what_a_weight_is():
    model = small_model("t5_bias")
    groups = {group["name"]: group for group in parameter_groups(model, AdamW())}
    assert groups["embedding"]["params"] == [model.embedding.weight]
    assert groups["head"]["params"] == [model.head.weight]
    assert all(weight.ndim == 2 for weight in groups["hidden"]["params"])
    vectors = {id(weight) for weight in groups["vectors"]["params"]}
    assert {id(stack.bias.table) for stack in (model.encoder, model.decoder)} <= vectors
    assert sum(weight.ndim == 1 for weight in groups["vectors"]["params"]) == len(vectors) - 2 == 2 * 2 + 2 * 3 + 2


def test_groups_have_their_own_rates_and_only_hidden_matrices_decay():
    config = AdamW(learning_rate=0.01, embedding_lr_factor=3.0, head_lr_factor=0.5, weight_decay=0.2)
    groups = {group["name"]: group for group in parameter_groups(small_model(), config)}
    rates = {name: group["lr"] for name, group in groups.items()}
    assert rates == pytest.approx({"embedding": 0.03, "head": 0.005, "hidden": 0.01, "vectors": 0.01})
    decay = {name: group["weight_decay"] for name, group in groups.items()}
    assert decay == {"embedding": 0.0, "head": 0.0, "hidden": 0.2, "vectors": 0.0}


def test_a_tied_head_has_no_group_of_its_own():
    groups = parameter_groups(small_model(tie_head=True), AdamW())
    assert [group["name"] for group in groups] == ["embedding", "hidden", "vectors"]


def test_the_first_step_moves_each_weight_by_its_rate():
    model = small_model()
    config = AdamW(learning_rate=0.01, embedding_lr_factor=3.0, weight_decay=0.0)
    optimizer = config.build(model)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    model(text_batch()).objective.backward()
    optimizer.step()
    moved = {name: (weight - before[name]).abs().max().item() for name, weight in model.named_parameters()}
    assert moved.pop("embedding.weight") == pytest.approx(0.03, rel=1e-2)
    assert moved == pytest.approx(dict.fromkeys(moved, 0.01), rel=1e-2)


def test_decay_shrinks_hidden_matrices_without_a_gradient():
    model = small_model()
    optimizer = AdamW(learning_rate=0.1, weight_decay=0.5).build(model)
    hidden, head = model.encoder.layers[0].self_attention.qkv.weight, model.head.weight
    before = hidden.detach().clone(), head.detach().clone()
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(hidden, before[0] * 0.95)
    assert torch.equal(head, before[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it must be above 0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0; it must be above 0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1; it must not be negative"),
        ({"betas": (0.9, 1.0)}, "betas are .*; each must be at least 0 and below 1"),
    ],
)
def test_options_that_cannot_train_say_why(options, message):
    with pytest.raises(BadOptimizer, match=message):
        AdamW(**options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Muon, {"momentum": 1.0}, "momentum is 1.0; it must be at least 0 and below 1"),
        (Muon, {"num_iterations": 0}, "num_iterations is 0; it must be 1 to 99"),
        (Muon, {"lr_by_shape": "none"}, "choose match_rms_adamw or original"),
        (Muon, {"epsilon": 0.0}, "epsilon is 0.0; it must be above 0"),
        (ScaledAdamW, {"least_rms": 0.0}, "least_rms is 0.0; it must be above 0"),
        (ScaledAdamW, {"learning_rate": -1.0}, "learning_rate is -1.0; it must be above 0"),
    ],
)
def test_other_optimizers_say_why_too(kind, options, message):
    with pytest.raises(BadOptimizer, match=message):
        kind(**options)


def test_hidden_weights_are_told_apart_into_the_matrices_they_are_made_of():
    model = small_model()
    hidden = next(group for group in parameter_groups(model, AdamW()) if group["name"] == "hidden")
    parts = {id(weight): rows for weight, rows in zip(hidden["params"], hidden["parts"], strict=True)}
    assert parts[id(model.encoder.layers[0].self_attention.qkv.weight)] == [32, 32, 32]
    assert parts[id(model.encoder.layers[0].feed_forward.gate_value.weight)] == [64, 64]
    assert parts[id(model.decoder.cross_keys_values.weight)] == [32] * 4
    assert parts[id(model.decoder.layers[0].cross_attention.query.weight)] == [32]


@pytest.mark.parametrize("config", [AdamW(), Muon(), ScaledAdamW()], ids=lambda config: type(config).__name__)
def test_a_resumed_optimizer_goes_on_bit_for_bit(config, tmp_path):
    def trained(model, optimizer, num_steps):
        for _ in range(num_steps):
            optimizer.zero_grad()
            model(text_batch()).objective.backward()
            optimizer.step()
        return model, optimizer

    unbroken, _ = trained(model := small_model(), config.build(model), 5)
    stopped, optimizer = trained(model := small_model(), config.build(model), 2)
    torch.save({"model": stopped.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "saved")
    saved = torch.load(tmp_path / "saved", weights_only=True)
    resumed = small_model(seed=9)
    optimizer = config.build(resumed)
    resumed.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    trained(resumed, optimizer, 3)
    assert all(map(torch.equal, unbroken.parameters(), resumed.parameters()))


@pytest.mark.parametrize("config", [AdamW(), Muon(), ScaledAdamW()], ids=lambda config: type(config).__name__)
def test_every_optimizer_learns_a_batch_by_heart(config):
    model = small_model()
    optimizer = config.build(model)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = model(text_batch())
        loss.objective.backward()
        optimizer.step()
        losses.append(loss.nats_per_token.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("config", [AdamW(), Muon(), ScaledAdamW()], ids=lambda config: type(config).__name__)
def test_a_rate_of_0_holds_every_weight_still(config):
    """Schedules multiply the rate, so whatever a rule adds besides must be multiplied too."""
    model = small_model()
    optimizer = config.build(model)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = [weight.detach().clone() for weight in model.parameters()]
    model(text_batch()).objective.backward()
    optimizer.step()
    assert all(map(torch.equal, before, model.parameters()))


def test_clipping_to_infinity_changes_nothing():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), 1e4)
    torch.nn.utils.clip_grad_norm_([weight], AdamW(clip_norm=float("inf")).clip_norm)
    assert weight.grad.tolist() == [1e4] * 3
