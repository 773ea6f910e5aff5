"""A window on the pieces of a crawl file that can be searched, and that knows where each of its bytes lies."""

from __future__ import annotations

import re
from bisect import bisect_right

from data_prep.reading.crawl_files.members import GZIP_START
from data_prep.reading.crawl_files.tally import Place
from data_prep.reading.crawl_files.unpack import Break, Piece, Unpacker

_NOT_BLANK = re.compile(rb"[^\r\n]")


class Stream:
    """Joined pieces: `data` grows by `more` and is forgotten behind `pos` by `settle`."""

    def __init__(self, unpacker: Unpacker) -> None:
        self.unpacker = unpacker
        self.data = b""
        self.pos = 0
        self.ends = False
        """Whether `data` ends where a sound member or a plain file ends."""
        self.is_plain = False
        """Whether the last bytes of `data` lie in the file as they are."""
        self._starts: list[int] = []
        self._pieces: list[Piece] = []
        self.ahead = unpacker.next()
        """The piece or break behind `data`; None at the end of the file."""

    def more(self, *, within: bool = False) -> bool:
        """Take the next piece; False at a break, at the end, and within a record where a member starts another."""
        ahead = self.ahead
        if not isinstance(ahead, Piece) or (within and ahead.starts_record):
            return False
        parts, num_bytes = [self.data], len(self.data)
        least = num_bytes + num_bytes // 4  # so that a page in a million short members is not copied a million times
        while isinstance(ahead, Piece) and not (within and ahead.starts_record):
            self._starts.append(num_bytes)
            self._pieces.append(ahead._replace(data=b""))
            parts.append(ahead.data)
            num_bytes += len(ahead.data)
            self.ends, self.is_plain = ahead.ends, ahead.is_plain
            self.ahead = ahead = self.unpacker.next()
            if num_bytes >= least:
                break
        self.data = b"".join(parts) if len(parts) > 2 or self.data else parts[1]
        return True

    def reach(self, end: int, *, within: bool = False) -> bool:
        """Whether `data` holds, or can be made to hold, the bytes before `end`."""
        while len(self.data) < end:
            if not self.more(within=within):
                return False
        return True

    def take_break(self) -> Break | None:
        """Step over the break behind `data`; None where there is none, at the end of the file."""
        broken = self.ahead
        if not isinstance(broken, Break):
            return None
        self.ahead = self.unpacker.next()
        return broken

    def place(self, index: int) -> Place:
        """Where a byte of `data` lies in the file."""
        number = bisect_right(self._starts, index) - 1
        start, piece = self._starts[number], self._pieces[number]
        if piece.is_plain:
            return Place(at=piece.at + index - start)
        return Place(at=piece.at, inside=piece.inside + index - start)

    def settle(self) -> None:
        """Forget what lies behind `pos`, when it is more than half, so that little is copied for it."""
        if self.pos >= len(self.data):
            self._forget()
        elif 2 * self.pos > len(self.data):
            past = bisect_right(self._starts, self.pos) - 1
            self._starts = [start - self.pos for start in self._starts[past:]]
            self._pieces = self._pieces[past:]
            self.data, self.pos = self.data[self.pos :], 0

    def skip_blank(self) -> bool:
        """Step over line ends, taking pieces as need be; False where only a break or the end is left."""
        while True:
            found = _NOT_BLANK.search(self.data, self.pos)
            if found:
                self.pos = found.start()
                return True
            self.pos = len(self.data)
            self.settle()
            if not self.more():
                return False

    def skip(self, num_bytes: int) -> None:
        """Step over bytes of a record without holding them; to the end, if the record ends before."""
        self.pos += num_bytes
        while self.pos > len(self.data):
            left = self.pos - len(self.data)
            self._forget()
            if not self.more(within=True):
                return
            self.pos = left

    def is_packed(self, index: int) -> bool:
        """Whether a gzip member begins among plain bytes."""
        return (
            self.is_plain and self.data.startswith(GZIP_START, index) and self.unpacker.is_member(self.place(index).at)
        )

    def jump(self, at: int, *, is_plain: bool) -> None:
        """Forget everything and go on at a byte of the file; only from plain bytes."""
        self._forget()
        self.unpacker.jump(at, is_plain=is_plain)
        self.ahead = self.unpacker.next()

    def _forget(self) -> None:
        self.data, self.pos = b"", 0
        self._starts.clear()
        self._pieces.clear()
