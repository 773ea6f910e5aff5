"""Stage one: every page of a unit by itself, and the keys by which it is compared with all others."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from data_prep.cleaning.dedup import dedup_of, digest64, priority_of
from data_prep.cleaning.group import write_copies, write_rows
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.urls import copies_key, tie_of
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.job.config import Cleaning
from data_prep.job.shard import (
    COPIES_FILE,
    DOCUMENTS,
    DOCUMENTS_FILE,
    DROPPED,
    DROPPED_FILE,
    LINES_FILE,
    NEAR_FILE,
    VERDICTS_FILE,
    Rows,
    common,
    cut_row,
)
from data_prep.job.tasks import Result, Workplace
from data_prep.job.units import Unit, byte_of, num_bytes_of, place_of, read_unit
from data_prep.pages import Page
from data_prep.reading.crawl_files import Tally
from data_prep.reading.sources import digest


def clean_unit(place: Workplace, *, unit: Unit, cleaning: Cleaning) -> Result:
    """Write the documents of a unit and their keys. Raises BadSource, BadCrawl."""
    shard = _Shard(place, cleaning)
    tally, left_out, num_pages = Tally(), Counter[str](), list[int]()
    starts = list(accumulate(map(num_bytes_of, unit.slices), initial=0))
    for number, page in enumerate(read_unit(unit, cleaning.reading, tally, left_out, num_pages), start=1):
        slice_number = len(num_pages) - 1
        shard.add(page, place_of(page, unit.slices[slice_number].source))
        if not number % 64:
            shard.tell((starts[slice_number] + byte_of(page)) / max(starts[-1], 1))
    result = shard.finish()
    return {
        **result,
        "slices": [
            # Of a source in slices the first one reads all of it.
            {
                "source": unit.first_source + number,
                "num_pages": num,
                "digest": "" if part.start else digest(part.source),
            }
            for number, (part, num) in enumerate(zip(unit.slices, num_pages, strict=True))
        ],
        "left_out": dict(left_out),
        "crawl": tally.counts() if tally.num_records or not tally.is_whole else {},
        "damages": [str(damage) for damage in tally.damages],
    }


class _Shard:
    """What is written of one unit."""

    def __init__(self, place: Workplace, cleaning: Cleaning) -> None:
        self._place = place
        self._profile = cleaning.profile
        self._rules = Rules(cleaning.profile)
        self._dedup = dedup_of(self._profile.dedup, self._profile.language)
        self._compares = self._profile.one_page_per_url
        self._documents = Rows.arrow(place.folder / DOCUMENTS_FILE, DOCUMENTS)
        self._unkept = Rows.arrow(place.folder / DROPPED_FILE, DROPPED) if cleaning.keep_dropped else None
        self._reasons: dict[str, int] = {}
        self._verdicts = array("H")
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._cut: Counter[str] = Counter()
        self._copies: tuple[array[int], list[str], array[int]] = (array("Q"), [], array("Q"))
        self._lines = (array("Q"), array("Q"), array("I"))
        self._near = (array("Q"), array("Q"), array("I"))
        self._num_read = self._num_chars = 0

    def add(self, page: Page, source: str) -> None:
        """One page more."""
        self._num_read += 1
        self._num_chars += len(page.text)
        if unfit := self._rules.admits(page):
            self._dropped[unfit.reason] += 1
            self._drop(2**32 - 1, page, source, unfit.reason)
            return
        number = len(self._verdicts)
        if self._compares:
            self._note_copy(page)
        cut: Counter[str] = Counter()
        verdict = self._rules.clean(page, cut)
        self._cut.update(cut)
        if isinstance(verdict, Dropped):
            self._verdicts.append(self._reasons.setdefault(verdict.reason, len(self._reasons) + 1))
            self._refused[verdict.reason] += 1
            self._drop(number, page, source, verdict.reason)
            return
        self._verdicts.append(0)
        keys = self._dedup.keys(verdict.text)
        self._documents.add(page=number, **common(verdict, verdict.text, source), cut=cut_row(cut), keys=keys)
        self._note_keys(number, verdict, keys)

    def tell(self, share: float) -> None:
        """Say how far it is, with this share of the unit read."""
        counts = {"pages": self._num_read, "kept": self._documents.num_rows, "chars": self._num_chars}
        self._place.tell(share, counts, self._dropped + self._refused)

    def finish(self) -> Result:
        """Write what was noted; what there is to say of it."""
        folder = self._place.folder
        self._documents.close()
        if self._unkept:
            self._unkept.close()
        np.save(folder / VERDICTS_FILE, np.array(self._verdicts, dtype=np.uint16))
        pages = np.arange(len(self._copies[0]), dtype=np.uint32)
        write_copies(folder / COPIES_FILE, np.array(self._copies[0]), self._copies[1], np.array(self._copies[2]), pages)
        for name, columns in ((LINES_FILE, self._lines), (NEAR_FILE, self._near)):
            write_rows(folder / name, *map(np.array, columns))
        return {
            "read": self._num_read,
            "chars": self._num_chars,
            "admitted": len(self._verdicts),
            "documents": self._documents.num_rows,
            "dropped": dict(self._dropped),
            # Shown while others work; a page that is also an older copy is counted as that in the end.
            "refused": dict(self._refused),
            "reasons": ["", *self._reasons],
            "cut": dict(+self._cut),
            "rows": {"copies": len(self._copies[0]), "lines": len(self._lines[0]), "near": len(self._near[0])},
        }

    def _note_copy(self, page: Page) -> None:
        keys, times, ties = self._copies
        keys.append(digest64(copies_key(page, self._profile) or ""))
        times.append(page.time)
        ties.append(tie_of(page, self._profile))

    def _note_keys(self, number: int, document: Document, keys: Sequence[int]) -> None:
        near = self._profile.near_duplicates
        place = priority_of(document)
        for columns, found in ((self._lines, keys), (self._near, near.bands(document.text).tolist() if near else ())):
            columns[0].extend(found)
            columns[1].extend([place] * len(found))
            columns[2].extend([number] * len(found))

    def _drop(self, number: int, page: Page, source: str, reason: str) -> None:
        if self._unkept:
            self._unkept.add(page=number, **common(page, page.text, source), reason=reason)
