"""What cleaning makes of a page: a document, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What the rules leave of a page."""

    url: str
    """The page's."""
    time: str
    """The page's."""
    text: str
    """The lines kept, joined by line feeds; never empty."""
    language: str = ""
    """Two-letter code; empty until it is detected."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A page that is not kept."""

    reason: str
    """One of `REASONS`, or a filter's own."""


REASONS = {
    "no url": "the crawl names no place it was found at",
    "no text": "nothing but white space",
    "no time": "the crawl does not say when it was fetched",
    "too long": "more characters than a page of text has",
    "older copy": "the same URL was fetched again later; of pages without a URL, the same text stands elsewhere",
    "lorem ipsum": "text that only fills a place",
    "curly bracket": "likely a program, not prose",
    "too few sentences": "what the rules for lines leave is hardly a text",
    "near duplicate": "another page has almost the same words",
    "all duplicates": "every line or span of it stands on other pages",
    "too few sentences left": "what is left without the lines or spans of other pages is hardly a text",
    "language unknown": "the detector finds nothing to go by",
    "language unsure": "the detector is not sure enough",
    "other language": "not the language asked for",
    "bad words": "a word of the given list",
}
"""Why a page is dropped, in the order of the checks."""

LINE_REASONS = {
    "long word": "a word longer than any language has",
    "no end mark": "menus, titles and buttons do not end as sentences do",
    "few words": "too short to be a paragraph",
    "javascript": "a notice that JavaScript should be on",
    "policy": "a notice about cookies or terms",
    "duplicate": "the same line stands on another page, which keeps it",
    "repeated": "the same line stands further up on this page",
    "duplicate span": "a sentence of a span of three that stands on another page, which keeps it",
    "repeated span": "a sentence of a span of three that stands further up on this page",
}
"""Why a line, or a sentence of it, is cut from a page that may be kept, in the order of the checks."""
