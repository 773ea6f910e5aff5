"""What a prepared folder says of itself; written last, so that a folder with a manifest is whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from data_prep.errors import BadInput
from data_prep.files import is_anothers, write_json

MANIFEST_FILE = "manifest.json"
SCRATCH_FOLDER = ".partial"
CLEAN_FOLDER = "clean"
"""Of a prepared corpus: its texts as Parquet, as `denoise clean` writes them, which has these names itself."""
CLEAN_MANIFEST_FILE, TEXT_FOLDER = "clean.json", "text"
FORMAT_VERSION = 1
SPLITS = ("train", "held_out")


class BadStore(BadInput):
    """A folder that is no prepared corpus, is damaged, or cannot be written."""


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """What one side of the corpus holds."""

    num_documents: int
    """Texts; a text cut in two counts twice."""
    num_tokens: int
    """Ids on disk, the end of each document included."""
    num_bytes: int
    """UTF-8 bytes of the texts."""
    num_words: int
    """Tokens that start a word."""
    num_sentences: int
    """Tokens that end a sentence."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything about a prepared corpus but its tokens."""

    format_version: int
    """Of the files beside it; another version's are not read."""
    splits: dict[str, SplitCounts]
    """The counts of train and held_out."""
    vocab_size: int
    """Number of ids, special ones included."""
    tokenizer_fingerprint: str
    """SHA-256 of model and special ids."""
    dropped: dict[str, int]
    """What of the sources' texts was left out, counted by reason; `cut` counts cuts, which lose nothing."""
    passed_over: dict[str, int]
    """Files left unread, counted by ending."""
    split_rule: str
    """How documents were told apart into train and held out: a sentence."""
    options: dict[str, Any]
    """The options that the bytes depend on."""
    sources: list[dict[str, Any]]
    """For each source its name, size in bytes, time of change and BLAKE2b."""
    files: dict[str, dict[str, Any]]
    """For each file, by its path in the folder, its size in bytes and SHA-256."""
    seconds: dict[str, float]
    """How long each stage took."""
    versions: dict[str, str]
    """Of the libraries that took part."""
    texts: dict[str, Any] = field(default_factory=dict)
    """Of the texts the fingerprint, the name of the rules, and the counts of pages left behind each step."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all files' contents: equal corpora, made anywhere, have equal fingerprints."""
        return self.fingerprint_of("")

    def fingerprint_of(self, split: str) -> str:
        """The same for the tokenizer and one split."""
        chosen = sorted(
            f"{path} {file['sha256']}\n" for path, file in self.files.items() if path.startswith((split, "tokenizer"))
        )
        return sha256("".join(chosen).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write `manifest.json`, whole or not at all."""
        write_json(folder / MANIFEST_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a prepared folder. Raises BadStore."""
        path = folder / MANIFEST_FILE
        try:
            values = json.loads(path.read_bytes())
        except OSError as error:
            raise BadStore(_why_missing(folder, error)) from None
        except (ValueError, RecursionError) as error:
            raise BadStore(f"{path} is damaged ({error}); {_again(folder)}") from None
        if not isinstance(values, dict) or "format_version" not in values or "splits" not in values:
            raise BadStore(f"{path} is not the manifest of a prepared corpus; {_again(folder)}")
        if values["format_version"] != FORMAT_VERSION:
            raise BadStore(
                f"{folder} has format {values['format_version']!r}, this version of denoise reads "
                f"{FORMAT_VERSION}; prepare the corpus again into another folder"
            )
        try:
            splits = {name: SplitCounts(**counts) for name, counts in values["splits"].items()}
            manifest = cls(**{**values, "splits": splits})
            _check_types(manifest)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise BadStore(f"{path} is damaged ({error}); {_again(folder)}") from None
        return manifest


def demand_free(out: Path) -> None:
    """Raise BadStore for a folder that holds what is not ours: what is left of the last start is deleted."""
    if is_anothers(out, (MANIFEST_FILE, SCRATCH_FOLDER)):
        raise BadStore(f"{out} is not empty and not a prepared corpus; choose a new or an empty folder")


def _check_types(manifest: Manifest) -> None:
    for one in fields(manifest):
        wanted = {"d": dict, "l": list, "i": int, "s": str}[str(one.type)[0].lower()]
        if not isinstance(getattr(manifest, one.name), wanted):
            raise TypeError(f"{one.name} is no {wanted.__name__}")
    if set(manifest.splits) != set(SPLITS):
        raise ValueError(f"its splits are {sorted(manifest.splits)}")
    for path, file in manifest.files.items():
        if not isinstance(file["num_bytes"], int) or not isinstance(file["sha256"], str):
            raise TypeError(f"{path} has no size")


def _again(folder: Path) -> str:
    return f"delete {folder} and run: denoise prepare --out {folder}"


def _why_missing(folder: Path, error: OSError) -> str:
    if (folder / SCRATCH_FOLDER).is_dir():
        return f"preparing {folder} was interrupted or is still under way; run the same denoise prepare again"
    if not folder.is_dir():
        return f"{folder} is no folder; run: denoise prepare --out {folder}"
    if (folder / MANIFEST_FILE).exists():
        return f"{folder / MANIFEST_FILE} cannot be read ({error.strerror}); check its permissions"
    return f"{folder} is not a prepared corpus (no {MANIFEST_FILE}); run: denoise prepare --out NEW_FOLDER"
