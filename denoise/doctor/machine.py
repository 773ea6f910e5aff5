"""What there is to compute on: cores, memory, disk."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from denoise.doctor.finding import Finding, in_bytes
from denoise.doctor.limits import cores_allowed, memory_allowed_bytes
from denoise.train.run_folder import environment

_TEST_BYTES = 64_000_000
_TEST_S = 2.0
_BLOCK = 4_000_000


def cores() -> Iterator[Finding]:
    """Cores, threads, and which fast number formats they know."""
    import torch

    allowed, there, threads = cores_allowed(), os.cpu_count() or 1, torch.get_num_threads()
    is_crowded = threads > max(1, round(allowed))
    of = "" if allowed == there else f" of {there}"
    yield Finding(
        name="cores",
        value=f"{allowed:g}{of} usable, torch takes {threads}; {environment('', 0)['cpu']}",
        state="warning" if is_crowded else "ok",
        advice=f"threads wait for each other: set OMP_NUM_THREADS={max(1, int(allowed))}" if is_crowded else "",
    )


def memory() -> Iterator[Finding]:
    """Main memory, and the part that processes share."""
    allowed = memory_allowed_bytes()
    yield Finding(
        name="memory",
        value=f"{in_bytes(allowed)} usable" if allowed else "not told",
        state="warning" if 0 < allowed < 4e9 else "ok",
        advice="the demo needs about 2 GB; larger models are killed by the kernel" if 0 < allowed < 4e9 else "",
    )
    shared = Path("/dev/shm")
    if shared.is_dir():
        free = shutil.disk_usage(shared).free
        yield Finding(
            name="shared memory",
            value=f"{in_bytes(free)} free in {shared}",
            state="warning" if free < 5e8 else "ok",
            advice="loader workers and NCCL use it: docker run --shm-size 8g" if free < 5e8 else "",
        )


def disk() -> Iterator[Finding]:
    """Room and speed where this is called, and whether a run can be locked there."""
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    yield Finding(
        name="disk",
        value=f"{in_bytes(free)} free in {here}",
        state="broken" if free < 1e8 else "warning" if free < 5e9 else "ok",
        advice="checkpoints of a run take 36 bytes a weight: make room, or go to another folder" if free < 5e9 else "",
    )
    if free < 2 * _TEST_BYTES:
        return
    try:
        written, read, can_lock = _try(here)
    except OSError as error:
        advice = "go to a folder that can be written to"
        yield Finding(name="disk speed", value=f"{here}: {error.strerror}", state="broken", advice=advice)
        return
    is_slow = written < 5e7
    yield Finding(
        name="disk speed",
        value=f"writes {in_bytes(written)}/s with fsync, reads {in_bytes(read)}/s",
        state="warning" if is_slow else "ok",
        advice="checkpoints will hold up training: choose a local disk for --run" if is_slow else "",
    )
    if not can_lock:
        advice = "two commands could work on one run at the same time: choose a file system with flock"
        yield Finding(name="locks", value=f"{here} has none", state="broken", advice=advice)


def _try(folder: Path) -> tuple[float, float, bool]:
    """Bytes a second written and read, and whether files can be locked; what is written goes again."""
    block = os.urandom(_BLOCK)
    with tempfile.TemporaryFile(dir=folder, prefix=".denoise-doctor-", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            can_lock = True
        except OSError:
            can_lock = False
        started_s, num_bytes = time.monotonic(), 0
        while num_bytes < _TEST_BYTES and time.monotonic() - started_s < _TEST_S:
            num_bytes += file.write(block)
            os.fsync(file.fileno())
        written = num_bytes / (time.monotonic() - started_s)
        if hasattr(os, "posix_fadvise"):  # else what was just written comes from memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        started_s = time.monotonic()
        while file.read(_BLOCK):
            pass
        return written, num_bytes / max(time.monotonic() - started_s, 1e-9), can_lock
