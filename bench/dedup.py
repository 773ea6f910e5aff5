"""How long, and in how much memory, lines on many pages are found: 150 million (hash, page) pairs on two cores.

    python bench/dedup.py
    python bench/dedup.py --millions 15 --units 16 --folder /big/disk

Made units lie on disk as the first stage writes them: 12 % of the rows are one of a thousand hot lines (the hottest
has one row in sixty), 10 % stand on two pages or more, 2 % of the pages are older copies. Timed is what the second
stage does with them: read each range of hashes, leave out older copies, find the rows lost, write them, whole and
flushed to the disk. Wall time of all processes, and the sum of the most memory that each ever held (VmHWM), its
Python and NumPy included. Then the same for an eighth of the units, in ranges of as many rows: memory must not grow
with the number of units.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from data_prep.cleaning.group import (
    NUM_HASHES,
    bucket_rows,
    lost_rows,
    num_rows,
    ranges,
    write_lost,
    write_rows,
)

LINES_PER_PAGE = 20
HOT_LINES = 1000
HOT, TWICE, OLDER = 0.12, 0.10, 0.02
ROW_BYTES = 20


def made_unit(unit: int, folder: Path, num_rows: int, num_all: int) -> None:
    """One file's lines, from its number alone."""
    random = np.random.default_rng([7, unit])
    pages = np.sort(random.integers(0, -(-num_rows // LINES_PER_PAGE), num_rows, dtype=np.uint32))
    places = random.integers(0, NUM_HASHES, int(pages[-1]) + 1, dtype=np.uint64)
    hashes = random.integers(0, NUM_HASHES, num_rows, dtype=np.uint64)
    kind = random.random(num_rows)
    hot = kind < HOT
    hashes[hot] = mixed((HOT_LINES ** random.random(int(hot.sum()))).astype(np.uint64))
    twice = (kind >= HOT) & (kind < HOT + TWICE)
    hashes[twice] = mixed(random.integers(HOT_LINES, HOT_LINES + num_all // 20, int(twice.sum()), dtype=np.uint64))
    write_rows(folder / f"{unit}.lines", hashes, places[pages], pages)
    np.save(folder / f"{unit}.older.npy", random.random(len(places)) < OLDER)


def mixed(numbers: np.ndarray) -> np.ndarray:
    """Small numbers spread over all 64 bits, each to its own."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


@dataclass(frozen=True, kw_only=True)
class Done:
    """What one process found in one range."""

    process: int
    peak_bytes: int
    num_lost: int
    fingerprint: int


def in_range(bounds: tuple[int, int], folder: Path, num_units: int) -> Done:
    units = [folder / f"{unit}.lines" for unit in range(num_units)]
    rows = bucket_rows(units, *bounds, partial(older, folder))
    lost = lost_rows(rows.hashes, rows.priorities)
    found = rows.units[lost], rows.pages[lost], rows.hashes[lost]
    write_lost(folder / f"{bounds[0]:x}.lost", *found)
    return done(*found)


def older(folder: Path, unit: int) -> np.ndarray:
    is_older: np.ndarray = np.load(folder / f"{unit}.older.npy")
    return is_older


def done(units: np.ndarray, pages: np.ndarray, hashes: np.ndarray) -> Done:
    fingerprint = np.bitwise_xor.reduce(mixed(hashes ^ (units.astype(np.uint64) << np.uint64(32)) ^ pages))
    return Done(
        process=os.getpid(),
        peak_bytes=peak_bytes(),
        num_lost=len(pages),
        fingerprint=int(fingerprint),
    )


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


@contextmanager
def folder_for(parent: Path | None, num_bytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="denoise-dedup-", dir=parent) as name:
        free_bytes = shutil.disk_usage(name).free
        if free_bytes < 2 * num_bytes:
            sys.exit(f"{name} has {free_bytes / 1e9:.1f} GB free, {2 * num_bytes / 1e9:.1f} are needed; give --folder")
        yield Path(name)


def forget(folder: Path) -> None:
    """Let the files be read from the disk, not from memory, as far as the kernel lets go of them."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(folder: Path, num_units: int, options: argparse.Namespace) -> None:
    total = sum(num_rows(folder / f"{unit}.lines") for unit in range(num_units))
    num_ranges = max(options.processes, round(total / options.range_rows))
    if options.cold:
        forget(folder)
    # Clean processes: those forked from this one would count its memory as theirs.
    with get_context("spawn").Pool(options.processes) as pool:
        pool.map(peak_bytes_of, range(options.processes))
        started_at_s = time.perf_counter()
        work = partial(in_range, folder=folder, num_units=num_units)
        found = list(pool.imap_unordered(work, ranges(num_ranges)))
        wall_s = time.perf_counter() - started_at_s
    peaks = {one.process: max(each.peak_bytes for each in found if each.process == one.process) for one in found}
    fingerprint = np.bitwise_xor.reduce(np.array([one.fingerprint for one in found], np.uint64))
    print(
        f"{total / 1e6:5.1f} M rows, {num_units} units, {num_ranges} ranges: {wall_s:.1f} s wall, "
        f"{sum(peaks.values()) / 1e6:.0f} MB of memory in {len(peaks)} processes; "
        f"{sum(one.num_lost for one in found) / total:.1%} of the rows lost, fingerprint {int(fingerprint):016x}",
        flush=True,
    )


def peak_bytes_of(_: int) -> int:
    return peak_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=150, help="pairs, in millions")
    parser.add_argument("--units", type=int, default=64, help="files that the pairs come from")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--range-rows", type=int, default=4_000_000, help="rows that a range of hashes has, about")
    parser.add_argument("--folder", type=Path, help="where the units are made, 20 bytes a pair (default: temporary)")
    parser.add_argument("--cold", action="store_true", help="let the kernel forget the units before each measurement")
    options = parser.parse_args()
    num_all = int(options.millions * 1e6)
    with folder_for(options.folder, num_all * ROW_BYTES) as folder:
        with get_context("spawn").Pool(options.processes) as pool:
            make = partial(made_unit, folder=folder, num_rows=num_all // options.units, num_all=num_all)
            pool.map(make, range(options.units), chunksize=1)
        for num_units in (options.units, max(1, options.units // 8)):
            measure(folder, num_units, options)


if __name__ == "__main__":
    main()
