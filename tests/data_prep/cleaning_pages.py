"""Pages for the tests of cleaning, made and real."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from data_prep.cleaning.language import Guess
from data_prep.cleaning.pages import Document, Dropped, Page
from data_prep.cleaning.profiles import C4, Profile
from data_prep.cleaning.rules import Rules

PROSE = "The old captain went home late. It rained all the way. Nobody saw him pass."
MORE = "My sister described the treaty to us. She knew it well."


def page(text: str, url: str = "http://a.org/", timestamp: str = "2019-04-18T10:00:00Z") -> Page:
    return Page(url=url, timestamp=timestamp, text=text)


def cleaned(text: str, profile: Profile = C4) -> str:
    """What is left of a text, or the reason in brackets."""
    verdict = Rules(profile).clean(page(text), Counter())
    return f"[{verdict.reason}]" if isinstance(verdict, Dropped) else verdict.text


def english(text: str) -> Guess:
    """A detector that takes everything for English."""
    return Guess("en", 1.0)


def texts_by_url(documents: list[Document]) -> dict[str, str]:
    return {document.url: document.text for document in documents}


def wet_pages(path: Path) -> Iterator[Page]:
    """The records of a whole WET file, all of its kinds."""
    with gzip.open(path) as file:  # gzip.decompress takes a minute where each record is a member
        content = file.read()
    start = 0
    while (end := content.find(b"\r\n\r\n", start)) >= 0:
        header = dict(line.split(": ", 1) for line in content[start:end].decode().split("\r\n")[1:])
        start = end + 4 + int(header["Content-Length"])
        text = content[end + 4 : start].decode()
        yield page(text, header.get("WARC-Target-URI", "").strip(), header.get("WARC-Date", ""))
        start += 4
