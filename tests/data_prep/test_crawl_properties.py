"""However a crawl file is damaged, reading ends, raises nothing, invents nothing, and what is missing is counted."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from made_crawls import DATE, blocks, members, read, record, stripped, text_of, url_of

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")

N = 6
RECORDS = [record(number) for number in range(N)]
PACKED = [members(one) for one in RECORDS]
OURS = {(url_of(number), text) for number in range(N) for text in (text_of(number), stripped(text_of(number)))}
SPLITS = st.sampled_from(["clean", "c4_exact"])
CHECKED = {
    "members": b"".join(PACKED),
    "one_member": members(b"".join(RECORDS)),
    "blocks": blocks(b"".join(RECORDS), 101),
}
"""Packings whose checksums tell of any change."""
some = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def which(pages: list) -> list[int]:
    """The pages' numbers; all of them are ours."""
    assert {(page.url, page.text) for page in pages} <= OURS
    return [int(page.url.rpartition("/")[2]) for page in pages]


@pytest.mark.parametrize("split", ["clean", "c4_exact"])
@pytest.mark.parametrize("parts", [RECORDS, PACKED], ids=["plain", "members"])
def test_a_file_cut_at_any_byte_gives_the_pages_before(tmp_path: Path, parts: list[bytes], split: str) -> None:
    content = b"".join(parts)
    for end in range(len(content) + 1):
        num_begun = sum(len(b"".join(parts[:number])) < end for number in range(N))
        pages, tally = read(tmp_path / "a", content[:end], split)
        assert which(pages) == list(range(len(pages)))
        assert num_begun - 1 <= len(pages) <= num_begun
        assert len(pages) + tally.lost.total() + min(1, tally.stray.total()) == max(1, num_begun)


@pytest.mark.parametrize(
    ("packing", "split"), [("one_member", "clean"), ("one_member", "c4_exact"), ("blocks", "clean")]
)
def test_any_cut_of_an_unusual_packing_gives_the_pages_before(tmp_path: Path, packing: str, split: str) -> None:
    for end in range(0, len(CHECKED[packing]), 3):
        pages, tally = read(tmp_path / "a", CHECKED[packing][:end], split)
        assert which(pages) == list(range(len(pages)))
        assert not tally.is_whole


def test_a_page_cut_between_two_blocks_is_what_c4_had_but_is_told(tmp_path: Path) -> None:
    content = blocks(b"".join(RECORDS), 101)[: len(blocks(b"".join(RECORDS)[:505], 101))]
    pages, tally = read(tmp_path / "a", content, "c4_exact")
    assert [(page.url, page.time, stripped(page.text)) for page in pages] == as_c4(content)
    assert pages[-1].text != stripped(text_of(1))
    assert tally.mended == {"cut short": 1}


@pytest.mark.parametrize("split", ["clean", "c4_exact"])
def test_a_byte_changed_anywhere_costs_its_own_member_alone(tmp_path: Path, split: str) -> None:
    content, place = b"".join(PACKED), 0
    for number, packed in enumerate(PACKED):
        for at in range(place, place + len(packed)):
            for mask in (1, 255):
                changed = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
                pages, tally = read(tmp_path / "a", changed, split)
                missing = set(range(N)) - set(which(pages))
                assert missing <= {number}
                if missing:
                    assert not tally.is_whole
                    assert tally.num_records + tally.stray.total() >= N
        place += len(packed)


