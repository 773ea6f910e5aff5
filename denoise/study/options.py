"""The options of runs, flat, and those in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from denoise.study.statistics import Strategy

NOT_SET = "—"


def flat(options: Any, name: str = "") -> dict[str, str]:
    """Nested options by dotted names, as text.

    >>> flat({"seed": 1, "model": {"width": 128}, "phases": []})
    {'seed': '1', 'model.width': '128', 'phases': '[]'}
    """
    if isinstance(options, dict) and options:
        parts = [flat(value, f"{name}.{key}" if name else str(key)) for key, value in options.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {name: str(options)}


def differing(strategies: Sequence[Strategy]) -> list[tuple[str, list[str]]]:
    """The options in which strategies differ, but for the seed, and the values of each; several if its runs differ."""
    options = [[flat(run.config) for run in strategy.runs if run.config] for strategy in strategies]
    keys = list(dict.fromkeys(key for runs in options for run in runs for key in run if key != "seed"))
    found = []
    for key in keys:
        values = [list(dict.fromkeys(run.get(key, NOT_SET) for run in runs)) or [NOT_SET] for runs in options]
        if len({tuple(each) for each in values}) > 1:
            found.append((key, [", ".join(each) for each in values]))
    return found
