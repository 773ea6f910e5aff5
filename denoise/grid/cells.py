"""A grid file as cells: every strategy with every seed, each all the values of a run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_prep.errors import BadInput
from denoise.grid.stages import exam_settings
from denoise.grid.transfer import Transfer, transfer_asked
from denoise.grid.variants import variants
from denoise.train.budget import KINDS
from denoise.train.config import WITHOUT_EFFECT_ON_THE_RESULT

Resolved = dict[str, Any]

_KEYS = ("run", "baseline", "seeds", "budget", "exam", "transfer", "cells")
_FILES = ("corruption", "model", "optimizer")
"""Options of a run that may be the name of a file."""


class BadGrid(BadInput):
    """A grid file that names no cells, or keys that a grid does not have."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a grid."""

    strategy: str
    """Short name of what is compared; cells of one strategy differ only by seed."""
    label: str
    """The strategy in words, for tables."""
    seed: int
    """Paired: cells of one seed share initial weights and the order of the text."""
    is_baseline: bool
    """Whether the others are compared with this strategy."""
    config: Resolved
    """Every value of the run."""
    options: tuple[str, ...] = ()
    """The options of `denoise train` that make these values."""

    @property
    def name(self) -> str:
        """What it is, in short."""
        return f"{self.strategy}-seed{self.seed}"

    @property
    def folder_name(self) -> str:
        """The name, and ten hex digits over everything that changes the result of training."""
        # What is left out is not in it, so that a new option does not rename the cells of old grids.
        relevant = {
            key: value
            for key, value in self.config.items()
            if value is not None and key not in WITHOUT_EFFECT_ON_THE_RESULT
        }
        digest = hashlib.blake2b(json.dumps(relevant, sort_keys=True).encode(), digest_size=5).hexdigest()
        return f"{self.name}-{digest}"


def cells_of(file: Path, resolve: Callable[[Sequence[str]], Resolved], overrides: Sequence[str] = ()) -> list[Cell]:
    """The cells of a grid file, in its order, seeds innermost.

    A cell may have any option of `denoise train`, dotted or nested, and `vary` some of them (see `variants`).
    `resolve` turns `denoise train`'s options into all values of a run; `overrides` are such options for every
    cell, and come last. Raises BadGrid, naming the key.
    """
    grid = _load(file)
    strategies = [cell["strategy"] for cell in grid["cells"]]
    baseline = grid.get("baseline", strategies[0])
    if baseline not in strategies:
        raise BadGrid(f"{file}: the baseline {baseline!r} is none of its strategies, {', '.join(strategies)}")
    base = ["-c", str(file.parent / grid["run"])] if "run" in grid else []
    budget = _budget(grid, file)
    if any(option.startswith("--budget_") for option in overrides):  # the command line has the last word
        budget = {}
    same = [*_budget_options(budget), *overrides]
    seeds = grid.get("seeds", [1])
    cells = []
    for entry in grid["cells"]:
        own = _options({key: value for key, value in entry.items() if key not in ("strategy", "label")}, file.parent)
        options = [*base, *own, *same]
        config = resolve([*options, f"--seed={seeds[0]}"])  # half a second for a strategy, not for each of its seeds
        cells += [
            Cell(
                strategy=entry["strategy"],
                label=entry.get("label", entry["strategy"]),
                seed=seed,
                is_baseline=entry["strategy"] == baseline,
                config={**config, "seed": seed},
                options=(*options, f"--seed={seed}"),
            )
            for seed in seeds
        ]
    return cells


def exam_of(file: Path) -> dict[str, Any] | None:
    """All settings of the exam that a grid file asks for; None if it asks for none. Raises BadGrid."""
    asked = _load(file).get("exam", False)
    if asked is None or asked is False:
        return None
    if asked is not True and not isinstance(asked, dict):
        raise BadGrid(f"{file}: exam is {asked!r}; give true, or a mapping of the exam's options")
    return exam_settings({} if asked is True else asked)


def transfer_of(file: Path, cells: Sequence[Cell]) -> Transfer | None:
    """What a grid file has its cells learn after the exam; None if nothing. Raises BadGrid."""
    asked = _load(file).get("transfer")
    try:
        return transfer_asked(asked, cells)
    except BadInput as error:
        raise BadGrid(f"{file}: {error}") from error


