"""A crawl file → its pages, one at a time, with everything else that is in it counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data_prep.pages import Page
from data_prep.reading.crawl_files import html
from data_prep.reading.crawl_files.c4_split import C4Split
from data_prep.reading.crawl_files.framing import Framing, Record
from data_prep.reading.crawl_files.stream import Stream
from data_prep.reading.crawl_files.tally import (
    EMPTY,
    NO_DATE,
    NO_RECORD,
    NO_URL,
    NOT_UTF8,
    NUL,
    TOO_LARGE,
    BadCrawl,
    Damage,
    Place,
    Tally,
)
from data_prep.reading.crawl_files.unpack import Unpacker
from data_prep.reading.sources import shown


@dataclass(frozen=True, kw_only=True)
class CrawlConfig:
    """How crawl files are read."""

    split: Literal["clean", "c4_exact"] = "clean"
    """clean: WARC records by their Content-Length, WET and HTML. c4_exact: WET only, by lines, with exactly the
    text that the code which made C4 gives its rules, but for blanks round lines and empty lines."""
    strict: bool = False
    """Whether the first damage stops the reading, instead of being counted."""
    is_main_content: bool = True
    """Of HTML, whether only the main content is taken, without menus and footers, rather than all that shows."""
    max_record_bytes: int = 1 << 23
    """The longest record that is read, unpacked, in bytes, 1 or more; Common Crawl cuts pages at 5 MiB."""
    max_unpacking: int = 200
    """How many times its own length a gzip member may unpack to, once that is more than 64 MiB; text: up to 20."""

    def __post_init__(self) -> None:
        if self.split not in ("clean", "c4_exact"):
            raise BadCrawl(f"split is {self.split!r}; choose clean or c4_exact")
        if min(self.max_record_bytes, self.max_unpacking) < 1:
            raise BadCrawl("max_record_bytes and max_unpacking must be 1 or more; leave them out for the usual limits")


def crawl_pages(path: str | Path, config: CrawlConfig | None = None, tally: Tally | None = None) -> Iterator[Page]:
    r"""The pages of a WET or WARC file, plain, gzip or one after the other, in their order.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "small.warc.wet"
    >>> head = "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.org/{0}\r\nWARC-Date: 2019\r\n"
    >>> record = head + "Content-Length: {1}\r\n\r\nPage {0}.\r\n\r\n"
    >>> _ = path.write_bytes("".join(record.format(*pair) for pair in [(1, 7), (2, 6), (3, 7)]).encode())
    >>> tally = Tally()
    >>> [(page.url, page.text) for page in crawl_pages(path, tally=tally)]
    [('http://a.org/1', 'Page 1.'), ('http://a.org/3', 'Page 3.')]
    >>> tally.lost, tally.damages[0].place
    (Counter({'wrong Content-Length': 1}), Place(at=115, inside=0))

    What a file is, its bytes say, not its ending. A page is given out only when its record is whole; a damaged
    record is lost alone, and counted in `tally` with its reason and place, as is every record passed over.
    Memory does not grow with the file, nor with what a record claims to hold.

    Raises BadCrawl for a file that cannot be opened, for a missing package, and, if strict, for any damage.
    """
    config, tally = config or CrawlConfig(), tally if tally is not None else Tally()
    tally.strict = config.strict or tally.strict
    try:
        with Path(path).open("rb") as file:
            num_before = tally.num_records
            unpacker = Unpacker(file, hold_bytes=2 * config.max_record_bytes, max_unpacking=config.max_unpacking)
            yield from _Reading(shown(path), config, tally).pages(Stream(unpacker))
            if tally.num_records == num_before:
                details = "the file has no WARC record" if file.seek(0, 2) else "the file is empty"
                tally.damage(Damage(file=shown(path), place=Place(at=0), reason=NO_RECORD, details=details, num_lost=0))
    except OSError as error:
        raise BadCrawl(
            f"{shown(path)} cannot be read ({error.strerror or error}); check path and permissions"
        ) from None


class _Reading:
    """One file on its way to pages."""

    def __init__(self, file: str, config: CrawlConfig, tally: Tally) -> None:
        self._file, self._config, self._tally = file, config, tally
        self._readers: dict[str, Callable[[Record], str]] = {
            "conversion": self._conversion,
            "response": self._response,
            "resource": self._resource,
        }

    def pages(self, stream: Stream) -> Iterator[Page]:
        config = self._config
        if config.split == "c4_exact":
            for found, place in C4Split(stream, self._report, self._pass_over, config.max_record_bytes):
                yield self._page(found.text, found.url, found.time, found.language, place)
            return
        for record in Framing(stream, self._report, config.max_record_bytes):
            read = self._readers.get(record.fields["warc-type"].lower())
            if read is None:
                self._pass_over(record.fields["warc-type"].lower()[:40])
                continue
            try:
                page = self._read(record, read)
            except html.NotAPage as what:
                self._pass_over(str(what))
            except html.Unreadable as damage:
                reason, details = damage.args
                self._report(record.place, reason, details, 1)
            else:
                yield page

    def _read(self, record: Record, read: Callable[[Record], str]) -> Page:
        fields = record.fields
        if record.is_too_large:
            if read != self._conversion and not html.looks_like_html(record.body):
                raise html.NotAPage(html.NO_HTML)
            raise html.Unreadable(TOO_LARGE, f"the record is longer than {self._config.max_record_bytes} bytes")
        text = read(record)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        text, url = text.strip(), fields.get("warc-target-uri", "").strip("<> \t")
        if not text:
            raise html.NotAPage(EMPTY)
        if "\0" in text:
            raise html.Unreadable(NUL, "the page holds the character U+0000")
        if not url:
            raise html.Unreadable(NO_URL, "the record has no WARC-Target-URI")
        if "\ufffd" in url:
            self._report(record.place, NOT_UTF8, "the address is not UTF-8; U+FFFD stands in it", 0, is_mended=True)
        time = fields.get("warc-date", "")
        if not time:
            self._report(record.place, NO_DATE, "the record has no WARC-Date", 0, is_mended=True)
        return self._page(text, url, time, fields.get("warc-identified-content-language", ""), record.place)

    def _page(self, text: str, url: str, time: str, language: str, place: Place) -> Page:
        self._tally.num_pages += 1
        inside = f"+{place.inside}" if place.inside else ""
        return Page(text=text, name=f"{self._file}@{place.at}{inside}", url=url, time=time, language=language)

    def _conversion(self, record: Record) -> str:
        try:
            return record.body.decode()
        except UnicodeDecodeError as error:
            details = f"the page is not UTF-8 {error.start} bytes on; U+FFFD stands there"
            self._report(record.place, NOT_UTF8, details, 0, is_mended=True)
            return record.body.decode("utf-8", "replace")

    def _response(self, record: Record) -> str:
        if not record.fields.get("content-type", "application/http").lower().startswith("application/http"):
            return self._resource(record)
        body, charset = html.response_html(record.body, self._config.max_record_bytes)
        return html.html_text(body, charset, is_main_content=self._config.is_main_content)

    def _resource(self, record: Record) -> str:
        kind, _, parameters = record.fields.get("content-type", "").lower().partition(";")
        if kind.strip() not in html.HTML_TYPES:
            raise html.NotAPage(html.NO_HTML)
        charset = parameters.rpartition("charset=")[2].strip("\"' ") if "charset=" in parameters else ""
        return html.html_text(record.body, charset, is_main_content=self._config.is_main_content)

    def _pass_over(self, what: str) -> None:
        self._tally.passed_over[what] += 1

    def _report(
        self,
        place: Place,
        reason: str,
        details: str,
        num_lost: int,
        *,
        is_mended: bool = False,
        num_stray_bytes: int = 0,
    ) -> None:
        damage = Damage(file=self._file, place=place, reason=reason, details=details, num_lost=num_lost)
        self._tally.damage(damage, is_mended=is_mended, num_stray_bytes=num_stray_bytes)
