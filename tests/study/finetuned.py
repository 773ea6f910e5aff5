"""Runs and run folders that have learnt tasks, with scores that tests can state."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from denoise.study.runs import Run
from denoise.study.transfers import Transfer
from denoise.transfer.finetune.config import FinetuneConfig
from denoise.transfer.finetune.results import (
    VERSION,
    Baselines,
    Finetuned,
    Point,
    path_of,
    write_baselines,
    write_finetuned,
)
from tests.denoise.run_folders import run_of
from tests.study.grid_folders import NINE

SETTINGS = FinetuneConfig().settings()
MEASURES = {
    "cola": ("matthews", "accuracy"),
    "mrpc": ("f1", "accuracy"),
    "stsb": ("pearson", "spearman"),
    "abstracts": ("rouge_l",),
}
EIGHT = ("cola", "sst2", "mrpc", "rte", "stsb", "pos", "sotu_party", "abstracts")


def result(task: str, seed: int, score: float, **how: Any) -> Finetuned:
    """A result whose main score is this; `how` are other fields, or `start`: the loss where its curves begin."""
    measures = MEASURES.get(task, ("accuracy",))
    train, scored = curves(how.pop("start", 2.0), 2.0 - score)
    has_labels = how.pop("has_labels", task != "abstracts")
    found = Finetuned(
        version=VERSION,
        task=task,
        seed=seed,
        from_scratch=False,
        settings=SETTINGS,
        data_fingerprint=f"data of {task}",
        step=2,
        trained_at=None,
        split="dev",
        measures=measures,
        scores=dict.fromkeys(measures, score),
        generated=dict.fromkeys(measures, score - 0.02) if has_labels else {},
        num_outside=3 if has_labels else 0,
        num_answers=1000,
        num_train=5000,
        num_scored=1000,
        num_cut={"train_sources": 0, "train_targets": 0, "scored_sources": 0},
        train_curve=train,
        scored_curve=scored,
        cost={"training_s": 10.0, "scoring_s": 2.0},
        finished_at="2026-11-24T01:00:00+00:00",
    )
    return replace(found, **how)


def curves(start: float, end: float, num_steps: int = 600) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """Losses that fall from `start` to `end`, on the scored questions less far."""
    steps = range(0, num_steps + 1, num_steps // 8)

    def at(step: int, low: float) -> float:
        return low + (start - low) * math.exp(-5 * step / num_steps)

    train = tuple(Point(step, at(step, end)) for step in steps if step)
    return train, tuple(Point(step, at(step, end + 0.1)) for step in steps)


def learnt(
    strategy: str,
    seed: int,
    scores: Mapping[str, float],
    scratch: Mapping[str, float] | None = None,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    **how: Any,
) -> Run:
    """A finished run that has learnt tasks with its own seed, and some of them from scratch too."""
    found = [result(task, seed, score, **how) for task, score in scores.items()]
    found += [result(task, seed, score, from_scratch=True, **how) for task, score in (scratch or {}).items()]
    return with_results(run_of(strategy, seed, 2.0), found, baselines or {})


def with_results(
    run: Run, found: Sequence[Finetuned], baselines: Mapping[str, Mapping[str, float]] | None = None
) -> Run:
    """The same run with these results; `baselines` by task, the main score of each."""
    needs_no_model = {task: _baselines(task, by_name) for task, by_name in (baselines or {}).items()}
    return replace(run, transfer=Transfer(results=tuple(found), baselines=needs_no_model))


def _baselines(task: str, by_name: Mapping[str, float]) -> Baselines:
    measure = MEASURES.get(task, ("accuracy",))[0]
    return Baselines(
        data_fingerprint=f"data of {task}", scores={name: {measure: score} for name, score in by_name.items()}
    )


def write_results(folder: Path, found: Sequence[Finetuned]) -> Path:
    """Put results of its own weights into the folder of a finished run."""
    done = json.loads((folder / "done.json").read_text())
    for each in found:
        of_run = replace(each, step=done["step"], trained_at=done["finished_at"])
        write_finetuned(path_of(folder, each.task, each.seed, from_scratch=each.from_scratch), of_run)
    return folder


def write_learnt_nine(grid: Path, tasks: Sequence[str] = EIGHT, strategies: Sequence[str] = tuple(NINE)) -> Path:
    """Let the cells of a grid of nine learn tasks; the first strategy's cells learn them from scratch too."""
    for place, strategy in enumerate(strategies):
        for run in sorted(grid.glob(f"{strategy}-seed*")):
            seed = int(run.name.partition("-seed")[2].partition("-")[0])
            rng = np.random.default_rng([seed, place])
            found = [result(task, seed, **_made(n, place, rng)) for n, task in enumerate(tasks)]
            if place == 0:
                found += [result(task, seed, from_scratch=True, **_made(n, None, rng)) for n, task in enumerate(tasks)]
            write_results(run, found)
            for n, task in enumerate(tasks):
                write_baselines(
                    run, task, _baselines(task, {"majority": 0.3 + 0.04 * n, "bag_of_words": 0.44 + 0.03 * n})
                )
    return grid


def _made(task: int, strategy: int | None, rng: np.random.Generator) -> dict[str, Any]:
    """Pretraining buys something on all tasks but every fourth."""
    bought = 0.0 if strategy is None or task % 4 == 3 else 0.16 - 0.012 * strategy - 0.01 * task
    return {
        "score": 0.4 + 0.05 * task + bought + float(rng.normal(0, 0.008)),
        "start": (3.0 if strategy is None else 2.3) + 0.1 * task + float(rng.normal(0, 0.1)),
        "num_outside": int(rng.integers(0, 40)),
        "num_answers": 277 if task == 3 else 1043,
        "num_cut": {"train_sources": 12 * (task % 3), "train_targets": 0, "scored_sources": 0},
    }
