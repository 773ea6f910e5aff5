"""A run that is asked to stop saves between two steps and says "requeue me"; gone on with, nothing has changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from denoise.stopping import INTERRUPTED, REQUEUE, Stopped, Stopping
from denoise.train import pretrain
from denoise.train.callbacks.journal import Journal
from denoise.train.denoiser import Denoiser
from tests.denoise.small_runs import NUM_STEPS, assert_same_end, saved, train
from tests.denoise.test_resume import command
from tests.patching import before


@pytest.fixture(autouse=True)
def in_the_foreground() -> Iterator[None]:
    """Ctrl-C counts, even where these tests run in the background."""
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


@pytest.fixture(scope="module")
def unbroken(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    train(prepared, run)
    return run


def signal_at(monkeypatch: pytest.MonkeyPatch, step: int, *numbers: signal.Signals) -> None:
    """Signals at the end of a step, before its line is written."""

    def act(journal: Journal, trainer: Any, *_: Any) -> None:
        if trainer.global_step == step:
            for number in numbers:
                signal.raise_signal(number)

    before(monkeypatch, Journal, "on_train_batch_end", act)


def stopped(prepared: Path, run: Path) -> Stopped:
    with pytest.raises(Stopped) as raised:
        train(prepared, run)
    return raised.value


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_saves_at_the_end_of_the_step_and_asks_to_be_requeued(
    prepared: Path, unbroken: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        signal_at(patched, 6, number)
        told = stopped(prepared, tmp_path / "run")
    assert told.exit_code == REQUEUE == 75
    assert (
        str(told) == f"stopped after step 6 of 20, which is saved ({number.name}); the same command goes on from there"
    )
    assert saved(tmp_path / "run") == [4, 6]
    train(prepared, tmp_path / "run")
    assert_same_end(tmp_path / "run", unbroken)


def test_a_signal_before_or_in_an_evaluation_waits_for_its_end(prepared: Path, unbroken: Path, tmp_path: Path) -> None:
    for run, owner, method in (
        (tmp_path / "a", Journal, "on_train_batch_end"),
        (tmp_path / "b", Denoiser, "validation_step"),
    ):
        with pytest.MonkeyPatch.context() as patched:
            if owner is Journal:
                signal_at(patched, 10, signal.SIGTERM)
            else:
                before(patched, owner, method, lambda *_: signal.raise_signal(signal.SIGTERM))
            assert "after step 10" in str(stopped(prepared, run))
        assert saved(run) == [8, 10]
        train(prepared, run)
        assert_same_end(run, unbroken)


def test_a_signal_while_a_checkpoint_is_written_leaves_it_whole(prepared: Path, unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patched:
        before(patched, torch, "save", lambda *_: signal.raise_signal(signal.SIGUSR1))
        assert "after step 4" in str(stopped(prepared, run))
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000000004.ckpt"]
    train(prepared, run)
    assert_same_end(run, unbroken)


def test_a_signal_before_the_first_step_stops_before_it(prepared: Path, unbroken: Path, tmp_path: Path) -> None:
    for name, owner, method in (("a", pretrain, "build_module"), ("b", Journal, "on_train_start")):
        with pytest.MonkeyPatch.context() as patched:
            before(patched, owner, method, lambda *_: signal.raise_signal(signal.SIGTERM))
            assert "stopped before" in str(stopped(prepared, tmp_path / name))
        assert saved(tmp_path / name) == []
    train(prepared, tmp_path / "b")
    assert_same_end(tmp_path / "b", unbroken)


def test_a_signal_in_the_last_step_finds_the_work_done(
    prepared: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_at(monkeypatch, NUM_STEPS, signal.SIGTERM)
    train(prepared, tmp_path / "run")
    assert_same_end(tmp_path / "run", unbroken)


def test_ctrl_c_saves_and_ctrl_c_twice_stops_at_once(
    prepared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        signal_at(patched, 6, signal.SIGINT)
        assert stopped(prepared, tmp_path / "once").exit_code == INTERRUPTED == 130
    assert saved(tmp_path / "once") == [4, 6]
    assert capfd.readouterr().err.strip() == "denoise: stopping after this step; Ctrl-C again stops at once"
    with pytest.MonkeyPatch.context() as patched:
        signal_at(patched, 6, signal.SIGINT, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            train(prepared, tmp_path / "twice")
    assert saved(tmp_path / "twice") == [4]


def test_ctrl_c_stops_at_once_where_there_is_nothing_to_save(prepared: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        before(patched, pretrain, "build_module", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            train(prepared, tmp_path / "run")


def test_handlers_are_given_back(prepared: Path, tmp_path: Path) -> None:
    held = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
    found = [signal.getsignal(number) for number in held]
    train(prepared, tmp_path / "run")
    assert [signal.getsignal(number) for number in held] == found


def test_in_a_slurm_job_lightning_neither_saves_nor_requeues(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = {"NTASKS": "1", "JOB_ID": "7", "JOB_NAME": "run", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.chdir(tmp_path)
    before(monkeypatch, subprocess, "call", lambda *_: pytest.fail("something was called from a handler"))
    signal_at(monkeypatch, 6, signal.SIGUSR1, signal.SIGTERM)
    assert stopped(prepared, tmp_path / "run").exit_code == REQUEUE
    assert saved(tmp_path / "run") == [4, 6]
    assert not list(tmp_path.rglob("hpc_ckpt*"))


@pytest.mark.slow
def test_a_signal_while_torch_is_imported_is_not_lost(prepared: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch': os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from denoise.cli import main\n"
        "main()\n"
    )
    arguments = command(prepared, tmp_path / "run")[3:]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == REQUEUE
    assert done.stderr == "denoise: stopped before training began (SIGTERM); the same command goes on from there\n"


@pytest.mark.slow
def test_a_signal_to_all_processes_of_a_job_leaves_the_workers_to_the_run(prepared: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = command(prepared, run, "--num_workers=2", "--budget_tokens=900000")
    process = subprocess.Popen(given, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and not (run / "checkpoints" / "step-000000008.ckpt").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == REQUEUE, error
    assert error.count("\n") == 1 and "which is saved (SIGTERM)" in error


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Stopping() as stopping:
        signal.raise_signal(signal.SIGINT)
        assert stopping.asked is None


def test_signals_in_a_thread_that_is_not_the_main_one_stay_as_they_are() -> None:
    import threading

    found = []
    thread = threading.Thread(target=lambda: found.append(Stopping().__enter__().asked))
    thread.start()
    thread.join()
    assert found == [None]
