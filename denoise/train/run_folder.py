"""A run on disk: config.yaml, environment.json, shapes.json, metrics.jsonl, samples.jsonl, checkpoints, done.json."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from data_prep.files import write_json, write_whole
from denoise.train.config import WITHOUT_EFFECT_ON_THE_RESULT, BadRun, differences

Row = dict[str, Any]


class RunFolder:
    """The files of one run; training only appends, and done.json comes last.

    A line of metrics.jsonl is a dict with "kind" (train or held_out), "step", "tokens" and "elapsed_s". Train lines
    say what was done to the text since the one before: "noise_rate", "target_padding" and what else
    NoiseCounts.shares names; the parts of a mixture are part_1, part_2, ..., which shapes.json spells out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.metrics_file = path / "metrics.jsonl"
        self.samples_file = path / "samples.jsonl"
        self.checkpoints = path / "checkpoints"
        self.done_file = path / "done.json"

    @property
    def is_done(self) -> bool:
        """Whether the run was finished: done.json is written last and whole."""
        return self.done_file.exists()

    def check(self, config: Mapping[str, Any]) -> None:
        """Raises BadRun, naming what differs, if this is the folder of a run with other values than `config`."""
        if self.config_file.exists():
            differing = differences(yaml.safe_load(self.config_file.read_text()) or {}, config)
            if differing:
                raise BadRun(
                    f"{self.path} holds a run with other values ({'; '.join(differing)}); "
                    "give the same values to go on with it, or another folder with --run"
                )
        elif self.metrics_file.exists():
            raise BadRun(f"{self.path} has a metrics.jsonl but no config.yaml; choose another folder with --run")

    def claim(self, config: Mapping[str, Any]) -> None:
        """Make this the folder of `config`, or check that it already is. Raises BadRun."""
        self.check(config)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        if not self.config_file.exists():
            write_whole(self.config_file, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))

    @property
    def config(self) -> Row:
        """What decides the result, of the values that the run began with."""
        values: Row = yaml.safe_load(self.config_file.read_text())
        return {name: value for name, value in values.items() if name not in WITHOUT_EFFECT_ON_THE_RESULT}

    @property
    def shapes(self) -> Row:
        """What the run is made of, if it has begun."""
        path = self.path / "shapes.json"
        found: Row = json.loads(path.read_text()) if path.exists() else {}
        return found

    def cell(self, seed: int) -> Row:
        """What a grid wrote of this run; for a run of its own, its name and seed."""
        path = self.path / "cell.json"
        if path.exists():
            found: Row = json.loads(path.read_text())
            return found
        return {"strategy": self.path.name, "seed": seed}

    def append(self, row: Row, *, to: Path | None = None) -> None:
        """Add one line to metrics.jsonl, or to the file given."""
        with open(to or self.metrics_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def sync(self) -> None:
        """Flush the lines written so far to the disk."""
        for path in (self.metrics_file, self.samples_file):
            if path.exists():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())

    def rewind(self, step: int) -> None:
        """Forget what was written after `step`: a killed run goes on from a checkpoint behind its last line."""
        for path in (self.metrics_file, self.samples_file):
            if path.exists():
                kept = [row for row in rows_of(path) if row["step"] <= step]
                write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))

    def check_data(self, fingerprint: str, data: str) -> None:
        """Raises BadRun if this run began on other tokens than those with this fingerprint."""
        before = self.shapes.get("data_fingerprint")
        if before is not None and before != fingerprint:
            raise BadRun(
                f"{self.path} was begun on other text or another vocabulary than {data} has now "
                f"(fingerprint {before[:10]} then, {fingerprint[:10]} now); choose another folder with --run, "
                "or prepare the same text with the same options again"
            )

    def describe(self, *, shapes: Row, device: str, num_threads: int, num_processes: int) -> None:
        """Write what the run is made of, and on what it runs."""
        write_json(self.path / "shapes.json", shapes)
        described = environment(device, num_threads) | {"num_processes": num_processes}
        write_json(self.path / "environment.json", described)

    def finish(self, summary: Row) -> None:
        """Declare the run finished."""
        write_json(self.done_file, {**summary, "finished_at": _now()})


def rows_of(path: Path) -> Iterator[Row]:
    """The lines of a JSONL file that are whole; a line torn by a kill is passed over."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def environment(device: str, num_threads: int) -> Row:
    """Versions, machine and state of the code; written beside the results they belong to."""
    versions = {name: _version(name) for name in ("torch", "lightning", "numpy", "sentencepiece", "denoise")}
    return {
        "python": platform.python_version(),
        **versions,
        "platform": platform.platform(),
        "cpu": _cpu(),
        "num_threads": num_threads,
        "device": device,
        **code_now(),
        "started_at": _now(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()


def code_now() -> Row:
    """Commit of the checkout this file is in, and whether it was changed since; nothing for an installed package."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", __file__)  # an environment inside somebody else's repository is not ours
        return {"git_commit": git("rev-parse", "HEAD"), "git_dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {"git_commit": None, "git_dirty": None}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
