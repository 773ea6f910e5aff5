"""Files and data sets → pages, one at a time, so that memory does not grow with the corpus."""

from __future__ import annotations

import bz2
import codecs
import difflib
import gzip
import io
import json
import lzma
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from data_prep.pages import Page
from data_prep.sources import HUB, BadSource, Found, Source, find, readable

LONGEST_DOCUMENT_CHARS = 1_000_000

_BLOCK_BYTES = 1 << 20

_Texts = tuple[Iterable[str], str]
"""A text in blocks (none where a table has null), and its place in the source."""


def documents(
    sources: Sequence[str | Path],
    *,
    text_field: str = "text",
    longest_document_chars: int = LONGEST_DOCUMENT_CHARS,
    counts: Counter[str] | None = None,
) -> Iterator[Page]:
    """Every page of `sources`, in their order; what a source may be is told at `data_prep.sources.find`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.jsonl"
    >>> _ = path.write_text('{"text": "One."}\\n{"text": "Two.", "url": "x"}\\n')
    >>> [(page.text, page.name.rpartition("/")[2]) for page in documents([path])]
    [('One.', 'two.jsonl:1'), ('Two.', 'two.jsonl:2')]

    A text file is one page. What is left out is counted in `counts` under its reason: `empty` (blank, or
    null in a table), `binary` (holds the character U+0000), `not unicode` (half of a surrogate pair).
    A text longer than `longest_document_chars` comes as several pages, cut where a paragraph, a line, a
    sentence or a word ends; `cut` counts the cuts.

    Raises BadSource, with file and place, for what cannot be read, and when nothing is left at all.
    """
    counts = Counter() if counts is None else counts
    yield from read(find(sources), text_field, longest_document_chars, counts)


def read(found: Found, text_field: str, longest_chars: int, counts: Counter[str]) -> Iterator[Page]:
    """The pages of what `find` found; see `documents`."""
    num_pages = 0
    for source in found.sources:
        num_before = num_pages
        for page in _pages(source, text_field, longest_chars, counts):
            num_pages += 1
            yield page
        if source.is_named and num_pages == num_before:
            raise BadSource(f"{source.name} has no text in it{_reasons(counts)}; leave it out or fill it")
    if not num_pages:
        raise BadSource(f"no text in {len(found.sources)} files, {found.sources[0].name} first{_reasons(counts)}")


def _reasons(counts: Counter[str]) -> str:
    return f" (left out: {', '.join(f'{n} {reason}' for reason, n in counts.items())})" if counts else ""


def _pages(source: Source, text_field: str, longest_chars: int, counts: Counter[str]) -> Iterator[Page]:
    for blocks, place in _READERS[source.kind](source, text_field):
        is_empty = True
        for number, part in enumerate(_cut(blocks, longest_chars)):
            counts.update({"cut": 1} if number else {})
            is_empty = False
            if "\0" in part:
                counts["binary"] += 1
            elif not _is_unicode(part):
                counts["not unicode"] += 1
            else:
                yield Page(text=part, name=source.name + place)
        counts.update({"empty": 1} if is_empty else {})


