"""Gradients are clipped by us, since Lightning refuses to where an optimizer is fused."""

from __future__ import annotations

import math

import lightning
import pytest
import torch

from denoise.train.denoiser import Denoiser
from denoise.train.optim.config import AdamW, Muon, OptimizerConfig, ScaledAdamW
from denoise.train.optim.schedule import ScheduleConfig
from tests.denoise.small_models import VOCAB_SIZE, small_model, text_batch


def denoiser(optimizer: OptimizerConfig) -> Denoiser:
    token_bytes = torch.ones(VOCAB_SIZE, dtype=torch.int64)
    return Denoiser(small_model(), optimizer=optimizer, schedule=ScheduleConfig(), num_steps=4, token_bytes=token_bytes)


def norm_of(module: Denoiser) -> float:
    return math.sqrt(sum(float(weight.grad.square().sum()) for weight in module.model.parameters()))


@pytest.mark.parametrize("clip_norm", [0.01, math.inf])
def test_gradients_are_scaled_down_and_their_norm_before_is_kept(clip_norm: float) -> None:
    module = denoiser(AdamW(clip_norm=clip_norm))
    module.training_step(text_batch(), 0).backward()
    before = norm_of(module)
    module.on_before_optimizer_step(module.optimizer_config.build(module.model))
    assert module.last_gradient_norm.item() == pytest.approx(before, rel=1e-5)
    assert norm_of(module) == pytest.approx(min(before, clip_norm), rel=1e-3)


@pytest.mark.parametrize("config", [AdamW(), Muon(), ScaledAdamW()], ids=lambda config: type(config).__name__)
def test_mixed_precision_takes_every_step(config: OptimizerConfig) -> None:
    module = denoiser(config)
    before = [weight.detach().clone() for weight in module.model.parameters()]
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision="bf16-mixed",
        max_steps=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader([text_batch()] * 3, batch_size=None))
    assert trainer.global_step == 3
    assert all(not torch.equal(was, weight) for was, weight in zip(before, module.model.parameters(), strict=True))
    assert 0 < module.last_gradient_norm.item() < math.inf


def test_the_loss_that_is_shown_has_no_penalty_in_it() -> None:
    plain, penalised = denoiser(AdamW()), denoiser(AdamW())
    penalised.z_loss = 0.1
    lowered = plain.training_step(text_batch(), 0), penalised.training_step(text_batch(), 0)
    assert plain.last_loss.item() == penalised.last_loss.item() == pytest.approx(lowered[0].item())
    assert plain.last_penalty.item() == 0
    assert lowered[1].item() == pytest.approx(penalised.last_loss.item() + penalised.last_penalty.item())
    assert penalised.last_penalty.item() > 0.1
