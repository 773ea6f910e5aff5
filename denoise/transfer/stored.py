"""Results in run folders, read as the dataclasses that they were written from; no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def stored(kind: type[T], path: Path) -> T | None:
    """What a JSON file holds, every value of its declared type; None where there is no file.

    What a later version may have added is left out. Raises ValueError, which names the first value that is not what
    it should be, and OSError.
    """
    from pydantic import ValidationError

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found: T = _reader_of(kind).validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        said = str(first.get("ctx", {}).get("error", first["msg"]))  # our own words where a dataclass refused
        raise ValueError(": ".join([*filter(None, [".".join(map(str, first["loc"]))]), said])) from None
    return found


@cache
def _reader_of(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
