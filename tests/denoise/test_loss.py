from __future__ import annotations

import math

import pytest
import torch

from denoise.feed.batch import IGNORED
from denoise.model.loss import token_loss, token_nats


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * 3


def test_loss_is_what_a_hand_calculates():
    probabilities = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.3, 0.5]]])
    target = torch.tensor([[0, 2, IGNORED]])
    loss = token_loss(probabilities.log(), target)
    assert loss.nats.item() == pytest.approx(-math.log(0.5) - math.log(0.8))
    assert loss.num_tokens.item() == 2
    assert loss.nats_per_token.item() == pytest.approx(-math.log(0.4) / 2)
    assert token_nats(probabilities.log(), target)[0].tolist() == pytest.approx([-math.log(0.5), -math.log(0.8), 0.0])


def test_z_loss_is_what_a_hand_calculates():
    logits = torch.log(torch.tensor([[[2.0, 2.0], [1.0, 7.0]]]))  # log partition functions ln 4 and ln 8
    loss = token_loss(logits, torch.tensor([[0, IGNORED]]), z_loss=0.1)
    assert loss.penalty.item() == pytest.approx(0.1 * math.log(4) ** 2)
    assert loss.nats.item() == pytest.approx(math.log(2))
    assert loss.objective.item() == pytest.approx(math.log(2) + 0.1 * math.log(4) ** 2)


def test_parts_add_up_to_the_whole_though_rows_are_ragged():
    logits, target = drawn(4, 6, 9), torch.arange(24).view(4, 6) % 9
    target[0, 1:] = IGNORED
    target[2, 4:] = IGNORED
    whole = token_loss(logits, target, z_loss=1e-2)
    first, second = (
        token_loss(logits[:1], target[:1], z_loss=1e-2),
        token_loss(logits[1:], target[1:], z_loss=1e-2),
    )
    together = first + second
    torch.testing.assert_close(together, whole)
    torch.testing.assert_close(together.nats_per_token, whole.nats_per_token)
    mean_of_means = (first.nats_per_token + second.nats_per_token) / 2
    assert abs(mean_of_means - whole.nats_per_token) > 1e-3
    torch.testing.assert_close(token_nats(logits, target).sum(), whole.nats)


def test_loss_is_taken_in_float32_whatever_the_logits_are():
    logits, target = drawn(2, 3, 50).bfloat16(), torch.ones(2, 3, dtype=torch.int64)
    loss = token_loss(logits, target, z_loss=1e-4)
    assert loss.nats.dtype == loss.penalty.dtype == torch.float32
    torch.testing.assert_close(loss, token_loss(logits.float(), target, z_loss=1e-4))


def test_places_without_a_target_get_no_gradient():
    logits = drawn(1, 3, 5).requires_grad_()
    token_loss(logits, torch.tensor([[1, IGNORED, 2]]), z_loss=1e-2).objective.backward()
    assert logits.grad is not None
    assert logits.grad[0, 1].abs().sum() == 0
    assert logits.grad[0, 0].abs().sum() > 0


def test_nothing_to_predict_is_shown_as_unknown_and_trains_nothing():
    logits = drawn(1, 2, 5).requires_grad_()
    loss = token_loss(logits, torch.full((1, 2), IGNORED))
    assert loss.nats_per_token.isnan()
    loss.objective.backward()
    assert logits.grad is not None and logits.grad.abs().sum() == 0
