"""Stage three: what is left of a unit's documents, with its language and its split, as Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data_prep.cleaning.dedup import dedup_of
from data_prep.cleaning.group import lost_of
from data_prep.cleaning.language import detector_of
from data_prep.cleaning.loop import finish
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.urls import is_held_out, url_key
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.job.clean_manifest import BadTexts
from data_prep.job.compare import LOST_FILE
from data_prep.job.config import Cleaning
from data_prep.job.shard import (
    COMMON,
    CUT,
    DOCUMENTS_FILE,
    DROPPED_FILE,
    VERDICTS_FILE,
    Rows,
    batches_in,
    cut_row,
    document_of,
)
from data_prep.job.tasks import Result, Workplace
from data_prep.split import NUM_RANKS, text_rank

TRAIN, VALIDATION = "train", "validation"
TEXTS = pa.schema([*COMMON, ("language", pa.string()), ("split", pa.string()), ("cut", CUT)])
WHY_DROPPED = pa.schema([*COMMON, ("reason", pa.string())])


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What comparing all pages said of one unit's."""

    older: Path | None
    """A bool for each page: a newer copy of it stays; none: copies are not looked for."""
    near: Path | None
    """A bool for each page: another page with almost the same words stays; none: they are not looked for."""
    lines: Sequence[Path]
    """Folders of find_lines."""


def finish_unit(
    place: Workplace,
    *,
    shard: Path,
    unit: int,
    compared: Compared,
    cleaning: Cleaning,
    reasons: Sequence[str],
) -> Result:
    """Write train.parquet, validation.parquet and, if asked for, dropped.parquet; those that have a row."""
    reason_of = _reasons(shard, compared, reasons)
    unit_end = _End(place, cleaning)
    lost = _lost_keys(compared.lines, unit)
    unit_end.count_gone(reason_of)
    for rows in batches_in(shard / DOCUMENTS_FILE):
        unit_end.add([row for row in rows if not reason_of[row["page"]]], lost)
        if rows:  # the last batch of a unit may have none
            unit_end.tell((rows[-1]["page"] + 1) / len(reason_of))
    if cleaning.keep_dropped:
        unit_end.keep_dropped(shard, reason_of)
    return unit_end.finish()


def _reasons(shard: Path, compared: Compared, reasons: Sequence[str]) -> list[str]:
    """For each page the reason why it is gone by now, or none; an older copy is that whatever the rules say of it."""
    verdicts = np.load(shard / VERDICTS_FILE)
    nothing = np.zeros(len(verdicts), dtype=np.bool_)
    is_older, is_near = (np.load(path) if path else nothing for path in (compared.older, compared.near))
    names = [*reasons, "older copy", "near duplicate"]
    codes = np.where((verdicts == 0) & is_near, len(reasons) + 1, verdicts)
    return [names[code] for code in np.where(is_older, len(reasons), codes).tolist()]


def _lost_keys(lines: Sequence[Path], unit: int) -> dict[int, set[int]]:
    """For each page that loses something, the keys that it loses."""
    lost: dict[int, set[int]] = {}
    for folder in lines:
        pages, keys = lost_of(folder / LOST_FILE, unit)
        for page, key in zip(pages.tolist(), keys.tolist(), strict=True):
            lost.setdefault(page, set()).add(key)
    return lost


