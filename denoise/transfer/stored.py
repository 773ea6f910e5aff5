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
        found: T = _reader_of(kind).validate_json(content, strict=True)  # type: ignore[arg-type]  # classes are hashable
    except ValidationError as error:
        first = error.errors()[0]
        # Our own words where a dataclass refused.
        said = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        raise ValueError(": ".join([*filter(None, [".".join(map(str, first["loc"]))]), said])) from None
    return found


@cache
def _reader_of(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
