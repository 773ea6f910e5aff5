"""plan.json: all that a worker must know of a grid besides what lies in the cells' folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from data_prep.errors import BadInput
from data_prep.files import write_json
from denoise.grid.transfer import Transfer

FILE = "plan.json"


class BadPlan(BadInput):
    """A folder in which no grid was begun."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cells of a grid, and what makes one complete."""

    cells: tuple[str, ...]
    """Names of their folders, in the order in which they are begun."""
    exam: dict[str, Any] | None = None
    """All settings of the exam that each cell takes after training; None: it takes none."""
    transfer: Transfer | None = None
    """What each cell learns after the exam; None: nothing."""
    tries: int = 2
    """How often a failing cell is begun before it is left alone."""

    def chosen(self, only: Sequence[str] = ("*",)) -> list[str]:
        """The cells whose name without the hash matches one of these patterns.

        >>> Plan(cells=("t5-seed1-0a", "t5-seed2-0b", "mass-seed1-0c")).chosen(["t5-*2", "mass*"])
        ['t5-seed2-0b', 'mass-seed1-0c']
        """
        return [name for name in self.cells if any(fnmatchcase(name.rpartition("-")[0], each) for each in only)]

    def write(self, folder: Path) -> None:
        """Make it the plan of a grid's folder; workers that run already follow it from their next cell on."""
        write_json(folder / FILE, asdict(self))


def read_plan(folder: Path) -> Plan:
    """The plan of a grid's folder. Raises BadPlan."""
    path = folder / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        transfer = values.get("transfer")  # plans of the time before there was one have none
        return Plan(
            cells=tuple(map(_name, values["cells"])),
            exam=values["exam"],
            transfer=Transfer(**transfer) if transfer else None,
            tries=int(values["tries"]),
        )
    except FileNotFoundError:
        raise BadPlan(f"{folder} has no {FILE}: no grid was begun there; `denoise grid FILE` begins one") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadPlan(f"{path} is damaged; `denoise grid FILE` writes it anew") from error


def _name(cell: object) -> str:
    if not isinstance(cell, str) or cell != Path(cell).name:
        raise ValueError(f"{cell!r} is no name of a folder")
    return cell
