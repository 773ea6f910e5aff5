"""How many cores and how much memory this process may use: a container has fewer than its machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def cores_allowed(cgroups: Path = _CGROUPS, own: Path = _OWN) -> float:
    """Cores' worth of time that this process may use."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _folders("cpu", cgroups, own)]
    return min([float(affinity), *(quota for quota in quotas if quota)])


def memory_allowed_bytes(cgroups: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Bytes that this process may use: the machine's, or those of the group it is in; 0 where neither is told."""
    limits = [_machine_bytes()]
    for folder in _folders("memory", cgroups, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            limits.append(int(text) if text.isdigit() else 0)
    return min((limit for limit in limits if limit), default=0)


def _folders(controller: str, cgroups: Path, own: Path) -> Iterator[Path]:
    """The group of this process and those around it, of version 2 and of version 1; missing ones do no harm."""
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroups / controllers if controllers else cgroups
        folder = root / path.lstrip("/")
        yield folder
        yield from (parent for parent in folder.parents if parent == root or root in parent.parents)


def _quota(folder: Path) -> float | None:
    """Cores; None where there is no limit."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
