"""What a dry run tells is what the run will do, and it leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from denoise import cli
from denoise.dry_run.measure import DryRun, dry_run, parameters_by_part
from denoise.feed.data import DenoisingData
from denoise.model.config import num_parameters
from denoise.train import speed
from denoise.train.config import RunConfig
from denoise.train.execution import execution_of
from tests.denoise.test_resume import TINY


@pytest.fixture(scope="module")
def config(prepared: Path) -> RunConfig:
    return RunConfig(data=str(prepared), source_len=32, batch_size=4, budget_tokens=9000, device="cpu")


@pytest.fixture(scope="module")
def found(config: RunConfig) -> DryRun:
    return dry_run(config, measure=True)


def test_a_dry_run_fits_into_80_columns_and_writes_nothing(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    cli.run(["train", f"--data={prepared}", "--run=runs/one", *TINY, "--dry-run"])
    page = capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert max(map(len, page.splitlines())) <= 80
    for told in ("runs/one (new)", "a step", "model.d_model", "decoder says", "Nothing was written"):
        assert told in page


def test_the_window_shown_is_the_first_that_is_trained_on(config: RunConfig, found: DryRun) -> None:
    data: DenoisingData = found.data
    batch = data.batches()[0]
    shown = [data.store.tokenizer.piece(int(token)) for token in batch.source[0] if int(token) in data.vocab.text_ids]
    drawn = [token.name for token in found.drawing.source if token.place is not None]
    assert drawn == shown


def test_the_parts_of_a_model_add_up(config: RunConfig, found: DryRun) -> None:
    vocab_size = found.data.vocab.size
    assert sum(parameters_by_part(config, vocab_size).values()) == num_parameters(config.model, vocab_size)


def test_a_model_too_large_for_this_machine_is_not_timed(
    config: RunConfig, found: DryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found.speed is not None and found.run_s is not None and found.run_s > 0
    monkeypatch.setattr(speed, "_MOST_FLOPS_A_ROW", 1)
    assert speed.measured_speed(config, found.data, execution_of(config), 4) is None


def test_a_checkpoint_is_as_large_as_told(config: RunConfig, found: DryRun, tmp_path: Path) -> None:
    import torch

    from denoise.train.assembly import build_module

    model = build_module(config, found.data).model
    optimizer = config.optimized_by.build(model)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.save({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "one.ckpt")
    assert found.checkpoint_bytes == pytest.approx((tmp_path / "one.ckpt").stat().st_size, rel=0.02)


def test_padding_is_that_of_the_batches(found: DryRun) -> None:
    batches = found.data.batches()
    is_padding = np.concatenate([(batches[step].target < 0).numpy() for step in range(3)])
    assert found.counts.shares(found.data.room.parts)["target_padding"] == pytest.approx(is_padding.mean(), abs=0.05)