class _End:
    """What is written of one unit in the end."""

    def __init__(self, place: Workplace, cleaning: Cleaning) -> None:
        self._place, self._cleaning, self._profile = place, cleaning, cleaning.profile
        self._rules = Rules(self._profile)
        self._dedup = dedup_of(self._profile.dedup, self._profile.language)
        self._detect = detector_of(self._profile)
        self._bad_words = cleaning.bad_word_search()
        self._texts: dict[str, Rows] = {}
        self._unkept: Rows | None = None
        self._counts = {split: {"num_documents": 0, "num_bytes": 0} for split in (TRAIN, VALIDATION)}
        self._left: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._cut: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._digest = 0

    def count_gone(self, reasons: Sequence[str]) -> None:
        """Count the pages that are gone before this stage."""
        gone = Counter(reason for reason in reasons if reason)
        self._dropped.update(gone)
        self._left["newest"] = len(reasons) - gone["older copy"]
        self._left["clean"] = len(reasons) - gone.total() + gone["near duplicate"]

    def add(self, rows: Sequence[dict[str, Any]], lost: Mapping[int, set[int]]) -> None:
        """Documents that are in question still; `lost` are the keys that a page loses."""
        left = []
        for row in rows:
            cut: Counter[str] = Counter()
            keys_lost = lost.get(row["page"], set())
            document = self._dedup.without(document_of(row), row["keys"], keys_lost, self._rules, cut)
            self._cut.update(cut)
            if isinstance(document, Dropped):
                self._lose(row, document.reason)
            else:
                left.append((row, document, cut))
        self._left["deduplicated"] += len(left)
        verdicts = finish([document for _, document, _ in left], self._rules, self._detect, self._bad_words)
        for (row, _, cut), verdict in zip(left, verdicts, strict=True):
            if isinstance(verdict, Dropped):
                self._lose(row, verdict.reason)
            else:
                self._write(verdict, row["source"], cut_row(cut, row["cut"]))

    def tell(self, share: float) -> None:
        """Say how far it is, with this share of the unit's pages seen."""
        self._place.tell(share, {"kept": self._left["kept"]}, self._dropped)

    def keep_dropped(self, shard: Path, reasons: Sequence[str]) -> None:
        """Write the pages that were gone before this stage, too."""
        for name in (DROPPED_FILE, DOCUMENTS_FILE):
            for row in chain.from_iterable(batches_in(shard / name)):
                page = row["page"]
                reason = (reasons[page] if page < len(reasons) else "") or row.get("reason", "")
                if reason:
                    self._keep_dropped(row, reason)

    def finish(self) -> Result:
        """Close the files; what there is to say of them."""
        for rows in (*self._texts.values(), *([self._unkept] if self._unkept else [])):
            rows.close()
        self._left["language"] = self._left["kept"] + self._dropped["bad words"]
        return {
            "left": {name: self._left[name] for name in ("newest", "clean", "deduplicated", "language", "kept")},
            "kept": self._left["kept"],
            "dropped": dict(+self._dropped),
            "cut": dict(+self._cut),
            "splits": self._counts,
            "languages": dict(self._languages),
            "digest": f"{self._digest:032x}",
        }

    def _write(self, document: Document, source: str, cut: dict[str, int]) -> None:
        split = self._split(document)
        if split not in self._texts:
            self._texts[split] = Rows.parquet(self._place.folder / f"{split}.parquet", TEXTS)
        columns = (document.url, document.time, document.text, source, document.language, split)
        self._texts[split].add(**dict(zip(TEXTS.names, columns, strict=False)), cut=cut)
        self._left["kept"] += 1
        content = document.text.encode()
        self._counts[split]["num_documents"] += 1
        self._counts[split]["num_bytes"] += len(content)
        self._languages[document.language] += 1
        self._digest += document_digest(document, split)
        self._digest %= 1 << 128

    def _split(self, document: Document) -> str:
        """By the address where there is one, so that all versions of a page share a side; else by the text."""
        fraction = self._cleaning.held_out_fraction
        if document.url:
            is_out = is_held_out(url_key(document.url, self._profile), fraction)
        else:
            is_out = text_rank(document.text) < int(fraction * NUM_RANKS)
        return VALIDATION if is_out else TRAIN

    def _lose(self, row: Mapping[str, Any], reason: str) -> None:
        self._dropped[reason] += 1
        if self._cleaning.keep_dropped:
            self._keep_dropped(row, reason)

    def _keep_dropped(self, row: Mapping[str, Any], reason: str) -> None:
        if not self._unkept:
            self._unkept = Rows.parquet(self._place.folder / "dropped.parquet", WHY_DROPPED)
        self._unkept.add(**{name: row[name] for name, _ in COMMON}, reason=reason)


def document_digest(document: Document, split: str) -> int:
    """128 bits of all that a document is; a corpus is the sum of them, so that order and files make no difference."""
    parts = (document.url, document.time, document.text, document.language, split)
    return int.from_bytes(md5("\0".join(parts).encode(), usedforsecurity=False).digest(), "big")


def num_texts_in(path: Path) -> int:
    """How many rows a file of texts has. Raises BadTexts."""
    from pyarrow import parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def texts_in(path: Path, columns: Sequence[str] = ("split", "text")) -> Iterator[tuple[str, ...]]:
    """Columns of a file of texts, row by row, with the memory of a few rows. Raises BadTexts."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64, columns=list(columns)):
                yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> BadTexts:
    return BadTexts(f"{path} is damaged ({' '.join(str(error).split())[:200]}); clean again")
