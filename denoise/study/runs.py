"""Run folders as training leaves them, finished or not, read into plain values."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from data_prep.errors import BadInput
from denoise.grid.variants import variants
from denoise.study.exams import with_one_exam
from denoise.study.logs import Logs, read_logs
from denoise.study.transfers import Transfer, read_transfer, with_one_transfer
from denoise.transfer.exam.papers import Exam, Paper, read_exam, trained_to
from denoise.transfer.probe.results import Probing, read_probe

State = Literal["finished", "running", "stopped", "failed", "missing", "replaced"]


class BadFolder(BadInput):
    """A folder that holds no runs, or a file in it that training did not write."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder, or the place of one that a grid still lacks."""

    folder: Path
    """Where it is, or would be."""
    strategy: str
    """The name that all seeds of one setting share."""
    label: str
    """The strategy in words."""
    seed: int | None
    """None where the run does not say."""
    grid: str
    """The grid it belongs to; empty for a run on its own."""
    is_baseline: bool
    """Whether the others are compared with this strategy."""
    state: State
    """finished: it has a done.json. running: a process holds it. stopped: it began and nobody goes on.
    missing: nothing is measured yet. replaced: a later run has its strategy and seed."""
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Versions, machine and commit."""
    shapes: dict[str, Any] = field(default_factory=dict)
    """Lengths, budget and sizes."""
    done: dict[str, Any] = field(default_factory=dict)
    """The last line of a finished run."""
    failure: str = ""
    """Why it failed."""
    logs: Logs = field(default_factory=Logs)
    """Measurements and reconstructions."""
    exam: tuple[Paper, ...] = ()
    """The common exam of the finished model; empty before it is taken."""
    exam_settings: dict[str, Any] = field(default_factory=dict)
    """How the exam was set."""
    exam_text: str = ""
    """Version of the exam and fingerprint of the text that it was taken on."""
    exam_note: str = ""
    """Why `exam` is empty, where the others have one: missing, or other settings."""
    transfer: Transfer = field(default_factory=Transfer)
    """What the finished model has learnt by fine-tuning."""
    probing: Probing | None = None
    """What linear probes found along the run; None before it is probed."""


def read_run(folder: Path) -> Run:
    """Read one run folder, finished or not. Raises BadFolder."""
    if not folder.is_dir():
        raise BadFolder(f"{folder} is not a folder; name a run folder or a grid folder")
    if not is_run(folder):
        raise BadFolder(f"{folder} holds no run: it has neither cell.json nor metrics.jsonl; name a run folder")
    cell = _mapping(folder / "cell.json", counts=("seed",))
    logs = read_logs(folder)
    strategy = str(cell.get("strategy") or folder.resolve().name)
    exam = _exam(folder)
    done = _mapping(folder / "done.json", counts=("step", "tokens", "elapsed_s"))
    failed = _mapping(folder / "failed.json")
    seed = cell.get("seed")
    return Run(
        folder=folder,
        strategy=strategy,
        label=str(cell.get("label") or strategy),
        seed=int(seed) if seed is not None else None,
        grid=str(cell.get("grid") or ""),
        is_baseline=bool(cell.get("baseline")),
        state=_state(folder, bool(logs.train or logs.held_out)),
        config=_mapping(folder / "config.yaml"),
        environment=_mapping(folder / "environment.json"),
        shapes=_mapping(folder / "shapes.json", counts=("num_steps", "vocab_size", "flops", "num_parameters")),
        done=done,
        failure=str(failed.get("error") or ""),
        logs=logs,
        exam=exam.papers if exam else (),
        exam_settings=exam.settings if exam else {},
        exam_text=f"{exam.version} {exam.data_fingerprint}" if exam else "",
        transfer=read_transfer(folder),
        probing=_probing(folder),
    )


def read_grid(folder: Path) -> list[Run]:
    """Read every cell of a grid, the baseline's first, then as in grid.yaml; a run folder is a grid of one.

    Cells that should be there and are not come as missing: those that grid.yaml names, and those whose seed
    another strategy has. Raises BadFolder when there is no run.
    """
    if not folder.is_dir():
        raise BadFolder(f"{folder} is not a folder; name a run folder or a grid folder")
    if is_run(folder):
        return with_one_transfer([read_run(folder)])
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    runs = [read_run(path) for path in inside if is_run(path)]
    if not runs:
        grids = [path.name for path in inside if any(map(is_run, path.iterdir()))]
        advice = f"name one of its grids, {', '.join(grids)}" if grids else "name a run folder or a grid folder"
        raise BadFolder(f"no folder in {folder} is a run; {advice}")
    plan = _mapping(folder / "grid.yaml")
    cells = variants(cell for cell in plan.get("cells") or [] if isinstance(cell, dict) and cell.get("strategy"))
    begun = _mapping(folder / "plan.json")
    runs = _with_the_star_of(begun.get("cells") or (), _without_older(runs, begun.get("cells") or ()))
    runs += _absent(runs, cells, plan, folder)
    runs = with_one_transfer(with_one_exam(runs, begun.get("exam")), begun.get("transfer"))
    order = {str(cell["strategy"]): place for place, cell in enumerate(cells)}
    return sorted(
        runs,
        key=lambda run: (not run.is_baseline, order.get(run.strategy, len(order)), run.label, run.seed or 0),
    )


def is_run(folder: Path) -> bool:
    """Whether a folder has what a run writes first."""
    return any((folder / name).is_file() for name in ("cell.json", "metrics.jsonl", "shapes.json"))


def _state(folder: Path, has_points: bool) -> State:
    if (folder / "done.json").is_file():
        return "finished"
    if _is_held(folder):
        return "running"
    if (folder / "failed.json").is_file():
        return "failed"
    return "stopped" if has_points else "missing"


def _is_held(folder: Path) -> bool:
    """Whether a training process has its lock; the kernel takes it away however the process ends."""
    try:
        with open(folder / ".lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _without_older(runs: list[Run], planned: Collection[str]) -> list[Run]:
    """Of two runs of one strategy and seed that which is planned counts, or the later: a grid leaves its old cells."""
    latest: dict[tuple[str, int | None], Run] = {}
    for run in sorted(runs, key=lambda run: (run.folder.name in planned, str(run.environment.get("started_at") or ""))):
        latest[run.strategy, run.seed] = run
    return [run if latest[run.strategy, run.seed] is run else replace(run, state="replaced") for run in runs]


def _with_the_star_of(planned: Collection[str], runs: list[Run]) -> list[Run]:
    """Where a planned run has a baseline it is the one: cells that a grid no longer has keep the star of their time."""
    stars = {run.strategy for run in runs if run.is_baseline and run.folder.name in planned}
    return [replace(run, is_baseline=run.strategy in stars) for run in runs] if stars else runs


def _absent(runs: list[Run], cells: list[dict[str, Any]], plan: dict[str, Any], folder: Path) -> list[Run]:
    """Cells of the rectangle strategies × seeds that have no folder."""
    labels = {str(cell["strategy"]): str(cell.get("label") or cell["strategy"]) for cell in cells}
    labels |= {run.strategy: run.label for run in runs}
    baselines = {run.strategy for run in runs if run.is_baseline} | {plan.get("baseline")}
    planned = plan.get("seeds")
    seeds = {run.seed for run in runs if run.seed is not None} | set(planned if isinstance(planned, list) else ())
    have = {(run.strategy, run.seed) for run in runs}
    return [
        Run(
            folder=folder / f"{strategy}-seed{seed}",
            strategy=strategy,
            label=label,
            seed=seed,
            grid=runs[0].grid,
            is_baseline=strategy in baselines,
            state="missing",
        )
        for strategy, label in labels.items()
        for seed in sorted(seeds)
        if (strategy, seed) not in have
    ]


def _exam(folder: Path) -> Exam | None:
    """The exam of a run's final weights; that of weights from before they were trained anew is none."""
    exam = read_exam(folder)
    return exam if exam and (exam.step, exam.trained_at) == trained_to(folder) else None


def _probing(folder: Path) -> Probing | None:
    """The probes of a run, up to its end if it is finished; those of weights from before they were trained anew are
    none."""
    probing, ended = read_probe(folder), trained_to(folder)
    return probing if probing and ended in (None, (probing.step, probing.trained_at)) else None


def _mapping(path: Path, counts: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON or YAML file that holds a mapping, with numbers under some keys; an absent file is an empty one."""
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise BadFolder(f"{path} cannot be read ({_first_line(error)}); mend it or take its run away") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadFolder(f"{path} holds a {type(content).__name__}, not a mapping; mend it or take its run away")
    wrong = [key for key in counts if not isinstance(content.get(key), int | float | None)]
    if wrong:
        raise BadFolder(f"{path}: {wrong[0]} is {content[wrong[0]]!r}, not a number; mend it or take its run away")
    return content


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
