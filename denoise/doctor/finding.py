"""One thing looked at: how it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "missing", "broken"]
"""missing: something optional that is not there. broken: training cannot run."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A line of `denoise doctor`."""

    name: str
    """What was looked at."""
    value: str
    """What was found."""
    state: State = "ok"
    """How that is."""
    advice: str = ""
    """What to do about it; empty where there is nothing to do."""


Check = Callable[[], Iterable[Finding]]


def found_by(check: Check) -> list[Finding]:
    """What a check finds; one that fails is a finding too: a doctor must not die of what it looks for."""
    try:
        return list(check())
    except Exception as error:
        name = check.__name__.replace("_", " ")
        reason = " ".join(str(error).split()) or type(error).__name__
        return [Finding(name=name, value=f"could not be looked at: {reason}", state="warning")]


def in_bytes(num_bytes: float) -> str:
    """A number of bytes as people say it.

    >>> in_bytes(512), in_bytes(5_400_000), in_bytes(25_000_000_000)
    ('512 B', '5.4 MB', '25 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if num_bytes < 999.5 or unit == "TB":
            break
        num_bytes /= 1000
    return f"{num_bytes:.1f} {unit}" if num_bytes < 9.95 and unit != "B" else f"{num_bytes:.0f} {unit}"
