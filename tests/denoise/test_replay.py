"""A step is run once more bitwise as it was, looked at closely, and nothing of the run is touched."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path

import pytest
import torch

from data_prep.errors import BadInput
from denoise import cli
from denoise.train.callbacks.watch import Diverged
from tests.denoise.small_runs import saved, train
from tests.denoise.test_divergence import lose_gradients
from tests.denoise.test_resume import rows


@pytest.fixture(scope="module")
def run(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that kept the state after step 17."""
    run = tmp_path_factory.mktemp("replayed") / "run"
    train(prepared, run, "--keep_steps=[12, 17]")
    assert saved(run) == [12, 17, 20]
    return run


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    cli.run(["replay", *map(str, arguments)])
    return capsys.readouterr().out


def without(run: Path, folder: Path, *steps: int) -> Path:
    """A copy of a run that lacks some checkpoints."""
    copy = shutil.copytree(run, folder / "copy")
    for step in steps:
        (copy / "checkpoints" / f"step-{step:09d}.ckpt").unlink()
    return copy


def test_the_loss_is_that_of_the_run_bit_for_bit(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, step, start in ((run, 18, 17), (run, 17, 12), (without(run, tmp_path, 12, 17), 9, 0)):
        told = shown(capsys, folder, step)
        assert f"replaying steps {start + 1} to {step} from" in told
        assert f"step {step}: loss {rows(run, 'train')[step - 1]['loss']:.6f} nats a token" in told
        assert "the run's own log has the same loss, bit for bit" in told


def test_the_state_before_the_step_is_that_of_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained again over an evaluation, from step 12 to 18, and saved."""
    copy = without(run, tmp_path, 17)
    told = shown(capsys, copy, 18, "--save", tmp_path / "state.pt")
    assert "replaying steps 13 to 18" in told
    found = torch.load(tmp_path / "state.pt", weights_only=True)
    there = torch.load(run / "checkpoints" / "step-000000017.ckpt", weights_only=True)
    assert all(
        torch.equal(weight, there["state_dict"][name]) for name, weight in found["state_before"]["model"].items()
    )
    moments, expected = (
        each["state"][0] for each in (found["state_before"]["optimizer"], there["optimizer_states"][0])
    )
    assert all(torch.equal(moments[name], expected[name]) for name in expected)
    assert found["batch"]["source"].shape == (4, 32) and len(found["windows"]) == len(found["epochs"]) == 4
    assert found["loss"] == rows(run, "train")[17]["loss"]
    assert found["gradient_norm"] == pytest.approx(math.hypot(*found["gradient_norms"].values()), rel=1e-5)


def test_the_worst_rows_come_first_with_their_text(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(capsys, run, 18, "--rows", 4)
    losses = [float(loss) for loss in re.findall(r"row \d: ([\d.]+) nats", told)]
    assert losses == sorted(losses, reverse=True) and len(losses) == 4
    assert sum(losses) / 4 == pytest.approx(rows(run, "train")[17]["loss"], abs=1e-3)  # rows of equal length
    assert told.count("  source: ") == 4 and "<extra_id_0>" in told


def test_replaying_changes_nothing_in_the_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in run.rglob("*") if path.name != ".lock"}

    before = state()
    shown(capsys, run, 18)
    assert state() == before


def test_the_step_at_which_a_run_broke_is_replayed_as_it_was(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ["--optimizer.learning_rate=1e38", "--optimizer.clip_norm=.inf"]
    with pytest.raises(Diverged) as raised:
        train(prepared, tmp_path / "run", *broken)
    run, step = re.search(r"denoise replay (\S+) (\d+)", str(raised.value)).groups()  # type: ignore[union-attr]
    told = shown(capsys, run, step)
    assert "loss nan" in told or "norm of the gradient nan" in told or "inf" in told
    assert "bit for bit" in told
    assert "not finite before the step" in told or "gradients that are not finite" in told


def test_gradients_that_the_run_left_out_are_left_out_again(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_gradients(monkeypatch, 15)
    with pytest.raises(Diverged):
        train(prepared, tmp_path / "run")
    train(prepared, tmp_path / "run", "--watch.on_nonfinite=skip")  # which config.yaml does not know
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert "bit for bit" in shown(capsys, tmp_path / "run", 18)


@pytest.mark.parametrize("step", [0, 21])
def test_a_step_that_the_run_does_not_have_is_refused(run: Path, step: int) -> None:
    with pytest.raises(BadInput, match="has steps 1 to 20, not"):
        cli.run(["replay", str(run), str(step)])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no run"):
        cli.run(["replay", str(tmp_path), "3"])
