"""Typed functions as commands: values from YAML files and options, and one sentence for whatever is wrong."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace, set_parsing_settings

from corruptions import Corruption
from data_prep.errors import BadInput

# The docstring under a field is its help.
set_parsing_settings(docstring_parse_attribute_docstrings=True)

T = TypeVar("T")
_DEFAULT_CORRUPTION = "SpanCorruption"


class BadUsage(BadInput):
    """An option or a value in a YAML file that cannot be understood."""


class Parser(ArgumentParser):
    """A parser that raises BadUsage, one sentence, instead of printing its usage and leaving."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Turn what is wrong into one sentence."""
        raise BadUsage(in_one_sentence(message, self))

    def options(self) -> list[str]:
        """All long options, such as --model.d_model."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]


def options_of(options: type, name: str, summary: str | None) -> Parser:
    """A parser whose options are the fields of a frozen dataclass, and -c for YAML files of them.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Greeting:
    ...     times: int = 1
    >>> parser = options_of(Greeting, "greet", "Say hello.")
    >>> value_of(Greeting, parser.parse_args(["--times", "2"]))
    Greeting(times=2)
    """
    parser = Parser(prog=f"denoise {name}", description=summary, default_env=False)
    parser.add_argument(
        "-c", "--config", action=ActionConfigFile, help="YAML file of these options; repeat it to lay one over another."
    )
    parser.add_class_arguments(options, None, sub_configs=True, as_group=False)
    return parser


def value_of(options: type[T], values: Namespace) -> T:
    """The dataclass that parsed values make, and BadInput if they make none."""
    return options(**{field.name: values[field.name] for field in dataclasses.fields(options)})  # type: ignore[arg-type]


def plain(options: type, values: Namespace) -> dict[str, Any]:
    """The fields of a dataclass among parsed values, as dicts, lists, text and numbers."""
    as_dict = values.as_dict()
    return {field.name: as_dict[field.name] for field in dataclasses.fields(options)}


def parsed(parser: Parser, arguments: Sequence[str]) -> tuple[Namespace, Namespace]:
    """Plain values and built objects of a command line. Raises BadUsage, or whatever BadInput a value raises."""
    try:
        values = parser.parse_args(_with_fresh_corruptions(arguments))
        return values, parser.instantiate(values)
    except BadInput:
        raise
    except ValueError as error:
        raise BadUsage(in_one_sentence(str(error), parser)) from error


def _with_fresh_corruptions(arguments: Sequence[str]) -> list[str]:
    """Put a reset before whatever names a corruption, so that it starts from its own defaults.

    jsonargparse carries options over when a class is changed if the new class has options of the same names:
    MASS, named after a file with T5's rate of 0.15, would silently hide 15 % and not half of a window.
    """
    fresh: list[str] = []
    named = any(_names_corruption(arguments, place) for place in range(len(arguments)))
    for place, argument in enumerate(arguments):
        if _names_corruption(arguments, place):
            fresh += ["--corruption", "null"]
        elif argument.startswith("--corruption.") and not named and not argument.startswith("--corruption.help"):
            fresh += ["--corruption", _DEFAULT_CORRUPTION]
            named = True
        fresh.append(argument)
    return fresh


def _names_corruption(arguments: Sequence[str], place: int) -> bool:
    name, _, value = arguments[place].partition("=")
    if name == "--corruption":
        return True
    if name not in ("-c", "--config"):
        return False
    value = value or (arguments[place + 1] if place + 1 < len(arguments) else "")
    try:
        content = yaml.safe_load(Path(value).read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return False  # the parser says what is wrong with the file
    return isinstance(content, dict) and isinstance(content.get("corruption"), (dict, str))


def in_one_sentence(message: str, parser: Parser) -> str:
    """What was given, what is allowed, and the nearest name, from jsonargparse's report."""
    message = re.sub(r"\n\s*(Subtypes|Given value type|Given value|Source):.*", "", message)
    unknown = re.search(r"[Uu]nrecognized arguments: (.+)", message)
    if unknown:
        return _unknown_option(unknown[1].split()[0].split("=")[0], parser)
    key = _dotted_key(message)
    option = re.search(r"Option '([^']+)' is not accepted", message)
    if option:
        return _unknown_key(key, option[1], message, parser)
    missing_file = re.search(r"File does not exist: '?([^'\n]+)", message)
    if missing_file:
        return f"there is no file {missing_file[1]}"
    if key == "corruption" and not re.search(r"Parser key \"[^\"]+\":\n[^\n]*Parser key", message):
        wrong = re.search(r"(?:dot import path string|class_path)[: ]+'?([\w.]+)'?", message)
        if wrong and "Problem with given class_path" not in message or "has no attribute" in message:
            return _unknown_corruption(wrong[1] if wrong else "", message)
    wrong_type = re.search(r"Expected an? (.+?)\. Got value: (.+)", message)
    if wrong_type:
        return f"{_shown(key)}: {_kind(wrong_type[1])} is expected, {wrong_type[2]!r} was given"
    lines = [line.strip(" -") for line in message.splitlines() if line.strip()]
    return f"{_shown(key)}: {lines[-1]}" if key and lines[-1] != key else lines[-1]


