"""How fast pages are cleaned, in MB of text a second of one core, and what each profile keeps.

    python bench/clean_rules.py                          # whole loop, stage by stage, for c4-exact, c4 and c4-fast
    python bench/clean_rules.py --filters --detectors    # each filter and each detector by itself
    python bench/clean_rules.py --agreement              # pages of c4-fast beside those of c4

Process CPU time, medians. `whole` is everything from the packed file to the documents left, in memory; `rules` the
rules for lines and pages alone, on pages that are in memory already. Needs the crawl files of the data folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from data_prep.cleaning.bad_words import WordLists, lists_in
from data_prep.cleaning.filters import FineWebQuality, GopherQuality, GopherRepetition, LongParagraphs
from data_prep.cleaning.filters.base import words_of
from data_prep.cleaning.language import NoDetector, detector_of
from data_prep.cleaning.loop import Cleaned, clean_all
from data_prep.cleaning.profiles import C4, Detector, Profile, profile_named
from data_prep.cleaning.rules import Rules
from data_prep.pages import Page
from data_prep.reading.crawl_files import CrawlConfig, crawl_pages

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
SETS = {
    "lean": ["lean-00000.warc.wet.gz"],
    "multi": ["multi-00000.warc.wet.gz", "multi-00001.warc.wet.gz"],
    "real-pages": ["real-pages.warc.wet.gz"],
}


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started_at_s = time.process_time()
        work()
        taken.append(time.process_time() - started_at_s)
    return statistics.median(taken)


def pages_of(name: str, profile: Profile) -> list[list[Page]]:
    config = CrawlConfig(split="c4_exact" if profile.eats_header_like_lines else "clean")
    return [list(crawl_pages(DATA / "crawl" / file, config)) for file in SETS[name]]


def num_mb(files: list[list[Page]]) -> float:
    return sum(len(page.text.encode()) for pages in files for page in pages) / 1e6


def cleaned(name: str, profile: Profile) -> Cleaned:
    bad_words = WordLists(lists_in(DATA / "badwords" / "en"), profile)
    config = CrawlConfig(split="c4_exact" if profile.eats_header_like_lines else "clean")
    files = [crawl_pages(DATA / "crawl" / file, config) for file in SETS[name]]
    return clean_all(files, Rules(profile), bad_words=bad_words)


def show(label: str, mb: float, seconds: float, more: object = "") -> None:
    print(f"    {label:34} {mb / seconds:8.1f} MB/s   {more}", flush=True)


def profiles(sets: list[str], names: list[str], repeats: int) -> None:
    for name in sets:
        print(name)
        for profile_name in names:
            profile = profile_named(profile_name)
            rules, files = Rules(profile), pages_of(name, profile)
            admitted = [page for pages in files for page in pages if rules.admits(page) is None]
            mb = num_mb(files)
            show(
                f"{profile_name}: rules",
                mb,
                seconds_of(lambda a=admitted, r=rules: [r.clean(page, Counter()) for page in a], repeats),  # type: ignore[misc]
            )
            left = cleaned(name, profile).num_left
            seconds = seconds_of(lambda n=name, p=profile: cleaned(n, p), repeats)  # type: ignore[misc]
            show(f"{profile_name}: whole, with reading", mb, seconds, f"{left['kept']} of {left['read']} pages")


def filters(sets: list[str], repeats: int) -> None:
    for name in sets:
        raw = [page.text for pages in pages_of(name, C4) for page in pages]
        for label, texts in (("as found", raw), ("cleaned", [doc.text for doc in cleaned(name, C4).documents])):
            print(f"{name}, pages {label}")
            mb = sum(len(text.encode()) for text in texts) / 1e6
            for page_filter in (GopherQuality(), GopherRepetition(), FineWebQuality(), LongParagraphs()):

                def work(texts: list[str] = texts, page_filter: object = page_filter) -> Counter[str | None]:
                    words_of.cache_clear()
                    return Counter(page_filter.reason_for(text) for text in texts)  # type: ignore[attr-defined]

                show(type(page_filter).__name__, mb, seconds_of(work, repeats), dict(work()))


def detectors(repeats: int) -> None:
    texts = [doc.text for doc in cleaned("real-pages", replace(C4, language="any")).documents]
    mb = sum(len(text.encode()) for text in texts) / 1e6
    print(f"real-pages, {len(texts)} cleaned pages of all languages")
    for detector in (Detector.LANGDETECT, Detector.ELDC, Detector.LID176, Detector.CLD3):
        try:
            detect = detector_of(Profile(detector=detector))
        except NoDetector as missing:
            print(f"    {missing}")
            continue
        show(detector.value, mb, seconds_of(lambda d=detect: [d(text) for text in texts], repeats))  # type: ignore[misc]


def agreement(sets: list[str], first: str, second: str) -> None:
    for name in sets:
        one, two = ({doc.url: doc.text for doc in cleaned(name, profile_named(p)).documents} for p in (first, second))
        both = one.keys() & two.keys()
        print(
            f"{name}: kept by {first} {len(one)}, by {second} {len(two)}, by both {len(both)} "
            f"({sum(one[url] == two[url] for url in both)} with the same text), "
            f"by {first} alone {len(one.keys() - both)}, by {second} alone {len(two.keys() - both)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", choices=SETS, default=["lean"])
    parser.add_argument("--profiles", nargs="*", default=["c4-exact", "c4", "c4-fast"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--filters", action="store_true")
    parser.add_argument("--detectors", action="store_true")
    parser.add_argument("--agreement", action="store_true")
    options = parser.parse_args()
    if options.filters:
        filters(options.sets, options.repeats)
    if options.detectors:
        detectors(options.repeats)
    if options.agreement:
        agreement(list(SETS), "c4", "c4-fast")
    if not (options.filters or options.detectors or options.agreement):
        profiles(options.sets, options.profiles, options.repeats)


if __name__ == "__main__":
    main()
