"""Options that are classes, before the parser sees them: each starts from its own defaults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from data_prep.errors import BadInput

_DEFAULT_CORRUPTION = "SpanCorruption"
_CLASSES = ("corruption", "optimizer")
"""Options whose value is a class with options of its own."""


class BadUsage(BadInput):
    """An option or a value in a YAML file that cannot be understood."""


def with_fresh_classes(arguments: Sequence[str]) -> list[str]:
    """Put a reset before whatever names a class, so that it starts from its own defaults.

    jsonargparse carries options over when a class is changed if the new class has options of the same names:
    MASS, named after a file with T5's rate of 0.15, would silently hide 15 % and not half of a window.
    """
    fresh: list[str] = []
    are_named = {key for place in range(len(arguments)) for key in _classes_named(arguments, place)}
    for place, argument in enumerate(arguments):
        for key in _classes_named(arguments, place):
            fresh += [f"--{key}", "null"]
        if argument.startswith("--corruption.") and not argument.startswith("--corruption.help"):
            if "corruption" not in are_named:
                fresh += ["--corruption", _DEFAULT_CORRUPTION]
            are_named.add("corruption")
        fresh.append(argument)
    return fresh


def _classes_named(arguments: Sequence[str], place: int) -> list[str]:
    """Which of the options that are classes get another class here, from an option or a file of options."""
    name, _, value = arguments[place].partition("=")
    value = value or (arguments[place + 1] if place + 1 < len(arguments) else "")
    if name.removeprefix("--") in _CLASSES:
        try:
            given = yaml.safe_load(value)
        except yaml.YAMLError:
            given = value
        return [name.removeprefix("--")] if _is_class(given) else []
    if name not in ("-c", "--config"):
        return []
    try:
        content = yaml.safe_load(Path(value).read_text())
    except OSError:
        return []  # the parser says that there is no such file
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadUsage(f"{value} is not YAML: {' '.join(str(error).split())}") from error
    return [key for key in _CLASSES if isinstance(content, dict) and _is_class(content.get(key))]


def _is_class(given: Any) -> bool:
    """Whether a value names a class; a mapping that does not sets options of the class there is."""
    return isinstance(given, str) or (isinstance(given, dict) and "class_path" in given)