def _load(file: Path) -> dict[str, Any]:
    try:
        grid = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadGrid(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadGrid(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(grid, dict) or not isinstance(grid.get("cells"), list) or not grid["cells"]:
        raise BadGrid(f"{file} names no cells; a grid has {', '.join(_KEYS)}, and each cell a strategy")
    unknown = [str(key) for key in grid if key not in _KEYS]
    if unknown:
        raise BadGrid(f"{file} has no use for {', '.join(unknown)}; a grid has {', '.join(_KEYS)}")
    _check_seeds(grid.get("seeds", [1]), file)
    _check_cells(grid["cells"], file)
    grid["cells"] = variants(grid["cells"])
    counts = Counter(cell["strategy"] for cell in grid["cells"])
    twice = [strategy for strategy, count in counts.items() if count > 1]
    if twice:
        raise BadGrid(f"{file} has two cells called {twice[0]}; give each a strategy of its own")
    return grid


def _check_cells(cells: list[Any], file: Path) -> None:
    if any(not isinstance(cell, dict) or "strategy" not in cell for cell in cells):
        raise BadGrid(f"{file}: every cell needs a strategy, its short name")
    for cell in cells:
        _check_words(cell, file)
        varied = cell.get("vary") or {}
        if not isinstance(varied, dict) or not all(isinstance(values, list) and values for values in varied.values()):
            raise BadGrid(f"{file}: vary of {cell['strategy']} must map each option to a list of values")
        if "seed" in {*cell, *varied}:
            raise BadGrid(f"{file}: {cell['strategy']} has a seed of its own; seeds are paired: name them in seeds")


def _check_words(cell: Mapping[Any, Any], file: Path) -> None:
    """YAML reads `3:` as a number and `on:` as true."""
    for name in ("strategy", "label"):
        value = cell.get(name, cell["strategy"])
        if not isinstance(value, str | int | float) or not str(value).strip():
            raise BadGrid(f"{file}: the {name} of a cell is {value!r}; give it a name")
    varied = cell.get("vary")
    keys = [*cell, *(varied if isinstance(varied, dict) else ())]
    if others := [key for key in keys if not isinstance(key, str)]:
        raise BadGrid(f"{file}: {cell['strategy']} has the key {others[0]!r}, which is no option; put a name in quotes")


def _check_seeds(seeds: Any, file: Path) -> None:
    is_list = isinstance(seeds, list) and seeds and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not is_list or len(set(seeds)) < len(seeds):
        raise BadGrid(f"{file}: seeds is {seeds!r}; give a list of different whole numbers, such as [1, 2, 3]")


def _budget_options(budget: Mapping[str, float]) -> list[str]:
    """The budget that counts in place of any other that the run's file may name."""
    if not budget:
        return []
    return [f"--budget_{kind}={budget.get(kind, 'null')}" for kind in KINDS]


def _budget(grid: Mapping[str, Any], file: Path) -> dict[str, float]:
    """The budget that all cells share, by its kind; empty if the grid has none. Raises BadGrid."""
    if "budget" not in grid:
        return {}
    budget = grid["budget"]
    kinds = ", ".join(KINDS)
    if not isinstance(budget, dict) or len(budget) != 1 or not set(budget) <= set(KINDS):
        raise BadGrid(f"{file}: budget is {budget!r}; give one of {kinds}, such as budget: {{tokens: 1_000_000}}")
    [(kind, amount)] = budget.items()
    try:
        number = float(amount)  # YAML reads 1e15 as text
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < float("inf"):
        raise BadGrid(f"{file}: the budget's {kind} are {amount!r}; give a number above 0")
    for cell in grid["cells"]:
        own = [key for key in cell if key.startswith("budget")]
        if own:
            raise BadGrid(
                f"{file}: {cell['strategy']} has its own {own[0]}, but the grid has a budget, the same for every cell; "
                "leave one of them out"
            )
    return {kind: int(number) if number.is_integer() else number}


def _options(values: Mapping[str, Any], folder: Path, prefix: str = "--") -> list[str]:
    """Values of a YAML mapping as command-line options; files are looked for beside the grid."""
    options = []
    for key, value in values.items():
        if isinstance(value, dict) and "class_path" not in value:
            options += _options(value, folder, f"{prefix}{key}.")
        elif isinstance(value, str):
            options.append(f"{prefix}{key}={_file_or_name(value, folder) if key in _FILES else value}")
        else:
            options.append(f"{prefix}{key}={json.dumps(value)}")
    return options


def _file_or_name(value: str, folder: Path) -> str:
    return str(folder / value) if (folder / value).is_file() else value
