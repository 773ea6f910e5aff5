"""Pages of a WET file as the code that made C4 splits them, its quirks kept.

Source: tensorflow_datasets 4.9.10, text/c4_utils.py, split_wet_file. Lines end at \\r, \\n or both; one that is
`WARC/1.0` starts a page, whatever the Content-Length says; address and date are taken from the last lines that
begin like those fields, in the header or not; every line that begins with `WARC`, `CONTENT-` or `Content-` is
thrown away. Where that code stops at bytes that are not UTF-8 or not gzip, the pages that hold them are lost
here, and counted. That code strips every line and leaves out empty ones. So do the rules, and once is enough:
here they stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from data_prep.reading.crawl_files.members import GZIP_START
from data_prep.reading.crawl_files.stream import Stream
from data_prep.reading.crawl_files.tally import CUT, EMPTY, NO_DATE, NO_URL, NOT_UTF8, STRAY, TOO_LARGE, ZEROS, Place
from data_prep.reading.crawl_files.unpack import Break

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.IGNORECASE)
_DELIMITER = b"WARC/1.0"
_THROWN_AWAY = ("WARC", "CONTENT-", "Content-")
_THROWN_AWAY_BYTES = tuple(name.encode() for name in _THROWN_AWAY)
_MAX_MARGIN_BYTES = 1 << 8  # blank characters round a delimiter; more are not looked at, or a line could cost a day


class Found(NamedTuple):
    """The fields and text of one page, or of what would have been one."""

    url: str
    """As the last such line has it; empty if there is none."""
    time: str
    """WARC-Date, likewise."""
    text: str
    """Lines that end with a newline alone, some of them perhaps empty or with blanks around them."""
    kind: str
    """WARC-Type in the header, which the original does not look at."""
    language: str
    """WARC-Identified-Content-Language in the header, or empty."""


def split(chunk: bytes) -> Found:
    r"""The page in the lines from one delimiter to the next. Raises UnicodeDecodeError.

    >>> split(b"WARC/1.0\r\nWARC-Target-URI: a\r\nWARC-Date: 2020\r\n\r\n One.  \r\nContent- is eaten.\nTwo.\r\n")
    Found(url='a', time='2020', text='One.\nTwo.', kind='', language='')
    """
    header, _, body = chunk.partition(b"\r\n\r\n")
    body = body.rstrip()
    # Bytes are searched faster than characters, half of which take two bytes each.
    has_thrown_away = any(name in body for name in _THROWN_AWAY_BYTES)
    text = (_translated(body.decode()) if b"\r" in body else body.decode()).strip()
    fields = {"url": "", "time": "", "kind": "", "language": ""}
    kept: list[str] = []
    _sort(header.decode(), fields, kept)
    kind, language = fields["kind"], fields["language"]
    if has_thrown_away:
        _sort(text, fields, kept)
    elif text:
        kept.append(text)
    return Found(fields["url"], fields["time"], "\n".join(kept), kind, language)


def _translated(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


_FIELDS = {
    "WARC-Target-URI": "url",
    "WARC-Date": "time",
    "WARC-Type": "kind",
    "WARC-Identified-Content-Language": "language",
}


def _sort(lines: str, fields: dict[str, str], kept: list[str]) -> None:
    for line in map(str.strip, _translated(lines).split("\n")):
        if not line.startswith(_THROWN_AWAY):
            if line:
                kept.append(line)
            continue
        name, colon, value = line.partition(":")
        if colon and name in _FIELDS:
            fields[_FIELDS[name]] = value.strip()


class C4Split:
    """The pages of a stream, in order; what is damaged goes to `report`, what holds no page to `pass_over`."""

    def __init__(
        self,
        stream: Stream,
        report: Callable[..., None],
        pass_over: Callable[[str], None],
        max_record_bytes: int,
    ) -> None:
        self._stream = stream
        self._report = report
        self._pass_over = pass_over
        self._max_record_bytes = max_record_bytes
        self._is_lost = False
        """Whether what is being read belongs to a page already counted as lost, up to the next delimiter."""

    def __iter__(self) -> Iterator[tuple[Found, Place]]:
        stream, searched = self._stream, 0
        while True:
            line = self._next_delimiter(searched)
            packed = self._next_packed(searched, line[0] if line else len(stream.data)) if stream.is_plain else -1
            if packed >= 0:
                chunk, place = stream.data[stream.pos : packed], stream.place(stream.pos)
                stream.jump(stream.place(packed).at, is_plain=False)
                searched = 0
                yield from self._page(chunk, place)
                self._is_lost = False
                continue
            if line is not None:
                chunk, place = stream.data[stream.pos : line[0]], stream.place(stream.pos)
                stream.pos = line[0]
                stream.settle()
                searched = line[1] - (line[0] - stream.pos)
                yield from self._page(chunk, place)
                self._is_lost = False
                continue
            searched = self._shorten()
            if stream.more():
                continue
            broken = stream.take_break()
            if broken is not None and broken.reason == ZEROS:
                self._report_stray(broken)
                continue
            yield from self._last(broken)
            searched = 0
            if broken is None:
                return

    def _next_delimiter(self, searched: int) -> tuple[int, int] | None:
        """Start of the next line that is a delimiter, and the end of the delimiter in it."""
        stream = self._stream
        while (index := stream.data.find(_DELIMITER, searched)) >= 0:
            end = index + len(_DELIMITER)
            if stream.data[index - 1 : index] == b"\n" and stream.data[end : end + 1] == b"\r":
                return index, end  # as nearly all are
            stream.reach(end + _MAX_MARGIN_BYTES)
            behind = _lines(stream.data[end : end + _MAX_MARGIN_BYTES])[0]
            lines = _lines(stream.data[max(stream.pos, index - _MAX_MARGIN_BYTES) : index])
            is_alone = len(lines) > 1 or index - _MAX_MARGIN_BYTES <= stream.pos
            if is_alone and not _text(lines[-1]).strip() and not _text(behind).strip():
                return index - len(lines[-1]), end
            searched = end
        return None

    def _next_packed(self, searched: int, end: int) -> int:
        """Where among plain lines a gzip member begins, or -1; the original reads no plain files."""
        stream = self._stream
        index = stream.data.find(GZIP_START, searched, end)
        while index >= 0 and not stream.is_packed(index):
            index = stream.data.find(GZIP_START, index + 1, end)
        return index

    def _shorten(self) -> int:
        """Forget all but the end of what is too long or lost; from where to search on."""
        stream = self._stream
        if len(stream.data) - stream.pos > self._max_record_bytes and not self._is_lost:
            details = f"the page is longer than {self._max_record_bytes} bytes"
            self._report(stream.place(stream.pos), TOO_LARGE, details, 1)
            self._is_lost = True
        if self._is_lost:
            stream.pos = max(stream.pos, len(stream.data) - _MAX_MARGIN_BYTES - len(_DELIMITER))
            stream.settle()
        return max(stream.pos, len(stream.data) - len(_DELIMITER) + 1)

    def _last(self, broken: Break | None) -> Iterator[tuple[Found, Place]]:
        """The page that stands before a break or the end, if it is whole."""
        stream = self._stream
        end = _cut_delimiter(stream.data, stream.pos) if broken is not None or stream.is_plain else None
        chunk = stream.data[stream.pos : end]
        if end is not None and broken is None:
            self._report(stream.place(end), CUT, "the file ends within a WARC/1.0", 1)
        fault = broken if broken is not None and broken.reason != STRAY else None
        num_lost = max(1, fault.num_starts) if fault else 0
        if chunk.strip() and not self._is_lost:
            place = stream.place(stream.pos)
            has_sound_end = stream.ends or end is not None
            is_whole = _is_whole(chunk)
            if has_sound_end and (is_whole or (broken is None and not stream.is_plain)):
                if not is_whole:
                    self._report(place, CUT, "the last page ends before its Content-Length", 0, is_mended=True)
                yield from self._page(chunk, place)
            else:
                details = fault.details if fault else "the page ends before its Content-Length"
                self._report(place, fault.reason if fault else CUT, details, 1)
                num_lost = fault.num_starts if fault else 0
        stream.pos = len(stream.data)
        stream.settle()
        if fault and num_lost:
            self._report(fault.place, fault.reason, fault.details, num_lost)
        elif broken is not None and not fault:
            self._report_stray(broken)
        self._is_lost = broken is not None

    def _report_stray(self, broken: Break) -> None:
        self._report(broken.place, broken.reason, broken.details, 0, num_stray_bytes=broken.num_bytes)

    def _page(self, chunk: bytes, place: Place) -> Iterator[tuple[Found, Place]]:
        if self._is_lost or not chunk or chunk.isspace():
            return
        try:
            found = split(chunk)
        except UnicodeDecodeError as error:
            details = f"the page is not UTF-8 ({error.end - error.start} bytes, from {error.start} on)"
            self._report(place, NOT_UTF8, details, 1)
            return
        if found.url and found.text and found.time:
            yield found, place
        elif found.kind and found.kind != "conversion" and not found.url:
            self._pass_over(found.kind)
        elif not found.text and found.url:
            self._pass_over(EMPTY)
        elif not chunk.lstrip().startswith(_DELIMITER):
            self._report(place, STRAY, f"{len(chunk)} bytes before the first WARC/1.0", 0, num_stray_bytes=len(chunk))
        else:
            what = (NO_DATE, "WARC-Date") if found.url else (NO_URL, "WARC-Target-URI")
            self._report(place, what[0], f"the page has no {what[1]}", 1)


def _lines(part: bytes) -> list[bytes]:
    return part.replace(b"\r", b"\n").split(b"\n")


def _text(part: bytes) -> str:
    return part.decode("utf-8", "replace")


def _is_whole(chunk: bytes) -> bool:
    """Whether the body is as long as its header says, if it says so."""
    end = _HEADER_END.search(chunk)
    if not end:
        return False
    length = _LENGTH.search(chunk, 0, end.end())
    return length is None or len(chunk) - end.end() >= int(length[1])


def _cut_delimiter(data: bytes, start: int) -> int | None:
    """Where behind a whole page the first bytes of a delimiter stand at the end of the data, if they do."""
    line_start = data.rfind(b"\n", start) + 1
    is_cut = line_start < len(data) and _DELIMITER.startswith(data[line_start:])
    return line_start if is_cut and _is_whole(data[start:line_start]) else None
