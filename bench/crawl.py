"""How fast crawl files are read, in MB of unpacked text and headers a second of one core.

    python bench/crawl.py
    python bench/crawl.py --repeats 9 --files ../shared/data/crawl/lean-00000.warc.wet.gz

Process CPU time, so that other work on the machine counts as little as can be; medians. `unpacked` is what
isal takes for the file without looking at it. FastWARC and warcio, where they are installed, give every
record's bytes, not text; neither says when a file is cut. WARC files (HTML to text) are read by ours alone.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from data_prep.reading.crawl_files import CrawlConfig, crawl_pages

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "crawl"
FILES = ("lean-00000.warc.wet.gz", "multi-00000.warc.wet.gz", "real-pages.warc.wet.gz", "blackbook-2008.warc.gz")


def ours(split: str) -> Callable[[Path], int]:
    return lambda path: sum(1 for _ in crawl_pages(path, CrawlConfig(split=split)))  # type: ignore[arg-type]


def unpacked(path: Path) -> int:
    from isal import igzip

    with igzip.open(path) as file:
        while file.read(1 << 20):
            pass
    return 0


def fastwarc(path: Path) -> int:
    from fastwarc.warc import ArchiveIterator

    return sum(bool(record.reader.read()) for record in ArchiveIterator(str(path)))


def warcio(path: Path) -> int:
    from warcio.archiveiterator import ArchiveIterator

    with path.open("rb") as file:
        return sum(bool(record.raw_stream.read()) for record in ArchiveIterator(file))


READERS: dict[str, Callable[[Path], int]] = {
    "clean": ours("clean"),
    "c4_exact": ours("c4_exact"),
    "unpacked": unpacked,
    "fastwarc": fastwarc,
    "warcio": warcio,
}
NEEDS = {"unpacked": "isal", "fastwarc": "fastwarc", "warcio": "warcio"}


def measured(read: Callable[[Path], int], path: Path, repeats: int) -> tuple[float, int]:
    """Median seconds, and how many pages or records."""
    seconds, count = [], read(path)
    for _ in range(repeats):
        started_at_s = time.process_time()
        read(path)
        seconds.append(time.process_time() - started_at_s)
    return statistics.median(seconds), count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--files", type=Path, nargs="*", default=[DATA / name for name in FILES if (DATA / name).is_file()]
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if not options.files:
        sys.exit(f"no crawl files in {DATA}; name some with --files")
    for path in options.files:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            num_bytes = sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))
        print(f"{path.name}  {num_bytes / 1e6:.1f} MB unpacked, {path.stat().st_size / 1e6:.1f} MB packed")
        for name, read in READERS.items():
            if find_spec(NEEDS.get(name, "data_prep")) is None or (name == "c4_exact" and ".wet" not in path.name):
                continue
            seconds, count = measured(read, path, options.repeats)
            print(f"    {name:9} {num_bytes / 1e6 / seconds:7.0f} MB/s {count / seconds:9.0f} pages/s {count:7}")


if __name__ == "__main__":
    main()
