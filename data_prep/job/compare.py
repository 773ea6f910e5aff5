"""Stage two: pages of all units compared, by their keys alone, one range of keys at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.cleaning.group import (
    bucket_copies,
    bucket_rows,
    lost_of,
    lost_rows,
    older_copies,
    write_lost,
)
from data_prep.job.shard import COPIES_FILE, LINES_FILE, NEAR_FILE
from data_prep.job.tasks import Folders, Result, Workplace

LOST_FILE = "lost.keys"

Range = tuple[int, int]
"""From its first key up to that of the next range."""


@dataclass(frozen=True, kw_only=True)
class PageFiles:
    """For each unit a file of bools: which of its pages a comparison loses."""

    folders: Folders
    """Those of `collect`."""
    units_a_folder: int
    """How many units each has the files of."""

    def of(self, unit: int) -> Path:
        """The file of one unit."""
        folder: Path = self.folders[unit // self.units_a_folder]
        return folder / f"{unit}.npy"


def find_older(place: Workplace, *, shards: Sequence[Path], keys: Range) -> Result:
    """Of each page's copies, all but the newest are lost."""
    copies = bucket_copies([shard / COPIES_FILE for shard in shards], *keys)
    is_lost = older_copies(copies.keys, copies.times, copies.ties)
    return _write(place, copies.units[is_lost], copies.pages[is_lost], copies.keys[is_lost])


def find_near(place: Workplace, *, shards: Sequence[Path], keys: Range, outs: Sequence[PageFiles]) -> Result:
    """Pages are lost that have a band in common with a page of lower priority."""
    return _find(place, [shard / NEAR_FILE for shard in shards], keys, outs)


def find_lines(place: Workplace, *, shards: Sequence[Path], keys: Range, outs: Sequence[PageFiles]) -> Result:
    """Lines, or spans, are lost that a page of lower priority has too."""
    return _find(place, [shard / LINES_FILE for shard in shards], keys, outs)


def collect(place: Workplace, *, found: Sequence[Path], first: int, num_pages: Sequence[int]) -> Result:
    """Of some units, which pages are lost by what was found in any range: a file of bools for each unit."""
    num_lost = []
    for unit, num in enumerate(num_pages, start=first):
        is_lost = np.zeros(num, dtype=np.bool_)
        for folder in found:
            is_lost[lost_of(folder / LOST_FILE, unit)[0]] = True
        np.save(place.folder / f"{unit}.npy", is_lost)
        num_lost.append(int(is_lost.sum()))
    return {"lost": num_lost}


def _find(place: Workplace, files: Sequence[Path], keys: Range, outs: Sequence[PageFiles]) -> Result:
    """Pages that are lost by one of `outs` take no part."""

    def is_out(unit: int) -> np.ndarray | None:
        return np.logical_or.reduce([np.load(out.of(unit)) for out in outs]) if outs else None

    rows = bucket_rows(files, *keys, is_out=is_out)
    is_lost = lost_rows(rows.hashes, rows.priorities)
    return _write(place, rows.units[is_lost], rows.pages[is_lost], rows.hashes[is_lost])


def _write(place: Workplace, units: np.ndarray, pages: np.ndarray, keys: np.ndarray) -> Result:
    write_lost(place.folder / LOST_FILE, units, pages, keys)
    return {"lost": len(units)}