def test_a_byte_changed_in_a_plain_file_costs_its_own_record_alone(tmp_path: Path) -> None:
    content, place = b"".join(RECORDS), 0
    for number, plain in enumerate(RECORDS):
        for at in range(place, place + len(plain)):
            changed = content[:at] + bytes([content[at] ^ 2]) + content[at + 1 :]
            pages, tally = read(tmp_path / "a", changed)
            found = [(page.url, page.text) for page in pages]
            others = [(url_of(other), text_of(other)) for other in range(N) if other != number]
            assert [page for page in found if page in others] == others, (
                at - place,
                plain[at - place - 9 : at - place + 9],
            )
            assert len(found) <= N
            assert tally.num_records + tally.stray.total() >= N
        place += len(plain)


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with bytes changed, put in, taken out or moved."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 300)))
        new = draw(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(
                    [b"", bytes(90), b"\x1f\x8b\x08", b"WARC/1.0\r\n", b"\r\n\r\n", PACKED[0], RECORDS[0][:99]]
                ),
                st.just(content[start // 2 : end // 2]),
            )
        )
        content = content[:start] + new + content[end:]
    return content


@some
@given(data=st.data(), split=SPLITS, packing=st.sampled_from(sorted(CHECKED)))
def test_what_is_packed_is_never_invented(tmp_path: Path, data: st.DataObject, split: str, packing: str) -> None:
    content = data.draw(spoilt(CHECKED[packing]))
    pages, _ = read(tmp_path / "a", content, split)
    assume(packing != "blocks" or content.startswith(CHECKED[packing][:40]))
    known = OURS if packing == "members" else {url for url, _ in OURS}
    assert all((page.url, page.text) in known if packing == "members" else page.url in known for page in pages)


@some
@given(data=st.data(), split=SPLITS)
def test_nothing_makes_reading_fail(tmp_path: Path, data: st.DataObject, split: str) -> None:
    content = data.draw(
        st.one_of(st.binary(max_size=300), spoilt(b"".join(RECORDS)), spoilt(RECORDS[0] + PACKED[1] + RECORDS[2]))
    )
    pages, tally = read(tmp_path / "a", content, split, max_record_bytes=data.draw(st.sampled_from([64, 300, 1 << 23])))
    assert all(page.url and page.text.strip() for page in pages)
    assert tally.num_records == len(pages) + tally.lost.total() + tally.passed_over.total()


def as_c4(content: bytes) -> list[tuple[str, str, str]]:
    """The reading that made C4, line by line: address, date and text of every page."""
    pages, url, date, kept = [], "", "", list[str]()
    for line in [*io.TextIOWrapper(gzip.GzipFile(fileobj=io.BytesIO(content)), encoding="utf-8"), "WARC/1.0"]:
        line = line.strip()
        if line == "WARC/1.0":
            if url and kept and date:
                pages.append((url, date, "\n".join(kept)))
            url, date, kept = "", "", []
        if line.startswith("WARC-Target-URI:"):
            url = line.removeprefix("WARC-Target-URI:").strip()
        if line.startswith("WARC-Date:"):
            date = line.removeprefix("WARC-Date:").strip()
        if line and not line.startswith(("WARC", "CONTENT-", "Content-")):
            kept.append(line)
    return pages


LINES = st.sampled_from(
    ["WARC/1.0"] * 3
    + [
        "WARC-Target-URI: http://a",
        "WARC-Target-URI:http://b ",
        "WARC-Date: 2020",
        "WARC-Type: conversion",
        "",
        "",
        "Text.",
    ]
    + [
        " WARC/1.0\t",
        "\u3000WARC/1.0\x85",
        "WARC/1.0 x",
        "xWARC/1.0",
        "WARC/1.1",
        "\ufeffWARC/1.0",
        "\x1cWARC/1.0",
        "WARC/1.0\x0b",
    ]
    + [
        "WARCraft",
        "Content-Length: 3",
        "CONTENT-a",
        "Content-",
        " Content-Type: b",
        "content-length: 5",
        "Warc-Date: 1",
    ]
    + [
        " a\u2028b ",
        "\x85c",
        "\x1c",
        "\xa0d\xa0",
        "\ufeff",
        "\0",
        "e\tf",
        "warc-target-uri: http://c",
        "WARC-Date:",
        "你好。",
    ]
)

END, URL, DAY = "\r\n", "WARC-Target-URI: http://a", "WARC-Date: 2020"


@settings(some, max_examples=500)
@given(
    lines=st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"])), max_size=30),
    block_bytes=st.integers(7, 300),
)
@example([("WARC/1.0", END), (URL, END), (DAY, END * 2), ("xWARC/1.0", END), ("WARC/1.0 x", END), ("It.", END)], 99)
def test_c4_splits_as_the_code_that_made_c4(tmp_path: Path, lines: list[tuple[str, str]], block_bytes: int) -> None:
    text = "".join(line + end for line, end in lines).encode()
    for content in (gzip.compress(text), blocks(text, block_bytes)):
        pages, tally = read(tmp_path / "a", content, "c4_exact")
        assert [(page.url, page.time, stripped(page.text)) for page in pages] == as_c4(content)
        assert tally.num_records == len(pages) + tally.lost.total() + tally.passed_over.total()


def test_a_line_of_c4_counts_its_date_from_anywhere(tmp_path: Path) -> None:
    body = b"One line.\nWARC-Date: 1999\nWARC/1.0\nA tail without an address.\n"
    pages, tally = read(tmp_path / "a", members(record(1, body=body), record(2)), "c4_exact")
    assert [(page.time, page.text) for page in pages] == [("1999", "One line."), (DATE, text_of(2))]
    assert tally.lost == {"no address": 1}
