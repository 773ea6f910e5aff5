"""denoise probe: when a run learnt what, checkpoint by checkpoint, and a table that says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from denoise.stopping import Stopping
from denoise.transfer.exam.command import runs_in
from denoise.transfer.finetune.command import DEFAULT_DATA
from denoise.transfer.probe.config import BadProbe, ProbeConfig
from denoise.transfer.probe.results import LabelSet, Probing, Stage, read_probe

if TYPE_CHECKING:
    from rich.table import Table

ADVICE = "denoise: stopping after this checkpoint; Ctrl-C again stops at once"


def probe(arguments: Sequence[str]) -> None:
    """When does it learn what: linear probes on the frozen encoder of every checkpoint of a run, and their table."""
    from rich.console import Console

    from denoise.command_line import options_of, parsed, value_of

    parser = options_of(ProbeConfig, "probe", probe.__doc__)
    parser.usage = "denoise probe RUN [RUN ...] [options]"
    parser.add_argument("runs", nargs="*", help="Folders of runs, or of grids, whose finished runs are taken.")
    parser.add_argument("--unfinished", type=bool, default=False, help="Probe a run that is not finished too.")
    parser.add_argument("--task_data", type=str, default=str(DEFAULT_DATA), help="Folder of the tasks' files.")
    parser.add_argument("--data", type=str, help="Folder of the runs' tokens, if it lies elsewhere now.")
    values, built = parsed(parser, arguments)
    if not values.runs:
        raise BadProbe("no run was named; give the folders of runs, or of a grid: denoise probe RUN [RUN ...]")
    config, console = value_of(ProbeConfig, built), Console()
    runs = [run for given in values.runs for run in runs_in(Path(given))]
    with Stopping(advice=ADVICE) as stopping:  # torch takes seconds, and a signal may come meanwhile
        from denoise.transfer.probe.taking import Places, take

        places = Places(task_data=Path(values.task_data), data=Path(values.data) if values.data else None)
        for run in runs:
            take(run, config, console, places, unfinished=values.unfinished, stopping=stopping)
    for run in runs:
        found = read_probe(run)
        if found is not None:
            # Wider than the terminal rather than cut: a number without its end is another number.
            shown = table(run.name, found)
            console.width = max(
                console.width, console.measure(shown, options=console.options.update(width=500)).maximum
            )
            console.print(shown)


def table(name: str, found: Probing) -> Table:
    """Of each checkpoint what was left to guess and, for each label set, the best layer with its selectivity."""
    from rich import box
    from rich.table import Table

    shown = Table(title=name, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", title_justify="left")
    shown.add_column("Step", justify="right")
    shown.add_column("Tokens", justify="right")
    shown.add_column("Loss", justify="right")
    for asked in found.label_sets:
        shown.add_column(f"{asked.name}\naccuracy", justify="right")
        shown.add_column("selec-\ntivity", justify="right")
        shown.add_column("best\nlayer")
    if found.task:
        shown.add_column(f"{found.task}\n{found.measure}", justify="right")
    for stage in found.stages:
        shown.add_row(*_row(stage, found))
    shown.caption, shown.caption_justify = caption(found), "left"
    return shown


def caption(found: Probing) -> str:
    """What needs no model, and what was left out: a sentence a line."""
    lines = [_without_a_model(asked) for asked in found.label_sets]
    for asked in found.label_sets:
        left_out = asked.num_unread["train_parts"] + asked.num_unread["scored_parts"]
        cut = asked.num_unread["train_texts"] + asked.num_unread["scored_texts"]
        if asked.of_words and left_out:
            lines.append(f"{asked.name}: {left_out:,} words were left out, as they could not be read.")
        elif cut:
            lines.append(f"{asked.name}: {cut:,} texts were cut to source_len.")
    lines += [f"{name} is missing: {reason}" for name, reason in found.missing.items()]
    lines += [
        f"The checkpoint of step {step} {reason}; it was passed over." for step, reason in found.passed_over.items()
    ]
    if len(found.stages) < 3:
        lines.append("The run kept no checkpoints on its way; --keep_steps powers_of_two of denoise train keeps them.")
    return "\n".join(lines)


def _without_a_model(asked: LabelSet) -> str:
    best = f"majority {asked.baselines['majority']:.3f}"
    if asked.of_words:
        best += f", most frequent label of the word {asked.baselines['type']:.3f}"
    kind = "words" if asked.of_words else "texts"
    return f"{asked.name}: {best}; {asked.num_scored:,} {kind} of {asked.split}, {asked.num_train:,} to fit to."


def _row(stage: Stage, found: Probing) -> list[str]:
    row = [f"{stage.step:,}", f"{stage.tokens:,}", f"{stage.loss:.3f}"]
    for asked in found.label_sets:
        best = stage.best(asked.name)
        row += [f"{best.accuracy:.3f}", f"{best.selectivity:+.3f}", found.layers[best.layer]]
    if found.task:
        row.append("" if stage.downstream is None else f"{stage.downstream:.3f}")
    return row
