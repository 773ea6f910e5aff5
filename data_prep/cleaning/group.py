"""Which of many pages keeps a line, which copy of a page stays: by sorting hashes, one range of them at a time.

Stage one writes, for every input file (a unit), its lines' hashes and its pages' URL keys; see `write_rows` and
`write_copies`. Any cut of all 2**64 hashes into ranges gives the same result, since equal hashes are never parted:
memory is that of one range (about 60 bytes a row), time that of reading each file once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data_prep.cleaning.key_files import read_range, rows_in, write_columns

NUM_HASHES = 2**64

_LINES = (("hash", "<u8"), ("priority", "<u8"), ("page", "<u4"))
_COPIES = (("key", "<u8"), ("time", "S32"), ("tie", "<u8"), ("page", "<u4"))
_LOST = (("unit", "<u8"), ("page", "<u4"), ("hash", "<u8"))

IsOut = Callable[[int], npt.NDArray[np.bool_] | None]
"""Unit → for each of its pages, whether it is left out; none: no page is."""


class Lines(NamedTuple):
    """Lines of many units, those of the first unit first; arrays of one length."""

    hashes: npt.NDArray[np.uint64]
    """What equal lines share."""
    priorities: npt.NDArray[np.uint64]
    """The page's place in the one order that holds for all lines; the lowest keeps it."""
    pages: npt.NDArray[np.uint32]
    """Number of the page in its unit."""
    units: npt.NDArray[np.uint32]
    """Number of the unit in the sequence that was given."""


class Copies(NamedTuple):
    """Pages of many units, in the order of units and pages for each key; arrays of one length."""

    keys: npt.NDArray[np.uint64]
    """What copies of one page share."""
    times: npt.NDArray[np.bytes_]
    """When each was fetched; the latest is kept."""
    ties: npt.NDArray[np.uint64]
    """Of equal times, the highest is kept; of equal ties the first read."""
    pages: npt.NDArray[np.uint32]
    """Number of the page in its unit."""
    units: npt.NDArray[np.uint32]
    """Number of the unit in the sequence that was given."""


def ranges(num_ranges: int) -> list[tuple[int, int]]:
    """All hashes in so many ranges of one length, each from its first hash up to that of the next.

    >>> [(hex(low), hex(high)) for low, high in ranges(2)]
    [('0x0', '0x8000000000000000'), ('0x8000000000000000', '0x10000000000000000')]
    """
    bounds = [NUM_HASHES * number // num_ranges for number in range(num_ranges + 1)]
    return list(pairwise(bounds))


def write_rows(path: Path, hashes: npt.ArrayLike, priorities: npt.ArrayLike, pages: npt.ArrayLike) -> None:
    """Write one unit's lines, sorted by hash, whole or not at all."""
    write_columns(path, _LINES, [hashes, priorities, pages])


def num_rows(path: Path) -> int:
    """How many lines `write_rows` wrote. Raises BadKeyFile."""
    return rows_in(path, _LINES)


def bucket_rows(units: Sequence[Path], low: int, high: int, is_out: IsOut = lambda unit: None) -> Lines:
    """The lines of all units with `low` <= hash < `high`, without those of pages that are left out.

    Raises BadKeyFile for a file that is missing, cut short or changed.
    """
    parts = []
    for unit, path in enumerate(units):
        rows = read_range(path, _LINES, low, high)
        if (out := is_out(unit)) is not None:
            rows = [column[~out[rows[2]]] for column in rows]
        parts.append((*rows, np.full(len(rows[0]), unit, np.uint32)))
    return Lines(*_joined(parts, _LINES))


def lost_rows(hashes: npt.NDArray[np.uint64], priorities: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """For each row, whether another of the same hash has a lower priority.

    >>> lost_rows(np.array([7, 7, 8, 7], dtype=np.uint64), np.array([30, 20, 50, 20], dtype=np.uint64)).tolist()
    [True, False, False, False]

    Fastest on rows that come in sorted runs, as `bucket_rows` gives them: a stable sort merges them.
    """
    order = np.argsort(hashes, kind="stable")
    starts = _starts(hashes[order])
    sorted_priorities = priorities[order]
    lowest = np.minimum.reduceat(sorted_priorities, starts) if len(starts) else sorted_priorities
    is_lost = np.empty(len(order), np.bool_)
    is_lost[order] = sorted_priorities != np.repeat(lowest, np.diff(starts, append=len(order)))
    return is_lost


def write_copies(
    path: Path, keys: npt.ArrayLike, times: Sequence[str], ties: npt.ArrayLike, pages: npt.ArrayLike
) -> None:
    """Write one unit's pages, sorted by key, whole or not at all; of a time the first 32 bytes count."""
    encoded = np.array([time.encode("utf-8", "surrogatepass")[:32] for time in times], "S32")
    write_columns(path, _COPIES, [keys, encoded, ties, pages])


def bucket_copies(units: Sequence[Path], low: int, high: int) -> Copies:
    """The pages of all units with `low` <= key < `high`. Raises BadKeyFile."""
    parts = []
    for unit, path in enumerate(units):
        columns = read_range(path, _COPIES, low, high)
        parts.append((*columns, np.full(len(columns[0]), unit, np.uint32)))
    return Copies(*_joined(parts, _COPIES))


def older_copies(
    keys: npt.NDArray[np.uint64], times: npt.NDArray[np.bytes_], ties: npt.NDArray[np.uint64]
) -> npt.NDArray[np.bool_]:
    """For each row, whether another of the same key is newer, or as new with a higher tie, or further up with the same.

    >>> times = np.array([b"2019", b"2021", b"2020", b"2021"])
    >>> older_copies(np.array([7, 7, 8, 7], np.uint64), times, np.zeros(4, np.uint64)).tolist()
    [True, False, False, True]
    """
    order = np.argsort(keys, kind="stable")
    starts = _starts(keys[order])
    lengths = np.diff(starts, append=len(order))
    # Most pages have no copy; strings are compared for the others alone.
    several = order[np.repeat(lengths > 1, lengths)]
    ranked = several[np.lexsort((-several, ties[several], times[several], keys[several]))]
    is_older = np.zeros(len(order), np.bool_)
    is_older[ranked] = True
    is_older[ranked[np.append(keys[ranked[1:]] != keys[ranked[:-1]], True)[: len(ranked)]]] = False
    return is_older


def write_lost(path: Path, units: npt.ArrayLike, pages: npt.ArrayLike, hashes: npt.ArrayLike) -> None:
    """Write the lines that pages lose in one range of hashes, sorted by unit, whole or not at all."""
    write_columns(path, _LOST, [units, pages, hashes])


def lost_of(path: Path, unit: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
    """Page and hash of the lines that one unit loses by a file of `write_lost`. Raises BadKeyFile."""
    _, pages, hashes = read_range(path, _LOST, unit, unit + 1)
    return pages, hashes


def _starts(sorted_keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """Where each run of equal keys begins."""
    is_first = np.ones(len(sorted_keys), np.bool_)
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)


def _joined(parts: Sequence[Sequence[npt.NDArray]], columns: Sequence[tuple[str, str]]) -> list[npt.NDArray]:
    """Column by column; the number of the unit comes last."""
    kinds = [kind for _, kind in columns] + ["<u4"]
    return [np.concatenate([np.empty(0, kind), *(part[n] for part in parts)]) for n, kind in enumerate(kinds)]
