"""Runs of twenty steps in this process, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from denoise import cli
from denoise.train.checkpoint_files import steps_in
from tests.denoise.test_resume import TINY, untimed

NUM_STEPS = 20
EVALUATED = (10, 20)
SHORT = [*TINY, "--budget_tokens=3200", "--num_evaluations=2"]


def train(prepared: Path, run: Path, *more: str) -> None:
    """The same as `denoise train` in a process of its own, but quicker; errors are raised."""
    cli.run(["train", f"--data={prepared}", f"--run={run}", *SHORT, *more])


def saved(run: Path) -> list[int]:
    return list(steps_in(run / "checkpoints"))


def left_by(run: Path) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]], bytes]:
    """Final weights, metrics without times, and sampled text."""
    newest = steps_in(run / "checkpoints")[NUM_STEPS]
    lines = (run / "metrics.jsonl").read_text().splitlines()
    weights = torch.load(newest, weights_only=True)["state_dict"]
    return weights, [untimed(json.loads(line)) for line in lines], (run / "samples.jsonl").read_bytes()


def assert_same_end(run: Path, unbroken: Path, *, logs: bool = True) -> None:
    weights, metrics, samples = left_by(run)
    expected_weights, expected_metrics, expected_samples = left_by(unbroken)
    assert weights.keys() == expected_weights.keys()
    assert all(torch.equal(weights[name], expected_weights[name]) for name in weights)
    if logs:
        assert metrics == expected_metrics
    assert samples == expected_samples
