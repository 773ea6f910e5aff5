"""What a folder of cleaned texts says of itself; written last, so that a folder with a manifest is whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from data_prep.errors import BadInput
from data_prep.files import write_json
from data_prep.manifest import CLEAN_MANIFEST_FILE

CLEAN_FORMAT_VERSION = 1


class BadTexts(BadInput):
    """A folder that holds no cleaned texts, or is damaged, or was made otherwise."""


@dataclass(frozen=True, kw_only=True)
class CleanManifest:
    """Everything about cleaned texts but the texts."""

    format_version: int
    """Of the files beside it."""
    fingerprint: str
    """128 bits, in hex, of all documents in whatever order: equal texts, made anywhere, have equal fingerprints."""
    profile: dict[str, Any]
    """`name`, and the value of each rule."""
    options: dict[str, Any]
    """The other options that the documents depend on."""
    sources: list[dict[str, Any]]
    """For each source its name, size in bytes, time of change, BLAKE2b and number of pages."""
    passed_over: dict[str, int]
    """Files left unread, counted by ending."""
    counts: dict[str, int]
    """Pages left behind each step: read, admitted, newest, clean, deduplicated, language, kept."""
    num_chars: int
    """Characters of all pages that were read."""
    dropped: dict[str, int]
    """Pages dropped, by reason; with `kept` they add up to `read`."""
    left_out: dict[str, int]
    """What of texts, JSON lines and tables is no page: empty, binary, not unicode; `cut` counts cuts of long ones."""
    cut: dict[str, int]
    """Lines cut, by reason; by the rules also from pages that are dropped in the end."""
    crawl: dict[str, Any]
    """What became of every record of the crawl files; empty without any."""
    damages: list[str]
    """What was wrong with crawl files, where, and what to do; the first thousand of each file."""
    splits: dict[str, dict[str, int]]
    """Documents and UTF-8 bytes of train and validation."""
    languages: dict[str, int]
    """Documents by detected language."""
    licence: str
    """As the user gave it."""
    command: str
    """How it was made."""
    files: dict[str, dict[str, Any]]
    """For each file, by its path in the folder, its size in bytes and SHA-256."""
    seconds: dict[str, float]
    """How long each stage took, the last time."""
    versions: dict[str, str]
    """Of the packages that took part."""

    @property
    def num_lost(self) -> int:
        """Records of crawl files that are damaged beyond use, and stretches of them that belong to no record."""
        return sum(self.crawl.get("lost", {}).values()) + sum(self.crawl.get("stray", {}).values())

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        write_json(folder / CLEAN_MANIFEST_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> CleanManifest:
        """The manifest of a folder of cleaned texts. Raises BadTexts."""
        path = folder / CLEAN_MANIFEST_FILE
        try:
            values = json.loads(path.read_bytes())
        except OSError:
            raise BadTexts(
                f"{folder} holds no cleaned texts (no {CLEAN_MANIFEST_FILE}); run: denoise clean SOURCES --out {folder}"
            ) from None
        except (ValueError, RecursionError) as error:
            raise BadTexts(f"{path} is damaged ({error}); delete {folder} and clean again") from None
        if not isinstance(values, dict) or values.get("format_version") != CLEAN_FORMAT_VERSION:
            found = values.get("format_version") if isinstance(values, dict) else None
            raise BadTexts(f"{path} has format {found!r}, not {CLEAN_FORMAT_VERSION}; clean again into another folder")
        if set(values) != {field.name for field in fields(cls)}:
            raise BadTexts(f"{path} is damaged (fields are missing); delete {folder} and clean again")
        return cls(**values)
