"""Gzip members of a file, one at a time, each with a verdict: sound, cut short, damaged, or without end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, BinaryIO

from data_prep.reading.crawl_files.tally import BAD_GZIP, BOMB, CUT, BadCrawl

GZIP_START = b"\x1f\x8b\x08"
SOUND = "sound"

_BLOCK_BYTES = 1 << 20
# Little at first: what a member leaves over is copied, room for all that is asked is set aside at every call,
# and most members of Common Crawl are short.
_FIRST_FEED_BYTES, _NEXT_FEED_BYTES = 1 << 13, 1 << 16
_FIRST_UNPACKED_BYTES, _NEXT_UNPACKED_BYTES = 1 << 15, 1 << 18
FREE_BYTES = 1 << 26  # what a member may unpack to before its ratio counts
_TRIAL_BYTES, _SEEN_BYTES = 1 << 16, 1 << 6
_TRAILER_BYTES = 8  # of a member: fed no more at once, what stands before a wrong checksum is given out


@cache
def needed(module: str, package: str) -> Any:
    """An optional module. Raises BadCrawl where it is missing."""
    try:
        return import_module(module)
    except ImportError:
        raise BadCrawl(f"this crawl file cannot be read without {package}; pip install 'denoise[crawl]'") from None


class Raw:
    """The bytes of an open file by their place, through one block in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._block = b""
        self._block_at = 0
        self.num_bytes = file.seek(0, 2)

    def view(self, at: int, num_bytes: int) -> bytes:
        """Up to `num_bytes` bytes from `at` on; fewer only at the end of the file."""
        inside = at - self._block_at
        if inside < 0 or inside + num_bytes > len(self._block):
            self._file.seek(at)
            self._block = self._file.read(max(_BLOCK_BYTES, num_bytes))
            self._block_at, inside = at, 0
        return self._block[inside : inside + num_bytes]


class Member:
    """One gzip member, unpacked as it is read."""

    def __init__(self, raw: Raw, at: int, max_unpacking: int) -> None:
        igzip = needed("isal.igzip_lib", "isal")
        self._raw = raw
        self._error = igzip.IsalError
        self._unpacker = igzip.IgzipDecompressor(flag=igzip.DECOMP_GZIP)
        self._max_unpacking = max_unpacking
        self._feed_bytes, self._unpacked_bytes = _FIRST_FEED_BYTES, _FIRST_UNPACKED_BYTES
        self.at = at
        self.end_at = at
        self.num_unpacked = 0
        self.verdict = ""
        """Empty until it is known: SOUND, or CUT, BAD_GZIP, BOMB."""
        self.details = ""

    def read(self, max_bytes: int) -> bytes:
        """The next bytes; none when there is a verdict, and then perhaps with it."""
        while not self.verdict:
            block = b""
            if self._unpacker.needs_input:
                block = self._raw.view(self.end_at, self._feed_bytes)
                self._feed_bytes = _NEXT_FEED_BYTES
                self.end_at += len(block)
                if not block:
                    self._end(CUT, "the file ends within a gzip member")
                    break
            try:
                unpacked: bytes = self._unpacker.decompress(block, min(max_bytes, self._unpacked_bytes))
                self._unpacked_bytes = _NEXT_UNPACKED_BYTES
            except self._error as error:
                self._end(BAD_GZIP, f"a gzip member is damaged ({str(error).partition(' ')[2].lower()})")
                break
            self.num_unpacked += len(unpacked)
            if self._unpacker.eof:
                self.end_at -= len(self._unpacker.unused_data)
                self._end(SOUND, "")
            elif self.num_unpacked > max(FREE_BYTES, self._max_unpacking * (self.end_at - self.at)):
                self._end(BOMB, f"a gzip member unpacks to more than {self._max_unpacking} times its length")
                break
            if unpacked:
                return unpacked
        return b""

    def __iter__(self) -> Iterator[bytes]:
        """All that is left, part by part."""
        while not self.verdict:
            yield self.read(_NEXT_UNPACKED_BYTES)

    def _end(self, verdict: str, details: str) -> None:
        self.verdict, self.details = verdict, details


def is_member(raw: Raw, at: int, *, with_record: bool) -> bool:
    """Whether a gzip member begins there, perhaps one that begins with a record.

    Three bytes alone are also found by chance in packed data, and a packed page within a record begins like any.
    """
    igzip = needed("isal.igzip_lib", "isal")
    try:
        start = igzip.IgzipDecompressor(flag=igzip.DECOMP_GZIP).decompress(raw.view(at, _FIRST_FEED_BYTES), _SEEN_BYTES)
    except igzip.IsalError:
        return False
    if with_record or not start:
        return bool(start.startswith(b"WARC/"))
    member, num_bytes = Member(raw, at, max_unpacking=1 << 30), 0
    while not member.verdict and num_bytes < _TRIAL_BYTES:
        num_bytes += len(member.read(_TRIAL_BYTES))
    return member.verdict in ("", SOUND)


def damaged_parts(raw: Raw, at: int) -> Iterator[bytes]:
    """What a damaged member unpacks to before the fault is met: good for counting, not to be trusted."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    while not unpacker.eof and (block := raw.view(at, _TRAILER_BYTES)):
        try:
            yield unpacker.decompress(block)
        except zlib.error:
            return
        at += len(block)
