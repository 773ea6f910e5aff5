"""The bytes of a crawl file as runs of sound pieces, unpacked, with a break wherever bytes cannot be used."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from data_prep.reading.crawl_files.members import FREE_BYTES, GZIP_START, SOUND, Member, Raw, damaged_parts, is_member
from data_prep.reading.crawl_files.tally import BAD_GZIP, CUT, STRAY, ZEROS, Place

_START = rb"WARC/\d\.\d+[ \t]*\r?\n(?=[A-Za-z][A-Za-z-]*[ \t]*:)"
RECORD_START = re.compile(_START)
"""How a record begins: the version alone on a line, then a field."""
_LINE_START = re.compile(rb"\n(?=" + _START + rb")")
_PIECE_BYTES, _COUNTED_BYTES = 1 << 20, 1 << 16
_OVERLAP_BYTES = 1 << 8
_MAX_SCOUTS = 8  # how often one member is unpacked again to see whether a length is true


class Piece(NamedTuple):
    """Sound bytes, which follow on those of the piece before unless a break came between."""

    data: bytes
    """Unpacked bytes."""
    at: int
    """Byte of the file: of the member's start, or of the start of `data` if `is_plain`."""
    inside: int
    """Byte of what the member unpacks to; 0 if `is_plain`."""
    is_plain: bool
    """Whether the bytes lie in the file as they are."""
    ends: bool
    """Whether a member known to be sound, or a plain file, ends here."""

    @property
    def starts_record(self) -> bool:
        """Whether a member starts here, and in it a record."""
        return not self.is_plain and not self.inside and RECORD_START.match(self.data) is not None


class Break(NamedTuple):
    """Bytes that cannot be used; nothing behind them belongs to what came before."""

    place: Place
    """Where they begin."""
    reason: str
    """CUT, BAD_GZIP or BOMB; ZEROS or STRAY for what lies between members and costs no record."""
    details: str
    """What is wrong, in words."""
    num_starts: int = 0
    """Records that were seen to begin among them."""
    num_bytes: int = 0
    """How long they are in the file, for ZEROS and STRAY."""


