"""Typed functions as commands: values from YAML files and options, and one sentence for whatever is wrong."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import inspect
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace, set_parsing_settings

import corruptions
from corruptions import Corruption
from data_prep.errors import BadInput
from denoise.config_files import configs
from denoise.named_classes import BadUsage, with_fresh_classes

# The docstring under a field is its help.
set_parsing_settings(docstring_parse_attribute_docstrings=True)

T = TypeVar("T")
_OPTIMIZERS = ("AdamW", "Muon", "ScaledAdamW")


class Parser(ArgumentParser):
    """A parser that raises BadUsage, one sentence, instead of printing its usage and leaving."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Turn what is wrong into one sentence."""
        raise BadUsage(in_one_sentence(message, self))

    def options(self) -> list[str]:
        """All long options, such as --model.d_model."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]


class PlainParser(argparse.ArgumentParser):
    """A parser for commands with a few options of their own; the rest may be passed on to another."""

    def __init__(self, **about: Any) -> None:
        super().__init__(allow_abbrev=False, **about)

    def error(self, message: str) -> NoReturn:
        """Raise one sentence."""
        raise BadUsage(f"{self.prog}: {message}; {self.prog} --help tells more")


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
    usage = f"denoise {name} [options]"
    parser = Parser(prog=f"denoise {name}", usage=usage, description=summary, default_env=False, allow_abbrev=False)
    parser.add_argument(
        "-c",
        "--config",
        action=ActionConfigFile,
        help="YAML file of these options; repeat it to lay one over another.",
    )
    parser.add_class_arguments(options, None, sub_configs=True, as_group=False)
    return parser


def value_of(options: type[T], values: Namespace) -> T:
    """The dataclass that parsed values make, and BadInput if they make none."""
    return options(**{field.name: values[field.name] for field in dataclasses.fields(options)})  # type: ignore[arg-type]


def plain(options: type, parser: Parser, values: Namespace) -> dict[str, Any]:
    """The fields of a dataclass among parsed values, as dicts, lists, text and numbers."""
    as_dict = json.loads(parser.dump(values, format="json", skip_validation=True))
    return {field.name: as_dict.get(field.name) for field in dataclasses.fields(options)}


def parsed(parser: Parser, arguments: Sequence[str]) -> tuple[Namespace, Namespace]:
    """Plain values and built objects of a command line. Raises BadUsage, or whatever BadInput a value raises."""
    try:
        values = parser.parse_args(with_fresh_classes(_in_full(parser, arguments)))
        return values, parser.instantiate(values)
    except BadInput:
        raise
    except ValueError as error:
        raise BadUsage(in_one_sentence(str(error), parser)) from error


def _in_full(parser: Parser, arguments: Sequence[str]) -> list[str]:
    """The same with options in their own spelling: --keep-dropped, which stands alone, is --keep_dropped=true.

    A flag is alone if neither true nor false follows it, so it never takes a file for its value.
    """
    are_flags = [action for action in parser._actions if getattr(action, "_typehint", None) is bool]
    flags = {name for action in are_flags for name in action.option_strings}
    known, full = {*parser.options(), *flags}, list[str]()
    for place, argument in enumerate(arguments):
        if argument == "--":
            return [*full, *arguments[place:]]
        name, joined, value = argument.partition("=")
        name = name.replace("-", "_").replace("__", "--", 1) if name.startswith("--") else name
        name = name if name in known else argument.partition("=")[0]
        is_alone = name in flags and not joined and not _is_bool(arguments[place + 1 : place + 2])
        full.append(name + "=true" if is_alone else name + joined + value)
    return full


def _is_bool(following: Sequence[str]) -> bool:
    return bool(following) and following[0].lower() in ("true", "false", "yes", "no")


_NOISE = re.compile(
    r"Subtypes:|Given value|Source:|Errors:|Does not validate against|Expected a <class 'NoneType'>"
    r"|Expected a <class 'str'>$|Expected a path but|Parser key|Problem with given class_path|Problems? in"
)


def in_one_sentence(message: str, parser: Parser) -> str:
    """What was given, what is allowed, and the nearest name, from jsonargparse's report.

    A report on a part of a value comes wrapped in reports on the whole; what it says was made a sentence by the
    part's own parser, and the wrapping is taken off.
    """
    key = _key_in(message)
    lines = [line.strip(" -") for line in message.splitlines()]
    said = " ".join(line for line in lines if line and not _NOISE.match(line)) or message
    for pattern, sentence in _SENTENCES:
        if found := re.search(pattern, said):
            return sentence(found, message, parser)
    if key and said.startswith("it has no option"):
        return f"--{key}{said.removeprefix('it')}"
    if key and re.match(r"[a-z_.]+( has no option|: )", said):  # said by the parser of a part
        return f"--{key}.{said}"
    return f"--{key}: {said}" if key and key.split(".")[0] not in said else said


def _key_in(message: str) -> str:
    return ".".join(re.findall(r'Parser key "([^"]+)"', message))


def _unrecognised(found: re.Match[str], message: str, parser: Parser) -> str:
    given = found[1].split("=")[0]
    return f"{parser.prog} has no option {given}{_nearest(given, parser.options())} {parser.prog} --help lists them"


def _unknown_key(found: re.Match[str], message: str, parser: Parser) -> str:
    given, group = found["key"], found.groupdict().get("group") or _key_in(message)
    prefix = f"--{group}." if group else "--"
    known = [name.removeprefix(prefix) for name in parser.options() if name.startswith(prefix)]
    known = [name for name in known if name.split(".")[-1] not in ("help", "config", "print_config", "print_shtab")]
    # Parsers of classes, which jsonargparse makes by itself, are not called after a command.
    where = group or (parser.prog if parser.prog.startswith("denoise ") else "it")
    return f"{where} has no option {given}{_nearest(given, known)} There are {', '.join(known)}"


def _no_file(found: re.Match[str], message: str, parser: Parser) -> str:
    return f"there is no file {found[1]}"


def _no_options(found: re.Match[str], message: str, parser: Parser) -> str:
    return f"the YAML file given to {parser.prog} holds no options; write one a line, NAME: VALUE"


def _wrong_type(found: re.Match[str], message: str, parser: Parser) -> str:
    return f"--{_key_in(message)}: {_kind(found[1])} is expected, {found[2]!r} was given"


def _wrong_types(found: re.Match[str], message: str, parser: Parser) -> str:
    """One of several types is expected."""
    kinds = ", or ".join(_kind(kind.strip()) for kind in re.split(r"Expected an? ", found[1])[1:])
    given = re.search(r"Given value: (.*)", message)
    return f"--{_key_in(message)}: {kinds} is expected" + (f", {given[1]!r} was given" if given else "")


def _wrong_class(found: re.Match[str], message: str, parser: Parser) -> str:
    """A name of no class, where a corruption, its noise or a schedule is expected."""
    built = re.search(r"Problem with given class_path '([^']+)'", message)
    given = built[1] if built else found["given"]
    key = _key_in(message)
    reason = f" ({found['why']})" if found.groupdict().get("why") else ""
    if key.split(".")[0] == "optimizer":
        return (
            f"--{key}: {given!r} is not an optimizer{reason}{_nearest(given, _OPTIMIZERS)} "
            f"Known: {', '.join(_OPTIMIZERS)}; your own class by its dotted path, such as my_module.MyOptimizer"
        )
    if "corruptions.schedules.Schedule" in message:
        schedules = ", ".join(_known(corruptions.Schedule))
        return f"--{key}: a number is expected, or a schedule ({schedules}), {given!r} was given{reason}"
    preset = configs() / "corruptions" / f"{given}.yaml"
    if preset.is_file():
        return f"--corruption: {given!r} is a preset, which is named by its file: {preset}"
    is_noise = key.split(".")[-1] == "noise"
    known = _known(corruptions.Noise if is_noise else Corruption)
    return (
        f"--{'noise' if is_noise else 'corruption'}: {given!r} is not a {'noise' if is_noise else 'corruption'}"
        f"{reason}{_nearest(given, known)} Known: {', '.join(known)}; "
        "your own class by its dotted path, such as my_module.MyNoise"
    )


_SENTENCES: tuple[tuple[str, Callable[[re.Match[str], str, Parser], str]], ...] = (
    (r"[Uu]nrecognized arguments: (\S+)", _unrecognised),
    (r"Group '(?P<group>[^']+)' does not accept option '(?P<key>[^']+)'", _unknown_key),
    (r"Option '(?P<key>[^']+)' is not accepted", _unknown_key),
    (r"File does not exist: '?([^'\n]+)", _no_file),
    (r"Unexpected config:", _no_options),
    (r"Expected a dot import path string: (?P<given>\S+)", _wrong_class),
    (r"(?P<why>No module named '(?P<given>[^']+)')", _wrong_class),
    (r"(?P<why>module '[^']+' has no attribute '(?P<given>[^']+)')", _wrong_class),
    (r"Expected an? (.+?)\. Got value: (.+)", _wrong_type),
    (r"^((?:Expected an? (?:typing\.Literal\[[^\]]+\]|<class '[\w.]+'>) ?)+)$", _wrong_types),
)


def _kind(expected: str) -> str:
    literal = re.fullmatch(r"typing\.Literal\[(.+)\]", expected)
    if literal:
        values = literal[1].replace("'", "")
        return f"one of {values}" if "," in values else values
    names_of_enum = re.fullmatch(r"member of <enum '\w+'>: \{(.+)\}", expected)
    if names_of_enum:
        return "one of " + names_of_enum[1].replace(",", ", ")
    names = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
    names |= {"tuple": "a list", "list": "a list", "dict": "a mapping"}
    plain = re.fullmatch(r"<class '([\w.]+)'>", expected)
    return names.get(plain[1], plain[1]) if plain else expected


def _known(base: type) -> list[str]:
    """The names of our classes that may be given where one of this kind is expected."""
    classes = {name: getattr(corruptions, name) for name in corruptions.__all__}
    return [
        name
        for name, value in classes.items()
        if isinstance(value, type) and issubclass(value, base) and not inspect.isabstract(value)
    ]


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
    try:
        return corruption_named(str(file), str(file))
    except BadUsage as error:
        raise BadUsage(f"{file}: {error}") from error


def corruption_named(given: str, where: str) -> Corruption:
    """The corruption that a name, a file or JSON gives; `where` it stands, for messages."""
    parser = Parser(prog=where)
    parser.add_subclass_arguments(Corruption, "corruption")
    built: Corruption = parser.instantiate(parser.parse_args([f"--corruption={given}"])).corruption
    return built
