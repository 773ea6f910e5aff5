"""denoise finetune: a run learns labelled tasks, and a table says how well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from denoise.stopping import Stopping
from denoise.transfer.finetune.config import BadFinetuning, FinetuneConfig

ADVICE = "denoise: stopping after this fine-tuning; Ctrl-C again stops at once"
DEFAULT_DATA = Path("data/tasks")
"""Where the files of tasks are looked for, unless told."""


def finetune(arguments: Sequence[str]) -> None:
    """A pretrained model learns labelled tasks, text to text; with --from-scratch the same model from fresh weights."""
    from rich.console import Console

    from denoise.command_line import options_of, parsed, value_of

    parser = options_of(FinetuneConfig, "finetune", finetune.__doc__)
    parser.usage = "denoise finetune RUN [RUN ...] --task NAME[,NAME] [options]"
    parser.add_argument("runs", nargs="*", help="Folders of finished runs.")
    parser.add_argument("--task", type=str, default="", help="Tasks, with commas between, or your own by dotted path.")
    parser.add_argument("--seeds", type=list[int], default=[1, 2, 3], help="Seeds, a fine-tuning each.")
    parser.add_argument("--from_scratch", type=bool, default=False, help="Begin from fresh weights instead.")
    parser.add_argument("--task_data", type=str, default=str(DEFAULT_DATA), help="Folder of the tasks' files.")
    parser.add_argument("--data", type=str, help="Folder of the runs' tokens, if it lies elsewhere now.")
    values, built = parsed(parser, arguments)
    if not values.runs or not values.task:
        raise BadFinetuning("name a run and a task: denoise finetune RUN --task sst2")
    config, console = value_of(FinetuneConfig, built), Console()
    with Stopping(advice=ADVICE) as stopping:
        from denoise.transfer.finetune.taking import Start, take

        data = Path(values.data) if values.data else None
        for run in values.runs:
            for name in values.task.split(","):
                for seed in values.seeds:
                    start = Start(task=name, seed=seed, from_scratch=values.from_scratch)
                    task_data = Path(values.task_data)
                    take(Path(run), start, config, task_data, console, data=data, stopping=stopping)
