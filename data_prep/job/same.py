"""Whether a folder that is there already is what is asked for now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.reading.sources import Found, Source, digest, stamp


def differences(
    options: Mapping[str, Any], then: Mapping[str, Any], found: Found, entries: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What differs between options and sources now, and those that a manifest tells of, in words. Raises BadSource.

    The bytes of a source are read only where just its time of change differs.
    """
    told = [
        f"{name} is {value!r}, there it was {then.get(name)!r}"
        for name, value in options.items()
        if value != then.get(name)
    ]
    known = [str(entry.get("name")) for entry in entries]
    now = [source.key for source in found.sources]
    told += [f"{name} is no longer a source" for name in known if name not in now]
    told += [f"{name} is new" for name in now if name not in known]
    if sorted(known) == sorted(now) and known != now:
        told.append("the sources come in another order")
    elif known == now:
        pairs = zip(found.sources, entries, strict=True)
        told += [f"{source.name} has changed" for source, entry in pairs if _has_changed(source, entry)]
    return told


def in_short(told: Sequence[str]) -> str:
    """The first differences, and how many more there are.

    >>> in_short(["a", "b", "c", "d"])
    'a; b; c (and 1 more)'
    """
    return "; ".join(told[:3]) + (f" (and {len(told) - 3} more)" if len(told) > 3 else "")


def _has_changed(source: Source, entry: Mapping[str, Any]) -> bool:
    now = stamp(source)
    if all(entry.get(key) == value for key, value in now.items()):
        return False
    return entry.get("num_bytes") != now.get("num_bytes") or entry.get("digest") != digest(source)
