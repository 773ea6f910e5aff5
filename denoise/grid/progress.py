"""How far a cell has come, told by what training writes into its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from denoise.grid.claim import holder
from denoise.grid.ledger import State, failure, num_failures, state_of
from denoise.grid.plan import Plan
from denoise.grid.stages import is_examined, is_trained

_TAIL_BYTES = 8192
_COUNTS = ("step", "num_steps", "tokens", "elapsed_s")


@dataclass(frozen=True, kw_only=True)
class CellProgress:
    """A cell at a moment."""

    folder_name: str
    state: State
    step: int = 0
    """Steps trained so far."""
    num_steps: int | None = None
    """Steps of the whole run; None: not known before it begins."""
    tokens: int = 0
    """Encoder and decoder tokens so far."""
    tokens_per_s: float | None = None
    """Of a running cell, at its last line; of a finished one, over all."""
    elapsed_s: float = 0.0
    """Seconds of training so far, in all processes that worked on it."""
    left_s: float | None = None
    """Seconds of training that are left to a running cell."""
    loss: float | None = None
    """At its last line."""
    num_failures: int = 0
    """Tries that failed."""
    error: str = ""
    """The last line of how it last failed."""
    host: str = ""
    """Where a running cell runs."""
    past_training: str = ""
    """What is next behind training: exam, or transfer (sst2, 2 of 5); empty in training, and where all is done."""

    @property
    def name(self) -> str:
        """The name without the hash."""
        return self.folder_name.rpartition("-")[0]

    @property
    def strategy(self) -> str:
        """The name without the seed."""
        return self.name.rpartition("-seed")[0]


def progress_of(cell: Path, plan: Plan) -> CellProgress:
    """Read how far a cell has come; files that are being written count as far as they are whole."""
    state = state_of(cell, plan)
    first, last = _train_rows(cell / "metrics.jsonl")
    done, shapes = _values(cell / "done.json"), _values(cell / "shapes.json")
    step = int(done.get("step") or last.get("step", 0))
    elapsed_s = float(done.get("elapsed_s") or last.get("elapsed_s", 0.0))
    tokens = int(done.get("tokens") or last.get("tokens", 0))
    num_steps = shapes.get("num_steps")
    left_s = None
    if state == "running" and num_steps and not done and last.get("step", 0) > first.get("step", 0):
        step_s = (last["elapsed_s"] - first["elapsed_s"]) / (last["step"] - first["step"])
        left_s = max(0.0, step_s * (num_steps - step))
    error = str(failure(cell).get("error") or "").strip().splitlines()
    return CellProgress(
        folder_name=cell.name,
        state=state,
        step=step,
        num_steps=num_steps,
        tokens=tokens,
        tokens_per_s=tokens / elapsed_s if done and elapsed_s else last.get("tokens_per_s"),
        elapsed_s=elapsed_s,
        left_s=left_s,
        loss=last.get("loss"),
        num_failures=num_failures(cell),
        error=error[-1] if error and state != "done" else "",
        host=str((holder(cell) or {}).get("host", "")) if state == "running" else "",
        past_training=_past_training(cell, plan) if state != "done" and is_trained(cell) else "",
    )


def _past_training(cell: Path, plan: Plan) -> str:
    """The stage that a trained cell is at, and of the transfer how far it is."""
    if not is_examined(cell, plan):
        return "exam"
    left = plan.transfer.left(cell) if plan.transfer else []
    if plan.transfer is None or not left:  # it has been finished meanwhile
        return ""
    lessons = plan.transfer.lessons(cell.name)
    return f"transfer ({left[0]}, {len(lessons) - len(left) + 1} of {len(lessons)})"


def _train_rows(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first and the last whole line about training; {} where there is none."""
    try:
        with open(path, "rb") as file:
            first = file.readline()
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return {}, {}
    rows = [row for line in [first, *tail.split(b"\n")] if (row := _row(line)).get("kind") == "train" and "step" in row]
    return (rows[0], rows[-1]) if rows else ({}, {})


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:  # torn, or cut by where the tail begins
        return {}
    return row if isinstance(row, dict) and all(isinstance(row.get(key, 0), int | float) for key in _COUNTS) else {}


def _values(path: Path) -> dict[str, Any]:
    try:
        return _row(path.read_bytes())
    except OSError:
        return {}
