"""A run with all that a recipe may have: stopped in any phase, it ends with the weights of one never stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from denoise.cli import resolved, run_options
from denoise.command_line import parsed, value_of
from denoise.train.config import BadRun, RunConfig
from denoise.train.pretrain import pretrain
from denoise.train.progress import Progress
from tests.denoise.test_resume import TINY, last_weights, rows, untimed

RECIPE = [
    *TINY,
    "--ema=0.8",
    "--z_loss=0.01",
    '--phases=[{"share": 0.2, "source_len": 16, "batch_size": 6}, {"share": 0.2, "batch_size": 2}]',
    '--corruption={"class_path": "SpanCorruption", "init_args": {"rate": '
    '{"class_path": "Linear", "init_args": {"start": 0.4, "end": 0.15, "num_steps": 40}}}}',
    "--schedule.name=inverse_sqrt",
    "--schedule.decay_fraction=0.3",
]


class Stopped(Exception):
    """What takes the place of a kill."""


def train(prepared: Path, folder: Path, *more: str) -> Path:
    given = [f"--data={prepared}", *RECIPE, *more]
    config = value_of(RunConfig, parsed(run_options(), given)[1])
    pretrain(config, folder, resolved=resolved(given))
    return folder


def train_and_stop(at: Sequence[int], prepared: Path, folder: Path, *more: str) -> Path:
    """Stop in the middle of a step's log at each of these steps, and go on."""
    own_update = Progress.update
    for last in at:

        def update(self: Progress, step: int, *rest: float, last: int = last) -> None:
            if step == last:
                raise Stopped

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Progress, "update", update)
            with pytest.raises(Stopped):
                train(prepared, folder, *more)
    assert Progress.update is own_update
    return train(prepared, folder, *more)


@pytest.mark.parametrize("kind", ["AdamW", "Muon", "ScaledAdamW"])
def test_a_run_stopped_in_every_phase_ends_as_one_never_stopped(kind: str, prepared: Path, tmp_path: Path) -> None:
    optimizer = f"--optimizer={kind}"
    unbroken = train(prepared, tmp_path / "unbroken", optimizer)
    stopped = train_and_stop((6, 30, 45), prepared, tmp_path / "stopped", optimizer)
    expected, found = last_weights(unbroken), last_weights(stopped)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    for of_kind in ("train", "held_out"):
        assert list(map(untimed, rows(stopped, of_kind))) == list(map(untimed, rows(unbroken, of_kind)))


@pytest.fixture(scope="module")
def finished(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(prepared, tmp_path_factory.mktemp("recipe") / "run")


def test_tokens_of_the_log_are_those_of_the_phases(finished: Path) -> None:
    shapes = json.loads((finished / "shapes.json").read_text())
    first = [phase["first_step"] for phase in shapes["phases"]] + [shapes["num_steps"]]
    costs = [phase["batch_size"] * (phase["source_len"] + phase["target_len"]) for phase in shapes["phases"]]
    spent = 0
    logged = {row["step"]: row["tokens"] for row in rows(finished, "train")}
    for place, cost in enumerate(costs):
        for step in range(first[place], first[place + 1]):
            spent += cost
            assert logged[step + 1] == spent
    assert json.loads((finished / "done.json").read_text())["tokens"] == spent <= 9000
    assert len(set(costs)) == 3


def test_the_rate_of_noise_falls_as_its_schedule_says(finished: Path) -> None:
    rates = [row["noise_rate"] for row in rows(finished, "train")]
    assert rates[0] == pytest.approx(0.4, abs=0.03)
    assert rates[-1] == pytest.approx(0.15, abs=0.03)


def test_z_loss_is_logged_beside_the_plain_loss(finished: Path) -> None:
    """A fresh model's log partition is about ln V, so 0.01 of its square is known before training."""
    first = rows(finished, "train")[0]
    assert first["z_loss"] == pytest.approx(0.01 * first["loss"] ** 2, rel=0.1)


def test_what_is_scored_and_exported_is_the_average(finished: Path, prepared: Path, tmp_path: Path) -> None:
    raw = train(prepared, tmp_path / "raw", "--ema=null")
    checkpoint = torch.load(sorted((finished / "checkpoints").glob("*.ckpt"))[-1], weights_only=True)
    trained, averaged = checkpoint["current_model_state"], checkpoint["state_dict"]
    assert all(torch.equal(weight, trained[name]) for name, weight in last_weights(raw).items())
    assert not torch.equal(averaged["model.head.weight"], trained["model.head.weight"])
    assert [row["loss"] for row in rows(finished, "train")] == [row["loss"] for row in rows(raw, "train")]
    assert rows(finished, "held_out")[-1]["loss"] != rows(raw, "held_out")[-1]["loss"]


def test_reconstructions_are_the_averages_too(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An average of nearly endless memory stays what it was after the first step."""
    seen = []

    def look(model: torch.nn.Module, data: object) -> list:
        seen.append(model.head.weight.detach().clone())
        return []

    monkeypatch.setattr("denoise.train.callbacks.journal.reconstruct", look)
    train(prepared, tmp_path / "slow", "--ema=0.999999")
    assert len(seen) == 3
    assert all((weight - seen[0]).abs().max() < 1e-4 for weight in seen)


@pytest.mark.parametrize("ema", ["0", "1", "1.5"])
def test_a_decay_that_averages_nothing_says_why(ema: str, prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="it must be above 0 and below 1"):
        train(prepared, tmp_path / "run", f"--ema={ema}")
