"""Rows with a text in one field: JSON lines, Parquet, data sets saved to disk or on the Hugging Face hub."""

from __future__ import annotations

import codecs
import difflib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, BinaryIO

from data_prep.reading.opened import BLOCK_BYTES, FoundText, is_unicode, not_utf8, opened
from data_prep.reading.sources import HUB, BadSource, Slice, Source

LONGEST_LINE_BYTES = 1 << 26
"""A longer line of JSON is passed over and counted: it would be held several times over."""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """What the fields, or columns, of a source are called; only the first must be there."""

    text: str = "text"
    """The text."""
    url: str = "url"
    """Where it was found."""
    time: str = "timestamp"
    """When it was found: of several pages of one address the greatest is the newest."""


def json_lines(part: Slice, fields: Fields) -> Iterator[FoundText]:
    """One object a line."""
    source = part.source
    for place, line in _lines(part):
        if len(line) > LONGEST_LINE_BYTES:
            yield FoundText([], place, unfit="too long")
            continue
        if line.isspace():
            continue
        try:
            row = json.loads(line.decode())
        except UnicodeDecodeError as error:
            raise not_utf8(source.name + place, error.start) from None
        except (ValueError, RecursionError) as error:
            raise BadSource(f"{source.name}{place} is not JSON ({error}); write one JSON object a line") from None
        yield _in_row(row, fields, source.name, place)


def _lines(part: Slice) -> Iterator[tuple[str, bytes]]:
    """The lines that begin within a slice, each with its place: a number, or its byte where the file is sliced.

    Of a line that is too long, one byte more than is allowed.
    """
    stop = part.stop if not part.is_whole else sys.maxsize
    with opened(part.source) as file:
        # A line that began before is the slice's before; just its end, if that is where the slice starts.
        at = file.seek(part.start - 1) if part.start else 0
        at += _rest_of_line(file, stop - at) if part.start else 0
        number = 0
        while at < stop and (line := file.readline(LONGEST_LINE_BYTES + 1)):
            number += 1
            yield f":{number}" if part.is_whole else f"@{at}", line if at else line.removeprefix(codecs.BOM_UTF8)
            is_over = line.endswith(b"\n") or len(line) <= LONGEST_LINE_BYTES
            at += len(line)
            at += 0 if is_over else _rest_of_line(file, stop - at)


def _rest_of_line(file: BinaryIO, num_bytes: int) -> int:
    """Pass over what is left of a line, or so many bytes of it; how many there were."""
    passed = 0
    while passed < num_bytes and (piece := file.readline(BLOCK_BYTES)):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


def _in_row(row: object, fields: Fields, name: str, place: str) -> FoundText:
    if isinstance(row, list):
        raise BadSource(f"{name}{place} is a JSON array; write one object a line: jq -c '.[]' FILE > NEW.jsonl")
    if not isinstance(row, Mapping):
        raise BadSource(f"{name}{place} is not a JSON object but {row!r:.40}; write one object a line")
    if fields.text not in row:
        raise _no_field(name + place, fields.text, list(row))
    text = row[fields.text]
    if text is not None and not isinstance(text, str):
        raise BadSource(
            f"{name}{place}: the field {fields.text!r} is not text but {text!r:.40}; name another text field"
        )
    blocks = [] if text is None else [text.replace("\r\n", "\n").replace("\r", "\n")]
    return FoundText(blocks, place, _word(row.get(fields.url)), _word(row.get(fields.time)))


def _word(value: object) -> str:
    """An address or a time, which any kind of value may hold; empty if there is none, or if it cannot be kept."""
    if isinstance(value, datetime):
        return value.isoformat()
    text = "" if value is None else str(value).strip()
    return text if "\0" not in text and is_unicode(text) else ""


def _no_field(place: str, text_field: str, names: Sequence[str]) -> BadSource:
    nearest = difflib.get_close_matches(text_field, names, n=1, cutoff=0.5)
    guess = f"did you mean {nearest[0]!r}?" if nearest else f"name one of these as the text field: {sorted(names)}"
    return BadSource(f"{place} has no field {text_field!r}; {guess}")


def parquet_rows(part: Slice, fields: Fields) -> Iterator[FoundText]:
    """The rows of row groups."""
    import pyarrow
    from pyarrow import parquet

    source = part.source
    try:
        with parquet.ParquetFile(source.path) as file:
            names = file.schema_arrow.names
            if fields.text not in names:
                raise _no_field(source.name, fields.text, names)
            groups = range(file.num_row_groups)[part.start : None if part.is_whole else part.stop]
            number = sum(file.metadata.row_group(group).num_rows for group in range(groups.start))
            columns = [name for name in astuple(fields) if name in names]
            for batch in file.iter_batches(batch_size=256, columns=columns, row_groups=list(groups)):
                for row in _rows_of(batch, fields, f"{source.name}:{number + 1}"):
                    number += 1
                    yield _in_row(row, fields, source.name, f":{number}")
    except (pyarrow.ArrowException, OSError) as error:
        raise BadSource(f"{source.name} is no whole Parquet file ({error}); fetch it again") from None


def _rows_of(batch: Any, fields: Fields, place: str) -> list[dict[str, Any]]:
    """A batch as plain values; times that Python has no value for as text."""
    import pyarrow

    if fields.time in batch.schema.names and pyarrow.types.is_temporal(batch.schema.field(fields.time).type):
        number = batch.schema.names.index(fields.time)
        try:
            batch.column(number).to_pylist()
        except (OverflowError, ValueError):
            batch = batch.set_column(number, fields.time, batch.column(number).cast(pyarrow.string()))
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except ValueError as error:
        raise BadSource(f"{place} and what follows is not text that can be read ({error}); write it again") from None
    return rows


def saved_rows(part: Slice, fields: Fields) -> Iterator[FoundText]:
    """A data set written by save_to_disk."""
    from datasets import load_from_disk

    source = part.source
    try:
        rows = load_from_disk(str(source.path))
    except Exception as error:  # the library raises whatever its parts raise
        raise BadSource(f"{source.name} is no data set saved to disk ({_one_line(error)}); save it again") from None
    yield from _rows(rows, source, fields)


def hub_rows(part: Slice, fields: Fields) -> Iterator[FoundText]:
    """A data set of the hub, streamed."""
    from datasets import load_dataset

    source = part.source
    name, config, split = [*source.name.removeprefix(HUB).split(":"), "", ""][:3]
    try:
        rows = load_dataset(name, config or None, split=split or "train", streaming=True)
        yield from _rows(rows, source, fields)
    except BadSource:
        raise
    except Exception as error:  # the network and the hub fail in many ways, also in mid-stream
        raise BadSource(
            f"{source.name} cannot be read from the hub ({_one_line(error)}); check name, config, split and network"
        ) from None


def _rows(rows: Any, source: Source, fields: Fields) -> Iterator[FoundText]:
    if rows.column_names and fields.text in rows.column_names:
        rows = rows.select_columns([name for name in astuple(fields) if name in rows.column_names])
    for number, row in enumerate(rows, start=1):
        yield _in_row(row, fields, source.name, f":{number}")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