class Unpacker:
    """One file's pieces and breaks, in order: gzip members, plain bytes, or one after the other."""

    def __init__(self, file: BinaryIO, *, hold_bytes: int, max_unpacking: int) -> None:
        self._raw = Raw(file)
        self._hold_bytes = hold_bytes
        self._max_unpacking = max_unpacking
        self._at = 0
        self._is_plain = False
        self._is_blocked = False
        """Whether members were seen that do not begin with a record: records then go on from one to the next."""
        self._streamed: Member | None = None
        self._waiting: Break | None = None
        self._scout: Member | None = None
        self._scouted_at, self._num_scouts = -1, 0

    def next(self) -> Piece | Break | None:
        """What comes next; None at the end of the file."""
        if self._streamed:
            return self._next_streamed(self._streamed)
        if self._waiting:
            broken, self._waiting = self._waiting, None
            return broken
        start = self._raw.view(self._at, _OVERLAP_BYTES)
        if not start:
            return None
        if self._is_plain or start.lstrip(b"\r\n").startswith(b"WARC/"):
            return self._plain()
        if start.startswith(GZIP_START) or GZIP_START.startswith(start):
            return self._member()
        return self._between(start)

    def jump(self, at: int, *, is_plain: bool) -> None:
        """Go on at byte `at` of the file, which so far was read as plain bytes."""
        self._at, self._is_plain = at, is_plain

    def is_member(self, at: int) -> bool:
        """Whether a gzip member that begins with a record begins at byte `at`."""
        return is_member(self._raw, at, with_record=True)

    def ends_behind(self, place: Place, distance: int, *, is_plain: bool) -> bool | None:
        """Whether a record starts, or all ends, `distance` bytes behind a place; None where that cannot be told.

        To see it without holding what lies between, the member is unpacked a second time. It cannot be told
        where a short member ends before: a record may go on in the next.
        """
        if is_plain:
            at = place.at + distance
            return at <= self._raw.num_bytes and _is_end(self._raw.view(at, _OVERLAP_BYTES))
        if distance > max(FREE_BYTES, self._max_unpacking * (self._raw.num_bytes - place.at)):
            return False
        target = place.inside + distance
        scout = self._scout
        if scout is None or scout.at != place.at or scout.num_unpacked > target:
            scout = self._scout = self._opened(place.at)
            self._num_scouts = self._num_scouts + 1 if self._scouted_at == place.at else 1
            self._scouted_at = place.at
        if self._num_scouts > _MAX_SCOUTS:
            return False
        while scout.num_unpacked < target and not scout.verdict:
            scout.read(min(target - scout.num_unpacked, _PIECE_BYTES))
        if scout.num_unpacked < target:
            return False if scout.num_unpacked > min(_PIECE_BYTES, self._hold_bytes) else None
        return _is_end(scout.read(_OVERLAP_BYTES))

    def _opened(self, at: int) -> Member:
        return Member(self._raw, at, self._max_unpacking)

    def _plain(self) -> Piece:
        self._is_plain = True
        data, at = self._raw.view(self._at, _PIECE_BYTES), self._at
        self._at += len(data)
        return Piece(data, at, 0, True, self._at == self._raw.num_bytes)

    def _member(self) -> Piece | Break | None:
        member = self._opened(self._at)
        data = member.read(self._hold_bytes)
        if not member.verdict:
            parts = [data]
            while not member.verdict and member.num_unpacked <= self._hold_bytes:
                parts.append(member.read(self._hold_bytes))
            data = b"".join(parts)
        if member.verdict == SOUND:
            self._at = member.end_at
            self._is_blocked = self._is_blocked or not data.startswith(b"WARC/")
            return Piece(data, member.at, 0, False, True)
        if not member.verdict:
            return self._long_member(member, data)
        return self._unsound(member, _num_starts([data]), data)

    def _long_member(self, member: Member, data: bytes) -> Piece | Break | None:
        """A member too long to be held is read twice: its checksum, which tells of damage anywhere, comes last."""
        num_starts = _num_starts(itertools.chain([data], member))
        if member.verdict != SOUND:
            return self._unsound(member, num_starts, None)
        self._at, self._streamed = member.end_at, self._opened(member.at)
        return self._next_streamed(self._streamed)

    def _unsound(self, member: Member, num_starts: int, data: bytes | None) -> Piece | Break | None:
        if member.verdict == BAD_GZIP:
            num_starts = _num_starts(damaged_parts(self._raw, member.at))
        following = self._find_start(member.at + 1)
        self._at = self._raw.num_bytes if following is None else following
        place = Place(at=member.at)
        if member.verdict != CUT or following is not None:
            # What was unpacked may differ from what was packed anywhere before the fault was met.
            return Break(place, member.verdict, member.details, num_starts)
        if data == b"":
            return Break(place, CUT, member.details)
        self._waiting = Break(place, CUT, member.details)
        if data is not None:
            return Piece(data, member.at, 0, False, False)
        self._streamed = self._opened(member.at)
        return self._next_streamed(self._streamed)

    def _next_streamed(self, member: Member) -> Piece | Break | None:
        inside = member.num_unpacked
        data = member.read(_PIECE_BYTES)
        if member.verdict:
            self._streamed = None
            if not data and member.verdict != SOUND:
                return self.next()
        return Piece(data, member.at, inside, False, member.verdict == SOUND)

    def _between(self, start: bytes) -> Break:
        at = self._at
        if start.startswith(b"\0"):
            while (block := self._raw.view(self._at, _PIECE_BYTES)) and block.startswith(b"\0"):
                self._at += len(block) - len(block.lstrip(b"\0"))
            count = self._at - at
            return Break(Place(at=at), ZEROS, f"{count} zero bytes stand between records", 0, count)
        following = self._find_start(at)
        self._at = self._raw.num_bytes if following is None else following
        count = self._at - at
        return Break(Place(at=at), STRAY, f"{count} bytes are neither gzip nor a WARC record", 0, count)

    def _find_start(self, at: int) -> int | None:
        """Where the next member, or plain record at the start of a line, begins."""
        while block := self._raw.view(at, _PIECE_BYTES):
            plain = _LINE_START.search(block)
            plain_inside = plain.end() if plain else len(block)
            packed_inside = block.find(GZIP_START, 0, plain_inside + 2)
            while 0 <= packed_inside < plain_inside:
                if is_member(self._raw, at + packed_inside, with_record=not self._is_blocked):
                    return at + packed_inside
                packed_inside = block.find(GZIP_START, packed_inside + 1, plain_inside + 2)
            if plain_inside < len(block):
                return at + plain_inside
            if len(block) < _PIECE_BYTES:
                return None
            at += len(block) - _OVERLAP_BYTES
        return None


def _is_end(behind: bytes) -> bool:
    rest = behind.lstrip(b"\r\n")
    return not rest or RECORD_START.match(rest) is not None or behind.startswith(b"\r\n\r\n")


def _num_starts(parts: Iterable[bytes]) -> int:
    """How many records begin in bytes that come part by part, each at the start of a line."""
    count, rest, waiting, num_waiting = 0, b"\n", [], 0
    for part in itertools.chain(parts, [None]):
        if part is not None:
            waiting.append(part)
            num_waiting += len(part)
            if num_waiting < _COUNTED_BYTES:
                continue
        rest += b"".join(waiting)
        waiting, num_waiting = [], 0
        end = len(rest) - _OVERLAP_BYTES if part is not None else len(rest)
        count += sum(found.start() < end for found in _LINE_START.finditer(rest))
        rest = rest[end:]
    return count
