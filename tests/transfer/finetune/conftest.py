"""A finished run of a tiny model, and tasks that need neither files nor libraries."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_prep.tokenizer import Tokenizer
from denoise.transfer.tasks import Question, Task, registry
from tests.denoise.small_runs import train
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
    """The small tasks by their names, and baselines that only say what they were asked."""
    for task in (Boats(), Lengths(), Ends()):
        monkeypatch.setitem(registry.TASKS, task.name, task)
    asked: list[tuple[str, int, int]] = []

    def baselines(task: Task, train: Sequence[Question], scored: Sequence[Question]) -> dict[str, dict[str, float]]:
        asked.append((task.name, len(train), len(scored)))
        return {"majority" if task.labels else "lead": {task.measures[0]: 0.625}}

    def glue_average(scores: Mapping[str, Any]) -> tuple[float, list[str]]:
        return 100 * sum(each["accuracy"] for each in scores.values()) / len(scores), ["wnli"]

    room = "denoise.transfer.tasks"
    monkeypatch.setitem(sys.modules, f"{room}.baselines", SimpleNamespace(baselines=baselines))  # type: ignore[arg-type]
    average = SimpleNamespace(GLUE={"boats": ()}, glue_average=glue_average)
    monkeypatch.setitem(sys.modules, f"{room}.glue_average", average)  # type: ignore[arg-type]
    return asked
