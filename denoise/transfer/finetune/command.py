"""denoise finetune: runs learn labelled tasks, and a table says how well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from denoise.stopping import Stopping
from denoise.transfer.finetune.config import BadFinetuning, FinetuneConfig, Start

if TYPE_CHECKING:
    from rich.console import Console

    from denoise.transfer.finetune.learner import Learner
    from denoise.transfer.finetune.lessons import Lessons

ADVICE = "denoise: stopping after this step; Ctrl-C again stops at once"
DEFAULT_DATA = Path("data/tasks")
"""Where the files of tasks are looked for, unless told."""


def finetune(arguments: Sequence[str]) -> None:
    """A pretrained model learns labelled tasks, text to text; with --from-scratch the same model from fresh weights."""
    from rich.console import Console

    from denoise.command_line import options_of, parsed, value_of
    from denoise.transfer.finetune.learner import learners_in
    from denoise.transfer.finetune.lessons import Lessons
    from denoise.transfer.finetune.table import Learnt, notes, table

    parser = options_of(FinetuneConfig, "finetune", finetune.__doc__)
    parser.usage = "denoise finetune RUN [RUN ...] --task NAME[,NAME] [options]"
    parser.add_argument("runs", nargs="*", help="Finished runs, grids whose finished runs are taken, or a checkpoint.")
    parser.add_argument("--task", type=str, default="", help="Tasks, with commas between, or your own by dotted path.")
    parser.add_argument("--seeds", type=list[int], default=[1, 2, 3], help="Seeds, a fine-tuning each.")
    parser.add_argument("--from_scratch", type=bool, default=False, help="Begin from fresh weights instead.")
    parser.add_argument("--task_data", type=str, default=str(DEFAULT_DATA), help="Folder of the tasks' files.")
    parser.add_argument("--data", type=str, help="Folder of the runs' tokens, if it lies elsewhere now.")
    parser.add_argument("--out", type=str, help="Folder for the results of a checkpoint folder; runs keep their own.")
    values, built = parsed(parser, arguments)
    names, seeds = _tasks(values.task), _seeds(values.seeds)
    if not values.runs:
        raise BadFinetuning("name a run: denoise finetune RUN --task sst2")
    console = Console()
    out, data = (Path(given) if given else None for given in (values.out, values.data))
    with Stopping(advice=ADVICE) as stopping:  # torch takes seconds, and a signal may come meanwhile
        # What is missing is told before the first task is learnt.
        learners = learners_in([Path(run) for run in values.runs], out, data)
        lessons = Lessons(config=value_of(FinetuneConfig, built), folder=Path(values.task_data))
        if len({lessons.of(name).task.name for name in names}) < len(names):
            raise BadFinetuning(f"tasks are {', '.join(names)}, of which two have one name; name each once")
        starts = [Start(task=name, seed=seed, from_scratch=values.from_scratch) for name in names for seed in seeds]
        _learn_all(learners, starts, lessons, console, stopping)
    for learner in learners:
        every = [Learnt.of(learner.home, lessons.of(name), seeds) for name in names]
        for line in (str(learner.home), table(every), *notes(every)):
            console.print(line, highlight=False, soft_wrap=isinstance(line, str), markup=False)


def _learn_all(
    learners: Sequence[Learner], starts: Sequence[Start], lessons: Lessons, console: Console, stopping: Stopping
) -> None:
    from denoise.train.tracking.after import publish_scores
    from denoise.transfer.finetune.taking import learn  # torch is waited for only here

    for learner in learners:
        is_new = [learn(learner, start, lessons, console, stopping) for start in starts]
        if any(is_new) and learner.home == learner.folder:
            publish_scores(learner.folder, print)


def _tasks(given: str) -> list[str]:
    """Raises BadFinetuning."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if not names:
        from denoise.transfer.tasks.registry import TASKS

        raise BadFinetuning(f"name a task: --task sst2; there are {', '.join(TASKS)}, and your own by dotted path")
    if len(set(names)) < len(names):
        raise BadFinetuning(f"tasks are {', '.join(names)}; name each once")
    return names


def _seeds(given: Sequence[int]) -> list[int]:
    """Raises BadFinetuning."""
    if not given or len(set(given)) < len(given) or min(given) < 0:
        raise BadFinetuning(f"seeds are {list(given)}; give different numbers from 0 on, such as [1,2,3]")
    return list(given)
