"""`denoise grid`: its options, and what they have done."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data_prep.errors import BadInput
from data_prep.files import write_whole
from denoise.grid.plan import Plan, read_plan
from denoise.grid.slurm import check_slurm, slurm_options

if TYPE_CHECKING:
    from rich.console import Console

    from denoise.grid.cells import Cell

FOR_SLURM = "--slurm.NAME=VALUE is sbatch's option NAME, such as --slurm.time=4:00:00; --slurm.setup=LINE runs first."
OVERRIDES = "Every option of denoise train may follow; it holds for every cell."


@dataclass(frozen=True, kw_only=True)
class GridConfig:
    """How a grid is run, whatever its cells are."""

    workers: int | None = None
    """Cells at once on this machine. Left out: one, or one a GPU of `gpus`."""
    gpus: tuple[str, ...] = ()
    """GPUs to use, one a worker: their numbers or names, as CUDA_VISIBLE_DEVICES has them."""
    only: tuple[str, ...] = ("*",)
    """Patterns of cell names, such as muon*-seed1."""
    tries: int = 2
    """How often a failing cell is begun."""
    retry_failed: bool = False
    """Whether cells that failed so often are begun anew."""
    executor: Literal["local", "slurm"] = "local"
    """Who starts the workers: this process, or Slurm."""
    sbatch: Mapping[str, str | bool] = field(default_factory=dict)
    """Options for the jobs of Slurm, by their long names in sbatch."""
    wait: bool = True
    """Whether to look on until the jobs of Slurm are done."""

    def __post_init__(self) -> None:
        for name, value in (("workers", self.num_workers), ("tries", self.tries)):
            if value < 1:
                raise BadInput(f"--{name} is {value}; it must be at least 1")
        if self.executor == "slurm" and self.gpus:
            raise BadInput("--gpus is for GPUs of this machine; ask Slurm for one a worker: --slurm.gpus-per-node=1")
        if self.executor == "local" and (self.sbatch or not self.wait):
            given = f"--slurm.{next(iter(self.sbatch))}" if self.sbatch else "--wait=false"
            raise BadInput(f"{given} is for jobs of Slurm; add --executor slurm")

    @property
    def num_workers(self) -> int:
        """Cells at once."""
        return self.workers if self.workers is not None else len(self.gpus) or 1


def grid(arguments: Sequence[str]) -> None:
    """Every cell of a grid file that is not done yet, then the report."""
    from rich.console import Console

    from denoise.command_line import PlainParser

    parser = PlainParser(prog="denoise grid", description=grid.__doc__, epilog=f"{FOR_SLURM} {OVERRIDES}")
    _add_options(parser)
    sbatch, others = slurm_options(arguments)
    own, overrides = parser.parse_known_args(others)
    file, console = Path(own.file), Console()
    config = GridConfig(
        workers=own.workers,
        gpus=tuple(filter(None, (own.gpus or "").split(","))),
        only=tuple(own.only),
        tries=own.tries,
        retry_failed=own.retry_failed,
        executor=own.executor,
        sbatch=sbatch,
        wait=own.wait == "true",
    )
    if own.status or own.watch:
        folder = file if file.is_dir() else Path(own.out or f"runs/{file.stem}")
        _look_on(folder, config, is_watched=own.watch, console=console)
        return
    if not file.exists() and arguments[0].startswith("-"):
        raise BadInput(f"there is no grid file {own.file}; name it first, before all options: denoise grid FILE ...")
    folder = Path(own.out or f"runs/{file.stem}")
    if own.dry_run:
        from denoise.grid.estimate import print_estimate

        cells, chosen = _cells(file, overrides, config)
        plan = _plan(file, cells, config)
        print_estimate(chosen, folder, plan, config.num_workers, console)
        return
    run_grid(file, folder, overrides, config, console)


def run_grid(
    file: Path, folder: Path, overrides: Sequence[str], config: GridConfig, console: Console | None = None
) -> None:
    """Run the chosen cells of a grid file and write the report. Raises BadInput if some are not done then, Stopped."""
    from rich.console import Console

    from denoise.grid.folder import lay_out
    from denoise.grid.locks import check_locks
    from denoise.study_commands import report

    console = console or Console()
    cells, chosen = _cells(file, overrides, config)
    plan = _plan(file, cells, config)
    _check_tasks(folder, plan, chosen)
    folder.mkdir(parents=True, exist_ok=True)
    check_locks(folder)
    if config.executor == "slurm":
        check_slurm()
    lay_out(folder, cells, plan, file, _command(file, folder, overrides, config))
    if config.retry_failed:
        _forgive(folder, plan, chosen)
    names = [cell.folder_name for cell in chosen]
    _tell_beginning(folder, plan, names, console)
    if not _have_completed(folder, config, console):
        return
    report([str(folder)])
    _publish_tables(folder)
    _tell_end(folder, plan, names, console)


def _publish_tables(folder: Path) -> None:
    """Keep the tables beside the report, and with the runs where those are shown."""
    from denoise.study.runs import read_grid
    from denoise.study.tables import tables
    from denoise.study.writers import as_csv, as_markdown
    from denoise.train.tracking.after import publish_tables

    found = tables(read_grid(folder))
    for name, writer in (("tables.md", as_markdown), ("tables.csv", as_csv)):
        write_whole(folder / name, "\n".join(map(writer, found)))
    publish_tables(folder, [folder / name for name in ("report.html", "tables.md", "tables.csv")], print)


def _have_completed(folder: Path, config: GridConfig, console: Console) -> bool:
    """Have the chosen cells completed; false if they are left to Slurm. Raises Stopped, BadSlurm."""
    from denoise.grid.live import Live

    live = Live(folder, config.only, console, num_workers=config.num_workers)
    if config.executor == "slurm":
        from denoise.grid.slurm_queue import advice, fill_queue, wait

        jobs = fill_queue(folder, config.only, config.num_workers, config.sbatch, console)
        if not config.wait:
            if jobs:
                console.print(advice(folder, jobs), highlight=False, soft_wrap=True, markup=False)
            return False
        wait(folder, config.only, jobs, live)
        return True
    from denoise.grid.conduct import conduct
    from denoise.grid.executor import LocalWorkers

    workers = LocalWorkers(folder, config.only, num=config.num_workers, gpus=config.gpus)
    conduct(folder, config.only, workers, live)
    return True


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", help="Grid file, such as configs/grids/demo.yaml.")
    add("--out", help="Folder of the cells (default: runs/NAME of the file).")
    add("--only", nargs="+", default=["*"], help="Names of cells, such as 'muon*-seed1'.")
    add("--workers", type=int, help="Cells at once (default: one, or one a GPU).")
    add("--gpus", help="GPUs to use, one a worker, such as 0,1.")
    add("--executor", choices=("local", "slurm"), default="local", help="Where workers run (default: this machine).")
    add(
        "--wait",
        choices=("true", "false"),
        default="true",
        help="Wait until the jobs of Slurm are done (default: true).",
    )
    add("--tries", type=int, default=2, help="How often a failing cell is begun (default: 2).")
    add("--retry-failed", "--retry_failed", action="store_true", help="Begin cells anew that failed so often.")
    add("--status", action="store_true", help="Show the state of every cell, and run nothing.")
    add("--watch", action="store_true", help="Look on until every cell is done, and run nothing.")
    add(
        "--dry-run",
        "--dry_run",
        action="store_true",
        help="Show cells, tokens and time to expect; write nothing.",
    )


def _cells(file: Path, overrides: Sequence[str], config: GridConfig) -> tuple[list[Cell], list[Cell]]:
    """All cells of a grid file, and those that were asked for."""
    from denoise.cli import resolved
    from denoise.grid.cells import cells_of

    every = cells_of(file, resolved, overrides)
    names = set(Plan(cells=tuple(cell.folder_name for cell in every)).chosen(config.only))
    chosen = [cell for cell in every if cell.folder_name in names]
    if not chosen:
        there_are = ", ".join(cell.name for cell in every)
        raise BadInput(f"{file} has no cell called {' or '.join(config.only)}; there are {there_are}")
    return every, chosen


def _plan(file: Path, cells: Sequence[Cell], config: GridConfig) -> Plan:
    from denoise.grid.cells import exam_of, transfer_of

    names = tuple(cell.folder_name for cell in cells)
    return Plan(cells=names, exam=exam_of(file), transfer=transfer_of(file, cells), tries=config.tries)


def _check_tasks(folder: Path, plan: Plan, cells: Sequence[Cell]) -> None:
    """Raises BadTask for tasks that cannot be read, if any cell is still to learn them."""
    from denoise.grid.transfer import check_data

    if plan.transfer is not None and any(plan.transfer.left(folder / cell.folder_name) for cell in cells):
        check_data(plan.transfer)


def _command(file: Path, folder: Path, overrides: Sequence[str], config: GridConfig) -> str:
    chosen = [] if config.only == ("*",) else ["--only", *config.only]
    return shlex.join(["denoise", "grid", str(file), "--out", str(folder), *overrides, *chosen])


def _look_on(folder: Path, config: GridConfig, *, is_watched: bool, console: Console) -> None:
    from denoise.grid.conduct import watch
    from denoise.grid.live import Live
    from denoise.grid.slurm_queue import told_by_slurm
    from denoise.grid.status import print_status

    plan = read_plan(folder)
    if not plan.chosen(config.only):
        there_are = ", ".join(name.rpartition("-")[0] for name in plan.cells)
        raise BadInput(f"{folder} has no cell called {' or '.join(config.only)}; there are {there_are}")
    if is_watched:
        watch(folder, config.only, Live(folder, config.only, console, num_workers=config.num_workers))
    print_status(folder, read_plan(folder), config.only, console)
    if said := told_by_slurm(folder):
        console.print(said, highlight=False, soft_wrap=True, markup=False)


def _forgive(folder: Path, plan: Plan, cells: Sequence[Cell]) -> None:
    from denoise.grid.claim import holder
    from denoise.grid.ledger import forgive

    for cell in cells:
        if holder(folder / cell.folder_name) is None:
            forgive(folder / cell.folder_name)


def _tell_beginning(folder: Path, plan: Plan, names: Sequence[str], console: Console) -> None:
    from denoise.grid.progress import progress_of
    from denoise.grid.status import notes

    cells = [progress_of(folder / name, plan) for name in names]

    def named(state: str) -> str:
        return ", ".join(cell.name for cell in cells if cell.state == state)

    done = sum(cell.state == "done" for cell in cells)
    said = [f"{len(cells)} runs in {folder}" + (f", {done} done already" if done else "")]
    if running := named("running"):
        said.append(f"other processes run {running}; the rest is done here")
    if stopped := named("stopped"):
        said.append(f"going on with {stopped}")
    for each in [*said, *notes(folder, plan, cells)]:
        console.print(each, highlight=False, soft_wrap=True, markup=False)


def _tell_end(folder: Path, plan: Plan, names: Sequence[str], console: Console) -> None:
    from denoise.grid.ledger import is_given_up
    from denoise.grid.stages import is_complete
    from denoise.grid.status import last_lines

    if any((folder / "wandb").glob("offline-run-*")):
        said = f"curves: denoise dashboard {folder}; to Weights & Biases: denoise dashboard {folder} --upload"
        console.print(said, highlight=False, soft_wrap=True, markup=False)
    cells = [folder / name for name in names]
    left = [cell for cell in cells if not is_complete(cell, plan)]
    failed = [cell for cell in left if is_given_up(cell, plan)]
    for cell in failed:
        console.print(f"{cell.name} failed:\n{last_lines(cell)}", highlight=False, soft_wrap=True, markup=False)
    if failed:
        raise BadInput(
            f"{len(failed)} of {len(cells)} runs failed {plan.tries} times and are left alone; "
            f"see {failed[0] / 'log.txt'}, then run it again with --retry-failed"
        )
    if left:
        raise BadInput(
            f"{len(left)} of {len(cells)} runs are not done, for another `denoise grid` gave {folder} another plan: "
            f"{', '.join(cell.name.rpartition('-')[0] for cell in left)}; the same command does them"
        )
