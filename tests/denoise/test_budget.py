"""Tokens, operations, steps or minutes: what a budget pays for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from denoise.feed.data import DenoisingData
from denoise.feed.phases import PhaseConfig
from denoise.train import assembly
from denoise.train.assembly import build_data, spend, step_seconds
from denoise.train.budget import run_flops, step_flops
from denoise.train.config import BadRun, RunConfig
from denoise.train.run_folder import RunFolder
from tests.denoise.small_models import small_config

SHORT_FIRST = [PhaseConfig(share=0.25, source_len=16)]


def spent(prepared: Path, step_s: float | None = None, **options: object) -> tuple[DenoisingData, RunConfig]:
    config = RunConfig(data=str(prepared), source_len=32, batch_size=4, model=small_config(), **options)  # type: ignore[arg-type]
    data = build_data(config)
    spend(config, data, step_s)
    return data, config


@pytest.mark.parametrize("phases", [[], SHORT_FIRST], ids=["one shape", "short texts first"])
def test_a_budget_of_operations_is_spent_and_not_overdrawn(prepared: Path, phases: list[PhaseConfig]) -> None:
    budget = 3e9
    data, config = spent(prepared, budget_flops=budget, phases=phases)
    used = run_flops(config.model, data.vocab.size, data.phases)
    assert budget - step_flops(config.model, data.vocab.size, data.shape) < used <= budget


def test_equal_operations_buy_more_steps_of_short_targets(prepared: Path) -> None:
    from corruptions import SpanCorruption, TextInfilling

    short, _ = spent(prepared, budget_flops=3e9, corruption=SpanCorruption())
    long, _ = spent(prepared, budget_flops=3e9, corruption=TextInfilling())
    assert short.num_steps > long.num_steps


def test_a_budget_of_steps_is_so_many(prepared: Path) -> None:
    assert spent(prepared, budget_steps=37)[0].num_steps == 37
    assert spent(prepared, budget_steps=40, phases=SHORT_FIRST)[0].num_steps == 40


def test_minutes_are_steps_at_the_speed_measured(prepared: Path) -> None:
    assert spent(prepared, step_s=0.05, budget_minutes=0.1)[0].num_steps == 120


def test_a_run_goes_on_with_the_steps_that_its_minutes_bought_at_the_start(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(data=str(prepared), source_len=32, batch_size=4, model=small_config(), budget_minutes=1)
    data = build_data(config)
    measured = step_seconds(config, data)
    assert measured is not None and 0 < measured < 10
    (tmp_path / "shapes.json").write_text(json.dumps({"step_s": 0.125}))
    monkeypatch.setattr(assembly, "measured_speed", lambda *_: pytest.fail("measured again"))
    assert step_seconds(config, data, RunFolder(tmp_path)) == 0.125


def test_two_budgets_are_one_too_many() -> None:
    with pytest.raises(
        BadRun, match=r"budget_tokens is 100 and budget_steps is 5; .* drop one with --budget_tokens=null"
    ):
        RunConfig(budget_tokens=100, budget_steps=5)


@pytest.mark.parametrize("option", ["budget_tokens", "budget_flops", "budget_steps", "budget_minutes"])
@pytest.mark.parametrize("amount", [0, -1])
def test_a_budget_of_nothing_is_refused(option: str, amount: int) -> None:
    with pytest.raises(BadRun, match=f"{option} is {amount}; it must be above 0"):
        RunConfig(**{option: amount})  # type: ignore[arg-type]


def test_too_few_operations_for_a_step_are_told_with_what_would_do(prepared: Path) -> None:
    with pytest.raises(BadRun, match=r"budget_flops is 10, enough for 0 steps .* give at least [\d,]{6,}"):
        spent(prepared, budget_flops=10)
