"""All of cleaning as a plain loop in memory over its three stages: what any engine's result is held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from data_prep.cleaning.bad_words import WordLists
from data_prep.cleaning.dedup import Dedup, dedup_of, lost_by, owners, priority_of
from data_prep.cleaning.language import Detect, detector_of, language_of
from data_prep.cleaning.near_duplicates import NearDuplicates
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.urls import copies_key, tie_of
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.pages import Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One page behind the first stage."""

    key: str | None
    """Copies of one page share it; none: it has no copies."""
    rank: tuple[str, int]
    """Of several copies the one of the highest rank is kept, of equals the first."""
    verdict: Document | Dropped
    """What the rules say of its text; copies that will not be kept have one too."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file behind the first stage."""

    judged: Sequence[Judged]
    """Every page that may be kept, or keep an older copy from being so."""
    num_pages: int
    """Pages read."""
    dropped: Mapping[str, int]
    """Pages that take part in nothing, counted by reason."""
    cut: Mapping[str, int]
    """Lines cut, counted by reason."""


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What is left of a crawl."""

    documents: Sequence[Document]
    """In the order of files and pages."""
    num_left: Mapping[str, int]
    """Pages left behind each step: read, admitted, newest, clean, deduplicated, language, kept."""
    dropped: Mapping[str, int]
    """Pages dropped, counted by reason; with `kept` they add up to `read`."""
    cut: Mapping[str, int]
    """Lines cut, counted by reason; by the rules also from pages that are dropped in the end."""


def clean(pages: Iterable[Page], rules: Rules) -> Shard:
    """The first stage: every page by itself."""
    judged: list[Judged] = []
    dropped: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    num_pages = 0
    for page in pages:
        num_pages += 1
        if unfit := rules.admits(page):
            dropped[unfit.reason] += 1
            continue
        judged.append(
            Judged(
                key=copies_key(page, rules.profile),
                rank=(page.time, tie_of(page, rules.profile)),
                verdict=rules.clean(page, cut),
            )
        )
    return Shard(judged=judged, num_pages=num_pages, dropped=dropped, cut=cut)


def newest(shards: Sequence[Shard]) -> list[list[Judged]]:
    """The second stage, first part: for each shard the pages that have no newer copy anywhere."""
    best: dict[str, Judged] = {}
    for shard in shards:
        for page in shard.judged:
            if page.key is None:
                continue
            held = best.setdefault(page.key, page)
            if page.rank > held.rank:
                best[page.key] = page
    return [[page for page in shard.judged if page.key is None or best[page.key] is page] for shard in shards]


def without_near_duplicates(documents: Sequence[Document], near: NearDuplicates) -> list[Document | Dropped]:
    """The second stage, second part: each document, or that one of lower priority has a band in common with it."""
    places = [priority_of(doc) for doc in documents]
    bands = [near.bands(doc.text).tolist() for doc in documents]
    lowest = owners((band, place) for place, own in zip(places, bands, strict=True) for band in own)
    return [
        Dropped("near duplicate") if lost_by(place, own, lowest) else doc
        for doc, place, own in zip(documents, places, bands, strict=True)
    ]


def without_duplicates(
    documents: Sequence[Document], dedup: Dedup, rules: Rules, cut: Counter[str]
) -> Iterator[Document | Dropped]:
    """The second stage, third part: what is left of each document without what others keep."""
    places = [priority_of(doc) for doc in documents]
    keys = [dedup.keys(doc.text) for doc in documents]
    lowest = owners((key, place) for place, own in zip(places, keys, strict=True) for key in own)
    for doc, place, own in zip(documents, places, keys, strict=True):
        yield dedup.without(doc, own, lost_by(place, own, lowest), rules, cut)


def finish(
    documents: Sequence[Document], rules: Rules, detect: Detect, bad_words: WordLists | None
) -> list[Document | Dropped]:
    """The third stage, behind `without_duplicates`: language, then bad words, each document by itself."""
    verdicts: list[Document | Dropped] = []
    for document in documents:
        language = language_of(document.text, rules.profile, detect)
        verdicts.append(language if isinstance(language, Dropped) else replace(document, language=language))
    if bad_words:
        kept = [(place, verdict) for place, verdict in enumerate(verdicts) if isinstance(verdict, Document)]
        for (place, _), goes in zip(kept, bad_words.drops([document for _, document in kept]), strict=True):
            if goes:
                verdicts[place] = Dropped("bad words")
    return verdicts


def clean_all(
    files: Sequence[Iterable[Page]],
    rules: Rules,
    *,
    detect: Detect | None = None,
    bad_words: WordLists | None = None,
) -> Cleaned:
    """Files of pages → documents, all in memory. Raises NoDetector; `detect` stands in for the profile's detector."""
    detect = detect or detector_of(rules.profile)
    shards = [clean(pages, rules) for pages in files]
    dropped: Counter[str] = sum((Counter(shard.dropped) for shard in shards), Counter())
    cut: Counter[str] = sum((Counter(shard.cut) for shard in shards), Counter())
    left = {"read": sum(shard.num_pages for shard in shards), "admitted": sum(len(shard.judged) for shard in shards)}

    chosen = [page.verdict for shard in newest(shards) for page in shard]
    dropped.update({"older copy": left["admitted"] - len(chosen)})
    left["newest"] = len(chosen)

    documents = _kept(chosen, dropped)
    left["clean"] = len(documents)
    if near := rules.profile.near_duplicates:  # first, or a page that goes would have kept lines from one that stays
        documents = _kept(without_near_duplicates(documents, near), dropped)
    dedup = dedup_of(rules.profile.dedup, rules.profile.language)
    documents = _kept(without_duplicates(documents, dedup, rules, cut), dropped)
    left["deduplicated"] = len(documents)
    documents = _kept(finish(documents, rules, detect, bad_words), dropped)
    left["kept"] = len(documents)
    left["language"] = left["kept"] + dropped["bad words"]
    return Cleaned(documents=documents, num_left=left, dropped=+dropped, cut=+cut)


def _kept(verdicts: Iterable[Document | Dropped], dropped: Counter[str]) -> list[Document]:
    documents = []
    for verdict in verdicts:
        if isinstance(verdict, Dropped):
            dropped[verdict.reason] += 1
        else:
            documents.append(verdict)
    return documents
