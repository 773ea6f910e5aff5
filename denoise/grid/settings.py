"""Options of another command that a grid file gives, made whole: what is left out has its default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def all_settings(options: type, command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a command as JSON has it, of which some are given. Raises BadInput for those that are none.

    `options` is the command's dataclass, which has a method `settings`.
    """
    from denoise.command_line import options_of, parsed, value_of

    parser = options_of(options, command, None)
    arguments = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
    found: dict[str, Any] = value_of(options, parsed(parser, arguments)[1]).settings()
    return found
