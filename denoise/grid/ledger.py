"""What has become of the cells of a grid, told by the files in their folders and by who holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from data_prep.files import write_json
from denoise.grid.claim import holder
from denoise.grid.plan import Plan
from denoise.grid.stages import is_complete

State = Literal["done", "running", "failed", "stopped", "missing"]
FAILED = "failed.json"


def state_of(cell: Path, plan: Plan) -> State:
    """What has become of a cell.

    done: every stage that the plan asks for is finished. running: somebody holds it. failed: tried as often as
    the plan allows. stopped: it began, and whoever comes next goes on with it. missing: it has not begun.
    """
    if is_complete(cell, plan):
        return "done"
    if holder(cell) is not None:
        return "running"
    if is_given_up(cell, plan):
        return "failed"
    has_begun = any((cell / name).exists() for name in ("shapes.json", "metrics.jsonl", FAILED))
    return "stopped" if has_begun else "missing"


def is_open(cell: Path, plan: Plan) -> bool:
    """Whether there is still something to do for it, whoever does it."""
    return not is_complete(cell, plan) and not is_given_up(cell, plan)


def is_given_up(cell: Path, plan: Plan) -> bool:
    """Whether it failed as often as it may."""
    return num_failures(cell) >= plan.tries


def num_failures(cell: Path) -> int:
    """How often it was begun and failed since it was last forgiven."""
    tries = failure(cell).get("tries", 0)
    return tries if isinstance(tries, int) else 1


def failure(cell: Path) -> dict[str, Any]:
    """How it last failed: error, exit_code, tries; nothing if it did not."""
    try:
        found = json.loads((cell / FAILED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # One try, in folders of the time before tries were counted.
    return {"tries": 1, **found} if isinstance(found, dict) else {}


def count_failure(cell: Path, error: str, exit_code: int) -> int:
    """Write down that a cell failed; how often it has by now."""
    tries = num_failures(cell) + 1
    write_json(cell / FAILED, {"error": error, "exit_code": exit_code, "tries": tries})
    return tries


def forgive(cell: Path) -> None:
    """Forget that it failed."""
    (cell / FAILED).unlink(missing_ok=True)
