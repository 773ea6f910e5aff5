"""A grid at a moment: how many cells are in which state, and how long the rest will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean

from denoise.grid.ledger import State
from denoise.grid.progress import CellProgress

STATES: tuple[State, ...] = ("done", "running", "failed", "stopped", "missing")


def counts(cells: Sequence[CellProgress]) -> str:
    """How many cells are in which state, in words.

    >>> counts([CellProgress(folder_name="a", state="done"), CellProgress(folder_name="b", state="missing")])
    '1 of 2 cells done, 1 missing'
    """
    number = Counter(cell.state for cell in cells)
    rest = [f"{number[state]} {state}" for state in STATES[1:] if number[state]]
    return ", ".join([f"{number['done']} of {len(cells)} cells done", *rest])


def left_s(cells: Sequence[CellProgress], num_workers: int) -> float | None:
    """Seconds of training that the open cells take so many workers; None while no cell has told how long one takes.

    A cell takes as long as others of its strategy, or else as the mean of all others.

    >>> done = CellProgress(folder_name="a-seed1-0", state="done", elapsed_s=60)
    >>> half = CellProgress(folder_name="a-seed2-1", state="running", elapsed_s=20, left_s=30)
    >>> cells = [done, half, CellProgress(folder_name="b-seed1-2", state="missing")]
    >>> left_s(cells, 1), left_s(cells, 2)
    (85.0, 55.0)
    """
    took: dict[str, list[float]] = {}
    for cell in cells:
        if (cell.state == "done" or cell.past_training) and cell.elapsed_s:
            took.setdefault(cell.strategy, []).append(cell.elapsed_s)
        elif cell.left_s is not None:
            took.setdefault(cell.strategy, []).append(cell.elapsed_s + cell.left_s)
    if not took:
        return None
    usual = mean(mean(times) for times in took.values())

    def of(cell: CellProgress) -> float:
        if cell.state in ("done", "failed") or cell.past_training:
            return 0.0
        if cell.left_s is not None:
            return cell.left_s
        return max(0.0, mean(took.get(cell.strategy, [usual])) - cell.elapsed_s)

    return in_parallel_s([of(cell) for cell in cells], num_workers)


def in_parallel_s(each_s: Sequence[float], num_workers: int) -> float:
    """Seconds that so many workers take: as long as the longest cell at the least.

    >>> in_parallel_s([60, 10, 10], 2), in_parallel_s([30, 30, 20], 2), in_parallel_s([], 2)
    (60, 40.0, 0.0)
    """
    return max(sum(each_s) / max(num_workers, 1), *each_s, 0.0)


def in_time(seconds: float | None) -> str:
    """Seconds as people say them; a dash for what is not known.

    >>> in_time(0.4), in_time(42), in_time(130), in_time(90_000), in_time(None)
    ('0 s', '42 s', '2 min', '25 h', '–')
    """
    if seconds is None:
        return "–"
    for unit, in_seconds in (("h", 3600), ("min", 60)):
        if seconds >= 2 * in_seconds:
            number = seconds / in_seconds
            return f"{number:.1f} {unit}" if unit == "h" and number < 10 else f"{number:.0f} {unit}"
    return f"{seconds:.0f} s"


def line(cell: CellProgress) -> str:
    """A cell in one line, for what is at work.

    >>> line(CellProgress(folder_name="t5-seed1-0a", state="running", step=3, num_steps=9, tokens_per_s=1234.5, loss=2))
    't5-seed1: step 3/9, loss 2.000, 1,234 tokens/s'
    """
    if cell.past_training:
        return f"{cell.name}: {cell.past_training}"
    if not cell.step:
        return f"{cell.name}: begins"
    parts = [f"step {cell.step}/{cell.num_steps}" if cell.num_steps else f"step {cell.step}"]
    parts += [f"loss {cell.loss:.3f}"] if cell.loss is not None else []
    parts += [f"{cell.tokens_per_s:,.0f} tokens/s"] if cell.tokens_per_s else []
    parts += [f"{in_time(cell.left_s)} left"] if cell.left_s is not None else []
    return f"{cell.name}: {', '.join(parts)}"
