"""The lines that a vocabulary is trained on: drawn from parts of a corpus apart, the same as from all of it at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from data_prep.files import write_whole
from data_prep.manifest import BadStore

_LONGEST_LINE_CHARS = 4_000
# To the trainer, text without spaces is all long words that differ: a byte of it takes five times as long,
# and a vocabulary from two million Chinese characters saves 0.1 % of the tokens over one from a million.
_UNSPACED_WORD_CHARS = 16
_UNSPACED_COST = 5


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Lines of a corpus, those with the lowest hashes, until the next one would be too much."""

    num_bytes: int
    """What the lines may cost together."""
    lines: tuple[str, ...]
    """By rising hash; a line that stands in the corpus several times may be here as often."""
    bound: bytes
    """The hash of the first line that was too much; lines beyond it are not known. Empty: there is none, all are."""

    def write(self, path: Path) -> None:
        """Write a file, whole or not at all."""
        fields = {"num_bytes": self.num_bytes, "bound": self.bound.hex(), "lines": self.lines}
        write_whole(path, json.dumps(fields, ensure_ascii=False))

    @classmethod
    def read(cls, path: Path) -> Draw:
        """What `write` wrote. Raises BadStore."""
        try:
            fields = json.loads(path.read_bytes())
            lines = tuple(map(str.__str__, fields["lines"]))
            return cls(num_bytes=int(fields["num_bytes"]), lines=lines, bound=bytes.fromhex(fields["bound"]))
        except OSError as error:
            raise BadStore(f"{path} cannot be read ({error.strerror}); draw its lines again") from None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise BadStore(f"{path} is no draw of lines ({error}); draw its lines again") from None


def draw_lines(texts: Iterable[str], num_bytes: int) -> Draw:
    """At most `num_bytes` of the lines of texts; a byte of a line without spaces counts as five.

    A line that alone would be too much is passed over. The order of the texts changes nothing. Memory holds
    some three times what is drawn.

    >>> draw_lines(["one\\n\\ntwo", "three"], 100).lines
    ('\\ntwo', 'one', 'three')
    """
    lowest = _Lowest(num_bytes)
    for line in _lines(texts):
        lowest.add(_hash(line), line)
    return lowest.draw()


def merged(draws: Iterable[Draw]) -> Draw:
    """The draw from all texts, given draws from parts of them, all for the same number of bytes.

    >>> parts = [draw_lines(["one", "two"], 100), draw_lines(["three"], 100)]
    >>> merged(parts) == draw_lines(["three", "two", "one"], 100)
    True
    """
    lowest: _Lowest | None = None
    for draw in draws:
        lowest = lowest or _Lowest(draw.num_bytes)
        if lowest.num_bytes != draw.num_bytes:
            raise ValueError(f"draws of {lowest.num_bytes} and of {draw.num_bytes} bytes cannot be merged")
        if draw.bound:
            lowest.bound = min(lowest.bound or draw.bound, draw.bound)
        for line in draw.lines:
            if not lowest.add(_hash(line), line):
                break
    if lowest is None:
        raise ValueError("there are no draws to merge")
    return lowest.draw()


class _Lowest:
    """The lines with the lowest hashes.

    Once a line has been too much, no higher one may come in, even if it fits: that would depend on the order.
    """

    def __init__(self, num_bytes: int) -> None:
        self.num_bytes = num_bytes
        self.bound = b""
        self._held: list[tuple[bytes, str]] = []
        self._held_bytes = 0

    def add(self, rank: bytes, line: str) -> bool:
        """Whether higher lines may come in too."""
        if self.bound and rank > self.bound:
            return False
        cost_bytes = _cost_bytes(line)
        if cost_bytes <= self.num_bytes:
            self._held.append((rank, line))
            self._held_bytes += cost_bytes
        if self._held_bytes > 2 * self.num_bytes:
            self._cut()
        return True

    def draw(self) -> Draw:
        self._cut()
        return Draw(num_bytes=self.num_bytes, lines=tuple(line for _, line in self._held), bound=self.bound)

    def _cut(self) -> None:
        self._held.sort()
        self._held_bytes = 0
        for place, (rank, line) in enumerate(self._held):
            cost_bytes = _cost_bytes(line)
            if (self.bound and rank > self.bound) or self._held_bytes + cost_bytes > self.num_bytes:
                self.bound = min(self.bound or rank, rank)
                del self._held[place:]
                return
            self._held_bytes += cost_bytes


def _hash(line: str) -> bytes:
    return blake2b(line.encode(), digest_size=16).digest()


def _cost_bytes(line: str) -> int:
    is_unspaced = len(line) > _UNSPACED_WORD_CHARS * (line.count(" ") + 1)
    return len(line.encode()) * (_UNSPACED_COST if is_unspaced else 1)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines of texts, each but the first of a text with its line end before it: encoding finds words
    there without the space that is put before a text, so the vocabulary must have learnt them so."""
    for text in texts:
        for number, line in enumerate(text.split("\n")):
            for start in range(0, len(line), _LONGEST_LINE_CHARS):
                if part := line[start : start + _LONGEST_LINE_CHARS].strip():
                    yield part if start or not number else "\n" + part
