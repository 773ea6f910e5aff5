"""How fast pages are compared, in documents and MB of text a second of one core, and how many go.

    python bench/near_duplicates.py
    python bench/near_duplicates.py --repeats 9 --files ../shared/data/crawl/lean-00000.warc.wet.gz

Process CPU time, so that other work on the machine counts as little as can be; medians. The texts are what the rules
of the profile c4 leave of the newest pages. `lines` and `spans` are the keys that pages are compared by, `minhash`
the bands of near duplicates; datasketch, where it is installed, makes as many numbers of the same shingles.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from data_prep.cleaning.dedup import DedupUnit, dedup_of
from data_prep.cleaning.loop import clean, newest, without_duplicates, without_near_duplicates
from data_prep.cleaning.near_duplicates import NearDuplicates
from data_prep.cleaning.profiles import C4
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document
from data_prep.reading.crawl_files import crawl_pages

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "crawl"
FILES = ("lean-00000.warc.wet.gz", "multi-00000.warc.wet.gz", "multi-00001.warc.wet.gz")
NEAR = NearDuplicates()


def datasketch(text: str) -> object:
    from datasketch import MinHash

    signature = MinHash(num_perm=NEAR.num_bands * NEAR.num_rows)
    signature.update_batch([number.tobytes() for number in NEAR.shingles(text)])
    return signature


WAYS: dict[str, Callable[[str], object]] = {
    "lines": dedup_of(DedupUnit.LINES).keys,
    "spans": dedup_of(DedupUnit.SPANS).keys,
    "minhash": NEAR.bands,
    "datasketch": datasketch,
}


def cleaned(path: Path, rules: Rules) -> list[Document]:
    (pages,) = newest([clean(crawl_pages(path), rules)])
    return [page.verdict for page in pages if isinstance(page.verdict, Document)]


def seconds_of(way: Callable[[str], object], texts: list[str], repeats: int) -> float:
    way(texts[0])  # compiles
    seconds = []
    for _ in range(repeats):
        started_at_s = time.process_time()
        for text in texts:
            way(text)
        seconds.append(time.process_time() - started_at_s)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--files", type=Path, nargs="*", default=[DATA / name for name in FILES if (DATA / name).is_file()]
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if not options.files:
        sys.exit(f"no crawl files in {DATA}; name some with --files")
    rules = Rules(C4)
    for path in options.files:
        documents = cleaned(path, rules)
        texts = [document.text for document in documents]
        num_bytes = sum(len(text.encode()) for text in texts)
        print(f"{path.name}  {len(texts)} documents, {num_bytes / 1e6:.1f} MB")
        for name, way in WAYS.items():
            if find_spec(name) is None and name == "datasketch":
                continue
            seconds = seconds_of(way, texts, options.repeats if name != "datasketch" else 1)
            print(f"    {name:10} {len(texts) / seconds:9.0f} documents/s {num_bytes / 1e6 / seconds:7.1f} MB/s")
        num_near = sum(not isinstance(verdict, Document) for verdict in without_near_duplicates(documents, NEAR))
        print(f"    {num_near} near duplicates")
        for unit in (DedupUnit.LINES, DedupUnit.SPANS):
            cut: Counter[str] = Counter()
            verdicts = list(without_duplicates(documents, dedup_of(unit), rules, cut))
            left = [verdict for verdict in verdicts if isinstance(verdict, Document)]
            num_left_bytes = sum(len(document.text.encode()) for document in left)
            print(f"    {unit.value}: {len(left)} documents, {num_left_bytes / 1e6:.1f} MB left; cut {dict(cut)}")


if __name__ == "__main__":
    main()
