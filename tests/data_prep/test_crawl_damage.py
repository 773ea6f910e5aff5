"""A damaged record is lost alone, with its reason and its place, and nothing is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_crawls import blocks, members, numbers, read, record, text_of

from data_prep.reading.crawl_files import BadCrawl, CrawlConfig, Damage, crawl_pages

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")

N = 12
SOUND = [record(number) for number in range(N)]
BAD = 5
OTHERS = [number for number in range(N) if number != BAD]


def with_bad(bad: bytes) -> list[bytes]:
    return [*SOUND[:BAD], bad, *SOUND[BAD + 1 :]]


def flipped(content: bytes, at: int, mask: int = 4) -> bytes:
    at %= len(content)
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


PACKINGS = {
    "plain": lambda records: b"".join(records),
    "members": lambda records: members(*records),
    "one_member": lambda records: members(b"".join(records)),
    "blocks": lambda records: blocks(b"".join(records), 97),
    "plain_then_packed": lambda records: b"".join(records[:3]) + members(*records[3:]),
    "packed_then_plain": lambda records: members(*records[:7]) + b"".join(records[7:]),
}
SPLITS = ("clean", "c4_exact")


LIMITS = (1000, 1 << 23)
"""Longest records: with the first, the members of many records are too long to be held."""


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("packing", PACKINGS)
def test_every_packing_holds_the_same_pages(tmp_path: Path, packing: str, split: str, limit: int) -> None:
    pages, tally = read(tmp_path / "a", PACKINGS[packing](SOUND), split, max_record_bytes=limit)
    assert numbers(pages) == list(range(N))
    assert tally.is_whole
    assert tally.num_records == N


LENGTHS = {
    "too short": str(len(text_of(BAD).encode()) - 4),
    "a little too long": str(len(text_of(BAD).encode()) + 9),
    "too long": "900",
    "too long to be held": "999999999",
    "longer than any file": "9" * 18,
    "too many digits": "9" * 60,
    "negative": "-5",
    "no number": "12x",
    "absent": "",
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kind", LENGTHS)
def test_a_wrong_content_length_costs_one_record(tmp_path: Path, packing: str, kind: str, limit: int) -> None:
    content = PACKINGS[packing](with_bad(record(BAD, length=LENGTHS[kind])))
    pages, tally = read(tmp_path / "a", content, max_record_bytes=limit)
    assert numbers(pages) == OTHERS
    assert tally.lost == {"wrong Content-Length": 1}
    assert tally.num_records == N


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kind", LENGTHS)
def test_c4_does_not_look_at_the_content_length(tmp_path: Path, packing: str, kind: str) -> None:
    content = PACKINGS[packing](with_bad(record(BAD, length=LENGTHS[kind])))
    pages, tally = read(tmp_path / "a", content, "c4_exact")
    assert numbers(pages) == list(range(N))
    assert tally.is_whole


@pytest.mark.parametrize("split", SPLITS)
def test_one_flipped_bit_costs_one_member(tmp_path: Path, split: str) -> None:
    content, at = members(*SOUND), len(members(*SOUND[:BAD]))
    pages, tally = read(tmp_path / "a", flipped(content, at + 60), split)
    assert numbers(pages) == OTHERS
    assert tally.lost == {"damaged gzip": 1}
    assert tally.damages[0].place == (at, 0)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("split", SPLITS)
def test_all_records_of_a_damaged_member_are_counted(tmp_path: Path, split: str, limit: int) -> None:
    content = flipped(members(b"".join(SOUND)), -6) + members(SOUND[0])
    pages, tally = read(tmp_path / "a", content, split, max_record_bytes=limit)
    assert numbers(pages) == [0]  # the checksum fails, which says nothing of where the fault is
    assert tally.lost == {"damaged gzip": N}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("is_within_header", [True, False])
def test_a_cut_file_keeps_what_comes_before(tmp_path: Path, split: str, is_within_header: bool) -> None:
    for packing in ("plain", "members"):
        start = len(PACKINGS[packing](SOUND[:BAD]))
        content = PACKINGS[packing](SOUND)[: start + (30 if is_within_header else 180)]
        pages, tally = read(tmp_path / "a", content, split)
        assert numbers(pages) == list(range(BAD))
        assert tally.lost == {"cut short": 1}
        assert tally.damages[0].place == (start, 0)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("split", SPLITS)
def test_a_cut_file_of_one_member_keeps_what_comes_before(tmp_path: Path, split: str, limit: int) -> None:
    content = members(b"".join(SOUND))
    pages, tally = read(tmp_path / "a", content[: len(content) * 3 // 4], split, max_record_bytes=limit)
    assert 2 <= len(pages) < N
    assert numbers(pages) == list(range(len(pages)))
    assert tally.lost == {"cut short": 1}


@pytest.mark.parametrize("split", SPLITS)
def test_zero_bytes_between_members_cost_nothing(tmp_path: Path, split: str) -> None:
    content = members(*SOUND[:BAD]) + bytes(700) + members(*SOUND[BAD:])
    pages, tally = read(tmp_path / "a", content, split)
    assert numbers(pages) == list(range(N))
    assert (tally.stray, tally.num_stray_bytes) == ({"zero bytes": 1}, 700)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("garbage", [b"?" * 100, b"\x1f\x8b\x08" * 50, b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 90])
def test_garbage_between_members_costs_nothing(tmp_path: Path, split: str, garbage: bytes) -> None:
    content = members(*SOUND[:BAD]) + garbage + members(*SOUND[BAD:])
    pages, tally = read(tmp_path / "a", content, split)
    assert numbers(pages) == list(range(N))
    assert not tally.is_whole
    assert tally.damages[0].place.at == len(members(*SOUND[:BAD]))


@pytest.mark.parametrize("split", SPLITS)
def test_a_member_cut_within_a_file_costs_its_records(tmp_path: Path, split: str) -> None:
    content = members(*SOUND[:BAD]) + members(SOUND[BAD])[:-40] + members(*SOUND[BAD + 1 :])
    pages, tally = read(tmp_path / "a", content, split)
    assert numbers(pages) == OTHERS
    assert tally.lost.total() == 1


def test_line_ends_names_and_ids_may_be_unusual(tmp_path: Path) -> None:
    lower = SOUND[1].replace(b"WARC-Target-URI", b"warc-target-uri").replace(b"Content-Length", b"content-length")
    odd_id = SOUND[2].replace(b"WARC-Date", b"WARC-Record-ID: <a>\r\nWARC-Date")
    folded = SOUND[3].replace(b"WARC-Type: conversion", b"WARC-Type:\r\n conversion")
    bare = record(4, end=b"\n")
    for records in ([SOUND[0], lower, odd_id, folded, SOUND[4]], [bare, bare], [SOUND[0], bare, SOUND[1]]):
        for packing in ("plain", "members"):
            pages, tally = read(tmp_path / "a", PACKINGS[packing](records))
            assert len(numbers(pages)) == len(records)
            assert tally.is_whole


@pytest.mark.parametrize("packing", ["plain", "members", "one_member"])
def test_a_body_may_hold_whole_records(tmp_path: Path, packing: str) -> None:
    text = "A page about crawls.\n\n" + SOUND[0].decode().replace("\r\n", "\n") + "\nThe end."
    bad = record(BAD, body=text.encode())
    pages, tally = read(tmp_path / "a", PACKINGS[packing](with_bad(bad)))
    assert [page.text for page in pages if page.url.endswith(f"/{BAD}")] == [text]
    assert tally.is_whole


def test_bytes_that_are_not_utf8_are_replaced_and_counted(tmp_path: Path) -> None:
    for body in (b"caf\xe9 au lait", b"half \xed\xa0\x80 a pair", b"end \xf0\x9f"):
        content = members(*with_bad(record(BAD, body=body)))
        pages, tally = read(tmp_path / "a", content)
        assert len(pages) == N
        assert pages[BAD].text == body.decode("utf-8", "replace")
        assert tally.mended == {"not UTF-8": 1}
        pages, tally = read(tmp_path / "a", content, "c4_exact")
        assert numbers(pages) == OTHERS
        assert tally.lost == {"not UTF-8": 1}


def test_zero_characters_cost_the_page_as_in_other_files_but_not_for_c4(tmp_path: Path) -> None:
    content = members(*with_bad(record(BAD, body=b"a\0b")))
    assert read(tmp_path / "a", content)[1].lost == {"binary": 1}
    assert read(tmp_path / "a", content, "c4_exact")[0][BAD].text == "a\0b"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"<html>no crawl</html>", "no WARC"), (bytes(9), "no WARC"), (b"\x1f", "within")],
)
@pytest.mark.parametrize("split", SPLITS)
def test_a_file_that_is_no_crawl_is_said_to_be_none(tmp_path: Path, content: bytes, reason: str, split: str) -> None:
    pages, tally = read(tmp_path / "a", content, split)
    assert pages == []
    assert reason in str(tally.damages[-1])
    with pytest.raises(BadCrawl):
        list(crawl_pages(tmp_path / "a", CrawlConfig(split=split, strict=True)))  # type: ignore[arg-type]


def test_strict_stops_at_the_first_damage_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    content, at = members(*SOUND), len(members(*SOUND[:BAD]))
    path.write_bytes(flipped(content, at + 60))
    pages, seen = crawl_pages(path, CrawlConfig(strict=True)), []
    with pytest.raises(BadCrawl, match=rf"a\.warc\.gz, byte {at}: a gzip member is damaged .*; fetch the file again"):
        seen.extend(pages)
    assert len(seen) in (0, BAD)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.warc.gz", tmp_path):
        with pytest.raises(BadCrawl, match="check path"):
            list(crawl_pages(path))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from data_prep.reading.crawl_files.members import needed

    needed.cache_clear()
    monkeypatch.setitem(sys.modules, "isal.igzip_lib", None)
    with pytest.raises(BadCrawl, match=r"without isal; pip install 'denoise\[crawl\]'"):
        read(tmp_path / "a", members(*SOUND))
    assert len(read(tmp_path / "a", b"".join(SOUND))[0]) == N  # plain text needs nothing


def test_every_damage_is_told_as_it_is_met(tmp_path: Path) -> None:
    from data_prep.reading.crawl_files import Tally

    path, told = tmp_path / "a", list[Damage]()
    path.write_bytes(members(*with_bad(record(BAD, length=""))))
    tally = Tally(on_damage=told.append)
    assert len(list(crawl_pages(path, tally=tally))) == N - 1
    assert told == tally.damages
    assert told[0].details == "there is no Content-Length"
    assert tally.counts()["records"] == N
