"""The rules of C4 as numbers and choices; `c4-exact` keeps the quirks of the code that made C4, `c4` mends them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from data_prep.errors import BadInput


class BadProfile(BadInput):
    """There is no profile of this name."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a page must be to be kept, and what of it.

    The defaults are those of `c4`; a field that begins with "Quirk" is true in `c4-exact` alone.
    """

    min_line_words: int = 5
    """A line of fewer words is cut."""
    min_sentences: int = 3
    """A page of fewer sentences is dropped, after the lines are chosen and again after duplicates are cut."""
    longest_word_chars: int = 1000
    """A line with a longer word is cut, in characters."""
    longest_page_chars: int = 190_000
    """A longer page is dropped, in characters."""
    end_marks: str = ".?!\"'”’»。！？؟۔।॥"
    """A line must end in one of these, and not in three full stops."""
    language: str = "en"
    """Two-letter code (ISO 639-1) of the pages to keep."""
    min_language_probability: float = 0.99
    """The detector must be so sure of the language, 0 to 1."""
    eats_header_like_lines: bool = False
    """Quirk: lines of a WET file's text that look like a WARC header are lost, and WARC/1.0 alone on a line ends the
    page (data_prep.crawl_files reads so with split c4_exact)."""
    splits_at_controls: bool = False
    """Quirk: vertical tabs, form feeds, U+001C to U+001E and U+0085 end lines as line feeds do."""
    leaves_blanks_of_citations: bool = False
    """Quirk: behind a citation that is cut, a blank stays, and a line that ends in it has no end mark."""
    forgives_cut_lines: bool = False
    """Quirk: lorem ipsum and { drop a page only where they stand in a line that other rules have left in."""
    counts_raw_chars: bool = False
    """Quirk: the length of a page is that of all its text, not of what is kept."""
    counts_english_sentences: bool = False
    """Quirk: sentences are counted by Punkt's English model, as NLTK does, whatever the language."""
    ends_at_curly_quotes: bool = True
    """Whether Punkt ends a sentence at a mark with a curly quote or guillemet behind it: NLTK does since 3.10.2
    (August 2026), so what tensorflow_datasets makes today differs here from the C4 published years before.
    Only Punkt asks for it."""
    cuts_urls_anywhere: bool = False
    """Quirk: http:// is cut also inside a query, and all of a query that starts with utm_, ref or feed."""
    first_of_a_tie_wins: bool = False
    """Quirk: of two pages of one URL and time, the first read is kept, so the order of files matters."""


C4 = Profile()
"""Our reading of the rules."""

C4_EXACT = Profile(
    end_marks='.?!"',
    eats_header_like_lines=True,
    splits_at_controls=True,
    leaves_blanks_of_citations=True,
    forgives_cut_lines=True,
    counts_raw_chars=True,
    counts_english_sentences=True,
    cuts_urls_anywhere=True,
    first_of_a_tie_wins=True,
)
"""Byte for byte C4 3.1.0, config `en`, of tensorflow_datasets 4.9.10.

Source: https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/text/c4_utils.py
"""

PROFILES = MappingProxyType({"c4": C4, "c4-exact": C4_EXACT})
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
