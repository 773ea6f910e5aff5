"""`denoise export` and `denoise generate`, as the command line has them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from denoise.hub.fill import Answer

Arguments = Sequence[str]
_DATA_HELP = "Folder of the run's tokens, if it lies elsewhere than when the run was trained."


def export(arguments: Arguments) -> None:
    """A run's newest checkpoint as a folder that transformers opens, with tokenizer and model card."""
    from denoise.command_line import PlainParser

    parser = PlainParser(prog="denoise export", description=export.__doc__)
    parser.add_argument("run", help="Folder that `denoise train` wrote; the run need not be finished.")
    parser.add_argument("out", help="Folder to write: a new one, or an earlier export, which is replaced.")
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="Number format of the weights (default: float32, exact; bfloat16 is half the size).",
    )
    parser.add_argument("--data", help=_DATA_HELP)
    values = parser.parse_args(arguments)
    from denoise.hub.export import described
    from denoise.hub.export import export as write

    trained = write(
        Path(values.run), Path(values.out), dtype=values.dtype, data=Path(values.data) if values.data else None
    )
    print(f"step {trained.step:,} of {values.run}\n{described(Path(values.out))}")


def generate(arguments: Arguments) -> None:
    """A text with marks such as <extra_id_0>, filled by a trained model."""
    from rich.console import Console

    from denoise.command_line import options_of, parsed, value_of
    from denoise.hub.options import GenerateConfig

    parser = options_of(GenerateConfig, "generate", generate.__doc__)
    parser.add_argument("model", help="A run, an export, or a T5 checkpoint folder.")
    parser.add_argument("text", nargs="?", help="The text (default: standard input, a text a line).")
    values, built = parsed(parser, _options_first(arguments))
    config = value_of(GenerateConfig, built)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # a terminal of few characters shows others as question marks
        reconfigure(errors="replace")
    from denoise.hub.fill import fill
    from denoise.hub.trained import load_trained

    trained = load_trained(Path(values.model), Path(config.data) if config.data else None)
    console = Console()
    for text in [values.text] if values.text is not None else _lines():
        answers = fill(trained, text, config)
        for number, answer in enumerate(answers):
            _show(text, answer, number, config.json, console)


def _options_first(arguments: Arguments) -> list[str]:
    """The same with model and text behind all options: argparse wants the two side by side.

    >>> _options_first(["run", "--num", "2", "--json", "A <mask>"])
    ['--num', '2', '--json', '--', 'run', 'A <mask>']
    """
    options, others, left = list[str](), list[str](), list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            others += left
            break
        if argument[:1] != "-" or " " in argument:
            others.append(argument)
            continue
        options.append(argument)
        is_alone = "=" in argument or argument in ("-h", "--help", "--print_config")
        if argument == "--json":
            is_alone = not (left and left[0].lower() in ("true", "false"))
        if left and not is_alone:
            options.append(left.pop(0))
    return [*options, "--", *others] if others else options


def _lines() -> Iterator[str]:
    """The texts of standard input, one a line."""
    found = False
    for line in sys.stdin:
        if line.strip():
            found = True
            yield line.rstrip("\r\n")
    if not found:
        raise BadInput("there is no text; give one behind the model, or write one a line to standard input")


def _show(text: str, answer: Answer, number: int, as_json: bool, console: Console) -> None:
    if as_json:
        row = {"text": text, "number": number, "filled": answer.text, "said": answer.said, "spans": answer.spans}
        print(json.dumps(row, ensure_ascii=False), flush=True)
        return
    from rich.text import Text

    shown = Text.assemble(*((piece, "bold green" if is_written else "") for piece, is_written in answer.pieces))
    console.print(shown, highlight=False, soft_wrap=True)
