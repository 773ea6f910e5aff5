"""Run folders without a model in them, logged as training logs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from denoise.train.run_folder import RunFolder
from denoise.train.tracking.tracker import About
from denoise.train.tracking.tracking import Tracking

CONFIG = {
    "seed": 2,
    "project": "of mine",
    "corruption": {"class_path": "corruptions.TextInfilling", "init_args": {"rate": 0.3}},
    "tracking": "auto",
    "trackers": "wandb",
}
SHAPES = {"num_parameters": 3_456_789, "flops": 6000, "tokens": 100}
TOKENS_A_STEP = 10
EVALUATED_EVERY = 4


def begin(folder: Path, *, grid: str | None = None, **options: Any) -> Path:
    """A run folder before its first step."""
    import yaml

    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **options}))
    (folder / "shapes.json").write_text(json.dumps(SHAPES))
    if grid:
        cell = {"strategy": "bart_infill", "label": "BART", "seed": 2, "grid": grid, "baseline": False}
        (folder / "cell.json").write_text(json.dumps(cell))
    return folder


def tracking_of(folder: Path, trackers: Sequence[str] = ("wandb",), told: list[str] | None = None) -> Tracking:
    """What feeds the dashboards of this folder, which have what it holds."""
    tracking = Tracking(About.of_stored(folder), trackers, (told if told is not None else []).append)
    tracking.go_on()
    return tracking


def train_on(folder: Path, tracking: Tracking, steps: range) -> None:
    """Write and log the lines of these steps as the journal does; every fourth is evaluated."""
    run = RunFolder(folder)
    for step in steps:
        where = {"step": step, "tokens": TOKENS_A_STEP * step, "elapsed_s": 0.5 * step}
        train = {"kind": "train", **where, "loss": 9.0 / step, "z_loss": None, "tokens_per_s": 20.0, "noise_rate": 0.3}
        lines = [train]
        if step % EVALUATED_EVERY == 0:
            lines.append({"kind": "held_out", **where, "loss": 8.0 / step, "noise_bits_per_byte": 2.0})
        for line in lines:
            run.append(line)
            tracking.log(line)
        if step % EVALUATED_EVERY == 0:
            said = {
                "window": f"w{step}",
                "source": [["a", ""], ["⟨0⟩", "mark"]],
                "said": [["b", "right"]],
                "target": [["c", ""]],
            }
            run.append({"step": step, **said}, to=run.samples_file)
            tracking.log_reconstructions([said])


def kill_back_to(folder: Path, step: int) -> None:
    """What a resumed run does to the folder of a killed one."""
    RunFolder(folder).rewind(step)


def losses(steps: range) -> list[tuple[int, float]]:
    """(tokens, loss) of the lines that `train_on` writes."""
    return [(TOKENS_A_STEP * step, 9.0 / step) for step in steps]
