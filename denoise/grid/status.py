"""The state of every cell of a grid, as a table, and whether one code trained them all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from denoise.grid.ledger import failure
from denoise.grid.overview import counts, in_time, left_s
from denoise.grid.plan import Plan
from denoise.grid.progress import CellProgress, progress_of
from denoise.train.run_folder import code_now

COLOURS = {"done": "green", "running": "cyan", "failed": "bold red", "stopped": "yellow", "missing": "dim"}
_NUM_LAST_LINES = 10


def look(folder: Path, plan: Plan, only: Sequence[str] = ("*",)) -> list[CellProgress]:
    """The chosen cells of a grid as they are now."""
    return [progress_of(folder / name, plan) for name in plan.chosen(only)]


def print_status(folder: Path, plan: Plan, only: Sequence[str], console: Console) -> None:
    """A line a cell, the whole below."""
    cells = look(folder, plan, only)
    console.print(_table(cells))
    num_running = sum(cell.state == "running" for cell in cells)
    rest_s = left_s(cells, num_running)
    with_so_many = f" with {num_running} at work" if num_running else " one after another"
    told = f"; about {in_time(rest_s)} of training left{with_so_many}" if rest_s else ""
    for said in (counts(cells) + told, *notes(folder, plan, cells)):
        console.print(said, highlight=False, soft_wrap=True, markup=False)


def notes(folder: Path, plan: Plan, cells: Sequence[CellProgress]) -> list[str]:
    """What a user should know of a grid besides its numbers."""
    found = []
    if code := _code_differs(folder, cells):
        found.append(code)
    if failed := [cell.name for cell in cells if cell.state == "failed"]:
        told = f"failed {plan.tries} times and left alone: {', '.join(failed)}"
        found.append(f"{told}; --retry-failed tries them again")
    gone = sorted(path.parent.name for path in folder.glob("*/cell.json") if path.parent.name not in plan.cells)
    if gone:
        found.append(f"no longer in the grid, but kept: {', '.join(gone)}")
    return found


def _table(cells: Sequence[CellProgress]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cell", overflow="fold")
    table.add_column("state")
    for title in ("steps", "tokens", "tokens/s", "took", "left"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("last error", overflow="fold")
    for cell in cells:
        state = ", ".join(filter(None, [cell.state, cell.past_training if cell.state == "running" else ""]))
        table.add_row(
            Text(cell.name),
            Text(state, COLOURS[cell.state]),
            f"{cell.step}/{cell.num_steps}" if cell.num_steps else "–",
            f"{cell.tokens:,}" if cell.tokens else "–",
            f"{cell.tokens_per_s:,.0f}" if cell.tokens_per_s else "–",
            in_time(cell.elapsed_s or None),
            in_time(cell.left_s),
            Text(f"({cell.num_failures}×) {cell.error}" if cell.error else ""),
        )
    return table


def last_lines(cell: Path) -> str:
    """How a cell last failed, indented."""
    lines = str(failure(cell).get("error") or "").splitlines()[-_NUM_LAST_LINES:]
    return "\n".join(f"    {line}" for line in lines)


def _code_differs(folder: Path, cells: Sequence[CellProgress]) -> str:
    """One line if cells were trained by other code than is here now, or by code of which no commit tells."""
    now = code_now()
    if now["git_commit"] is None:
        return ""
    trained = [_environment(folder / cell.folder_name) for cell in cells if cell.state == "done"]
    others = Counter(
        _named(then)
        for then in trained
        if then and (then.get("git_commit"), then.get("git_dirty")) != tuple(now.values())
    )
    if not others:
        return ""
    told = ", ".join(f"{number} by {name}" for name, number in others.most_common())
    return f"finished cells were trained by other code: {told}; here is {_named(now)}"


def _named(code: dict[str, object]) -> str:
    commit = code.get("git_commit")
    return f"{str(commit)[:10]}{' with changes' if code.get('git_dirty') else ''}" if commit else "an unknown commit"


def _environment(cell: Path) -> dict[str, object]:
    try:
        found = json.loads((cell / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