def _dotted_key(message: str) -> str:
    return ".".join(re.findall(r'Parser key "([^"]+)"', message))


def _shown(key: str) -> str:
    return f"--{key}" if key else "the options"


def _kind(expected: str) -> str:
    literal = re.fullmatch(r"typing\.Literal\[(.+)\]", expected)
    if literal:
        return "one of " + literal[1].replace("'", "")
    names = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
    plain = re.fullmatch(r"<class '([\w.]+)'>", expected)
    return names.get(plain[1], plain[1]) if plain else expected


def _unknown_option(given: str, parser: Parser) -> str:
    return f"{parser.prog} has no option {given}{_nearest(given, parser.options())} {parser.prog} --help lists them"


def _unknown_key(key: str, given: str, message: str, parser: Parser) -> str:
    built = re.findall(r"given class_path '([^']+)'", message)
    if built:
        known = _fields_of(built[-1])
        return f"{built[-1].rsplit('.', 1)[-1]} has no option {given}{_nearest(given, known)} It has {', '.join(known)}"
    prefix = f"--{key}." if key else "--"
    known = [name.removeprefix(prefix) for name in parser.options() if name.startswith(prefix)]
    return f"{key or parser.prog} has no value {given}{_nearest(given, known)} Known: {', '.join(known)}"


def _fields_of(class_path: str) -> list[str]:
    module, _, name = class_path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    return [field.name for field in dataclasses.fields(found)] if dataclasses.is_dataclass(found) else []


def _unknown_corruption(given: str, message: str) -> str:
    import corruptions

    known = [name for name in corruptions.__all__ if _is_corruption(getattr(corruptions, name))]
    why = re.search(r"(module '[^']+' has no attribute '[^']+'|No module named '[^']+')", message)
    reason = f" ({why[1]})" if why else ""
    return (
        f"--corruption: {given!r} is not a corruption{reason}{_nearest(given, known)} Known: {', '.join(known)}; "
        "your own class by its dotted path, such as my_module.MyNoise"
    )


def _is_corruption(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Corruption) and not inspect.isabstract(value)


def _nearest(given: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(given, known, n=1, cutoff=0.55)
    return f"; did you mean {found[0]}?" if found else "."


def unknown_command(given: str, known: Sequence[str]) -> BadUsage:
    """The error for a command that there is not.

    >>> str(unknown_command("trian", ["train", "grid"]))
    'denoise has no command trian; did you mean train? There are train, grid'
    """
    return BadUsage(f"denoise has no command {given}{_nearest(given, known)} There are {', '.join(known)}")


def corruption_in(file: Path) -> Corruption:
    """The corruption that a file such as configs/corruptions/mass.yaml describes."""
    parser = Parser(prog=str(file))
    parser.add_subclass_arguments(Corruption, "corruption")
    try:
        values = parser.parse_args([f"--corruption={file}"])
        built: Corruption = parser.instantiate(values).corruption
    except BadUsage as error:
        raise BadUsage(f"{file}: {error}") from error
    return built
