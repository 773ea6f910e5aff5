"""The commands: denoise prepare | clean | tokenizer | tokens | explore | train | grid | report | compare | exam |
finetune | probe | dashboard | generate | export | demo | doctor | replay | new-corruption.

A command is a function or a frozen dataclass of options; whatever is heavy is imported inside it, so that help
comes at once.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise import __version__
from denoise.data_commands import clean, prepare, tokenizer, tokens
from denoise.doctor.command import doctor
from denoise.ending import exit_code_of
from denoise.grid.command import OVERRIDES, GridConfig, grid, run_grid
from denoise.hub.commands import export, generate
from denoise.replay.command import replay
from denoise.stopping import ADVICE, Stopping
from denoise.study_commands import compare, report
from denoise.train.processes import is_first_process
from denoise.train.tracking.command import dashboard
from denoise.transfer.exam.command import exam
from denoise.transfer.finetune.command import finetune
from denoise.transfer.probe.command import probe

if TYPE_CHECKING:
    from denoise.train.config import RunConfig

Arguments = Sequence[str]


def train(arguments: Arguments) -> None:
    """One run into a folder; the same command goes on where it stopped."""
    with Stopping(advice=ADVICE) as stopping:  # the options and torch take seconds, and a signal may come meanwhile
        train_unless_stopped(arguments, stopping)


def explore(arguments: Arguments) -> None:
    """What corruptions do to a text: aligned and in colour, as a page, as a picture, in numbers."""
    from denoise.command_line import options_of, parsed, value_of
    from denoise.explore.config import ExploreConfig
    from denoise.explore.show import show

    parser = options_of(ExploreConfig, "explore", explore.__doc__)
    parser.add_argument("text", nargs="?", help="The text (default: Lincoln, State of the Union, 1862).")
    values, built = parsed(parser, arguments)
    show(values.text, value_of(ExploreConfig, built), shlex.join(["denoise", "explore", *arguments]))


def demo(arguments: Arguments) -> None:
    """From nothing to a finished comparison: the default corpus, three objectives, one report."""
    from denoise.command_line import PlainParser
    from denoise.config_files import configs

    parser = PlainParser(prog="denoise demo", description=demo.__doc__, epilog=OVERRIDES)
    parser.add_argument("--text", nargs="+", default=[], help="Your own text instead: files, folders, globs, datasets.")
    parser.add_argument("--vocab_size", help="Size of the vocabulary to train (default: 8192).")
    parser.add_argument("--data", default="data/sotu", help="Folder of the prepared corpus (default: data/sotu).")
    parser.add_argument("--out", default="runs/demo", help="Folder of the runs and the report (default: runs/demo).")
    own, overrides = parser.parse_known_args(arguments)
    prepare([*own.text, f"--out={own.data}", *([f"--vocab_size={own.vocab_size}"] if own.vocab_size else [])])
    run_grid(configs() / "grids" / "demo.yaml", Path(own.out), [f"--data={own.data}", *overrides], GridConfig())


def new_corruption(arguments: Arguments) -> None:
    """A corruption of your own: NAME.py that works, test_NAME.py that passes; then change them."""
    from denoise.command_line import PlainParser
    from denoise.new_corruption import write_corruption

    parser = PlainParser(prog="denoise new-corruption", description=new_corruption.__doc__)
    parser.add_argument("name", help="Name of the module to write into this folder, such as my_noise.")
    print("\n".join(write_corruption(parser.parse_args(arguments).name, Path())))


def run_options() -> Any:
    """The parser of `denoise train`."""
    from denoise.command_line import options_of
    from denoise.train.config import RunConfig

    parser = options_of(RunConfig, "train", train.__doc__)
    parser.add_argument("--run", help="Folder of the run (default: runs/DATA-CORRUPTION-SEED).")
    parser.add_argument("--dry_run", type=bool, default=False, help="Tell what the run would be, and write nothing.")
    parser.add_argument("--measure", type=bool, default=True, help="Let a dry run time two steps on this machine.")
    return parser


def config_of(arguments: Arguments) -> tuple[RunConfig, dict[str, Any]]:
    """The run that these options of `denoise train` make, and all its values, as config.yaml has them."""
    from denoise.command_line import parsed, plain, value_of
    from denoise.hub.start import with_shape_of_init
    from denoise.train.config import RunConfig

    parser = run_options()
    values, built = parsed(parser, arguments)
    return with_shape_of_init(value_of(RunConfig, built), plain(RunConfig, parser, values))


def resolved(arguments: Arguments) -> dict[str, Any]:
    """All values of such a run."""
    return config_of(arguments)[1]


def train_unless_stopped(arguments: Arguments, stopping: Stopping) -> None:
    """`train` by someone who has held the signals since before."""
    from rich.console import Console

    from data_prep.tokens import TokenStore
    from denoise.command_line import parsed, plain, value_of
    from denoise.hub.start import with_shape_of_init
    from denoise.train.config import RunConfig
    from denoise.train.run_folder import RunFolder

    parser = run_options()
    values, built = parsed(parser, arguments)
    config, plain_values = with_shape_of_init(value_of(RunConfig, built), plain(RunConfig, parser, values))
    folder = Path(values.run or f"runs/{Path(config.data).name}-{type(config.corrupted_by).__name__}-{config.seed}")
    console = Console(quiet=not is_first_process())
    run = RunFolder(folder)
    run.check(plain_values)
    if values.dry_run:
        from denoise.dry_run.measure import dry_run
        from denoise.dry_run.page import differing, print_dry_run

        changed = differing(plain_values, plain(RunConfig, parser, parser.get_defaults()))
        print_dry_run(dry_run(config, measure=values.measure), folder, changed, console)
        return
    if run.is_done:
        console.print(f"{folder} is done already", highlight=False, soft_wrap=True, markup=False)
        return
    TokenStore.open(config.data)  # unusable data is told before torch is waited for
    from denoise.train.pretrain import pretrain

    pretrain(config, folder, resolved=plain_values, console=console, stopping=stopping)
    console.print(f"run: {folder}", highlight=False, soft_wrap=True, markup=False)


COMMANDS: dict[str, Callable[[Arguments], int | None]] = {
    "prepare": prepare,
    "clean": clean,
    "tokenizer": tokenizer,
    "tokens": tokens,
    "explore": explore,
    "train": train,
    "grid": grid,
    "report": report,
    "compare": compare,
    "exam": exam,
    "finetune": finetune,
    "probe": probe,
    "dashboard": dashboard,
    "generate": generate,
    "export": export,
    "demo": demo,
    "doctor": doctor,
    "replay": replay,
    "new-corruption": new_corruption,
}


def usage() -> str:
    """The page that `denoise --help` prints."""
    lines = [f"  {name:<16}{(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"denoise {__version__}: pretraining by repairing corrupted text; MASS, BART and T5 are settings of it.",
            "",
            *lines,
            "",
            "denoise COMMAND --help tells the options of a command.",
        ]
    )


def run(arguments: Arguments) -> int:
    """Run one command line; its exit code. Errors of the user raise BadInput."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
    elif arguments[0] == "--version":
        print(__version__)
    elif arguments[0] in COMMANDS:
        # A user's corruption is imported from the folder the command is called in.
        # Last in the path, so that no file there takes the place of a library.
        sys.path.append(os.getcwd())
        return COMMANDS[arguments[0]](arguments[1:]) or 0
    else:
        from denoise.command_line import unknown_command  # half a second, in which a run does not listen to signals

        raise unknown_command(arguments[0], list(COMMANDS))
    return 0


def main() -> None:
    """Run the command line of this process; what the user can mend is one line, and the exit code is 2.

    3 says that all is done, but that damaged records of crawl files are lost; the others are `exit_code_of`'s.
    """
    sys.exit(exit_code_of(lambda: run(sys.argv[1:])))


if __name__ == "__main__":
    main()
