"""Which near duplicates are found, held against the true Jaccard similarity of their shingles.

    python bench/near_duplicates_found.py
    python bench/near_duplicates_found.py --subset 8000 --files ../shared/data/crawl/lean-00000.warc.wet.gz

All files together are one corpus: how many pages go by the rule here (not the first of its fellows in some band), how
many would by groups of pages joined by bands, and how many go though no page that stays has a band in common with
them. Then of each pair (page, first of a band) the true similarity, and for a subset all pairs by brute force.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from pathlib import Path

from near_duplicates import DATA, NEAR

from data_prep.cleaning.dedup import owners, priority_of
from data_prep.cleaning.loop import clean, newest
from data_prep.cleaning.near_duplicates import _kinds
from data_prep.cleaning.profiles import C4
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document
from data_prep.reading.crawl_files import crawl_pages

FILES = ("multi-00000.warc.wet.gz", "multi-00001.warc.wet.gz")


def true_shingles(text: str) -> frozenset[int]:
    """Runs of words themselves, not the 32-bit numbers that signatures are made of."""
    kinds, words, word = _kinds(), [], ""
    for char in text.lower() + " ":
        kind = kinds[ord(char)]
        if kind == 1:
            word += char
            continue
        words += [word] * bool(word) + [char] * bool(kind == 2)
        word = ""
    size = NEAR.shingle_words
    return frozenset(hash(tuple(words[n : n + size])) for n in range(max(1, len(words) - size + 1)))


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)


def num_groups(num: int, buckets: dict[int, list[int]]) -> int:
    parent = list(range(num))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for pages in buckets.values():
        for page in pages[1:]:
            parent[root(pages[0])] = root(page)
    return len({root(n) for n in range(num)})


def shares(similarities: list[float]) -> str:
    total = max(1, len(similarities))
    return ", ".join(f"≥ {least} {sum(s >= least for s in similarities) / total:.4f}" for least in (0.8, 0.7, 0.6, 0.5))


def brute_force(subset: list[int], shingles: list[frozenset[int]], bands: list[set[int]]) -> None:
    holders: dict[int, list[int]] = defaultdict(list)
    for page in subset:
        for shingle in shingles[page]:
            holders[shingle].append(page)
    num_alike = num_alike_found = num_found = num_found_alike = 0
    for page in subset:
        common = Counter(other for shingle in shingles[page] for other in holders[shingle] if other > page)
        for other, num in common.items():
            similarity = num / (len(shingles[page]) + len(shingles[other]) - num)
            is_found = not bands[page].isdisjoint(bands[other])
            num_alike += similarity >= 0.8
            num_alike_found += similarity >= 0.8 and is_found
            num_found += is_found
            num_found_alike += is_found and similarity >= 0.7
    print(f"subset of {len(subset)}: {num_alike} pairs of J ≥ 0.8, found {num_alike_found / max(1, num_alike):.4f}")
    print(f"    {num_found} pairs found, of J ≥ 0.7 {num_found_alike / max(1, num_found):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, nargs="*", default=[DATA / name for name in FILES])
    parser.add_argument("--subset", type=int, default=4000)
    options = parser.parse_args()
    rules = Rules(C4)
    shards = [clean(crawl_pages(path), rules) for path in options.files]
    documents = [page.verdict for shard in newest(shards) for page in shard if isinstance(page.verdict, Document)]
    bands = [set(NEAR.bands(document.text).tolist()) for document in documents]
    places = [priority_of(document) for document in documents]
    lowest = owners((band, place) for place, own in zip(places, bands, strict=True) for band in own)
    buckets: dict[int, list[int]] = defaultdict(list)
    for number, own in enumerate(bands):
        for band in own:
            buckets[band].append(number)
    gone = {n for n, own in enumerate(bands) if any(lowest[band] != places[n] for band in own)}
    alone = sum(all(other in gone for band in bands[n] for other in buckets[band]) for n in gone)
    print(
        f"{len(documents)} documents: {len(gone)} go, by groups {len(documents) - num_groups(len(documents), buckets)}"
    )
    print(f"    {alone} of them have no band in common with a page that stays")
    shingles = [true_shingles(document.text) for document in documents]
    first = {place: number for number, place in enumerate(places)}
    pairs = {(n, first[lowest[band]]) for n in gone for band in bands[n]} - {(n, n) for n in gone}
    best: dict[int, float] = defaultdict(float)
    for page, other in pairs:
        best[page] = max(best[page], jaccard(shingles[page], shingles[other]))
    print(f"    pairs (page, first of a band): J {shares([jaccard(shingles[a], shingles[b]) for a, b in pairs])}")
    print(f"    pages that go, by their best pair: J {shares(list(best.values()))}")
    subset = random.Random(0).sample(range(len(documents)), min(options.subset, len(documents)))
    brute_force(subset, shingles, bands)


if __name__ == "__main__":
    main()
