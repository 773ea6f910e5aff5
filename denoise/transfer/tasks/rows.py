"""Rows out of files: tables with tabs, JSON lines, whole JSON files; one sentence with its line for what is wrong."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from data_prep.reading.opened import opened
from data_prep.reading.sources import COMPRESSIONS, BadSource, Source
from denoise.transfer.tasks.task import BadTask

_FETCH = "the file is cut or is another one; fetch it again"


class Row(NamedTuple):
    """One row of a table, and where it stands."""

    place: str
    """File and line, for messages."""
    values: Mapping[str, Any]
    """What each column has."""

    def value(self, column: str) -> Any:
        """What one column has. Raises BadTask where there is no such column."""
        if column not in self.values:
            raise BadTask(f"{self.place} has no column {column!r} but {', '.join(map(repr, self.values))}; {_FETCH}")
        return self.values[column]

    def text(self, column: str) -> str:
        """The same as text without white space around it. Raises BadTask for an empty one."""
        value = self.value(column)
        text = "" if value is None else str(value).strip()
        if not text:
            raise BadTask(f"{self.place} has nothing in the column {column!r}; {_FETCH}")
        return text


def found(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, or the same one compressed.

    >>> found(Path("no_such_folder"), "glue/CoLA/train.tsv")
    """
    paths = [folder / (name + ending) for ending in ("", *COMPRESSIONS)]
    return next((path for path in paths if path.is_file()), None)


def rows_of(path: Path, header: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a table with tabs (.tsv, .txt) or of JSON lines (.jsonl, .json), either also compressed.

    `header` names the columns of a table that does not name them in its first line. Raises BadTask.
    """
    suffix = _without_compression(path).suffix
    if suffix in (".jsonl", ".json"):
        return json_lines(path)
    if suffix in (".tsv", ".txt"):
        return table(path, header)
    raise BadTask(f"{path} has an ending that is not read; rows come in .tsv, .txt, .jsonl or .json, or compressed")


def table(path: Path, header: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a table whose columns are parted by tabs; quotes are characters like others, as GLUE has them."""
    names = list(header)
    for number, line in lines(path):
        if not line:
            continue
        cells = line.split("\t")
        if not names:
            names = cells
        elif len(cells) != len(names):
            raise BadTask(f"{path}:{number} has {len(cells)} columns and not {len(names)}; {_FETCH}")
        else:
            yield Row(f"{path}:{number}", dict(zip(names, cells, strict=True)))


def json_lines(path: Path) -> Iterator[Row]:
    """The rows of a file with one JSON object a line."""
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            raise BadTask(f"{path}:{number} is not JSON ({error}); {_FETCH}") from None
        if not isinstance(values, dict):
            raise BadTask(f"{path}:{number} is not a JSON object but {values!r:.40}; write one object a line")
        yield Row(f"{path}:{number}", values)


def whole_json(path: Path) -> Any:
    """What a file of one JSON value holds."""
    try:
        return json.loads("\n".join(line for _, line in lines(path)))
    except ValueError as error:
        raise BadTask(f"{path} is not JSON ({error}); {_FETCH}") from None


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file, which may be compressed, with their numbers from 1 and without their ends."""
    try:
        with opened(Source(kind="text", name=str(path), key=path.name, path=path)) as file:
            number = 0
            for number, line in enumerate(file, start=1):
                try:
                    text = line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
                except UnicodeDecodeError as error:
                    raise BadTask(f"{path}:{number} is not UTF-8 at byte {error.start}; {_FETCH}") from None
                yield number, text.removesuffix("\n").removesuffix("\r")
            if not number:
                raise BadTask(f"{path} is empty; {_FETCH}")
    except BadSource as error:
        raise BadTask(str(error)) from None


def _without_compression(path: Path) -> PurePath:
    return path.with_suffix("") if path.suffix in COMPRESSIONS else path
