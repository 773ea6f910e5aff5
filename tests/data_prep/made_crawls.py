"""Crawl files made record by record, sound and damaged, and what was in them."""

from __future__ import annotations

import gzip
from pathlib import Path

from data_prep.pages import Page
from data_prep.reading.crawl_files import CrawlConfig, Tally, crawl_pages

DATE = "2019-04-18T22:20:18Z"


def text_of(number: int) -> str:
    """A page of a few lines, with a blank one and letters that take one to four bytes."""
    lines = [f"Page {number} says that number {number * line} is größer than 你好 𝄞." for line in range(number % 5 + 2)]
    return "\n".join([*lines[:2], "", *lines[2:], f"End of page {number}."])


def url_of(number: int) -> str:
    return f"http://example.org/{number}"


def record(number: int, *, body: bytes | None = None, length: str | None = None, end: bytes = b"\r\n") -> bytes:
    """A conversion; `length` is written as the Content-Length, "" for none."""
    body = text_of(number).encode() if body is None else body
    length = str(len(body)) if length is None else length
    lines = [
        b"WARC/1.0",
        b"WARC-Type: conversion",
        b"WARC-Target-URI: " + url_of(number).encode(),
        b"WARC-Date: " + DATE.encode(),
        b"Content-Type: text/plain",
        *([b"Content-Length: " + length.encode()] if length else []),
    ]
    return end.join(lines) + 2 * end + body + 2 * end


def members(*records: bytes) -> bytes:
    """One gzip member a record, as Common Crawl writes them."""
    return b"".join(gzip.compress(one, mtime=0) for one in records)


def blocks(content: bytes, block_bytes: int) -> bytes:
    """Members of equal length that begin anywhere in a record, as bgzip writes them."""
    return members(*(content[at : at + block_bytes] for at in range(0, len(content), block_bytes)))


def stripped(text: str) -> str:
    """A page's text as the code that made C4 has it."""
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


def read(path: Path, content: bytes, split: str = "clean", **options: object) -> tuple[list[Page], Tally]:
    """Write a file and read it."""
    path.unlink(missing_ok=True)  # writing over a file makes some file systems wait for the disk
    path.write_bytes(content)
    tally = Tally()
    pages = list(crawl_pages(path, CrawlConfig(split=split, **options), tally))  # type: ignore[arg-type]
    assert tally.num_pages == len(pages)
    return pages, tally


def numbers(pages: list[Page]) -> list[int]:
    """Which pages these are; each has to be one of ours, whole."""
    found = [int(page.url.rpartition("/")[2]) for page in pages]
    for number, page in zip(found, pages, strict=True):
        assert page.text in (text_of(number), stripped(text_of(number)))
        assert page.time == DATE
    return found
