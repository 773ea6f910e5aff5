"""Files opened for reading, unpacked by their ending, with one sentence for whatever is wrong with them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from data_prep.reading.sources import BadSource, Source, readable

BLOCK_BYTES = 1 << 20


class FoundText(NamedTuple):
    """A text in a source."""

    blocks: Iterable[str]
    """It, part by part; none where a table has null."""
    place: str
    """Where in the source it lies."""
    url: str = ""
    """Its address, if the source has one."""
    time: str = ""
    """When it was fetched, if the source says so."""
    unfit: str = ""
    """Why it cannot be read, to be counted; empty: it can."""


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The bytes of a file; every way of failing to read it is a BadSource."""
    openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open, ".zst": _open_zst}
    try:
        with readable(source), openers.get(source.path.suffix.lower(), open)(source.path, "rb") as file:
            yield file
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadSource(f"{source.name} is damaged or cut short ({error}); fetch it again") from None


def _open_zst(path: Path, mode: str) -> Any:
    import pyarrow  # the standard library has no Zstandard before Python 3.14

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"), BLOCK_BYTES)


def not_utf8(place: str, offset_bytes: int) -> BadSource:
    """What to say of a text that is in another encoding."""
    return BadSource(
        f"{place} is not UTF-8 at byte {offset_bytes}; "
        "if it is text, convert it: iconv -f LATIN1 -t UTF-8 (or -f UTF-16, -f GB18030) FILE > NEW"
    )


def is_unicode(text: str) -> bool:
    """Whether a text can be written: it holds no half of a surrogate pair."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
