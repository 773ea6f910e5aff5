"""Tasks by name."""

from __future__ import annotations

from denoise.transfer.tasks.glue import COLA, SST2
from denoise.transfer.tasks.task import BadTask, Task

TASKS: dict[str, Task] = {task.name: task for task in (COLA, SST2)}
"""Those that come with denoise."""


def task_named(name: str) -> Task:
    """The task of that name. Raises BadTask."""
    if name not in TASKS:
        raise BadTask(f"there is no task {name}; there are {', '.join(TASKS)}")
    return TASKS[name]
