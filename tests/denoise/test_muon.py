"""One optimizer is held to two of PyTorch's: its Muon on every matrix apart, and its AdamW."""

from __future__ import annotations

import pytest
import torch

from denoise.train.optim.config import Muon
from denoise.train.optim.groups import matrices_of, parameter_groups
from denoise.train.optim.muon import orthogonalised
from tests.denoise.small_models import small_model, text_batch


def gradients_of(model, num_steps):
    """The same gradients for whoever moves the weights: of a model that stands still."""
    generator = torch.Generator().manual_seed(5)
    return [[torch.randn(w.shape, generator=generator) * 0.01 for w in model.parameters()] for _ in range(num_steps)]


def move(model, optimizers, gradients):
    for gradient in gradients:
        for weight, its in zip(model.parameters(), gradient, strict=True):
            weight.grad = its.clone()
        for optimizer in optimizers:
            optimizer.step()


class Apart:
    """torch.optim.Muon on the matrices that fused weights are made of, as parameters of their own."""

    def __init__(self, model, config):
        hidden, *_ = [group for group in parameter_groups(model, config) if group["name"] == "hidden"]
        self.hidden = hidden
        self.matrices = [
            torch.nn.Parameter(matrix.detach().clone()) for matrix in matrices_of(hidden["params"], hidden["parts"])
        ]
        self.optimizer = torch.optim.Muon(
            self.matrices,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
            nesterov=config.nesterov,
            ns_steps=config.num_iterations,
            adjust_lr_fn=config.lr_by_shape,
        )

    def step(self):
        gradients = matrices_of([weight.grad for weight in self.hidden["params"]], self.hidden["parts"])
        for matrix, gradient in zip(self.matrices, gradients, strict=True):
            matrix.grad = gradient.clone()
        self.optimizer.step()


@pytest.mark.parametrize(
    "options", [{}, {"nesterov": False, "momentum": 0.8}, {"lr_by_shape": "original"}, {"num_iterations": 3}]
)
def test_fused_matrices_move_as_torch_moves_them_apart(options):
    config = Muon(learning_rate=0.02, **options)
    model = small_model(num_heads=1)  # attention of 16 in a stream of 32: lying and standing matrices
    oracle = Apart(model, config)
    before = [matrix.detach().clone() for matrix in oracle.matrices]
    move(model, [config.build(model), oracle], gradients_of(model, 3))
    moved = matrices_of(oracle.hidden["params"], oracle.hidden["parts"])
    for start, ours, theirs in zip(before, moved, oracle.matrices, strict=True):
        # bfloat16 products are summed in another order when they are batched.
        assert (ours - theirs).norm() < 0.01 * (theirs - start).norm()


def test_everything_else_moves_as_adamw_moves_it_bit_for_bit():
    config = Muon(learning_rate=0.02, weight_decay=0.3)
    ours, theirs = small_model(), small_model()
    groups = [group for group in parameter_groups(theirs, config) if group["name"] != "hidden"]
    adamw = torch.optim.AdamW(groups, betas=config.betas, eps=config.epsilon, fused=True)
    move(ours, [config.build(ours)], gradients_of(ours, 3))
    move(theirs, [adamw], gradients_of(theirs, 3))
    others = [(i, g) for g, group in enumerate(groups) for i in range(len(group["params"]))]
    mine = [group for group in parameter_groups(ours, config) if group["name"] != "hidden"]
    assert len(others) == 2 + 2 * 2 + 2 * 3 + 2
    assert all(torch.equal(mine[g]["params"][i], groups[g]["params"][i]) for i, g in others)


def test_steps_are_orthogonal_whatever_the_shape():
    generator = torch.Generator().manual_seed(1)
    shapes = [(8, 8), (8, 20), (20, 8), (8, 8), (1, 5)]
    for matrix in orthogonalised([torch.randn(shape, generator=generator) for shape in shapes], 5):
        values = torch.linalg.svdvals(matrix.float())
        assert values.min() > 0.5 and values.max() < 1.3


def test_a_step_turns_with_its_matrix_and_keeps_its_place_among_others():
    generator = torch.Generator().manual_seed(2)
    matrices = [torch.randn(6, 10, generator=generator), torch.randn(4, 4, generator=generator)]
    together = orthogonalised([matrices[1], matrices[0].T, matrices[0]], 5)
    assert torch.equal(together[1].T, together[2])
    torch.testing.assert_close(together[0], orthogonalised([matrices[1]], 5)[0])


def test_one_rate_serves_both_rules():
    """With match_rms_adamw a matrix moves as far as AdamW moves it: 0.2 of the rate a number, at any shape."""
    config = Muon(learning_rate=0.01, weight_decay=0.0)
    model = small_model()
    before = [weight.detach().clone() for weight in model.parameters()]
    move(model, [config.build(model)], gradients_of(model, 1))
    hidden = next(group for group in parameter_groups(model, config) if group["name"] == "hidden")
    start = {id(weight): was for weight, was in zip(model.parameters(), before, strict=True)}
    for weight in hidden["params"]:
        rms = (weight.detach() - start[id(weight)]).square().mean().sqrt().item()
        assert rms == pytest.approx(0.2 * 0.01, rel=0.25)


def test_weights_without_a_gradient_stay():
    model = small_model()
    optimizer = Muon().build(model)
    model.encode(text_batch().source).square().mean().backward()
    before = [weight.detach().clone() for weight in model.decoder.parameters()]
    optimizer.step()
    assert all(map(torch.equal, before, model.decoder.parameters()))
