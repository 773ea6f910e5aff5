"""A run gone astray ends with the step, its windows and how to look at it; what was saved is from before."""

from __future__ import annotations

import json
import math
import random
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from denoise.stopping import Stopped
from denoise.train.callbacks.watch import Diverged, LeaveOut, Watch
from denoise.train.checkpoint_files import steps_in
from denoise.train.denoiser import Denoiser
from denoise.train.divergence import BadWatch, LossWatch, WatchConfig
from denoise.train.run_folder import RunFolder
from tests.denoise.small_runs import assert_same_end, saved, train
from tests.denoise.test_resume import rows
from tests.denoise.test_stopping import signal_at
from tests.patching import before


@pytest.fixture(scope="module")
def unbroken(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    train(prepared, run)
    return run


def at_step(patched: pytest.MonkeyPatch, step: int, act: Callable[[Denoiser], None]) -> None:
    def acts(module: Denoiser, batch: Any, batch_number: int) -> None:
        if module.trainer.global_step == step - 1:
            act(module)

    before(patched, Denoiser, "training_step", acts)


def break_a_weight(module: Denoiser) -> None:
    with torch.no_grad():
        next(module.model.parameters())[:] = math.nan


def enlarge_the_head(module: Denoiser) -> None:
    with torch.no_grad():
        module.model.head.weight.mul_(1000)


def lose_gradients(patched: pytest.MonkeyPatch, *steps: int) -> None:
    """The gradients of these steps are not numbers."""
    original = Denoiser.training_step

    def lossy(module: Denoiser, batch: Any, batch_number: int) -> Any:
        loss = original(module, batch, batch_number)
        return loss * math.nan if module.trainer.global_step + 1 in steps else loss

    patched.setattr(Denoiser, "training_step", lossy)


@pytest.mark.parametrize("log_every", [1, 7, 100])
def test_a_nan_ends_the_run_before_anything_is_saved(
    prepared: Path, unbroken: Path, tmp_path: Path, log_every: int
) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patched:
        at_step(patched, 13, break_a_weight)
        with pytest.raises(Diverged) as raised:
            train(prepared, run, f"--log_every={log_every}")
    told = str(raised.value)
    assert told.startswith("step 13: the loss is nan and the norm of the gradient nan; it read windows ")
    assert f"denoise replay {run} 13" in told and "\n" not in told
    assert saved(run) == [10, 12]
    assert not (run / "done.json").exists()
    train(prepared, run)
    assert_same_end(run, unbroken, logs=log_every == 1)
    assert not (run / "trouble.json").exists()


def test_the_windows_of_the_step_are_told(prepared: Path, tmp_path: Path) -> None:
    from denoise.feed.data import DenoisingData

    seen: list[DenoisingData] = []
    with pytest.MonkeyPatch.context() as patched:
        at_step(patched, 3, break_a_weight)
        before(patched, Watch, "on_train_start", lambda watch, trainer, module: seen.append(trainer.datamodule))
        with pytest.raises(Diverged):
            train(prepared, tmp_path / "run")
    trouble = json.loads((tmp_path / "run" / "trouble.json").read_text())
    batches = seen[0].batches()
    assert [(trouble["seed"], *pair) for pair in zip(trouble["epochs"], trouble["windows"], strict=True)] == [
        (1, batches.visit(visit).epoch, batches.visit(visit).number) for visit in range(8, 12)
    ]


def test_a_jump_of_the_loss_ends_the_run_or_warns(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for on_spike in ("stop", "warn"):
        with pytest.MonkeyPatch.context() as patched:
            at_step(patched, 13, enlarge_the_head)
            if on_spike == "stop":
                with pytest.raises(
                    Diverged, match=r"step 13: the loss is .* nats above the lowest .*on_spike warn goes on"
                ):
                    train(prepared, tmp_path / on_spike)
            else:
                train(prepared, tmp_path / on_spike, "--watch.on_spike=warn")
    assert saved(tmp_path / "stop") == [10, 12] and saved(tmp_path / "warn") == [16, 20]
    assert capsys.readouterr().out.count("step 13: the loss is") == 1


def test_a_resumed_run_knows_what_is_usual(prepared: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patched:
        signal_at(patched, 14, signal.SIGTERM)
        with pytest.raises(Stopped):
            train(prepared, run)
    with pytest.MonkeyPatch.context() as patched:
        at_step(patched, 15, enlarge_the_head)
        with pytest.raises(Diverged, match="step 15: the loss is"):
            train(prepared, run)


def test_a_gradient_left_out_harms_neither_weights_nor_resuming(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    with pytest.MonkeyPatch.context() as patched:
        lose_gradients(patched, 5, 6, 15)
        train(prepared, whole, "--watch.on_nonfinite=skip")
        assert "step 15: " in (shown := capsys.readouterr().out) and "as those of 3 steps so far" in shown
        with pytest.raises(Diverged, match=r"step 5: .*on_nonfinite skip goes on"):
            train(prepared, halves)
        train(prepared, halves, "--watch.on_nonfinite=skip")
    assert_same_end(halves, whole)
    weights = torch.load(steps_in(whole / "checkpoints")[20], weights_only=True)["state_dict"]
    assert all(weight.isfinite().all() for weight in weights.values())
    assert rows(whole, "train")[4]["gradient_norm"] == 0


def test_ten_steps_without_a_gradient_are_too_many(prepared: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        lose_gradients(patched, *range(5, 15))
        with pytest.raises(Diverged, match=r"step 14: .* move the last one away"):
            train(prepared, tmp_path / "run", "--watch.on_nonfinite=skip")


def test_broken_weights_are_not_saved(prepared: Path, tmp_path: Path) -> None:
    """The loss of the step was fine; what it left behind is not."""

    def act(watch: Watch, trainer: Any, module: Denoiser, *_: Any) -> None:
        if trainer.global_step == 8:
            break_a_weight(module)

    with pytest.MonkeyPatch.context() as patched:
        before(patched, Watch, "on_train_batch_end", act)
        with pytest.raises(Diverged, match="step 8: some weights are inf or nan"):
            train(prepared, tmp_path / "run")
    assert saved(tmp_path / "run") == [4]


def test_watching_a_step_reads_nothing_from_the_device(tmp_path: Path) -> None:
    """Tensors without memory cannot be read: any wait for the device would raise."""
    watch = Watch(RunFolder(tmp_path), WatchConfig(on_nonfinite="skip"), look_every=100, tell=print)
    weight = torch.nn.Parameter(torch.zeros(3, 4, device="meta"))
    weight.grad = torch.zeros(3, 4, device="meta")
    number = torch.zeros((), device="meta")
    module: Any = SimpleNamespace(
        device="meta", last_loss=number, last_gradient_norm=number, num_steps=50, parameters=lambda: [weight]
    )
    trainer: Any = SimpleNamespace(global_step=1, world_size=1)
    watch.on_train_start(trainer, module)
    watch.left_out[0].on_before_optimizer_step(trainer, module, None)
    watch.on_train_batch_end(trainer, module)
    with pytest.raises((RuntimeError, NotImplementedError)):
        watch.look(trainer)  # which does read


def test_leaving_out_keeps_finite_gradients_as_they_are() -> None:
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    module: Any = SimpleNamespace(parameters=lambda: weights)
    for broken in (False, True):
        weights[0].grad, weights[1].grad = torch.tensor([1.0, 2.0]), torch.tensor([3.0, math.inf if broken else 4.0])
        LeaveOut().on_before_optimizer_step(None, module, None)  # type: ignore[arg-type]
        left = [weight.grad.tolist() for weight in weights if weight.grad is not None]
        assert left == ([[0, 0], [0, 0]] if broken else [[1, 2], [3, 4]])


def test_a_verdict_does_not_depend_on_interruptions() -> None:
    draws = random.Random(1)
    losses = [draws.choice([2.0, 3.0, 9.0, math.nan]) * (1 + draws.random() / 9) for _ in range(300)]
    config = WatchConfig(on_nonfinite="skip", on_spike="warn")
    whole, halves = LossWatch(config), LossWatch(config)
    for step, loss in enumerate(losses):
        state = json.loads(json.dumps(halves.state()))
        halves = LossWatch(config)
        halves.restore(state)
        assert repr(whole.see(step, loss, 1.0)) == repr(halves.see(step, loss, 1.0))
    assert whole.num_skipped > 20


def test_a_loss_that_stays_up_is_told_once() -> None:
    watch = LossWatch(WatchConfig(on_spike="warn"))
    told = [watch.see(step, loss, 1.0) for step, loss in enumerate([2.0, 2.0, 6.0, 6.0, 6.0, 2.0, 6.0])]
    assert [trouble.step for trouble in told if trouble] == [2, 6]


def test_a_slow_climb_is_a_jump_too() -> None:
    watch = LossWatch(WatchConfig(spike_nats=3.0))
    told = [watch.see(step, 2.0 + step / 100, 1.0) for step in range(1000)]
    assert next(trouble.step for trouble in told if trouble) == 301


@pytest.mark.parametrize("wrong", [{"on_nonfinite": "warn"}, {"on_spike": "skip"}, {"spike_nats": 0.0}])
def test_a_watch_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadWatch):
        WatchConfig(**wrong)
