"""What became of every record of a crawl file: pages, records passed over, records lost, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from data_prep.errors import BadInput

CUT = "cut short"
BAD_GZIP = "damaged gzip"
BOMB = "unpacks without end"
BAD_HEADER = "damaged header"
BAD_LENGTH = "wrong Content-Length"
TOO_LARGE = "too large"
NOT_UTF8 = "not UTF-8"
NUL = "binary"
NO_URL = "no address"
BAD_HTTP = "damaged HTTP"
BAD_HTML = "HTML without end"
NO_DATE = "no date"
ZEROS = "zero bytes"
STRAY = "bytes of no record"
NO_RECORD = "no record"
EMPTY = "empty"
NO_HTML = "not HTML"

MOST_DAMAGES = 1000
"""How many damages a tally keeps to show; all of them are counted."""

_WHAT_TO_DO = {
    CUT: "fetch the file again",
    BAD_GZIP: "fetch the file again",
    BOMB: "take it out, or unpack the file with gunzip if it is what it should be",
    TOO_LARGE: "raise max_record_bytes to read it",
    NO_RECORD: "check that it is a WET or WARC file, plain or packed with gzip",
    EMPTY: "fetch the file again",
}


class BadCrawl(BadInput):
    """A crawl file that cannot be opened, lacks a package to be read, or is damaged while that is not allowed."""


class Place(NamedTuple):
    """Where something lies in a crawl file.

    >>> str(Place(at=18184)), str(Place(at=500, inside=0)), str(Place(at=500, inside=7))
    ('byte 18184', 'byte 500', 'byte 500, unpacked byte 7')
    """

    at: int
    """Byte of the file; in a packed file, the first of the gzip member that holds it: `tail -c +$((at+1)) | zcat`."""
    inside: int = 0
    """Byte of what that member unpacks to; 0 in a plain file."""

    def __str__(self) -> str:
        return f"byte {self.at}" + (f", unpacked byte {self.inside}" if self.inside else "")


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One thing that is wrong with a crawl file."""

    file: str
    """The file as it was named."""
    place: Place
    """Where the damaged record, or what belongs to no record, begins."""
    reason: str
    """What it is counted under."""
    details: str
    """What is wrong, in words."""
    num_lost: int
    """Records that it cost; 0: none, as when only bytes between records are wrong."""

    def __str__(self) -> str:
        todo = _WHAT_TO_DO.get(self.reason, "take the record out, fetch the file again, or read without strict")
        return f"{self.file}, {self.place}: {self.details}; {todo}"


@dataclass(kw_only=True)
class Tally:
    """Counts of one or more files; `num_records` = `num_pages` + all of `passed_over` + all of `lost`.

    >>> tally = Tally()
    >>> tally.damage(Damage(file="a.warc", place=Place(at=9), reason=CUT, details="the record is cut", num_lost=1))
    >>> tally.num_records, tally.lost, str(tally.damages[0])
    (1, Counter({'cut short': 1}), 'a.warc, byte 9: the record is cut; fetch the file again')
    """

    num_pages: int = 0
    """Pages given out."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Whole records that hold no page, by what they are: a WARC-Type, `not HTML`, `status 404`, `empty`."""
    lost: Counter[str] = field(default_factory=Counter)
    """Damaged records, by reason."""
    mended: Counter[str] = field(default_factory=Counter)
    """Pages given out although something was wrong with them, by reason: `not UTF-8` has U+FFFD in its place."""
    stray: Counter[str] = field(default_factory=Counter)
    """Stretches that belong to no record, by reason."""
    num_stray_bytes: int = 0
    """How long these stretches are together, packed where they lie between gzip members."""
    damages: list[Damage] = field(default_factory=list)
    """The first MOST_DAMAGES of what is in `lost`, `mended` and `stray`, in the order of the files."""
    on_damage: Callable[[Damage], None] | None = None
    """Called with every damage, as it is met."""
    strict: bool = False
    """Whether the first damage raises BadCrawl."""

    @property
    def num_records(self) -> int:
        """How many records begin in what was read."""
        return self.num_pages + self.passed_over.total() + self.lost.total()

    @property
    def is_whole(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.lost or self.mended or self.stray)

    def counts(self) -> dict[str, Any]:
        """The counts alone, for a manifest."""
        return {
            "records": self.num_records,
            "pages": self.num_pages,
            **{name: dict(getattr(self, name)) for name in ("passed_over", "lost", "mended", "stray")},
            "stray_bytes": self.num_stray_bytes,
        }

    def damage(self, damage: Damage, *, is_mended: bool = False, num_stray_bytes: int = 0) -> None:
        """Count what is wrong. Raises BadCrawl if the tally is strict."""
        if damage.num_lost:
            self.lost[damage.reason] += damage.num_lost
        else:
            (self.mended if is_mended else self.stray)[damage.reason] += 1
        self.num_stray_bytes += num_stray_bytes
        if len(self.damages) < MOST_DAMAGES:
            self.damages.append(damage)
        if self.on_damage:
            self.on_damage(damage)
        if self.strict:
            raise BadCrawl(str(damage))
