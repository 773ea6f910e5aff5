"""Real crawl files, and made ones of their size: all pages, the same as other readers have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_crawls import stripped

from data_prep.pages import Page
from data_prep.reading.crawl_files import CrawlConfig, Tally, crawl_pages

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")

MAX_C4_CHARS = 190_000


def read(path: Path, split: str = "clean") -> tuple[list[Page], Tally]:
    tally = Tally()
    return list(crawl_pages(path, CrawlConfig(split=split), tally)), tally  # type: ignore[arg-type]


def c4_address(url: str) -> str:
    """An address as the code that made C4 compares it."""
    return re.sub(r"\?(utm_|ref|feed).*", "", re.sub(r"https?:\/\/(www\.)?", "", url)).rstrip("/")


@pytest.mark.parametrize("name", ["lean", "multi-0-1", "real-pages"])
def test_c4_takes_as_many_addresses_as_the_code_that_made_it(real_data: Path, name: str) -> None:
    expected = json.loads((real_data / "crawl" / "expected" / f"{name}.json").read_text())
    addresses = set()
    for file in expected["files"]:
        pages, tally = read(real_data / "crawl" / file, "c4_exact")
        assert tally.is_whole
        addresses |= {c4_address(page.url) for page in pages if len(stripped(page.text)) <= MAX_C4_CHARS}
    assert len(addresses) == expected["pages per url"]


@pytest.mark.parametrize(
    ("name", "num_pages", "languages"),
    [
        ("cc-2014.warc.wet", 3, {""}),
        ("cc-2024.warc.wet.gz", 1, {"spa"}),
        ("real-pages.warc.wet.gz", 1427, {""}),
        ("multi-00000.warc.wet.gz", 8064, {""}),
    ],
)
def test_both_splits_have_all_pages(real_data: Path, name: str, num_pages: int, languages: set[str]) -> None:
    pages, tally = read(real_data / "crawl" / name)
    lines, as_c4 = read(real_data / "crawl" / name, "c4_exact")
    assert tally.is_whole and as_c4.is_whole
    assert [page.url for page in pages] == [page.url for page in lines]
    assert [page.name for page in pages] == [page.name for page in lines]
    assert len(pages) == num_pages
    assert {page.language for page in pages} == {page.language for page in lines} == languages


def test_pages_are_those_of_fastwarc(real_data: Path) -> None:
    warc = pytest.importorskip("fastwarc.warc")
    path = real_data / "crawl" / "real-pages.warc.wet.gz"
    theirs = [
        (record.headers["WARC-Target-URI"], record.reader.read().decode().strip())
        for record in warc.ArchiveIterator(str(path), record_types=warc.WarcRecordType.conversion)
    ]
    assert [(page.url, page.text) for page in read(path)[0]] == theirs


@pytest.mark.parametrize(
    ("name", "num_pages", "num_responses"),
    [("cc-2014.warc", 3, 4), ("cc-2024.warc.gz", 1, 1), ("blackbook-2008.warc.gz", 93, 299)],
)
def test_warc_files_give_their_html(real_data: Path, name: str, num_pages: int, num_responses: int) -> None:
    pytest.importorskip("fastwarc")
    pytest.importorskip("resiliparse")
    pages, tally = read(real_data / "crawl" / name)
    assert tally.is_whole
    assert len(pages) == num_pages
    other = {"warcinfo", "request", "metadata", "revisit"}
    assert len(pages) + sum(n for what, n in tally.passed_over.items() if what not in other) == num_responses


@pytest.mark.parametrize(
    ("name", "num_pages", "lost", "place"),
    [
        ("bad-gzip.warc.gz", 1, {}, None),
        ("broken.warc", 1, {"wrong Content-Length": 1}, 3058),
        ("clipped.warc.gz", 0, {"cut short": 1}, 0),
        ("lf-line-ends.warc.wet", 0, {"wrong Content-Length": 4}, 0),
        ("truncated.warc", 0, {"wrong Content-Length": 1}, 1197),
    ],
)
def test_what_is_broken_is_said(real_data: Path, name: str, num_pages: int, lost: dict, place: int | None) -> None:
    pytest.importorskip("fastwarc")
    pytest.importorskip("resiliparse")
    pages, tally = read(real_data / "crawl" / "broken" / name)
    assert len(pages) == num_pages
    assert tally.lost == lost
    assert [damage.place.at for damage in tally.damages[:1]] == ([] if place is None else [place])


def test_lengths_counted_in_characters_do_not_hinder_c4(real_data: Path) -> None:
    pages, tally = read(real_data / "crawl" / "broken" / "lf-line-ends.warc.wet", "c4_exact")
    assert [page.url[:14] for page in pages] == ["http://sample_"] * 3
    assert tally.passed_over == {"warcinfo": 1}
