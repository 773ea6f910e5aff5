"""Heat maps of two options: where a grid varies two numbers of one class, a table of them against each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from denoise.study.measures import Ranking, ranking
from denoise.study.runs import Run
from denoise.study.statistics import spread
from denoise.study.table import Column, Entry, Table

FEWEST_PLACES = 4
"""Fewer settings of two options than these are read in the table of results."""

Options = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Plane:
    """Two options that vary, and the runs that differ in nothing else but their seed."""

    down: str
    """The option of the rows, dotted."""
    across: str
    """The option of the columns."""
    runs: tuple[tuple[Options, Run], ...]
    """Each with its options, dotted."""


def heat_maps(runs: Sequence[Run]) -> list[Table]:
    """A table for every two numeric options of one class that the runs vary; no place is filled in by guessing.

    Each entry is the mean over the finished runs there. A place that the grid has and nothing finished in says so;
    one that the grid does not have is empty.
    """
    planned = [(_dotted(run.config), run) for run in runs if run.config and run.state != "replaced"]
    by = ranking(runs)
    planes = [plane for group in _of_one_class(planned) for plane in _planes(group)]
    return [_table(plane, by, f"heat-{place}") for place, plane in enumerate(planes, start=1)]


def _dotted(options: Any, name: str = "") -> dict[str, Any]:
    """Options of options as one mapping, without the seed."""
    if isinstance(options, dict):
        parts = [_dotted(value, f"{name}.{key}" if name else str(key)) for key, value in options.items()]
        return {key: value for part in parts for key, value in part.items() if key != "seed"}
    return {name: tuple(map(str, options)) if isinstance(options, list) else options}


def _of_one_class(planned: Iterable[tuple[Options, Run]]) -> list[list[tuple[Options, Run]]]:
    """Runs in groups that have the same options, whatever their values: so the same classes."""
    groups: dict[Any, list[tuple[Options, Run]]] = {}
    for options, run in planned:
        classes = tuple((key, value) for key, value in options.items() if key.endswith("class_path"))
        groups.setdefault((tuple(options), classes), []).append((options, run))
    return list(groups.values())


def _planes(group: list[tuple[Options, Run]]) -> list[_Plane]:
    """The two options with the most values, and one plane for each setting of all others."""
    numbers = [key for key, value in group[0][0].items() if all(_is_number(options[key]) for options, _ in group)]
    values = {key: {options[key] for options, _ in group} for key in numbers}
    varied = sorted((key for key in numbers if len(values[key]) > 1), key=lambda key: -len(values[key]))
    pairs = [(a, b) for i, a in enumerate(varied) for b in varied[i + 1 :] if _parent(a) == _parent(b)]
    if not pairs:
        return []
    across, down = sorted(pairs[0], key=list(group[0][0]).index)
    planes: dict[Any, list[tuple[Options, Run]]] = {}
    for options, run in group:
        rest = tuple((key, value) for key, value in options.items() if key not in (across, down))
        planes.setdefault(rest, []).append((options, run))
    return [
        _Plane(down=down, across=across, runs=tuple(found))
        for found in planes.values()
        if _is_plane(found, down, across)
    ]


def _is_plane(found: list[tuple[Options, Run]], down: str, across: str) -> bool:
    """Whether there is more to see than a row, a column or a diagonal."""
    places = {(options[down], options[across]) for options, _ in found}
    lengths = [len({place[axis] for place in places}) for axis in (0, 1)]
    return len(places) >= FEWEST_PLACES and min(lengths) > 1 and len(places) > max(lengths)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parent(key: str) -> str:
    return key.rpartition(".")[0]


def _table(plane: _Plane, by: Ranking, name: str) -> Table:
    downs, acrosses = (sorted({options[key] for options, _ in plane.runs}) for key in (plane.down, plane.across))
    names = [key.rpartition(".")[2].replace("_", " ") for key in (plane.down, plane.across)]
    columns = [Column(title=f"{names[0]} ↓  {names[1]} →", is_number=False)]
    columns += [Column(title=_plain(value)) for value in acrosses]
    rows = []
    for down in downs:
        at = [[run for o, run in plane.runs if (o[plane.down], o[plane.across]) == (down, a)] for a in acrosses]
        rows.append((Entry(text=_plain(down), value=down), *(_entry(found, by) for found in at)))
    return Table(
        name=name,
        title=f"{names[0].capitalize()} × {names[1]}: {plane.runs[0][1].label.split(',')[0]}",
        columns=tuple(columns),
        rows=tuple(rows),
        strategies=("",) * len(rows),
        legend=f"{by.unit}, mean ± sd over n seeds; nothing is interpolated",
    )


def _entry(runs: list[Run], by: Ranking) -> Entry:
    """The mean over the runs of one place, or why there is none."""
    found = spread([value for run in runs if (value := by.measure(run)) is not None])
    if found is None:
        states = sorted({run.state for run in runs})
        return Entry(
            text="" if not runs else "not known" if states == ["finished"] else ", ".join(states), is_muted=True
        )
    if not math.isfinite(found.mean):
        return Entry(text="diverged", is_muted=True)
    sd = "" if found.sd is None else f" ± {found.sd:.3f}"
    return Entry(text=f"{found.mean:.3f}{sd}", value=found.mean, sd=found.sd, num_seeds=found.num_seeds)


def _plain(value: float) -> str:
    return f"{value:g}"
