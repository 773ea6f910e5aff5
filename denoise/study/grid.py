"""A grid file as cells, and the cells as run folders that are trained one after the other."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from data_prep.errors import BadInput
from data_prep.files import write_json, write_whole
from denoise.stopping import INTERRUPTED, REQUEUE, Stopped, Stopping
from denoise.study.variants import variants
from denoise.train.config import WITHOUT_EFFECT_ON_THE_RESULT

Resolved = dict[str, Any]
_ENDED_BY = {
    REQUEUE: signal.SIGTERM,
    INTERRUPTED: signal.SIGINT,
    -signal.SIGTERM: signal.SIGTERM,  # before it could say so
    -signal.SIGUSR1: signal.SIGUSR1,
    -signal.SIGINT: signal.SIGINT,
}
"""Exit codes of a run that was asked to stop, not of one that failed."""
_LOOK_EVERY_S = 0.2

_GRID_KEYS = ("run", "baseline", "seeds", "cells")
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

    @property
    def name(self) -> str:
        """What it is, in short."""
        return f"{self.strategy}-seed{self.seed}"

    @property
    def folder_name(self) -> str:
        """The name, and ten hex digits over everything that changes the result."""
        relevant = {key: value for key, value in self.config.items() if key not in WITHOUT_EFFECT_ON_THE_RESULT}
        digest = hashlib.blake2b(json.dumps(relevant, sort_keys=True).encode(), digest_size=5).hexdigest()
        return f"{self.name}-{digest}"


def cells_of(file: Path, resolve: Callable[[Sequence[str]], Resolved], overrides: Sequence[str] = ()) -> list[Cell]:
    """The cells of a grid file, in its order, seeds innermost.

    A cell may have any option of `denoise train`, dotted or nested, and `vary` some of them (see `variants`).
    `resolve` turns `denoise train`'s options into all values of a run; `overrides` are such options for every
    cell. Raises BadGrid, naming the key.
    """
    grid = _load(file)
    strategies = [cell["strategy"] for cell in grid["cells"]]
    baseline = grid.get("baseline", strategies[0])
    if baseline not in strategies:
        raise BadGrid(f"{file}: the baseline {baseline!r} is none of its strategies, {', '.join(strategies)}")
    base = ["-c", str(file.parent / grid["run"])] if "run" in grid else []
    cells = []
    for entry in grid["cells"]:
        own = _options({key: value for key, value in entry.items() if key not in ("strategy", "label")}, file.parent)
        for seed in grid.get("seeds", [1]):
            config = resolve([*base, *own, *overrides, f"--seed={seed}"])
            cells.append(
                Cell(
                    strategy=entry["strategy"],
                    label=entry.get("label", entry["strategy"]),
                    seed=seed,
                    is_baseline=entry["strategy"] == baseline,
                    config=config,
                )
            )
    return cells


def _load(file: Path) -> dict[str, Any]:
    try:
        grid = yaml.safe_load(file.read_text())
    except OSError as error:
        raise BadGrid(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadGrid(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(grid, dict) or not grid.get("cells"):
        raise BadGrid(f"{file} names no cells; a grid has {', '.join(_GRID_KEYS)}, and each cell a strategy")
    unknown = [key for key in grid if key not in _GRID_KEYS]
    if unknown:
        raise BadGrid(f"{file} has no use for {', '.join(unknown)}; a grid has {', '.join(_GRID_KEYS)}")
    if any(not isinstance(cell, dict) or "strategy" not in cell for cell in grid["cells"]):
        raise BadGrid(f"{file}: every cell needs a strategy, its short name")
    for cell in grid["cells"]:
        varied = cell.get("vary") or {}
        if not isinstance(varied, dict) or not all(isinstance(values, list) and values for values in varied.values()):
            raise BadGrid(f"{file}: vary of {cell['strategy']} must map each option to a list of values")
    grid["cells"] = variants(grid["cells"])
    counts = Counter(cell["strategy"] for cell in grid["cells"])
    twice = [strategy for strategy, count in counts.items() if count > 1]
    if twice:
        raise BadGrid(f"{file} has two cells called {twice[0]}; give each a strategy of its own")
    return grid


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


def run_cells(cells: Sequence[Cell], folder: Path, file: Path, command: str, console: Console) -> list[Path]:
    """Train every cell that is not done, each in a process of its own; a failing cell does not stop the rest.

    `command` is what brings these cells about, kept for the report. Returns the folders of cells that failed; the
    last lines of each are in its log.txt and failed.json. Raises Stopped once a run has been asked to stop.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "grid.yaml", file.read_text())
    write_whole(folder / "command.txt", command + "\n")
    failed = []
    for cell in cells:
        run = folder / cell.folder_name
        if (run / "done.json").exists():
            console.print(f"{run.name} is done already", highlight=False)
            continue
        _lay_out(cell, run, folder.name)
        if not _trained(run, console):
            failed.append(run)
    return failed


def _lay_out(cell: Cell, run: Path, grid: str) -> None:
    run.mkdir(parents=True, exist_ok=True)
    about = {
        "strategy": cell.strategy,
        "label": cell.label,
        "seed": cell.seed,
        "grid": grid,
        "baseline": cell.is_baseline,
    }
    write_json(run / "cell.json", about)
    if not (run / "config.yaml").exists():
        write_whole(run / "config.yaml", yaml.safe_dump(cell.config, sort_keys=False, allow_unicode=True))
    (run / "failed.json").unlink(missing_ok=True)


def _exit_code(command: Sequence[str], log_file: Path) -> tuple[int, signal.Signals | None]:
    """How a run ended, and the signal that asked this process to stop meanwhile; the run is then asked too."""
    with open(log_file, "a", encoding="utf-8") as log, Stopping(is_working=True) as stopping:
        process = subprocess.Popen(command, stderr=log)
        is_told = False
        try:
            while process.poll() is None:
                if stopping.asked is not None and not is_told:
                    # Ctrl-C reaches the run by itself, and twice would end it at once.
                    process.send_signal(signal.SIGTERM)
                    is_told = True
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=_LOOK_EVERY_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return process.returncode, stopping.asked


def _trained(run: Path, console: Console) -> bool:
    # -P: no file of the folder this runs in may take the place of a library.
    command = [
        sys.executable,
        "-P",
        "-m",
        "denoise.cli",
        "train",
        "-c",
        str(run / "config.yaml"),
        "--run",
        str(run),
    ]
    exit_code, asked = _exit_code(command, run / "log.txt")
    if exit_code == 0:
        return True
    if asked is not None or exit_code in _ENDED_BY:
        # Not failed: the run is saved, and the same command goes on with it.
        raise Stopped(f"stopped in {run.name}", asked or _ENDED_BY[exit_code])
    lines = (run / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    error = "\n".join(lines[-5:]) or f"the process ended with code {exit_code} and no message"
    write_json(run / "failed.json", {"error": error, "exit_code": exit_code})
    console.print(f"[red]{run.name} failed:[/] {error}", highlight=False)
    return False
