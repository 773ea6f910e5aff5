"""The few kernels for all weights are held to a loop over the matrices, one number at a time."""

from __future__ import annotations

import math

import pytest
import torch

from denoise.train.optim.config import ScaledAdamW
from denoise.train.optim.groups import matrices_of, parameter_groups
from tests.denoise.small_models import small_model
from tests.denoise.test_muon import gradients_of, move


def plain_step(weight, gradient, kept, config, lr, decay):
    """nanoT5's AdamWScale, written out for one matrix."""
    kept["step"] += 1
    kept["mean"] = config.betas[0] * kept["mean"] + (1 - config.betas[0]) * gradient
    kept["square"] = config.betas[1] * kept["square"] + (1 - config.betas[1]) * gradient**2
    size = lr * math.sqrt(1 - config.betas[1] ** kept["step"]) / (1 - config.betas[0] ** kept["step"])
    size *= max(config.least_rms, weight.square().mean().sqrt().item())
    return weight * (1 - lr * decay) - size * kept["mean"] / (kept["square"].sqrt() + config.epsilon)


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.5, "betas": (0.8, 0.9)}, {"least_rms": 0.3}])
def test_every_matrix_moves_by_its_own_size(options):
    config = ScaledAdamW(**options)
    model = small_model("t5_bias")
    gradients = gradients_of(model, 4)
    expected = []
    for group in parameter_groups(model, config):
        places = {id(weight): place for place, weight in enumerate(model.parameters())}
        for weight, rows in zip(group["params"], group["parts"], strict=True):
            for part, matrix in enumerate(matrices_of([weight.detach().clone().double()], [rows])):
                kept = {"step": 0, "mean": 0.0, "square": 0.0}
                for gradient in gradients:
                    its = matrices_of([gradient[places[id(weight)]].double()], [rows])[part]
                    matrix = plain_step(matrix, its, kept, config, group["lr"], group["weight_decay"])
                expected.append(matrix.float())
    move(model, [config.build(model)], gradients)
    found = [
        matrix
        for group in parameter_groups(model, config)
        for matrix in matrices_of([weight.detach() for weight in group["params"]], group["parts"])
    ]
    for ours, oracle in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, oracle, rtol=1e-5, atol=1e-7)


def test_queries_and_keys_of_other_sizes_move_by_their_own():
    """T5's fresh queries are sqrt(head_dim) times smaller than the keys they are stored with."""
    model = small_model("t5_bias")
    qkv = model.encoder.layers[0].self_attention.qkv
    q, k, _ = (matrix.detach().clone() for matrix in qkv.matrices())
    move(model, [ScaledAdamW().build(model)], gradients_of(model, 1))
    moved_q, moved_k, _ = qkv.matrices()
    ratio = ((moved_k - k).norm() / (moved_q - q).norm()).item()
    assert ratio == pytest.approx(4.0, rel=0.1)


def test_zeros_do_not_stay_zeros():
    model = small_model(head_init=0.0)
    move(model, [ScaledAdamW(learning_rate=0.5).build(model)], gradients_of(model, 1))
    assert model.head.weight.abs().max().item() == pytest.approx(0.5 * 1e-3, rel=0.01)
