"""Files that are either whole or not there, and folders that one process at a time works in."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from data_prep.errors import BadInput


class InUse(BadInput):
    """Another process works in this folder."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    The content goes to a temporary name beside it, is flushed to the disk and renamed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "done.json"
    >>> write_whole(path, "{}")
    >>> path.read_text(), [p.name for p in path.parent.iterdir()]
    ('{}', ['done.json'])
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say what was written
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON by `write_whole`."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sync_folder(path: Path) -> None:
    """Make a rename inside `path` survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_trouble(error: OSError, place: Path) -> str:
    """What to say of a file that cannot be written: which it is, if the system names it, and what to do.

    >>> disk_trouble(OSError(28, "No space left on device"), Path("data/web"))
    'No space left on device while writing data/web; make room or choose another folder'
    """
    what = f"{error.strerror or error} while writing {error.filename or place}"
    return f"{what}; make room or choose another folder"


def is_anothers(folder: Path, ours: Collection[str]) -> bool:
    """Whether a folder holds files, but none of the names that say it is ours: it is not to be written to."""
    names = {path.name for path in folder.iterdir()} - {".lock"} if folder.is_dir() else set()
    return bool(names) and names.isdisjoint(ours)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; the kernel lets go of it however the process ends.

    Raises InUse if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    _locks.add(lock)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(lock, 200, 0).decode(errors="replace").strip() or "of whom nothing is known"
            raise InUse(
                f"{folder} is in use by another denoise process ({who}); wait for it, end it, or choose another folder"
            ) from None
        with suppress(OSError):  # on a full disk nobody learns who it is
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        yield
    finally:
        if lock in _locks:
            _locks.discard(lock)
            os.close(lock)


def _leave_locks() -> None:
    """Workers of a killed process live on for seconds: they hold none of its folders."""
    while _locks:
        os.close(_locks.pop())


_locks: set[int] = set()
os.register_at_fork(after_in_child=_leave_locks)
