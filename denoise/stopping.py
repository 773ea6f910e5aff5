"""Signals that ask a command to stop: they set a flag, and the work ends where nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

REQUEUE = 75
"""Exit code of a command that was asked to stop and has not finished: start it again. EX_TEMPFAIL of sysexits.h."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

ADVICE = "denoise: stopping after this step; Ctrl-C again stops at once"

ASKING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(Exception):
    """The work ended early, as a signal had asked, and the same command goes on with it."""

    def __init__(self, message: str, by: signal.Signals) -> None:
        super().__init__(f"{message} ({by.name}); the same command goes on from there")
        self.exit_code = INTERRUPTED if by is signal.SIGINT else REQUEUE


def leave_to_the_run(worker_number: int) -> None:
    """In a loader's worker: what is sent to all processes of a job is for the one that saves."""
    for each in ASKING:
        signal.signal(each, signal.SIG_IGN)


class Stopping:
    """Within it, SIGTERM, SIGUSR1 and a first Ctrl-C only set `asked`; a second Ctrl-C stops at once, as ever.

    >>> with Stopping(is_working=True) as stopping:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     stopping.asked.name
    'SIGTERM'

    While `is_working` is false there is nothing to save, so that the first Ctrl-C stops at once too. In a thread
    that is not the main one signals stay as they are.
    """

    def __init__(self, *, is_working: bool = False, advice: str = "") -> None:
        self.asked: signal.Signals | None = None
        self.is_working = is_working
        self.advice = advice
        self._num_interrupts = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            found = {each: signal.getsignal(each) for each in ASKING}
            # In the background of a shell Ctrl-C is for others.
            self._before = {each: handler for each, handler in found.items() if handler not in (None, signal.SIG_IGN)}
            self.hold()
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def hold(self) -> None:
        """Take the signals back from a library that put handlers of its own in front of ours."""
        for each in self._before:
            signal.signal(each, self._receive)

    def check(self, done: str) -> None:
        """Raises Stopped, which says what is `done`, if a signal has asked for it."""
        if self.asked is not None:
            raise Stopped(done, self.asked)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._num_interrupts += number == signal.SIGINT
        if number == signal.SIGINT and (self._num_interrupts > 1 or not self.is_working):
            raise KeyboardInterrupt
        self.asked = self.asked or signal.Signals(number)
        if number == signal.SIGINT and self.advice:
            # print() is not to be used here: the interrupted code may be inside it.
            os.write(2, f"\n{self.advice}\n".encode())
