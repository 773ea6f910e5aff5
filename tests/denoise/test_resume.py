"""kill -9 in mid-run, the same command again, and the weights are bitwise those of a run never killed."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from denoise.model.config import ModelConfig
from denoise.train.assembly import build_data, build_module
from denoise.train.config import RunConfig

# Each part in its turn, at a rate that falls as the run goes on: what a run must find again when it resumes.
CORRUPTION = {
    "class_path": "corruptions.Mixture",
    "init_args": {
        "draw": "STRATIFIED",
        "weights": [3, 1],
        "parts": [
            {
                "class_path": "corruptions.SpanCorruption",
                "init_args": {
                    "rate": {
                        "class_path": "corruptions.Linear",
                        "init_args": {"start": 0.4, "end": 0.15, "num_steps": 30},
                    }
                },
            },
            {"class_path": "corruptions.MaskedFragment"},
        ],
    },
}

TINY = [
    "--source_len=32",
    "--batch_size=4",
    "--budget_tokens=9000",
    "--model.d_model=32",
    "--model.num_encoder_layers=1",
    "--model.num_decoder_layers=1",
    "--model.num_heads=2",
    "--model.head_dim=16",
    "--model.d_ff=64",
    "--num_evaluations=3",
    "--num_held_out_windows=8",
    "--num_reconstructions=1",
    "--log_every=1",
    "--save_every=4",
    "--tracking=off",
]


def command(prepared: Path, run: Path, *more: str) -> list[str]:
    given = [f"--data={prepared}", f"--run={run}", f"--corruption={json.dumps(CORRUPTION)}"]
    return [sys.executable, "-m", "denoise.cli", "train", *given, *TINY, *more]


def rows(run: Path, kind: str) -> list[dict]:
    return [row for row in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()) if row["kind"] == kind]


def untimed(row: dict) -> dict:
    return {name: value for name, value in row.items() if name not in ("elapsed_s", "tokens_per_s")}


def last_weights(run: Path) -> dict[str, torch.Tensor]:
    path = sorted((run / "checkpoints").glob("*.ckpt"))[-1]
    return torch.load(path, weights_only=True)["state_dict"]


def kill_after(step: int, prepared: Path, run: Path, *more: str) -> None:
    """Start a run and kill -9 it as soon as it has logged `step`."""
    process = subprocess.Popen(command(prepared, run, *more), stdout=subprocess.DEVNULL, start_new_session=True)
    metrics = run / "metrics.jsonl"
    deadline_s = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline_s:
        if metrics.exists() and f'"step": {step},' in metrics.read_text():
            break
        time.sleep(0.002)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def unbroken(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    subprocess.run(command(prepared, run), check=True, stdout=subprocess.DEVNULL)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    prepared: Path, unbroken: Path, tmp_path: Path, num_workers: int
) -> None:
    run = tmp_path / "run"
    workers = f"--num_workers={num_workers}"
    kill_after(9, prepared, run, workers)
    assert not (run / "done.json").exists()
    assert list((run / "checkpoints").glob("step-*.ckpt")), "it was killed before its first checkpoint"
    subprocess.run(command(prepared, run, workers), check=True, stdout=subprocess.DEVNULL)

    expected, found = last_weights(unbroken), last_weights(run)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    for kind in ("train", "held_out"):
        assert [untimed(row) for row in rows(run, kind)] == [untimed(row) for row in rows(unbroken, kind)]


@pytest.mark.slow
def test_a_done_run_is_not_started_over(prepared: Path, unbroken: Path) -> None:
    before = (unbroken / "metrics.jsonl").read_bytes()
    done = subprocess.run(command(prepared, unbroken), check=True, capture_output=True, text=True)
    assert "done already" in done.stdout
    assert (unbroken / "metrics.jsonl").read_bytes() == before


def test_untrained_models_lose_ln_v_on_the_batches_of_a_run(prepared: Path) -> None:
    """Over several inits and many tokens: a single batch of this size is off by its own three percent."""
    shape = ModelConfig(d_model=32, num_encoder_layers=1, num_decoder_layers=1, num_heads=2, head_dim=16, d_ff=64)
    losses = []
    for seed in range(1, 6):
        config = RunConfig(data=str(prepared), source_len=32, batch_size=4, budget_tokens=9000, seed=seed, model=shape)
        data = build_data(config)
        data.num_steps = 20
        model = build_module(config, data).model
        with torch.no_grad():
            losses += [model(data.batches()[number]).nats_per_token.item() for number in range(data.num_steps)]
    assert np.mean(losses) == pytest.approx(math.log(data.vocab.size), rel=0.03)


@pytest.mark.slow
def test_a_run_learns_and_is_scored_as_often_as_was_asked(unbroken: Path) -> None:
    losses = [row["loss"] for row in rows(unbroken, "train")]
    assert losses[-1] < losses[0]
    held_out = rows(unbroken, "held_out")
    assert len(held_out) == 3
    assert held_out[-1]["step"] == json.loads((unbroken / "done.json").read_text())["step"]


@pytest.mark.slow
def test_a_folder_of_another_run_is_refused(prepared: Path, unbroken: Path) -> None:
    given = command(prepared, unbroken, "--seed=2")
    done = subprocess.run(given, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "seed: 1 there, 2 given" in done.stderr
    assert "Traceback" not in done.stderr
