"""What a grid will take, before it is run: from cells that are finished, or from two steps of one of each strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from denoise.grid.cells import Cell
from denoise.grid.overview import in_parallel_s, in_time
from denoise.grid.plan import Plan
from denoise.grid.progress import progress_of


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a cell of one strategy takes."""

    strategy: str
    num_cells: int
    """Seeds."""
    num_done: int
    """Of them finished."""
    num_trained: int
    """Of them trained, the exam taken or not."""
    tokens: int
    """Encoder and decoder tokens of each."""
    training_s: float | None
    """Seconds of each; None: a single window takes too long to be timed."""
    source: str
    """Where the two are from."""


def print_estimate(cells: Sequence[Cell], folder: Path, plan: Plan, num_workers: int, console: Console) -> None:
    """A line a strategy, the sum below. Raises whatever BadInput a cell would raise before its first step."""
    strategies: dict[str, list[Cell]] = {}
    for cell in cells:
        strategies.setdefault(cell.strategy, []).append(cell)
    found = [_estimate(each, folder, plan) for each in strategies.values()]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("strategy", overflow="fold")
    for title in ("cells", "done", "tokens each", "time each"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("known from")
    for each in found:
        numbers = (str(each.num_cells), str(each.num_done), f"{each.tokens:,}", in_time(each.training_s))
        table.add_row(Text(each.strategy), *numbers, each.source)
    console.print(table)
    console.print(_sum(found, num_workers) + _on_top(cells, folder, plan), highlight=False, soft_wrap=True)
    console.print("Nothing was written. Without --dry-run the same command trains.", highlight=False)


def _sum(found: Sequence[Estimate], num_workers: int) -> str:
    tokens = sum(each.tokens * each.num_cells for each in found)
    told = f"{sum(each.num_cells for each in found)} cells, {tokens:,} tokens in all"
    left = [(each.num_cells - each.num_trained, each.training_s) for each in found]
    if all(not number or seconds is not None for number, seconds in left):
        rest_s = in_parallel_s([seconds or 0.0 for number, seconds in left for _ in range(number)], num_workers)
        with_so_many = f"{num_workers} workers" if num_workers > 1 else "one worker"
        told += f"; about {in_time(rest_s)} of training left for {with_so_many}"
        told += ", if they do not slow each other down" if num_workers > 1 else ""
    return told


def _on_top(cells: Sequence[Cell], folder: Path, plan: Plan) -> str:
    """What is left to do behind training, which is not in the times."""
    parts = ["the exams"] if plan.exam is not None else []
    if plan.transfer is not None:
        num_lessons = sum(len(plan.transfer.left(folder / cell.folder_name)) for cell in cells)
        parts.append(f"{num_lessons} fine-tunings" if num_lessons != 1 else "1 fine-tuning")
    verb = "comes" if parts == ["1 fine-tuning"] else "come"
    return f"; {' and '.join(parts)} {verb} on top" if parts else ""


def _estimate(cells: Sequence[Cell], folder: Path, plan: Plan) -> Estimate:
    strategy = cells[0].strategy
    states = [progress_of(folder / cell.folder_name, plan) for cell in cells]
    trained = [state for state in states if state.state == "done" or state.past_training]
    training_s: float | None
    if trained:
        tokens, training_s = round(mean(state.tokens for state in trained)), mean(state.elapsed_s for state in trained)
        source = "finished cells"
    else:
        tokens, training_s = _measured(cells[0])
        source = "two steps timed here" if training_s is not None else "its config; a window takes too long to be timed"
    return Estimate(
        strategy=strategy,
        num_cells=len(cells),
        num_done=sum(state.state == "done" for state in states),
        num_trained=len(trained),
        tokens=tokens,
        training_s=training_s,
        source=source,
    )


def _measured(cell: Cell) -> tuple[int, float | None]:
    from denoise.cli import config_of
    from denoise.dry_run.measure import dry_run

    found = dry_run(config_of(cell.options)[0], measure=True)
    return found.data.tokens_before(found.data.num_steps), found.run_s
