"""Who works on a cell: a lock that the kernel frees however its holders end."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE = "claim"


class Claim:
    """A cell's folder, held by a worker and by the process that it starts for the cell.

    Both hold one lock (flock on one open file): it is free once neither lives. So a cell that outlives its worker
    stays taken, and one that was killed is still its worker's to judge.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, cell: Path) -> Claim | None:
        """Hold a cell; None if somebody else does."""
        descriptor = os.open(cell / FILE, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    @classmethod
    def inherited(cls, descriptor: int) -> Claim:
        """The worker's claim, in the cell's process.

        Whatever that starts has no part in it: loaders and dashboards live on for seconds after a kill.
        """
        os.set_inheritable(descriptor, False)
        os.register_at_fork(after_in_child=lambda: os.close(descriptor))
        return cls(descriptor)

    def tell(self, **about: Any) -> None:
        """Leave word for people who look at the folder."""
        content = json.dumps({**about, "host": platform.node()}).encode()
        with suppress(OSError):  # a full disk keeps no word, but the cell that was started must be waited for
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, content, 0)

    def release(self) -> None:
        """Let go of it; a process that inherited it still holds it."""
        os.close(self.descriptor)

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(cell: Path) -> dict[str, Any] | None:
    """What whoever holds a cell told of himself; None if nobody holds it."""
    try:
        with open(cell / FILE, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _told(file.read())
    except FileNotFoundError:
        pass
    return None


def _told(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except ValueError:  # between two writes
        return {}
    return told if isinstance(told, dict) else {}
