from __future__ import annotations

import pytest
import torch

from denoise.train.groups import adamw, parameter_groups
from denoise.train.optimizer import BadOptimizer, OptimizerConfig
from tests.denoise.small_models import small_model, text_batch


@pytest.mark.parametrize("options", [{}, {"positions": "t5_bias"}, {"tie_head": True}])
def test_groups_hold_every_parameter_once(options):
    model = small_model(**options)
    grouped = [id(weight) for group in parameter_groups(model, OptimizerConfig()) for weight in group["params"]]
    assert sorted(grouped) == sorted(id(weight) for weight in model.parameters())
    assert len(set(grouped)) == len(grouped)


def test_groups_are_chosen_by_what_a_weight_is():
    model = small_model("t5_bias")
    groups = {group["name"]: group for group in parameter_groups(model, OptimizerConfig())}
    assert groups["embedding"]["params"] == [model.embedding.weight]
    assert groups["head"]["params"] == [model.head.weight]
    assert all(weight.ndim == 2 for weight in groups["hidden"]["params"])
    vectors = {id(weight) for weight in groups["vectors"]["params"]}
    assert {id(stack.bias.table) for stack in (model.encoder, model.decoder)} <= vectors
    assert sum(weight.ndim == 1 for weight in groups["vectors"]["params"]) == len(vectors) - 2 == 2 * 2 + 2 * 3 + 2


def test_groups_have_their_own_rates_and_only_hidden_matrices_decay():
    config = OptimizerConfig(learning_rate=0.01, embedding_lr_factor=3.0, head_lr_factor=0.5, weight_decay=0.2)
    groups = {group["name"]: group for group in parameter_groups(small_model(), config)}
    rates = {name: group["lr"] for name, group in groups.items()}
    assert rates == pytest.approx({"embedding": 0.03, "head": 0.005, "hidden": 0.01, "vectors": 0.01})
    decay = {name: group["weight_decay"] for name, group in groups.items()}
    assert decay == {"embedding": 0.0, "head": 0.0, "hidden": 0.2, "vectors": 0.0}


def test_a_tied_head_has_no_group_of_its_own():
    groups = parameter_groups(small_model(tie_head=True), OptimizerConfig())
    assert [group["name"] for group in groups] == ["embedding", "hidden", "vectors"]


def test_the_first_step_moves_each_weight_by_its_rate():
    model = small_model()
    config = OptimizerConfig(learning_rate=0.01, embedding_lr_factor=3.0, weight_decay=0.0)
    optimizer = adamw(model, config)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    model(text_batch()).objective.backward()
    optimizer.step()
    moved = {name: (weight - before[name]).abs().max().item() for name, weight in model.named_parameters()}
    assert moved.pop("embedding.weight") == pytest.approx(0.03, rel=1e-2)
    assert moved == pytest.approx(dict.fromkeys(moved, 0.01), rel=1e-2)


def test_decay_shrinks_hidden_matrices_without_a_gradient():
    model = small_model()
    optimizer = adamw(model, OptimizerConfig(learning_rate=0.1, weight_decay=0.5))
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
        OptimizerConfig(**options)


def test_clipping_to_infinity_changes_nothing():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), 1e4)
    torch.nn.utils.clip_grad_norm_([weight], OptimizerConfig(clip_norm=float("inf")).clip_norm)
    assert weight.grad.tolist() == [1e4] * 3
