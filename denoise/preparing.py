"""`denoise prepare` as a person sees it: a progress line, then what came of the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from data_prep.manifest import Manifest
from data_prep.pipeline import PrepareConfig, Progress, prepare


def prepare_in_sight(sources: Sequence[str], out: Path, config: PrepareConfig, console: Console) -> Manifest:
    """Prepare `out` under a progress bar and print what is in it."""
    columns = (
        TextColumn("[bold]{task.description:<22}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("documents"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        manifest = prepare(list(sources) or None, out, config, progress=_reporter(bars))
    console.print(summary(out, manifest), highlight=False, soft_wrap=True)
    return manifest


def _reporter(bars: Bars) -> Callable[[Progress], None]:
    """One bar a stage; a stage that began ends the one before."""
    tasks: dict[str, int] = {}

    def report(progress: Progress) -> None:
        if progress.stage not in tasks:
            for task in bars.tasks:
                bars.update(task.id, total=task.total or task.completed, completed=task.total or task.completed)
            tasks[progress.stage] = bars.add_task(progress.stage, total=progress.num_total)
        bars.update(bars.tasks[tasks[progress.stage]].id, completed=progress.num_done, total=progress.num_total)

    return report


def summary(out: Path, manifest: Manifest) -> str:
    """What is in a prepared folder, what was left out and why."""
    lines = [f"{out}: vocabulary of {manifest.vocab_size:,}, {manifest.split_rule}"]
    for split, counts in manifest.splits.items():
        lines.append(
            f"  {split:<9}{counts.num_documents:>9,} documents {counts.num_tokens:>13,} tokens "
            f"{counts.num_bytes / 1e6:>9,.1f} MB  {counts.num_bytes / max(counts.num_tokens, 1):.2f} bytes/token"
        )
    left_out = {**manifest.dropped, **{f"*{ending} files": n for ending, n in manifest.passed_over.items()}}
    if left_out:
        lines.append("  left out: " + ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()))
    return "\n".join(lines)
