"""A finished run of a tiny model, and tasks that need neither files nor libraries."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_prep.tokenizer import Tokenizer
from denoise.transfer.tasks import baselines, glue_average, registry
from tests.denoise.small_runs import train
from tests.patching import before
from tests.transfer.finetune.small_tasks import Boats, Ends, Lengths


@pytest.fixture(scope="session")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "t5"
    train(prepared, run, "--seed=2")
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="session")
def tokenizer(prepared: Path) -> Tokenizer:
    return Tokenizer.load(prepared)


@pytest.fixture(scope="session")
def task_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task_data")
    (folder / "made.txt").touch()
    return folder


@pytest.fixture(autouse=True)
def asked_baselines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """The small tasks by their names, boats as one of GLUE's; and what the baselines were asked."""
    for task in (Boats(), Lengths(), Ends()):
        monkeypatch.setitem(registry.TASKS, task.name, task)
    monkeypatch.setitem(glue_average.GLUE, "boats", ("accuracy",))
    asked: list[tuple[str, int, int]] = []
    before(monkeypatch, baselines, "baselines", lambda task, *both: asked.append((task.name, *map(len, both))))
    return asked
