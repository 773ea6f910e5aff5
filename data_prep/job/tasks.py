"""A task: a function, what it is given, and a folder that is either whole or not there."""

from __future__ import annotations

import gc
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import data_prep
from data_prep.errors import BadInput
from data_prep.files import disk_trouble, sync_folder, write_json

DONE_FILE = "done.json"
NOTHING: Mapping[str, int] = MappingProxyType({})

Result = dict[str, Any]
"""What a task says of its files, in plain values: counts, digests."""


class BadPlace(BadInput):
    """A folder that cannot be written to, or a disk that is full."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Work that can be done anywhere, in any order, and again: the files depend on `key` alone."""

    folder: Path
    """Where its files will be; it appears with all of them, and with done.json."""
    key: str
    """Names everything that the files depend on; a folder with another key is made anew."""
    work: str
    """A function by its dotted path, called with a Workplace and `given`."""
    given: dict[str, Any] = field(default_factory=dict)
    """Its other arguments."""


@dataclass(frozen=True)
class Folders(Sequence[Path]):
    """The folders of a stage's tasks: a task that is told of a hundred thousand of them is sent two values.

    >>> [str(folder) for folder in Folders(Path("clean"), 2)]
    ['clean/000000', 'clean/000001']
    """

    parent: Path
    """Where they all lie."""
    num: int
    """How many there are."""

    def __len__(self) -> int:
        return self.num

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(self.num))]
        if not 0 <= number < self.num:
            raise IndexError(number)
        return self.parent / f"{number:06d}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a task."""

    task: Task
    """Which."""
    result: Result = field(default_factory=dict)
    """What it says of its files; empty if there are none."""
    error: BadInput | None = None
    """Why it could not be done; none: it is done."""


@dataclass(kw_only=True)
class Workplace:
    """Where a task writes, and where it tells how far it has come."""

    folder: Path
    """An empty folder, which becomes the task's when all is written."""
    pulse: Path
    """A file that whoever waits may read."""
    _told_at_s: float = 0.0

    def tell(self, share: float, counts: Mapping[str, int], dropped: Mapping[str, int] = NOTHING) -> None:
        """Write down how far the task has come, 0 to 1, and what it met; more than twice a second it is not."""
        if time.monotonic() - self._told_at_s < 0.5:
            return
        self._told_at_s = time.monotonic()
        part = self.pulse.with_suffix(".part")
        said = {"share": min(share, 1.0), "counts": dict(counts), "dropped": dict(dropped)}
        part.write_text(json.dumps(said))
        os.replace(part, self.pulse)


class Pulse(NamedTuple):
    """How far a task that is under way has come."""

    task: Path
    """Its folder, which is not there yet."""
    share: float
    """Of its work, about; 0 to 1."""
    counts: Mapping[str, int]
    """What it met so far."""
    dropped: Mapping[str, int]
    """Pages that it has dropped, by reason."""


def key_of(*parts: object) -> str:
    """The key of what parts say of themselves by repr; this package's code is always a part of it.

    >>> key_of("rules", 3) == key_of("rules", 3) != key_of("rules", 4)
    True
    """
    return sha256("\0".join([_code(), *map(repr, parts)]).encode()).hexdigest()


@cache
def _code() -> str:
    """SHA-256 of all of this package: what other code wrote is never taken for ours."""
    top = Path(data_prep.__path__[0])
    total = sha256()
    for path in sorted(top.rglob("*.py")):
        total.update(path.relative_to(top).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def done(task: Task) -> Result | None:
    """What a task said of its files, if it is done."""
    try:
        said = json.loads((task.folder / DONE_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return said["result"] if isinstance(said, dict) and said.get("key") == task.key else None


def perform(task: Task) -> Outcome:
    """Do a task, unless it is done; what the user can mend comes back as an error and is not raised.

    The folder appears by one rename, so whatever ends this process leaves it whole or leaves it out. If two
    processes do the same task, as engines do when they lose sight of one, the first one's folder stays.
    """
    result = done(task)
    if result is not None:
        return Outcome(task=task, result=result)
    part = task.folder.with_name(f".{task.folder.name}.{os.getpid()}-{time.monotonic_ns()}.part")
    pulse = task.folder.with_name(f".{task.folder.name}.pulse")
    try:
        shutil.rmtree(task.folder, ignore_errors=True)
        part.mkdir(parents=True)
        with _fewer_collections():
            result = _function(task.work)(Workplace(folder=part, pulse=pulse), **task.given)
        write_json(part / DONE_FILE, {"key": task.key, "result": result})
        _sync(part)
        try:
            part.rename(task.folder)
        except OSError:
            if done(task) is None:
                raise
        sync_folder(task.folder.parent)
        return Outcome(task=task, result=result)
    except BadInput as error:
        return Outcome(task=task, error=error)
    except OSError as error:
        return Outcome(task=task, error=BadPlace(disk_trouble(error, task.folder)))
    finally:
        shutil.rmtree(part, ignore_errors=True)
        pulse.unlink(missing_ok=True)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Look for cycles of objects seldom: a task makes millions of objects and hardly any cycle."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _function(dotted: str) -> Callable[..., Result]:
    module, _, name = dotted.rpartition(".")
    function: Callable[..., Result] = getattr(import_module(module), name)
    return function


def _sync(folder: Path) -> None:
    """Bring all files of a folder, and their names, to the disk."""
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(folder)


def pulses(folder: Path) -> Iterator[Pulse]:
    """How far the tasks that are under way in a stage's folder have come."""
    for path in folder.glob(".*.pulse"):
        try:
            yield Pulse(folder / path.stem.removeprefix("."), **json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):  # it ended just now, or other code wrote it
            continue


def sweep(folder: Path) -> None:
    """Delete what tasks that were killed have left in a stage's folder."""
    for path in folder.glob(".*.part"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".*.pulse"):
        path.unlink(missing_ok=True)
