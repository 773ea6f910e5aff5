"""Whether the locks of a file system keep two processes apart; some network file systems only say so."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from data_prep.errors import BadInput

_ANOTHER_PROCESS = """
import fcntl, os, sys
other = os.open(sys.argv[1], os.O_RDWR)
try:
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("free", flush=True)
except BlockingIOError:
    print("held", flush=True)
sys.stdin.read()
"""


class NoLocks(BadInput):
    """A file system on which two workers could take one cell."""


def check_locks(folder: Path) -> None:
    """Raises NoLocks unless a lock taken in `folder` keeps another process out, and lives on in one that inherited it.

    What two machines see of each other is not tried.
    """
    path = folder / f".locks-{os.getpid()}"
    try:
        trouble = _trouble(path)
    finally:
        path.unlink(missing_ok=True)
    if trouble:
        raise NoLocks(
            f"{folder} is on a file system whose locks do not work ({trouble}), so two workers could take one cell; "
            "choose a folder on another with --out, or mount it with locks (NFS: not nolock; Lustre: flock)"
        )


def _trouble(path: Path) -> str:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _is_taken_by(descriptor):
            return "a new file is locked already"
        # -I -S: nothing but the standard library, in a hundredth of a second.
        command = [sys.executable, "-I", "-S", "-c", _ANOTHER_PROCESS, str(path)]
        pipe = subprocess.PIPE
        other = subprocess.Popen(command, stdin=pipe, stdout=pipe, pass_fds=[descriptor], text=True)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        os.close(descriptor)
    with other:
        assert other.stdin is not None and other.stdout is not None
        answer = other.stdout.readline().strip()
        is_left = not _is_free(path)
        other.stdin.close()
    if answer != "held":
        return "two processes hold the same lock"
    if not is_left:
        return "a lock is lost with the process that took it, though another inherited it"
    return "" if _is_free(path) else "a lock outlives all its processes"


def _is_taken_by(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        return _is_taken_by(descriptor)
    finally:
        os.close(descriptor)
