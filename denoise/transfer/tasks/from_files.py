"""Tasks whose rows lie in files, or else on the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from denoise.transfer.tasks.hub import Hub
from denoise.transfer.tasks.rows import found
from denoise.transfer.tasks.task import BadTask, Split, Task

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FromFiles(Task):
    """A task with a file for each split."""

    files: Mapping[Split, str] = field(default_factory=dict)
    """The file of each split, inside the folder of the tasks; one that is compressed (.xz, .gz) is found too."""
    hub: Hub | None = None
    """Where the rows can be had without files."""

    def read(
        self,
        split: Split,
        folder: Path,
        of_file: Callable[[Path], Iterable[T]],
        of_hub: Callable[[Hub, Split], Iterable[T]],
    ) -> Iterable[T]:
        """What a split holds: of its file, or if there is none of the hub. Raises BadTask where neither is there."""
        if split not in self.files:
            raise BadTask(f"{self.name} has no {split} split; it has {', '.join(self.files) or 'none'}")
        path = found(folder, self.files[split])
        if path is not None:
            return of_file(path)
        if self.hub is None:
            raise missing(self, folder / self.files[split])
        try:
            return list(of_hub(self.hub, split))
        except BadTask as error:
            raise missing(self, folder / self.files[split], f", and {error}") from None


def missing(task: Task, path: Path, tried: str = "") -> BadTask:
    """What to say of a file that is not there: what was looked for, and what can be done."""
    fetch = f", or fetch it from {task.home}" if task.home else ""
    return BadTask(f"{task.name} needs {path}, which is not there{tried}; name the folder with --task_data{fetch}")