def _is_unicode(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _cut(blocks: Iterable[str], longest_chars: int) -> Iterator[str]:
    """The joined blocks in stripped parts no longer than asked; blank parts are left out.

    A cut falls in the second half of what is allowed, behind a paragraph, line, sentence or word.
    """
    rest = ""
    for block in blocks:
        rest += block
        start = 0
        while len(rest) - start > longest_chars:
            half, end = start + longest_chars // 2, start + longest_chars
            places = (rest.rfind(mark, half, end) + len(mark) for mark in ("\n\n", "\n", ". ", "。", " "))
            end = next((place for place in places if place > half), end)
            if part := rest[start:end].strip():
                yield part
            start = end
        rest = rest[start:]
    if part := rest.strip():
        yield part


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked by its ending; every way of failing to read it is a BadSource."""
    openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open, ".zst": _open_zst}
    try:
        with readable(source), openers.get(source.path.suffix.lower(), open)(source.path, "rb") as file:
            yield file
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadSource(f"{source.name} is damaged or cut short ({error}); fetch it again") from None


def _open_zst(path: Path, mode: str) -> Any:
    import pyarrow  # the standard library has no Zstandard before Python 3.14

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"), _BLOCK_BYTES)


def _text(source: Source, text_field: str) -> Iterator[_Texts]:
    yield _blocks(source), ""


def _blocks(source: Source) -> Iterator[str]:
    utf8 = codecs.getincrementaldecoder("utf-8")()
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    num_read_bytes = 0
    with _opened(source) as file:
        while True:
            block = file.read(_BLOCK_BYTES)
            pending_bytes = len(utf8.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise _not_utf8(source.name, num_read_bytes - pending_bytes + error.start) from None
            yield text if num_read_bytes else text.removeprefix("\ufeff")
            if not block:
                return
            num_read_bytes += len(block)


def _not_utf8(place: str, offset_bytes: int) -> BadSource:
    return BadSource(
        f"{place} is not UTF-8 at byte {offset_bytes}; "
        "if it is text, convert it: iconv -f LATIN1 -t UTF-8 (or -f UTF-16, -f GB18030) FILE > NEW"
    )


def _json_lines(source: Source, text_field: str) -> Iterator[_Texts]:
    with _opened(source) as file:
        for number, line in enumerate(file, start=1):
            place = f":{number}"
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.isspace():
                continue
            try:
                row = json.loads(line.decode())
            except UnicodeDecodeError as error:
                raise _not_utf8(source.name + place, error.start) from None
            except (ValueError, RecursionError) as error:
                raise BadSource(f"{source.name}{place} is not JSON ({error}); write one JSON object a line") from None
            yield _field(row, text_field, source.name + place), place


def _field(row: object, text_field: str, place: str) -> list[str]:
    if isinstance(row, list):
        raise BadSource(f"{place} is a JSON array; write one object a line: jq -c '.[]' FILE > NEW.jsonl")
    if not isinstance(row, Mapping):
        raise BadSource(f"{place} is not a JSON object but {row!r:.40}; write one object a line")
    if text_field not in row:
        raise _no_field(place, text_field, list(row))
    text = row[text_field]
    if text is not None and not isinstance(text, str):
        raise BadSource(f"{place}: the field {text_field!r} is not text but {text!r:.40}; name another text field")
    return [] if text is None else [text.replace("\r\n", "\n").replace("\r", "\n")]


def _no_field(place: str, text_field: str, names: Sequence[str]) -> BadSource:
    nearest = difflib.get_close_matches(text_field, names, n=1, cutoff=0.5)
    guess = f"did you mean {nearest[0]!r}?" if nearest else f"name one of these as the text field: {sorted(names)}"
    return BadSource(f"{place} has no field {text_field!r}; {guess}")


def _parquet(source: Source, text_field: str) -> Iterator[_Texts]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source.path) as file:
            names = file.schema_arrow.names
            if text_field not in names:
                raise _no_field(source.name, text_field, names)
            number = 0
            for batch in file.iter_batches(batch_size=256, columns=[text_field]):
                for text in batch.column(0).to_pylist():
                    number += 1
                    yield _field({text_field: text}, text_field, f"{source.name}:{number}"), f":{number}"
    except (pyarrow.ArrowException, OSError) as error:
        raise BadSource(f"{source.name} is no whole Parquet file ({error}); fetch it again") from None


def _saved(source: Source, text_field: str) -> Iterator[_Texts]:
    from datasets import load_from_disk

    try:
        rows = load_from_disk(str(source.path))
    except Exception as error:  # the library raises whatever its parts raise
        raise BadSource(f"{source.name} is no data set saved to disk ({_one_line(error)}); save it again") from None
    yield from _rows(rows, source, text_field)


def _hub(source: Source, text_field: str) -> Iterator[_Texts]:
    from datasets import load_dataset

    name, config, split = [*source.name.removeprefix(HUB).split(":"), "", ""][:3]
    try:
        rows = load_dataset(name, config or None, split=split or "train", streaming=True)
        yield from _rows(rows, source, text_field)
    except BadSource:
        raise
    except Exception as error:  # the network and the hub fail in many ways, also in mid-stream
        raise BadSource(
            f"{source.name} cannot be read from the hub ({_one_line(error)}); check name, config, split and network"
        ) from None


def _rows(rows: Any, source: Source, text_field: str) -> Iterator[_Texts]:
    if rows.column_names and text_field in rows.column_names:
        rows = rows.select_columns([text_field])
    for number, row in enumerate(rows, start=1):
        yield _field(row, text_field, f"{source.name}:{number}"), f":{number}"


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


_READERS = {"text": _text, "json_lines": _json_lines, "parquet": _parquet, "saved": _saved, "hub": _hub}
