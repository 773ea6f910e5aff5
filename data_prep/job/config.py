"""What a user may choose when pages are cleaned, and what a task is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.cleaning.bad_words import WordLists, lists_in
from data_prep.cleaning.profiles import Profile, profile_named
from data_prep.errors import BadInput
from data_prep.job.units import Reading
from data_prep.reading.crawl_files import CrawlConfig
from data_prep.reading.readers import LONGEST_DOCUMENT_CHARS
from data_prep.reading.rows import Fields
from data_prep.reading.sources import Source


@dataclass(frozen=True, kw_only=True)
class CleanConfig:
    """Options of cleaning; what is written depends on all of them."""

    rules: str | Profile = "auto"
    """Which pages, and what of them, to keep: the name of a profile, or its fields, as the files of configs/clean have
    them. auto: c4 if there is a crawl file among the sources; if there is none as-is, which changes nothing."""
    bad_words: Path | None = None
    """File of words, one a line, UTF-8: pages with one of them are dropped. Or a folder of such files named by their
    languages (en, de, zh): each page is held against the list of its own. C4's lists, of 27 languages:
    https://github.com/LDNOOBW/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words (CC BY 4.0)."""
    held_out_fraction: float = 0.04
    """Fraction of the documents that is never trained on, above 0 and at most 0.5; by URL, or else by text. C4: 0.001,
    the same pages."""
    text_field: str = "text"
    """Field or column that holds the text, in JSON lines, Parquet and data sets."""
    url_field: str = "url"
    """Field or column that holds the address, if there is one."""
    time_field: str = "timestamp"
    """Field or column that says when a page was fetched, if there is one."""
    longest_document_chars: int = LONGEST_DOCUMENT_CHARS
    """Longer texts, of other than crawl files, are cut into several documents, in characters; at least 1000."""
    main_content: bool = True
    """Of HTML in WARC files, whether only the main content is taken, without menus and footers."""
    max_record_bytes: int = 1 << 23
    """The longest record of a crawl file that is read, in bytes, unpacked; longer ones are lost and counted."""
    strict: bool = False
    """Whether the first damage in a crawl file stops everything, instead of being counted."""
    keep_dropped: bool = False
    """Whether pages that are dropped are written too, each with its reason, to `dropped/`."""
    licence: str = ""
    """What the data card says of the licence of the texts; it is not checked."""

    def __post_init__(self) -> None:
        if isinstance(self.rules, str) and self.rules != "auto":
            profile_named(self.rules)
        if not 0 < self.held_out_fraction <= 0.5:
            raise BadInput(f"held_out_fraction is {self.held_out_fraction}; it must lie above 0 and at most at 0.5")
        if self.longest_document_chars < 1000:
            raise BadInput(f"longest_document_chars is {self.longest_document_chars}; it must be 1000 or more")
        if self.max_record_bytes < 1:
            raise BadInput(f"max_record_bytes is {self.max_record_bytes}; it must be 1 or more")

    def resolved(self, sources: Sequence[Source]) -> Cleaning:
        """What tasks are told, with nothing left to choose or to read. Raises BadList."""
        is_crawl = any(source.kind == "crawl" for source in sources)
        rules = ("c4" if is_crawl else "as-is") if self.rules == "auto" else self.rules
        profile = profile_named(rules) if isinstance(rules, str) else rules
        return Cleaning(
            profile=profile,
            bad_words=lists_in(self.bad_words) if self.bad_words else {},
            held_out_fraction=self.held_out_fraction,
            keep_dropped=self.keep_dropped,
            reading=Reading(
                fields=Fields(text=self.text_field, url=self.url_field, time=self.time_field),
                longest_document_chars=self.longest_document_chars,
                crawl=CrawlConfig(
                    split="c4_exact" if profile.eats_header_like_lines else "clean",
                    strict=self.strict,
                    is_main_content=self.main_content,
                    max_record_bytes=self.max_record_bytes,
                ),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """All that the documents depend on but the sources; it travels to other machines, and files do not."""

    profile: Profile
    """The rules."""
    bad_words: dict[str, tuple[str, ...]]
    """By language, or under `any`; empty: none are looked for."""
    held_out_fraction: float
    """Of the documents."""
    keep_dropped: bool
    """Whether pages that are dropped are written too."""
    reading: Reading
    """How sources are read."""

    def bad_word_search(self) -> WordLists | None:
        """The words, ready for search."""
        return WordLists(self.bad_words, self.profile) if self.bad_words else None
