"""The rules as numbers and choices: those of C4 (`c4-exact` keeps the quirks of the code that made it), and others'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from data_prep.cleaning.dedup import DedupUnit
from data_prep.cleaning.filters import (
    FineWebQuality,
    GopherQuality,
    GopherRepetition,
    LongParagraphs,
    PageFilter,
)
from data_prep.cleaning.near_duplicates import NearDuplicates
from data_prep.cleaning.verdicts import REASONS
from data_prep.errors import BadInput

ANY = "any"
"""As a profile's language: pages of all languages are kept."""
_LANGUAGE = re.compile(r"[a-z]{2,3}")


class BadProfile(BadInput):
    """There is no profile of this name, or its options contradict each other."""


class Detector(Enum):
    """What tells the language of a text; data_prep.cleaning.language says what each is and needs."""

    LANGDETECT = "langdetect"
    ELDC = "eldc"
    LID176 = "lid176"
    CLD3 = "cld3"
    NONE = "none"


class Sentences(Enum):
    """What counts sentences; data_prep.cleaning.sentence_counts says what each is and needs."""

    SENTENCEX = "sentencex"
    PUNKT = "punkt"
    MARKS = "marks"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a page must be to be kept, and what of it.

    The defaults are those of `c4`; a field that begins with "Quirk" is true in `c4-exact` alone. Raises BadProfile for
    options that contradict each other.
    """

    line_rules: bool = True
    """Whether lines are chosen by C4's rules; if not, the text stays as it is, and of the options for lines and marks
    none is asked for."""
    min_line_words: int = 5
    """A line of fewer words is cut."""
    min_sentences: int = 3
    """A page of fewer sentences is dropped, after the lines are chosen and again after duplicates are cut."""
    longest_word_chars: int = 1000
    """A line with a longer word is cut, in characters."""
    longest_page_chars: int = 190_000
    """A longer page is dropped, in characters; 0: none is."""
    end_marks: str = ".?!\"'”’»。！？؟۔।॥"
    """A line must end in one of these, and not in three full stops; empty: lines may end as they like."""
    filters_before_lines: tuple[PageFilter, ...] = ()
    """Filters (data_prep.cleaning.filters, or yours by its dotted path) for the page as it was found."""
    filters: tuple[PageFilter, ...] = ()
    """Filters for what the rules for lines leave of a page, before duplicates are cut."""
    one_page_per_url: bool = True
    """Whether of all pages of one URL only the newest is kept; pages without a URL always are."""
    near_duplicates: NearDuplicates | None = None
    """Whether of pages with almost the same words one alone is kept, before lines are compared, and how they are found;
    none: all of them are."""
    dedup: DedupUnit = DedupUnit.LINES
    """LINES: of all pages with the same line, one keeps it. SPANS: of all with the same three sentences in a row. NONE:
    nothing is cut."""
    language: str = "en"
    """Two-letter code (ISO 639-1) of the pages to keep, or `any`: the language is then only written down."""
    min_language_probability: float = 0.99
    """The detector must be so sure of the language, 0 to 1; each detector has a scale of its own."""
    language_probabilities: dict[str, float] = field(default_factory=dict)
    """The same for single languages, where another number holds for them, such as {is: 0.8}."""
    detector: Detector = Detector.LANGDETECT
    """LANGDETECT (C4's), ELDC (the fastest), LID176 (fastText's, FineWeb's), CLD3 (mC4's), NONE: languages are not
    looked at."""
    bad_words_fraction: float = 1.0
    """Of the pages with a bad word of a list that is given, the fraction that goes, 0 to 1; by the MD5 of the URL."""
    sentences: Sentences = Sentences.SENTENCEX
    """SENTENCEX: by the rules of the language. PUNKT: by Punkt's English model, as NLTK does (C4's). MARKS: by end
    marks alone, the fastest."""
    needs_url_and_time: bool = False
    """Quirk: a page without a URL, or without the time when it was fetched, is dropped."""
    eats_header_like_lines: bool = False
    """Quirk: lines of a WET file's text that look like a WARC header are lost, and WARC/1.0 alone on a line ends the
    page (data_prep.reading.crawl_files reads so with split c4_exact)."""
    splits_at_controls: bool = False
    """Quirk: vertical tabs, form feeds, U+001C to U+001E and U+0085 end lines as line feeds do."""
    leaves_blanks_of_citations: bool = False
    """Quirk: behind a citation that is cut, a blank stays, and a line that ends in it has no end mark."""
    forgives_cut_lines: bool = False
    """Quirk: lorem ipsum and { drop a page only where they stand in a line that other rules have left in."""
    counts_raw_chars: bool = False
    """Quirk: the length of a page is that of all its text, not of what is kept."""
    counts_spaced_words: bool = False
    """Quirk: words are what stands between blanks, also in scripts that have none."""
    ends_at_curly_quotes: bool = True
    """Whether Punkt ends a sentence at a mark with a curly quote or guillemet behind it: NLTK does since 3.10.2
    (August 2026), so what tensorflow_datasets makes today differs here from the C4 published years before.
    Only Punkt asks for it."""
    cuts_urls_anywhere: bool = False
    """Quirk: http:// is cut also inside a query, and all of a query that starts with utm_, ref or feed."""
    first_of_a_tie_wins: bool = False
    """Quirk: of two pages of one URL and time, the first read is kept, so the order of files matters."""

    def __post_init__(self) -> None:
        for name in ("min_line_words", "min_sentences", "longest_word_chars", "longest_page_chars"):
            if getattr(self, name) < 0:
                raise BadProfile(f"{name} is {getattr(self, name)}; give 0 or more")
        limits = {"min_language_probability": self.min_language_probability, **self.language_probabilities}
        for name, limit in limits.items():
            if not 0 <= limit <= 1:
                raise BadProfile(f"the probability asked for is {limit} ({name}); give a number from 0 to 1")
        if not _LANGUAGE.fullmatch(self.language):
            raise BadProfile(f"language is {self.language!r}; give a code such as en, de or zh, or any")
        if not 0 <= self.bad_words_fraction <= 1:
            raise BadProfile(f"bad_words_fraction is {self.bad_words_fraction}; give a number from 0 to 1")
        if self.detector is Detector.NONE and self.language != ANY:
            raise BadProfile(f"language is {self.language} but nothing detects it; choose a detector, or language any")
        self.reasons()

    def reasons(self) -> Mapping[str, str]:
        """Every reason for which a page may be dropped, and a sentence that explains it: REASONS and the filters'.

        Raises BadProfile for a filter that explains nothing, or takes a reason that means something else.
        """
        known = dict(REASONS)
        for page_filter in (*self.filters_before_lines, *self.filters):
            name = type(page_filter).__name__
            if not isinstance(page_filter, PageFilter) or not isinstance(
                getattr(page_filter, "reasons", None), Mapping
            ):
                raise BadProfile(f"{name} is no filter of pages with reasons; derive it from PageFilter and give them")
            for reason, sentence in page_filter.reasons.items():
                if known.setdefault(reason, sentence) != sentence:
                    raise BadProfile(f"{name} has the reason {reason!r}, which is taken; give it another name")
        return known


C4 = Profile()
"""Our reading of the rules."""

C4_EXACT = Profile(
    end_marks='.?!"',
    sentences=Sentences.PUNKT,
    needs_url_and_time=True,
    eats_header_like_lines=True,
    splits_at_controls=True,
    leaves_blanks_of_citations=True,
    forgives_cut_lines=True,
    counts_raw_chars=True,
    counts_spaced_words=True,
    cuts_urls_anywhere=True,
    first_of_a_tie_wins=True,
)
"""Byte for byte C4 3.1.0, config `en`, of tensorflow_datasets 4.9.10.

Source: https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/text/c4_utils.py
"""

C4_FAST = Profile(detector=Detector.ELDC, min_language_probability=0.5, sentences=Sentences.MARKS)
"""C4 with the fastest detector and counter. What eldc itself calls reliable is kept: limits up to 0.7 are one."""

MC4 = Profile(
    line_rules=False,
    min_sentences=0,
    filters=(LongParagraphs(),),
    language=ANY,
    detector=Detector.CLD3,
    min_language_probability=0.95,
    bad_words_fraction=0.999,
)
"""mC4 of version 3.1.0: no rules for lines but long paragraphs, duplicates cut, all languages of CLD3.

Before 3.1.0 (the data of the paper) 0.7 was asked for. Source: Xue et al. 2021, arXiv:2010.11934, section 3.1;
https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/text/c4.py, config `multilingual`.
"""

GOPHER = Profile(
    line_rules=False,
    min_sentences=0,
    longest_page_chars=0,
    filters=(GopherQuality(), GopherRepetition()),
    one_page_per_url=False,
    dedup=DedupUnit.NONE,
    language=ANY,
    min_language_probability=0.0,
)
"""The quality and repetition filters of MassiveWeb; its English is what has stop words. It cut near duplicates besides.

Source: Rae et al. 2021, arXiv:2112.11446, appendix A.1.1.
"""

FINEWEB = Profile(
    min_line_words=3,
    min_sentences=5,
    longest_page_chars=0,
    end_marks="",
    forgives_cut_lines=True,
    filters_before_lines=(GopherRepetition(), GopherQuality()),
    filters=(FineWebQuality(),),
    one_page_per_url=False,
    dedup=DedupUnit.NONE,
    detector=Detector.LID176,
    min_language_probability=0.65,
)
"""FineWeb before its near duplicates are cut: Gopher's filters, C4's rules without end marks, and its own filter.

There the language comes first, not last; the same pages pass both, but for those whose language shows only before or
only after lines are cut. Source: examples/fineweb.py of https://github.com/huggingface/datatrove; Penedo et al. 2024,
arXiv:2406.17557, section 3.
"""

AS_IS = Profile(
    line_rules=False,
    min_sentences=0,
    longest_page_chars=0,
    one_page_per_url=False,
    dedup=DedupUnit.NONE,
    language=ANY,
    detector=Detector.NONE,
)
"""No rules at all: every page that has a text passes unchanged."""

PROFILES = MappingProxyType(
    {
        "c4": C4,
        "c4-exact": C4_EXACT,
        "c4-fast": C4_FAST,
        "mc4": MC4,
        "gopher": GOPHER,
        "fineweb": FINEWEB,
        "as-is": AS_IS,
    }
)
"""By the name a user gives."""


def profile_named(name: str) -> Profile:
    """A profile by its name.

    >>> profile_named("c4-exact").end_marks
    '.?!"'

    Raises BadProfile.
    """
    if name not in PROFILES:
        raise BadProfile(f"there is no profile {name!r}; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
