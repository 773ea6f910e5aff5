"""What a second worker brings to `denoise clean`, how much memory a worker needs, and whether more input needs more.

    python bench/clean.py --workers

The command runs in a process of its own, as users start it, with c4-exact and bad words: wall time is that of all of
it, start and imports included; memory is the most that one of its processes has had resident, as Linux tells.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

GOAL_RATIO = 1.8
GOAL_MB = 600
GOAL_GROWTH = 1.2
NUM_COPIES = 8
_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """One run of the command."""

    wall_s: float
    """From its start to its end."""
    main_mb: float
    """Peak memory of the process that hands out the work."""
    worker_mb: float
    """Peak memory of the largest of the others; 0 if there are none."""


def cleaned(files: Sequence[Path], bad_words: Path, workers: int) -> Cleaned:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "denoise.cli", "clean", *map(str, files), "--out", f"{folder}/texts"]
        command += ["--rules", "c4-exact", "--bad_words", str(bad_words), "--runner", "native"]
        started_at_s = time.monotonic()
        process = subprocess.Popen(
            [*command, "--workers", str(workers)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        peaks: dict[int, float] = {}
        while process.poll() is None:
            for pid in family(process.pid):
                peaks[pid] = peak_mb(pid) or peaks.get(pid, 0.0)
            time.sleep(_POLL_S)
        wall_s = time.monotonic() - started_at_s
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    main_mb = peaks.pop(process.pid, 0.0)
    return Cleaned(wall_s=wall_s, main_mb=main_mb, worker_mb=max(peaks.values(), default=0.0))


def family(pid: int) -> Iterator[int]:
    """A process and all that it has started, and they."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:  # it ended just now
            continue
        for child in children:
            yield from family(int(child))


def peak_mb(pid: int) -> float:
    """The most memory that a process has had resident; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)


def verdict(is_reached: bool, goal: str) -> str:
    return f"  goal {goal}: {'reached' if is_reached else 'MISSED'}"


def report(files: Sequence[Path], bad_words: Path, repeats: int) -> None:
    """Print what was measured; one worker and two take turns, as the machine may become faster or slower."""
    runs: dict[int, list[Cleaned]] = {1: [], 2: []}
    with TemporaryDirectory() as folder:
        copies = [Path(folder) / f"{number}-{files[0].name}" for number in range(NUM_COPIES)]
        for copy in copies:
            shutil.copyfile(files[0], copy)
        print(
            f"{NUM_COPIES} copies of {files[0].name}: denoise clean, c4-exact, start and imports included", flush=True
        )
        for _ in range(repeats):
            for workers, done in runs.items():
                done.append(cleaned(copies, bad_words, workers))
        few = cleaned(copies[:2], bad_words, 2)
    wall_s = {workers: statistics.median(run.wall_s for run in done) for workers, done in runs.items()}
    ratio, most_mb = wall_s[1] / wall_s[2], max(run.worker_mb for done in runs.values() for run in done)
    print(f"    one worker {wall_s[1]:.2f} s, two {wall_s[2]:.2f} s: {ratio:.2f} times as fast", end="")
    print(verdict(ratio >= GOAL_RATIO, f"{GOAL_RATIO}"))
    print(f"    the largest worker had {most_mb:.0f} MB{verdict(most_mb <= GOAL_MB, f'at most {GOAL_MB}')}", flush=True)
    many = runs[2][-1]
    growth = max(many.worker_mb / few.worker_mb, many.main_mb / few.main_mb)
    print(f"    2 copies: worker {few.worker_mb:.0f} MB, main process {few.main_mb:.0f} MB")
    print(f"    {NUM_COPIES} copies: worker {many.worker_mb:.0f} MB, main process {many.main_mb:.0f} MB", end="")
    print(verdict(growth <= GOAL_GROWTH, f"{GOAL_GROWTH} times the memory"))
