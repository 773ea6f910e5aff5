"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(what: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until it is so; fail if it never is."""
    deadline_s = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
