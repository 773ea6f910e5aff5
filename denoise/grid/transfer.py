"""What the cells of a grid learn once they are trained: tasks, their budget, and who learns them from scratch too."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data_prep.errors import BadInput
from denoise.grid.settings import all_settings

if TYPE_CHECKING:
    from denoise.grid.cells import Cell
    from denoise.transfer.finetune.config import FinetuneConfig

_KEYS = ("tasks", "from_scratch", "task_data")


class BadTransfer(BadInput):
    """A `transfer:` of a grid file that names no tasks, or options that fine-tuning does not have."""


class Lesson(NamedTuple):
    """One fine-tuning of a cell."""

    name: str
    """Of the task: its folder's."""
    given: str
    """The task as the grid file names it: its name, or its dotted path."""
    is_from_scratch: bool
    """Whether it begins from fresh weights instead of the cell's."""

    def __str__(self) -> str:
        """In words, for whoever waits."""
        return f"{self.name} from scratch" if self.is_from_scratch else self.name


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What every cell of a grid learns, each with its own seed."""

    tasks: Mapping[str, str]
    """By the names of the tasks, how the grid file names them, in its order."""
    task_data: str
    """Folder of the tasks' files."""
    settings: dict[str, Any]
    """Every option of FinetuneConfig."""
    scratch: tuple[str, ...] = ()
    """Folders of the cells that learn everything from fresh weights too: of those that would begin with the same
    weights, the first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scratch", tuple(self.scratch))  # JSON has lists

    @property
    def config(self) -> FinetuneConfig:
        """The budget of each fine-tuning."""
        from denoise.transfer.finetune.config import FinetuneConfig

        return FinetuneConfig(**self.settings)

    def lessons(self, cell: str) -> list[Lesson]:
        """All that the cell of this folder name is to learn.

        >>> transfer = Transfer(tasks={"cola": "cola"}, task_data="", settings={}, scratch=("a-seed1-0",))
        >>> [str(lesson) for lesson in transfer.lessons("a-seed1-0")], len(transfer.lessons("b-seed1-1"))
        (['cola', 'cola from scratch'], 1)
        """
        starts = (False, True) if cell in self.scratch else (False,)
        return [Lesson(name, given, is_scratch) for name, given in self.tasks.items() for is_scratch in starts]

    def left(self, cell: Path) -> list[Lesson]:
        """What of it the cell of this folder has not learnt so: with its final weights, this budget, this version."""
        lessons = self.lessons(cell.name)
        if not (cell / "transfer").is_dir():
            return lessons
        from denoise.transfer.finetune.results import is_finetuned

        config, seed = self.config, seed_of(cell.name)
        return [
            lesson
            for lesson in lessons
            if not is_finetuned(cell, config, lesson.name, seed, from_scratch=lesson.is_from_scratch)
        ]


def seed_of(cell: str) -> int:
    """The seed in the name of a cell's folder.

    >>> seed_of("t5-seed-rate=0.1-seed12-88a4e7fc93")
    12
    """
    return int(cell.rpartition("-")[0].rpartition("-seed")[2])


def transfer_asked(asked: Any, cells: Sequence[Cell]) -> Transfer | None:
    """The transfer that a grid file asks for; None if it asks for none. Raises BadTransfer, BadTask, BadUsage."""
    if asked is None or asked is False:
        return None
    if not isinstance(asked, dict):
        raise BadTransfer(
            f"transfer is {_shown(asked)}; give a mapping with its tasks, such as {{tasks: [cola, sst2]}}"
        )
    from denoise.transfer.finetune.command import DEFAULT_DATA
    from denoise.transfer.finetune.config import FinetuneConfig

    options = [field.name for field in dataclasses.fields(FinetuneConfig)]
    _check_keys(asked, options)
    is_from_scratch, task_data = asked.get("from_scratch", True), asked.get("task_data", str(DEFAULT_DATA))
    if not isinstance(is_from_scratch, bool):
        raise BadTransfer(f"transfer: from_scratch is {_shown(is_from_scratch)}; give true or false")
    if not isinstance(task_data, str):
        raise BadTransfer(f"transfer: task_data is {_shown(task_data)}; give the folder of the tasks' files")
    return Transfer(
        tasks=_tasks(asked.get("tasks")),
        task_data=task_data,
        settings=all_settings(FinetuneConfig, "finetune", {key: asked[key] for key in options if key in asked}),
        scratch=first_of_each_start(cells) if is_from_scratch else (),
    )


def first_of_each_start(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Of the cells whose fresh weights would be the same, by model, vocabulary and seed, the first."""
    first: dict[str, str] = {}
    for cell in cells:
        start = json.dumps([cell.config.get("model"), cell.config.get("data"), cell.seed], sort_keys=True)
        first.setdefault(start, cell.folder_name)
    return tuple(first.values())


def check_data(transfer: Transfer) -> None:
    """Read the questions of every task once, so that what is missing is told before anything is trained.

    Raises BadTask. A data set that has to be fetched is fetched here, and not by every worker.
    """
    from denoise.transfer.tasks.checks import questions_of
    from denoise.transfer.tasks.registry import task_named

    for given in transfer.tasks.values():
        task = task_named(given)
        for split in ("train", task.scored_on):
            questions_of(task, split, Path(transfer.task_data))


def _tasks(names: Any) -> dict[str, str]:
    from denoise.transfer.tasks.registry import task_named

    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise BadTransfer(f"transfer: tasks is {_shown(names)}; give a list of names, such as [cola, sst2]")
    found = [(task_named(name).name, name) for name in names]
    tasks = dict(found)
    if len(tasks) < len(found):
        twice = next(name for name in tasks if [each for each, _ in found].count(name) > 1)
        raise BadTransfer(f"transfer: tasks has {twice} twice; name each task once")
    return tasks


def _check_keys(asked: Mapping[str, Any], options: Sequence[str]) -> None:
    known = [*_KEYS, *options]
    for key in map(str, asked):
        if key in ("seed", "seeds"):
            raise BadTransfer(
                f"transfer has no {key}: every cell learns with its own seed; name them in the grid's seeds"
            )
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.55)
            meant = f"did you mean {near[0]}? " if near else ""
            raise BadTransfer(f"transfer has no use for {key}; {meant}It has {', '.join(known)}")


def _shown(value: Any) -> str:
    """A value as YAML has it."""
    return json.dumps(value, ensure_ascii=False, default=str)
