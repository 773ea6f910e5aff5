"""What a user names (a file, a folder, a glob, a data set on the hub) → the list of what to read."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from data_prep.errors import BadInput
from data_prep.manifest import CLEAN_FOLDER, CLEAN_MANIFEST_FILE, SCRATCH_FOLDER, TEXT_FOLDER

KINDS = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json_lines",
    ".parquet": "parquet",
    ".warc": "crawl",
    ".wet": "crawl",
}
"""What an ending says about a file's form; `.json` is read as one object a line, and of .warc.wet the last counts."""

COMPRESSIONS = (".gz", ".xz", ".bz2", ".zst")
"""Endings that may follow those of text and JSON lines."""

READABLE = " ".join(KINDS) + ", text and JSON also with " + " ".join(COMPRESSIONS) + ", crawl files with .gz"

HUB = "hub:"


class BadSource(BadInput):
    """A corpus that cannot be read, or that holds nothing."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One thing to read."""

    kind: str
    """One of text, json_lines, parquet, crawl (WET, WARC), saved (a data set saved to disk), hub."""
    name: str
    """What messages and pages call it: a path as the user gave it, or the hub's name; always Unicode."""
    key: str
    """What a manifest knows it by, wherever the corpus lies: its path inside what was named."""
    path: Path = Path()
    """Where it lies on disk; not used by hub."""
    is_named: bool = True
    """Whether the user named it itself: nothing in it is then an error, not a count."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A part of a source."""

    source: Source
    """Of which."""
    start: int = 0
    """Where it begins: a byte of JSON lines, a row group of Parquet."""
    stop: int = -1
    """Where it ends; -1: it is all of the source."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the source."""
        return self.stop < 0


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything that a list of sources comes to."""

    sources: tuple[Source, ...]
    """What to read, in order: as given, and inside a folder or glob sorted by path."""
    passed_over: dict[str, int] = field(default_factory=dict)
    """How many files of each ending were left unread, and how many were named twice."""


def find(sources: Sequence[str | Path], *, leave_out: Sequence[Path] = ()) -> Found:
    """What there is to read under `sources`.

    A source is a file with a known ending; a folder, searched to its depths; a glob (`data/**/*.txt`);
    a folder made by the `datasets` library's save_to_disk, or by `denoise clean` or `denoise prepare`, of which
    the cleaned texts are read; or `hub:user/name`, `hub:user/name:config`,
    `hub:user/name:config:split` (`hub:user/name::split` for the default config; the split is train
    unless named). Without `hub:` a name is always a path, so a mistyped path never goes to the network.
    Folders in `leave_out`, folders that denoise wrote below the one named, links to folders, hidden files and
    hidden folders are not searched.

    Raises BadSource for what does not exist, has an unknown ending, or holds nothing to read.
    """
    passed_over: Counter[str] = Counter()
    found: dict[str, Source] = {}
    for given in sources:
        several = list(_expand(str(given), [p.resolve() for p in leave_out], passed_over))
        if not several:
            endings = ", ".join(f"{n} × {ending}" for ending, n in passed_over.items()) or "none"
            raise BadSource(f"{given} holds no file to read (files with other endings: {endings}); read are {READABLE}")
        for source in several:
            place = source.name if source.kind == "hub" else os.path.realpath(source.path)
            if place in found:
                passed_over["(named twice)"] += 1
            found.setdefault(place, source)
    if not found:
        raise BadSource(f"no source was given; name a file, a folder, a glob or {HUB}user/name")
    return Found(sources=tuple(found.values()), passed_over=dict(passed_over))


def _expand(given: str, leave_out: list[Path], passed_over: Counter[str]) -> Iterator[Source]:
    path = Path(given)
    if not given:
        raise BadSource("the name of a source is empty; name a file or a folder, the one you are in as .")
    if given.startswith(HUB):
        yield _hub(given)
    elif _is_saved(path):
        yield from _saved(path, passed_over)
    elif path.is_dir():
        yield from _folder(_texts_in(path), leave_out, passed_over)
    elif path.exists():
        if kind_of(path) is None:
            raise BadSource(f"{shown(given)} has an ending that is not read; read are {READABLE}; rename or convert it")
        if not path.is_file():
            raise BadSource(f"{shown(given)} is no file but a pipe or a device; write what it says to a file")
        yield Source(kind=str(kind_of(path)), name=shown(given), key=shown(path.name), path=path)
    elif glob.has_magic(given):
        for match in sorted(glob.glob(given, recursive=True)):
            if not os.path.isdir(match):
                yield from _known(Path(match), Path(match).name, passed_over)
    else:
        looks_like_hub = given.count("/") == 1 and not given.startswith((".", "/", "~"))
        hint = f"; for a data set on the Hugging Face hub write {HUB}{given}" if looks_like_hub else ""
        raise BadSource(f"{given} does not exist; check the path{hint}")


def _hub(given: str) -> Source:
    parts = given.removeprefix(HUB).split(":")
    if not parts[0] or len(parts) > 3:
        raise BadSource(f"{given} is no name on the hub; write {HUB}user/name, {HUB}user/name:config or :config:split")
    return Source(kind="hub", name=given, key=given)


def _is_saved(path: Path) -> bool:
    return (path / "dataset_dict.json").is_file() or (
        (path / "state.json").is_file() and (path / "dataset_info.json").is_file()
    )


def _saved(path: Path, passed_over: Counter[str]) -> Iterator[Source]:
    """A saved data set; of one with several splits, train where there is one, else all."""
    if not (path / "dataset_dict.json").is_file():
        yield Source(kind="saved", name=shown(path), key=shown(path.name), path=path)
        return
    splits = sorted(p for p in path.iterdir() if _is_saved(p))
    chosen = [p for p in splits if p.name == "train"] or splits
    for split in splits:
        if split in chosen:
            yield Source(kind="saved", name=shown(split), key=shown(f"{path.name}/{split.name}"), path=split)
        else:
            passed_over[f"(split {split.name})"] += 1


def _folder(top: Path, leave_out: list[Path], passed_over: Counter[str]) -> Iterator[Source]:
    files = []
    for folder, inner, names in os.walk(top):
        below = [Path(folder) / name for name in inner if not name.startswith(".")]
        below = [path for path in below if path.resolve() not in leave_out]
        passed_over["(link to a folder)"] += sum(path.is_symlink() for path in below)
        passed_over["(folder of denoise)"] += sum(_is_ours(path) for path in below if not path.is_symlink())
        inner[:] = [path.name for path in below if not path.is_symlink() and not _is_ours(path)]
        files += [Path(folder) / name for name in names if not name.startswith(".")]
    for none_of in [name for name, count in passed_over.items() if not count]:
        del passed_over[none_of]
    for path in sorted(files):
        yield from _known(path, path.relative_to(top).as_posix(), passed_over)


def _known(path: Path, key: str, passed_over: Counter[str]) -> Iterator[Source]:
    kind = kind_of(path)
    if kind is None:
        passed_over[shown(path.suffix.lower()) or "(no ending)"] += 1
    elif path.exists() and not path.is_file():
        passed_over["(pipe or device)"] += 1
    else:
        yield Source(kind=kind, name=shown(path), key=shown(key), path=path, is_named=False)


def _is_ours(folder: Path) -> bool:
    """Whether a folder is one that denoise wrote, or has begun to write."""
    return any((folder / name).exists() for name in (CLEAN_MANIFEST_FILE, "tokenizer/vocab.json", SCRATCH_FOLDER))


def _texts_in(folder: Path) -> Path:
    """Where the cleaned texts of a folder of ours lie; any other folder is all of it read."""
    for home in (folder, folder / CLEAN_FOLDER):
        if (home / CLEAN_MANIFEST_FILE).is_file():
            return home / TEXT_FOLDER
    return folder


def shown(path: str | Path) -> str:
    r"""A path that can be written and printed: bytes of it that are not UTF-8 as escapes.

    >>> shown(os.fsdecode(b"caf\xe9.txt")), shown("caf\xe9.txt") == "caf\xe9.txt"
    ('caf\\xe9.txt', True)
    """
    return os.fsencode(path).decode(errors="backslashreplace")


def kind_of(path: Path) -> str | None:
    """The form of a file by its ending, or None.

    >>> kind_of(Path("c4.00.json.gz")), kind_of(Path("notes.TXT")), kind_of(Path("a.parquet.gz"))
    ('json_lines', 'text', None)
    """
    endings = [s.lower() for s in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        kind = KINDS.get(endings[-2]) if len(endings) > 1 else None
        return None if kind == "parquet" or (kind == "crawl" and endings[-1] != ".gz") else kind
    return KINDS.get(endings[-1]) if endings else None


def stamp(source: Source) -> dict[str, object]:
    """What tells cheaply whether a source has changed: its key, size in bytes and time of change.

    The name on the hub is all that is known of a data set there. Raises BadSource.
    """
    if source.kind == "hub":
        return {"name": source.key}
    with readable(source):
        stats = [path.stat() for path in _files(source)]
    return {
        "name": source.key,
        "num_bytes": sum(s.st_size for s in stats),
        "changed_at_ns": max((s.st_mtime_ns for s in stats), default=0),
    }


def digest(source: Source) -> str:
    """BLAKE2b of a source's bytes, in hex; empty for a data set on the hub. Raises BadSource."""
    total = blake2b(digest_size=16)
    with readable(source):
        for path in _files(source):
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    total.update(block)
    return "" if source.kind == "hub" else total.hexdigest()


def _files(source: Source) -> list[Path]:
    if source.kind == "saved":
        return sorted(path for path in source.path.iterdir() if path.is_file())
    return [] if source.kind == "hub" else [source.path]


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Turns the system's refusal to read a source into BadSource."""
    try:
        yield
    except OSError as error:
        raise BadSource(f"{source.name} cannot be read ({error.strerror or error}); check the file") from None
