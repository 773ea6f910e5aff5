"""The commands: denoise prepare | explore | train | grid | report | demo.

A command is a function or a frozen dataclass of options; whatever is heavy is imported inside it, so that help
comes at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data_prep.errors import BadInput
from denoise import __version__

Arguments = Sequence[str]


def prepare(arguments: Arguments) -> None:
    """Text, JSONL, Parquet or a dataset → documents → SentencePiece vocabulary → token store."""
    from data_prep.pipeline import PrepareConfig
    from data_prep.pipeline import prepare as prepare_corpus
    from denoise.command_line import Parser, options_of, parsed, value_of
    from denoise.preparing import show_preparation

    parser = options_of(PrepareConfig, "prepare", prepare.__doc__)
    parser.add_argument("sources", nargs="*", help="Files, folders, globs or datasets; none: the default corpus.")
    parser.add_argument("--out", default="data/sotu", help="Folder to write (default: data/sotu).")
    assert isinstance(parser, Parser)
    values, built = parsed(parser, arguments)
    show_preparation(prepare_corpus, values.sources, Path(values.out), value_of(PrepareConfig, built))


def train(arguments: Arguments) -> None:
    """One run into a folder; the same command goes on where it stopped."""
    from rich.console import Console

    from denoise.command_line import plain, value_of
    from denoise.train.config import RunConfig

    values, built = _train_options(arguments)
    config = value_of(RunConfig, built)
    folder = Path(values.run or f"runs/{Path(config.data).name}-{type(config.corrupted_by).__name__}-{config.seed}")
    console = Console()
    from denoise.train.pretrain import pretrain

    pretrain(config, folder, resolved=plain(RunConfig, values), console=console)
    console.print(f"run: {folder}", highlight=False)


def grid(arguments: Arguments) -> None:
    """Every cell of a grid file that is not done yet, then the report."""
    from denoise.command_line import Parser

    parser = Parser(prog="denoise grid", description=grid.__doc__)
    parser.add_argument("file", help="Grid file, such as configs/grids/demo.yaml.")
    parser.add_argument("--out", help="Folder of the cells (default: runs/NAME of the file).")
    own, overrides = parser.parse_known_args(list(arguments))
    file = Path(own.file)
    _run_grid(file, Path(own.out or f"runs/{file.stem}"), overrides)


def report(arguments: Arguments) -> None:
    """The table and the HTML report of a grid's folder, finished or not, or of a single run."""
    from rich.console import Console

    from denoise.command_line import Parser
    from denoise.study.report import write_report
    from denoise.study.runs import read_grid
    from denoise.study.tables import terminal_table

    parser = Parser(prog="denoise report", description=report.__doc__)
    parser.add_argument("folder", help="Folder that `denoise grid` or `denoise train` wrote.")
    parser.add_argument("--out", help="HTML file to write (default: report.html in the folder).")
    values = parser.parse_args(list(arguments))
    folder = Path(values.folder)
    page = write_report(folder, Path(values.out) if values.out else None)
    Console().print(terminal_table(read_grid(folder)))
    print(f"report: {page}")


def explore(arguments: Arguments) -> None:
    """What corruptions do to a sentence: source and target aligned, in colour."""
    from denoise.command_line import options_of, parsed, value_of
    from denoise.explore import ExploreConfig, show

    parser = options_of(ExploreConfig, "explore", explore.__doc__)
    parser.add_argument("text", nargs="?", help="The text (default: a sentence of the State of the Union).")
    values, built = parsed(parser, arguments)
    show(values.text, value_of(ExploreConfig, built))


def demo(arguments: Arguments) -> None:
    """From nothing to a finished comparison: the default corpus, three objectives, one report."""
    from denoise.command_line import Parser
    from denoise.config_files import configs

    parser = Parser(prog="denoise demo", description=demo.__doc__)
    parser.add_argument("--data", default="data/sotu", help="Folder of the prepared corpus (default: data/sotu).")
    parser.add_argument("--out", default="runs/demo", help="Folder of the runs and the report (default: runs/demo).")
    own, overrides = parser.parse_known_args(list(arguments))
    prepare([f"--out={own.data}"])
    _run_grid(configs() / "grids" / "demo.yaml", Path(own.out), [f"--data={own.data}", *overrides])


def _train_options(arguments: Arguments) -> tuple[Any, Any]:
    from denoise.command_line import options_of, parsed
    from denoise.train.config import RunConfig

    parser = options_of(RunConfig, "train", train.__doc__)
    parser.add_argument("--run", help="Folder of the run (default: runs/DATA-CORRUPTION-SEED).")
    return parsed(parser, arguments)


def _run_grid(file: Path, folder: Path, overrides: Sequence[str]) -> None:
    from rich.console import Console

    from denoise.command_line import plain
    from denoise.study.grid import cells_of, run_cells
    from denoise.train.config import RunConfig

    console = Console()
    cells = cells_of(file, lambda options: plain(RunConfig, _train_options(options)[0]), overrides)
    console.print(f"{len(cells)} runs in {folder}", highlight=False)
    failed = run_cells(cells, folder, file, console)
    report([str(folder)])
    tracked = folder / "*" / "wandb"
    console.print(f"W&B runs, in the terminal: wandb leet {tracked}/offline-run-*", highlight=False)
    if failed:
        raise BadInput(f"{len(failed)} of {len(cells)} runs failed; see {failed[0] / 'log.txt'}, then run it again")


COMMANDS: dict[str, Callable[[Arguments], None]] = {
    "prepare": prepare,
    "explore": explore,
    "train": train,
    "grid": grid,
    "report": report,
    "demo": demo,
}


def usage() -> str:
    """The page that `denoise --help` prints."""
    lines = [f"  {name:<9}{(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"denoise {__version__}: sequence-to-sequence denoising pretraining. MASS, BART and T5 are settings of one idea.",
            "",
            *lines,
            "",
            "denoise COMMAND --help tells the options of a command.",
        ]
    )


def run(arguments: Arguments) -> None:
    """Run one command line; errors of the user raise BadInput."""
    from denoise.command_line import unknown_command

    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
    elif arguments[0] == "--version":
        print(__version__)
    elif arguments[0] in COMMANDS:
        # A user's corruption is imported from the folder the command is called in.
        sys.path.insert(0, os.getcwd())
        COMMANDS[arguments[0]](arguments[1:])
    else:
        raise unknown_command(arguments[0], list(COMMANDS))


def main() -> None:
    """Run the command line of this process; what the user can mend is one line, and the exit code is 2."""
    try:
        run(sys.argv[1:])
    except (BadInput, OSError) as error:
        if os.environ.get("DENOISE_TRACEBACK"):
            traceback.print_exc()
        print(f"denoise: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ndenoise: stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}; free some space or choose a folder that can be written to"
    return str(error)


if __name__ == "__main__":
    main()
