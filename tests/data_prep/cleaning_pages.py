"""Pages for the tests of cleaning, made and real."""

from __future__ import annotations

from collections import Counter

from data_prep.cleaning.language import Guess
from data_prep.cleaning.profiles import C4, Profile
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.pages import Page

PROSE = "The old captain went home late. It rained all the way. Nobody saw him pass."
MORE = "My sister described the treaty to us. She knew it well."


def page(text: str, url: str = "http://a.org/", time: str = "2019-04-18T10:00:00Z") -> Page:
    return Page(url=url, time=time, text=text)


def cleaned(text: str, profile: Profile = C4) -> str:
    """What is left of a text, or the reason in brackets."""
    verdict = Rules(profile).clean(page(text), Counter())
    return f"[{verdict.reason}]" if isinstance(verdict, Dropped) else verdict.text


def english(text: str) -> Guess:
    """A detector that takes everything for English."""
    return Guess("en", 1.0)


def texts_by_url(documents: list[Document]) -> dict[str, str]:
    return {document.url: document.text for document in documents}
