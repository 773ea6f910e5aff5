"""Sources → units: what one task reads, from one crawl file to many small texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from data_prep.pages import Page
from data_prep.reading.crawl_files import CrawlConfig, Tally, crawl_pages
from data_prep.reading.readers import pages_of
from data_prep.reading.rows import Fields
from data_prep.reading.sources import BadSource, Slice, Source, readable, shown, stamp

UNIT_BYTES = 1 << 25
"""Small files are read together up to so many bytes; files that can be cut, are cut at multiples of it. It depends
on nothing else, so that any number of workers finds the same units."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one task reads."""

    number: int
    """From 0, in the order of the sources."""
    slices: tuple[Slice, ...]
    """Whole sources, or one part of one."""
    first_source: int
    """The place of the first slice's source among all sources; the others follow."""

    @property
    def num_bytes(self) -> int:
        """About how many bytes lie on disk; 0 for a data set on the hub."""
        return sum(num_bytes_of(part) for part in self.slices)

    def stamps(self) -> list[dict[str, object]]:
        """What tells cheaply whether the unit has changed. Raises BadSource."""
        return [{**stamp(part.source), "start": part.start, "stop": part.stop} for part in self.slices]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How sources are read."""

    fields: Fields
    """The names of fields and columns."""
    longest_document_chars: int
    """Longer texts are cut into several; pages of crawl files are not."""
    crawl: CrawlConfig
    """How crawl files are read."""


def num_bytes_of(part: Slice) -> int:
    """About how many bytes of the disk a slice takes; 0 for a data set on the hub."""
    if part.source.kind == "hub":
        return 0
    num_bytes = stamp(part.source)["num_bytes"]
    assert isinstance(num_bytes, int)
    if part.is_whole:
        return num_bytes
    return min(part.stop, num_bytes) - part.start if part.source.kind == "json_lines" else UNIT_BYTES


def units_of(sources: Sequence[Source]) -> list[Unit]:
    """Each crawl file and each data set is a unit; larger tables are several; small files stand together.

    Raises BadSource for what cannot be read.
    """
    units: list[Unit] = []
    gathered: list[Slice] = []
    gathered_bytes = first = 0

    def close() -> None:
        nonlocal gathered_bytes
        if gathered:
            units.append(Unit(number=len(units), slices=tuple(gathered), first_source=first))
        gathered.clear()
        gathered_bytes = 0

    for place, source in enumerate(sources):
        parts = _parts(source)
        num_bytes = num_bytes_of(parts[0])
        is_alone = len(parts) > 1 or source.kind in ("crawl", "hub", "saved")
        if is_alone or gathered_bytes + num_bytes > UNIT_BYTES:
            close()
        if is_alone:
            units += [Unit(number=len(units) + n, slices=(part,), first_source=place) for n, part in enumerate(parts)]
            continue
        first = place if not gathered else first
        gathered.append(parts[0])
        gathered_bytes += num_bytes
    close()
    return units


def _parts(source: Source) -> list[Slice]:
    """A source in parts of about UNIT_BYTES, where its form allows it."""
    whole = [Slice(source=source)]
    if source.kind not in ("json_lines", "parquet") or num_bytes_of(whole[0]) <= UNIT_BYTES:
        return whole
    if source.kind == "parquet":
        bounds = _row_groups(source)
    elif source.path.suffix.lower() in (".jsonl", ".ndjson", ".json"):  # packed ones cannot be entered in the middle
        bounds = [*range(0, num_bytes_of(whole[0]), UNIT_BYTES), num_bytes_of(whole[0])]
    else:
        return whole
    return [Slice(source=source, start=start, stop=stop) for start, stop in pairwise(bounds)] or whole


def _row_groups(source: Source) -> list[int]:
    """Bounds of runs of row groups that take about UNIT_BYTES each."""
    import pyarrow
    from pyarrow import parquet

    try:
        with readable(source), parquet.ParquetFile(source.path) as file:
            sizes = [file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups)]
    except pyarrow.ArrowException as error:
        raise BadSource(f"{source.name} is no whole Parquet file ({error}); fetch it again") from None
    bounds, num_bytes = [0], 0
    for group, size in enumerate(sizes, start=1):
        num_bytes += size
        if num_bytes >= UNIT_BYTES or group == len(sizes):
            bounds.append(group)
            num_bytes = 0
    return bounds


def read_unit(
    unit: Unit, reading: Reading, tally: Tally, left_out: Counter[str], num_pages: list[int]
) -> Iterator[Page]:
    """The pages of a unit; each is named by its source's key, wherever the sources lie.

    What crawl files held is counted in `tally`, what else was left out in `left_out`, and the pages of each
    slice in `num_pages`. Raises BadSource and BadCrawl.
    """
    for part in unit.slices:
        source = part.source
        if source.kind == "crawl":
            pages = crawl_pages(source.path, reading.crawl, tally)
        else:
            pages = pages_of(part, reading.fields, reading.longest_document_chars, left_out)
        num_pages.append(0)
        for page in pages:
            num_pages[-1] += 1
            yield page


def place_of(page: Page, source: Source) -> str:
    """Where a page lies, wherever its source does: `crawl.warc.wet.gz@18184`."""
    known = shown(source.path) if source.kind == "crawl" else source.name
    return source.key + page.name.removeprefix(known)


def byte_of(page: Page) -> int:
    """Where a page of a crawl file begins in it; 0 for others, whose sources are small, or parts."""
    at = page.name.rpartition("@")[2].partition("+")[0]
    return int(at) if at.isdecimal() else 0


def described(source: Source, num_pages: int) -> dict[str, Any]:
    """A source in a manifest."""
    return {**stamp(source), "num_pages": num_pages}
