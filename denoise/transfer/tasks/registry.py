"""Tasks by name, and a user's own by dotted path."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

from denoise.transfer.tasks.abstracts import ABSTRACTS
from denoise.transfer.tasks.addresses import PARTY, SPOKEN
from denoise.transfer.tasks.checks import checked
from denoise.transfer.tasks.clue import EPRSTMT, TNEWS
from denoise.transfer.tasks.glue import COLA, MRPC, RTE, SST2, STSB, WNLI
from denoise.transfer.tasks.passages import XQUAD, XQUAD_ZH
from denoise.transfer.tasks.tagging import POS
from denoise.transfer.tasks.task import BadTask, Task

_OURS: tuple[Task, ...] = (
    *(COLA, SST2, MRPC, RTE, WNLI, STSB),
    POS,
    *(XQUAD, XQUAD_ZH),
    *(EPRSTMT, TNEWS),
    *(PARTY, SPOKEN),
    ABSTRACTS,
)
TASKS: dict[str, Task] = {task.name: task for task in _OURS}
"""Those that come with denoise."""


def task_named(name: str) -> Task:
    """The task of that name, or the one at a dotted path: a Task, or a subclass of it with a default for every field.

    >>> task_named("sst2").labels
    ('negative', 'positive')
    >>> task_named("denoise.transfer.tasks.glue.SST2") is task_named("sst2")
    True

    Raises BadTask.
    """
    if name in TASKS:
        return TASKS[name]
    if "." not in name:
        nearest = difflib.get_close_matches(name, TASKS, n=1, cutoff=0.5)
        guess = f"; did you mean {nearest[0]}?" if nearest else "."
        raise BadTask(f"there is no task {name}{guess} There are {', '.join(TASKS)}, and your own by its dotted path")
    task = checked(_imported(name))
    if task.name in TASKS and task is not TASKS[task.name]:
        raise BadTask(f"{name} is named {task.name}, as a task of denoise is; give it another name")
    return task


def _imported(path: str) -> Task:
    module, _, name = path.rpartition(".")
    try:
        found: Any = getattr(import_module(module), name)
        value = found() if isinstance(found, type) else found
    except Exception as error:  # a user's module may fail in any way
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadTask(
            f"the task {path} cannot be made ({why}); name MODULE.NAME of a Task, or of a subclass"
        ) from error
    if not isinstance(value, Task):
        raise BadTask(f"{path} is no Task but {value!r:.60}; name a Task, or a subclass with a default for every field")
    return value
