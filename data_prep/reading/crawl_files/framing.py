"""WARC records by their Content-Length, as the format has them; a damaged one is lost alone.

A record ("record" is the format's word) is given out when it is whole and what follows is another record or an
end, so that a wrong length is never taken for a shorter or a longer page. Behind a damaged one reading goes on
at the next member, or the next version line that follows a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from data_prep.reading.crawl_files.stream import Stream
from data_prep.reading.crawl_files.tally import BAD_HEADER, BAD_LENGTH, CUT, STRAY, ZEROS, Place
from data_prep.reading.crawl_files.unpack import RECORD_START, Break

MAX_HEADER_BYTES = 1 << 16

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(r"\n([^\s:]+)[ \t]*:[ \t]*([^\n]*)")
_FOLD = re.compile(r"\r?\n[ \t]+(?=\S)")
_NOT_BLANK = re.compile(rb"[^\r\n]|\Z")
_START_AFTER_BLANK = re.compile(rb"\n\r?\n(?=" + RECORD_START.pattern + rb")")
_SEEN_BYTES = 1 << 8  # enough to see whether a record starts
_SEPARATOR_BYTES = 4
_BAD_SEPARATOR = re.compile(rb".\n\r\n|\r.\r\n|\r\n.\n|\r\n\r.|.\n|\n.", re.DOTALL)
"""What stands between two records, one byte of it damaged."""
_MAX_LENGTH_DIGITS = 18


class Record(NamedTuple):
    """One whole record."""

    fields: dict[str, str]
    """Header values by lower-case name, the first of each name."""
    body: bytes
    """All of it; of one that `is_too_large`, the beginning."""
    place: Place
    """Where the record begins."""
    is_too_large: bool
    """Whether the body is longer than is read."""


class Framing:
    """The records of a stream, in order; what is damaged goes to `report(place, reason, details, num_lost, ...)`."""

    def __init__(self, stream: Stream, report: Callable[..., None], max_record_bytes: int) -> None:
        self._stream = stream
        self._report = report
        self._max_record_bytes = max_record_bytes
        self._is_break_told = False
        """Whether the break ahead was already given as the reason why a record is lost."""

    def __iter__(self) -> Iterator[Record]:
        while self._at_start():
            record = self._record()
            self._stream.settle()
            if record:
                yield record

    def _at_start(self) -> bool:
        """Go to where the next record starts; False at the end of the file."""
        stream = self._stream
        while True:
            if not stream.skip_blank():
                broken = stream.take_break()
                if broken is None:
                    return False
                self._report_break(broken)
                continue
            stream.reach(stream.pos + _SEEN_BYTES)
            if RECORD_START.match(stream.data, stream.pos):
                return True
            if stream.is_packed(stream.pos):
                stream.jump(stream.place(stream.pos).at, is_plain=False)
            elif self._is_at_fault_ahead() and len(stream.data) < stream.pos + _SEEN_BYTES:
                stream.pos = len(stream.data)  # the first bytes of what is cut; the break is told of next
            else:
                place, near = stream.place(stream.pos), self._near_start(stream.pos)
                count = self._seek_start(stream.pos) if near is None else near - stream.pos
                stream.pos = near or stream.pos
                self._report(place, STRAY, f"{count} bytes belong to no record", 0, num_stray_bytes=count)

    def _report_break(self, broken: Break) -> None:
        is_told, self._is_break_told = self._is_break_told, False
        if broken.reason in (ZEROS, STRAY):
            self._report(broken.place, broken.reason, broken.details, 0, num_stray_bytes=broken.num_bytes)
        elif num_lost := broken.num_starts or (0 if is_told else 1):
            self._report(broken.place, broken.reason, broken.details, num_lost)

    def _record(self) -> Record | None:
        stream, start = self._stream, self._stream.pos
        place = stream.place(start)
        body_start = self._body_start(start, place)
        if body_start is None:
            return None
        fields = _fields(stream.data[start:body_start])
        if fields is None or "warc-type" not in fields:
            self._lose(place, BAD_HEADER, "the header has a line that is no field, or no WARC-Type", body_start)
            return None
        given = fields.get("content-length", "")
        if not (given.isascii() and given.isdigit() and len(given) <= _MAX_LENGTH_DIGITS):
            what = f"the Content-Length is {given!r:.40}" if given else "there is no Content-Length"
            self._lose(place, BAD_LENGTH, what, body_start)
            return None
        if int(given) > self._max_record_bytes:
            return self._too_large(fields, place, body_start, int(given))
        body_end = body_start + int(given)
        if not stream.reach(body_end, within=True):
            self._lose_short(place, body_start)
            return None
        if not self._is_followed(body_end):
            if self._is_at_fault_ahead():
                self._lose_short(place, body_start)
            else:
                self._lose(place, BAD_LENGTH, f"the record does not end where its {given} bytes do", body_start)
            return None
        body = stream.data[body_start:body_end]
        stream.pos = body_end
        return Record(fields, body, place, False)

    def _body_start(self, start: int, place: Place) -> int | None:
        stream = self._stream
        while not (found := _HEADER_END.search(stream.data, start, start + MAX_HEADER_BYTES)):
            if len(stream.data) >= start + MAX_HEADER_BYTES:
                self._lose(place, BAD_HEADER, f"the header is longer than {MAX_HEADER_BYTES} bytes", start + 1)
                return None
            if not stream.more(within=True):
                self._lose_short(place, start + 1)
                return None
        return found.end()

    def _is_followed(self, body_end: int) -> bool:
        """Whether a record, an end, or at least the blank lines between two records stand behind a body."""
        stream, index = self._stream, body_end
        if stream.ends and not stream.data[body_end:].strip(b"\r\n"):
            return True  # the usual case, by the shortest way
        while (index := _NOT_BLANK.search(stream.data, index).start()) == len(stream.data):  # type: ignore[union-attr]
            if not stream.more(within=True):
                return stream.ends
        stream.reach(index + _SEEN_BYTES, within=True)
        if RECORD_START.match(stream.data, index) or stream.is_packed(index):
            return True
        near = self._near_start(body_end)
        if near is not None and _BAD_SEPARATOR.fullmatch(stream.data, body_end, near):
            return True
        return stream.data.startswith(b"\r\n\r\n", body_end)

    def _near_start(self, index: int) -> int | None:
        """Where a record starts behind no more bytes than stand between two records."""
        found = RECORD_START.search(self._stream.data, index, index + _SEEN_BYTES)
        return found.start() if found and found.start() - index <= _SEPARATOR_BYTES else None

    def _is_at_fault_ahead(self) -> bool:
        ahead = self._stream.ahead
        return isinstance(ahead, Break) and ahead.reason not in (ZEROS, STRAY) and not self._stream.ends

    def _lose_short(self, place: Place, resume: int) -> None:
        """Lose a record that has no end, whatever the cause."""
        stream = self._stream
        if self._is_at_fault_ahead() and isinstance(stream.ahead, Break):
            reason, details, self._is_break_told = stream.ahead.reason, stream.ahead.details, True
        elif stream.ahead is None:
            reason, details = CUT, "the file ends within the record"
        else:
            reason, details = BAD_LENGTH, "another record begins before the record's Content-Length is reached"
        self._seek_start(resume)
        if reason == CUT and stream.pos < len(stream.data):
            reason, details = BAD_LENGTH, "another record begins before the record's Content-Length is reached"
        self._report(place, reason, details, 1)

    def _lose(self, place: Place, reason: str, details: str, resume: int) -> None:
        self._seek_start(resume)
        self._report(place, reason, details, 1)

    def _seek_start(self, index: int) -> int:
        """Go to the next start of a record at or behind `index`; how many bytes lie between."""
        stream, count = self._stream, -index
        stream.pos = index
        while True:
            found = _START_AFTER_BLANK.search(stream.data, max(0, stream.pos - 3))
            end = found.end() if found else len(stream.data)
            packed = stream.data.find(b"\x1f\x8b\x08", stream.pos, end) if stream.is_plain else -1
            while packed >= 0 and not stream.is_packed(packed):
                packed = stream.data.find(b"\x1f\x8b\x08", packed + 1, end)
            if found or packed >= 0:
                stream.pos = packed if packed >= 0 else end
                return count + stream.pos
            stream.pos = max(stream.pos, end - _SEEN_BYTES)
            dropped = stream.pos
            stream.settle()
            count += dropped - stream.pos
            if not stream.more(within=True):
                stream.pos = len(stream.data)
                return count + stream.pos

    def _too_large(self, fields: dict[str, str], place: Place, body_start: int, length: int) -> Record | None:
        """A record too large to be held: stepped over if its length is true, else searched for the next."""
        stream = self._stream
        stream.reach(body_start + MAX_HEADER_BYTES, within=True)
        body = stream.data[body_start : body_start + MAX_HEADER_BYTES]
        here = stream.place(body_start)
        is_true = stream.unpacker.ends_behind(here, length, is_plain=stream.is_plain)
        if is_true is None:
            is_true = stream.reach(body_start + self._max_record_bytes, within=True)
        if not is_true:
            self._lose(place, BAD_LENGTH, f"the record does not end where its {length} bytes do", body_start)
            return None
        if stream.is_plain:
            stream.jump(here.at + length, is_plain=True)
        else:
            stream.pos = body_start
            stream.skip(length)
        return Record(fields, body, place, True)


def _fields(header: bytes) -> dict[str, str] | None:
    """The fields by lower-case name; None where a line is none."""
    text = header.decode("utf-8", "replace")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    pairs = _FIELD.findall(text)
    if len(pairs) != text.count("\n") - 2:  # the version line and the blank one
        return None
    return {name.lower(): value.rstrip() for name, value in reversed(pairs)}
