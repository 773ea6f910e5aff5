"""The folder of a grid as `denoise grid` leaves it for the workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from data_prep.files import write_json, write_whole
from denoise.grid.cells import Cell
from denoise.grid.claim import holder
from denoise.grid.plan import Plan
from denoise.grid.stages import is_trained


def lay_out(folder: Path, cells: Sequence[Cell], plan: Plan, file: Path, command: str) -> None:
    """Write what the cells of a grid are, and the plan last; results that lie there stay.

    `command` is what brings these cells about, kept for the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for cell in cells:
        _lay_out_cell(folder / cell.folder_name, cell, folder.resolve().name)
    write_whole(folder / "grid.yaml", file.read_text(encoding="utf-8"))
    write_whole(folder / "command.txt", command + "\n")
    plan.write(folder)


def _lay_out_cell(path: Path, cell: Cell, grid: str) -> None:
    path.mkdir(exist_ok=True)
    about = {
        "strategy": cell.strategy,
        "label": cell.label,
        "seed": cell.seed,
        "grid": grid,
        "baseline": cell.is_baseline,
    }
    write_json(path / "cell.json", about)
    config = path / "config.yaml"
    # What does not change the result may be another now: the device, how often to save.
    if not config.exists() or not (is_trained(path) or holder(path) is not None):
        write_whole(config, yaml.safe_dump(cell.config, sort_keys=False, allow_unicode=True))
