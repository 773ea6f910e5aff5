"""Grids whose cells are shell scripts of a few milliseconds instead of trainings."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from denoise.grid import executor, worker
from denoise.grid.conduct import conduct
from denoise.grid.executor import LocalWorkers
from denoise.grid.live import Live
from denoise.grid.plan import Plan

ALL = ("*",)
PYTHON = sys.executable

DONE = """
echo "${cell##*/}" >> "$cell/../completions"
echo '{"step": 9, "tokens": 90, "elapsed_s": 2.0}' > "$cell/.part" && mv "$cell/.part" "$cell/done.json"
"""
"""Write down who was completed, then be complete."""

_WORKER = """
import sys
from pathlib import Path
from denoise.grid import worker
sys.executable = sys.argv[1]
sys.exit(worker.work(Path(sys.argv[2]), sys.argv[3:] or ("*",)))
"""


def lay_out(folder: Path, num_cells: int = 2, *, tries: int = 2, exam: dict | None = None) -> Plan:
    """A grid's folder with cells that have not begun."""
    names = tuple(f"a{number}-seed1-{number:010x}" for number in range(num_cells))
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "cell.json").write_text("{}")
    plan = Plan(cells=names, exam=exam, tries=tries)
    plan.write(folder)
    return plan


def program(folder: Path, script: str) -> Path:
    """A program that stands for the cell's process; in its script $cell is the cell's folder, $grid that of all."""
    path = folder / "program"
    path.write_text(f'#!/bin/sh\ncell="$4"; grid="${{4%/*}}"\n{script}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a grid is."""
    path = tmp_path / "grid"
    path.mkdir()
    return path


def cells_are(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let workers of this process, and those that an executor starts, run a script for each cell."""
    path = program(folder.parent, script)
    monkeypatch.setattr(executor, "command", lambda folder, only=("*",): worker_command(path, folder, *only))
    monkeypatch.setattr(worker, "sys", SimpleNamespace(executable=str(path)))


def worker_command(path: Path, folder: Path, *only: str) -> list[str]:
    """A worker in a process of its own, whose cells are `path`."""
    return [PYTHON, "-P", "-c", _WORKER, str(path), str(folder), *only]


def run(folder: Path, num_workers: int = 2, gpus: tuple[str, ...] = (), console: Console | None = None) -> None:
    """The whole grid, by workers in processes of their own."""
    live = Live(folder, ALL, console or Console(quiet=True), num_workers=num_workers)
    conduct(folder, ALL, LocalWorkers(folder, ALL, num=num_workers, gpus=gpus), live)


def completions(folder: Path) -> list[str]:
    """The cells that were completed, once for each time."""
    path = folder / "completions"
    return sorted(path.read_text().split()) if path.exists() else []
