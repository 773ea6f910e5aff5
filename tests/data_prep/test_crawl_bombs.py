"""Input made to cost memory or time costs neither: it is lost, counted, and what follows is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from made_crawls import members, numbers, read, record

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")

MOST_MEMORY_BYTES = 150 << 20
MOST_TIME_S = 15.0
BEFORE, AFTER = record(1), record(2)


def repeated(start: bytes, block: bytes, count: int, end: bytes = b"") -> bytes:
    """A gzip member of `start`, `count` times `block`, and `end`; the block is packed once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(end) + packer.flush()
    checksum = zlib.crc32(start)
    for _ in range(count if count * len(block) < 1 << 30 else 0):  # nobody gets to the end of longer ones
        checksum = zlib.crc32(block, checksum)
    checksum = zlib.crc32(end, checksum)
    length = len(start) + count * len(block) + len(end)
    tail = checksum.to_bytes(4, "little") + (length % (1 << 32)).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + first + middle * count + last + tail


def header(length: int) -> bytes:
    return record(9, body=b"", length=str(length))[:-4]


PROGRAM = """
import json, resource, sys
from data_prep.reading.crawl_files import CrawlConfig, Tally, crawl_pages
list(crawl_pages(sys.argv[2], CrawlConfig(split=sys.argv[1])))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tally = Tally()
urls = [page.url for page in crawl_pages(sys.argv[3], CrawlConfig(split=sys.argv[1]), tally)]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([urls, tally.counts(), (after - before) * 1024]))
"""


def read_apart(path: Path, split: str) -> tuple[list[str], dict]:
    """Read in a process of its own, within the limits of memory and time."""
    small = path.parent / "small"
    small.write_bytes(members(BEFORE))
    command = [sys.executable, "-c", PROGRAM, split, str(small), str(path)]
    root = str(Path(__file__).parents[2])
    started_at_s = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=root, env={**os.environ, "PYTHONPATH": root}
    )
    assert time.monotonic() - started_at_s < MOST_TIME_S
    urls, counts, num_bytes = json.loads(done.stdout)
    assert num_bytes < MOST_MEMORY_BYTES
    return [url[-1] for url in urls], counts


BOMBS = {
    "ten gigabytes of zero bytes": lambda: repeated(b"", bytes(1 << 24), 640),
    "ten gigabytes in one record": lambda: repeated(header(10 << 30), b"a" * (1 << 24), 640),
    "a header without end": lambda: repeated(b"WARC/1.0\r\n", b"X-Name: value\r\n" * (1 << 16), 90),
    "version lines without end": lambda: repeated(b"", b"WARC/1.0 " * (1 << 16), 160),
}


@pytest.mark.parametrize("split", ["clean", "c4_exact"])
@pytest.mark.parametrize("kind", BOMBS)
def test_a_packed_bomb_is_lost_alone(tmp_path: Path, kind: str, split: str) -> None:
    path = tmp_path / "bomb.warc.wet.gz"
    path.write_bytes(members(BEFORE) + BOMBS[kind]() + members(AFTER))
    urls, counts = read_apart(path, split)
    assert urls == ["1", "2"]
    assert counts["lost"] == {"unpacks without end": 1}


@pytest.mark.parametrize("split", ["clean", "c4_exact"])
def test_a_line_of_a_gigabyte_is_lost_alone(tmp_path: Path, split: str) -> None:
    path = tmp_path / "line.warc.wet"
    with path.open("wb") as file:  # a hole in the file: it takes no room on the disk
        file.write(BEFORE + header(1 << 30))
        file.seek(1 << 30, 1)
        file.write(b"\r\n\r\n" + AFTER)
    urls, counts = read_apart(path, split)
    assert urls == ["1", "2"]
    assert counts["lost"] == {"too large": 1}


@pytest.mark.parametrize("split", ["clean", "c4_exact"])
def test_a_long_record_that_is_no_bomb_is_stepped_over(tmp_path: Path, split: str) -> None:
    block = zlib.compress(os.urandom(99), 0)[:90].hex().encode() * 99
    length = len(block) * 400
    path = tmp_path / "long.warc.wet.gz"
    content = members(BEFORE) + repeated(header(length), block, 400, b"\r\n\r\n" + AFTER)
    pages, tally = read(path, content, split, max_record_bytes=1 << 20)
    assert numbers(pages) == [1, 2]
    assert tally.lost == {"too large": 1}


@pytest.mark.parametrize("split", ["clean", "c4_exact"])
def test_many_short_members_take_no_longer_than_their_bytes(tmp_path: Path, split: str) -> None:
    content = members(header(2_000_000)) + members(b"word ") * 400_000 + members(b"\r\n\r\n") + members(AFTER)
    started_at_s = time.process_time()
    pages, tally = read(tmp_path / "a", content, split)
    assert time.process_time() - started_at_s < MOST_TIME_S / 3
    assert [len(page.text) for page in pages][:1] == [1_999_999]
    assert tally.is_whole


@pytest.mark.parametrize(
    "content", [b"WARC/1.0 " * 300_000, b"\x1f\x8b\x08" * 600_000, b"\r\n" * 900_000, b"WARC/1.0\r\n" * 200_000]
)
@pytest.mark.parametrize("split", ["clean", "c4_exact"])
def test_what_looks_like_a_start_again_and_again_takes_no_time(tmp_path: Path, content: bytes, split: str) -> None:
    started_at_s = time.monotonic()
    pages, _ = read(tmp_path / "a", BEFORE + content + b"\r\n\r\n" + AFTER, split)
    assert time.monotonic() - started_at_s < MOST_TIME_S
    assert "2" in {page.url[-1] for page in pages}
