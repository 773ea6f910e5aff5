"""kill -9 of workers, cells and the command at random moments of a real grid: was every cell done once, and right?"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml

from denoise import cli
from denoise.grid.claim import holder
from denoise.grid.plan import Plan, read_plan
from tests.denoise.test_resume import TINY, last_weights, untimed

STRATEGIES = {
    "spans": {"corruption": "SpanCorruption"},
    "fragment": {"corruption": "MaskedFragment"},
    "infilling": {"corruption": "TextInfilling"},
    "bias": {"corruption": "SpanCorruption", "model.positions": "t5_bias"},
}
WAITS_S = 240.0


@dataclass
class Drill:
    """One grid of twelve cells, and what was done to it."""

    folder: Path
    data: Path
    draws: random.Random
    num_workers: int = 3
    hits: Counter[str] = field(default_factory=Counter)
    """What was killed, and how often."""
    finished: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    """Of each cell every done.json that was seen: inode and time, of which a second completion makes another."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.file = self.folder.with_suffix(".yaml")
        cells = [{"strategy": name, **options} for name, options in STRATEGIES.items()]
        self.file.write_text(yaml.safe_dump({"seeds": [1, 2, 3], "budget": {"tokens": 3200}, "cells": cells}))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """The same command, whatever is left of an earlier one."""
        given = [str(self.file), "--out", str(self.folder), f"--workers={self.num_workers}", "--tries=1000"]
        options = [option for option in TINY if "budget" not in option and "evaluations" not in option]
        command = [sys.executable, "-m", "denoise.cli", "grid", *given, f"--data={self.data}", *options]
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self._process = subprocess.Popen([*command, "--num_evaluations=2"], stdout=log, stderr=log)

    def disturb(self, what: str) -> None:
        """kill -9 something that runs, at a random moment: after some time, or behind a random step."""
        num_rows = 0
        if self.draws.random() < 0.5:
            self._wait_until(time.monotonic() + 4 * self.draws.random())
        else:
            num_rows = self.draws.randint(1, 12)
        held = self._held(num_rows)
        if not held:
            return
        if what == "grid":
            assert self._process is not None
            self._process.kill()
            self._process.wait()
            self.hits["the grid"] += 1
            self.start()
            return
        name, found = self.draws.choice(held)
        is_begun = self._num_rows(name) > 0
        with suppress(ProcessLookupError):
            os.kill(found[what], signal.SIGKILL)
            self.hits[f"a {what}" + (" in training" if is_begun else " before training")] += 1

    def finish(self) -> None:
        """Let the grid end, as often as it has to be started for it."""
        assert self._process is not None
        deadline_s = time.monotonic() + WAITS_S
        while self._process.poll() is None:
            assert time.monotonic() < deadline_s, f"the grid hangs: {self.folder.with_suffix('.log').read_text()}"
            self.look()
            time.sleep(0.05)
        self.look()
        assert self._process.returncode == 0, self.folder.with_suffix(".log").read_text()

    @property
    def is_begun_and_open(self) -> bool:
        """Whether there are cells left to disturb, or none is planned yet."""
        names = list(self._cells())
        return not names or any(not (self.folder / name / "done.json").exists() for name in names)

    def look(self) -> None:
        """Note who is done."""
        for path in self.folder.glob("*/done.json"):
            stat = path.stat()
            self.finished.setdefault(path.parent.name, set()).add((stat.st_ino, stat.st_mtime_ns))

    def _held(self, num_rows: int) -> list[tuple[str, dict[str, int]]]:
        """Cells at work that have written so much, and by whom; waits for one, and is empty when all are done."""
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            self.look()
            held = [
                (name, found)
                for name in self._cells()
                if self._num_rows(name) >= num_rows and "cell" in (found := holder(self.folder / name) or {})
            ]
            if held or not self.is_begun_and_open:
                return held
            time.sleep(0.02)
        raise AssertionError(f"nothing is at work: {self.folder.with_suffix('.log').read_text()}")

    def _num_rows(self, name: str) -> int:
        path = self.folder / name / "metrics.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def _cells(self) -> Iterator[str]:
        with suppress(ValueError):
            yield from read_plan(self.folder).cells

    def _wait_until(self, moment_s: float) -> None:
        while time.monotonic() < moment_s:
            self.look()
            time.sleep(0.02)


def differences(folder: Path, expected: Path) -> list[str]:
    """What of a grid's cells is not bitwise as in another folder: weights, metrics without times, sampled text."""
    wrong = []
    for name in read_plan(folder).cells:
        found, right = last_weights(folder / name), last_weights(expected / name)
        is_same = found.keys() == right.keys() and all(torch.equal(found[key], right[key]) for key in right)
        wrong += [] if is_same else [f"{name}: weights"]
        if _metrics(folder / name) != _metrics(expected / name):
            wrong.append(f"{name}: metrics")
        if (folder / name / "samples.jsonl").read_bytes() != (expected / name / "samples.jsonl").read_bytes():
            wrong.append(f"{name}: samples")
    return wrong


def _metrics(run: Path) -> list[dict]:
    return [untimed(json.loads(line)) for line in (run / "metrics.jsonl").read_text().splitlines()]


def train_undisturbed(plan: Plan, folder: Path, expected: Path) -> None:
    """The same cells one after another in this process."""
    for name in plan.cells:
        cli.run(["train", "-c", str(folder / name / "config.yaml"), "--run", str(expected / name)])


def told(drill: Drill, seconds: float) -> str:
    """What happened, in a line."""
    hits = ", ".join(f"{count} × {what}" for what, count in drill.hits.items())
    return f"{len(drill.finished)} cells, {drill.num_workers} workers, {seconds:.0f} s; kill -9 of {hits}"
