"""Head and loss in chunks: the values and gradients of the plain way, without its memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from denoise.feed.batch import IGNORED
from denoise.model.linear_loss import linear_loss, linear_nats
from denoise.model.loss import LossSum, token_loss, token_nats
from tests.denoise.small_models import small_model, text_batch

NUM_ROWS, NUM_PLACES, WIDTH, VOCAB_SIZE = 3, 50, 32, 96


def given() -> tuple[Tensor, Tensor, Tensor]:
    """States, a head and targets, some of them IGNORED, a whole chunk of 16 among them."""
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(NUM_ROWS, NUM_PLACES, WIDTH, generator=generator)
    head = torch.randn(VOCAB_SIZE, WIDTH, generator=generator) * 0.3
    target = torch.randint(0, VOCAB_SIZE, (NUM_ROWS, NUM_PLACES), generator=generator)
    target[0, 40:] = target[1, :30] = IGNORED
    return state, head, target


def plain(state: Tensor, head: Tensor, target: Tensor, z_loss: float) -> LossSum:
    return token_loss(F.linear(state, head), target, z_loss)


def in_chunks(state: Tensor, head: Tensor, target: Tensor, z_loss: float) -> LossSum:
    return linear_loss(state, head, target, z_loss, chunk_tokens=16)


def lowered(
    loss_of: Callable[..., LossSum], state: Tensor, head: Tensor, target: Tensor, z_loss: float
) -> list[Tensor]:
    """The loss, and the gradients of its objective in state and head."""
    state, head = state.clone().requires_grad_(), head.clone().requires_grad_()
    loss = loss_of(state, head, target, z_loss)
    (3 * loss.objective).backward()
    assert state.grad is not None and head.grad is not None
    return [*loss, state.grad, head.grad]


@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
def test_chunks_give_the_loss_and_the_gradients_of_the_whole(z_loss: float) -> None:
    for found, expected in zip(lowered(in_chunks, *given(), z_loss), lowered(plain, *given(), z_loss), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_without_gradients_the_loss_is_the_same() -> None:
    with torch.no_grad():
        torch.testing.assert_close(in_chunks(*given(), 1e-2), plain(*given(), 1e-2))
        state, head, target = given()
        nats = linear_nats(state, head, target, chunk_tokens=16)
        torch.testing.assert_close(nats, token_nats(F.linear(state, head), target))


@pytest.mark.parametrize("tie_head", [False, True])
def test_a_model_learns_from_chunks_what_it_learns_from_logits(tie_head: bool) -> None:
    models = small_model(tie_head=tie_head), small_model(tie_head=tie_head)
    batch = text_batch()
    models[0](batch, z_loss=1e-2).objective.backward()
    token_loss(models[1].logits(batch), batch.target, z_loss=1e-2).objective.backward()
    for found, expected in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-6, rtol=1e-5)


def test_gradients_of_a_float32_head_stay_float32_under_bfloat16_states() -> None:
    state, head, target = given()
    _, _, _, state_gradient, head_gradient = lowered(in_chunks, state.bfloat16(), head, target, 0.0)
    assert (state_gradient.dtype, head_gradient.dtype) == (torch.bfloat16, torch.float32)
    exact = lowered(plain, state, head, target, 0.0)[-1]
    assert (head_gradient - exact).norm() < 0.01 * exact.norm()
    assert head_gradient.count_nonzero() > head_gradient.bfloat16().eq(head_gradient).sum()  # not rounded at the end


class Largest(TorchDispatchMode):
    """Remembers the most numbers that any tensor made in it had."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        made = [x for x in (out if isinstance(out, tuple | list) else [out]) if isinstance(x, Tensor)]
        self.numbers = max(self.numbers, *(x.numel() for x in made), 0)
        return out


def test_the_logits_of_a_batch_are_never_in_memory() -> None:
    with Largest() as whole:
        lowered(plain, *given(), 1e-2)
    with Largest() as largest:
        lowered(in_chunks, *given(), 1e-2)
    assert whole.numbers == NUM_ROWS * NUM_PLACES * VOCAB_SIZE
    assert largest.numbers == max(NUM_ROWS * NUM_PLACES * WIDTH, 16 * VOCAB_SIZE, VOCAB_SIZE * WIDTH)
