"""Why one page is kept or dropped: every line with its verdict and what was the cause of it, then the page's own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from heapq import nlargest
from operator import ne

from data_prep.cleaning.bad_words import WordLists
from data_prep.cleaning.causes import causes_of
from data_prep.cleaning.dedup import DedupUnit, Lines, dedup_of
from data_prep.cleaning.language import Detect, language_of
from data_prep.cleaning.profiles import C4, Detector, Profile
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.trace import LineVerdict, Trace, trace
from data_prep.cleaning.urls import url_key
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.errors import BadInput
from data_prep.pages import Page

_NUM_NEAR_URLS = 3
_MANY = 10_000  # sentences; more are not counted
_WORD = re.compile(r"\w+")


class NoPage(BadInput):
    """No page has the URL asked for."""


class Outcome(Enum):
    """What one check of a page says."""

    PASSED = "ok"
    FAILED = "FAILS"
    NOT_ASKED = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainedLine:
    """One line, and what to look at in it."""

    verdict: LineVerdict
    """What the rules say."""
    causes: Sequence[tuple[int, int]] = ()
    """Start and end of the characters that are the cause, or that are cut out of a line that is kept."""
    details: str = ""
    """The same in words; or empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One rule for whole pages."""

    name: str
    """What is looked at."""
    outcome: Outcome
    """Checks behind the first that fails are made all the same, on what the rules for lines leave."""
    details: str
    """What was found, and what is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """All that is said of one page by itself; other pages with the same text or URL are not looked at."""

    page: Page
    """The page."""
    lines: Sequence[ExplainedLine]
    """Every line, also blank ones and those of a page that is dropped before they are looked at."""
    checks: Sequence[Check]
    """In the order in which pages are dropped for them."""
    verdict: Document | Dropped
    """What becomes of the page, were it alone in the world."""
    meaning: str
    """A sentence on why it is dropped; or empty."""


def explain(
    page: Page, rules: Rules, *, detect: Detect | None = None, bad_words: WordLists | None = None
) -> Explanation:
    r"""One page, line by line and check by check; without `detect` its language is not looked at.

    >>> text = "Home | News\nThe fox came back. It was late. Nobody heard it.\nThis site uses cookies every day."
    >>> explanation = explain(Page(url="http://a.org/", time="2019", text=text), Rules(C4))
    >>> [(line.verdict.reason, line.details) for line in explanation.lines]
    [('no end mark', "ends in 's'"), (None, ''), ('policy', "'uses cookies'")]
    >>> [(check.name, check.outcome.value, check.details) for check in explanation.checks][4]
    ('sentences', 'ok', '3; at least 3')
    """
    found = trace(page, rules)
    lines = [_explained(line, rules) for line in _without_repeats(found.lines, rules)]
    checks = [*_of_the_rules(page, rules, found), *_of_filters(page, rules, found)]
    verdict, left = found.verdict, _left(found)
    if isinstance(verdict, Document):
        check, verdict = _of_repeats(verdict, rules)
        checks.append(check)
        left = verdict.text if isinstance(verdict, Document) else left
    check, language = _of_language(left, rules, detect)
    known = "" if isinstance(language, Dropped) else language
    words, why = _of_words(Document(url=page.url, time=page.time, text=left, language=known), bad_words)
    checks += [check, words]
    if isinstance(verdict, Document):
        verdict = language if isinstance(language, Dropped) else why or verdict
    meaning = rules.profile.reasons().get(verdict.reason, "") if isinstance(verdict, Dropped) else ""
    return Explanation(page=page, lines=lines, checks=checks, verdict=verdict, meaning=meaning)


def find_page(pages: Iterable[Page], url: str) -> Page:
    """The newest page of this URL, or of one that is the same but for http, www, the last slash and tracking; or the
    page of this name (`books.jsonl:17`).

    >>> pages = [Page(text="Old.", url="http://www.a.org/b", time="2019"), Page(text="Other.", url="http://a.org/bc")]
    >>> find_page(pages, "https://a.org/b/").text
    'Old.'
    >>> find_page(pages, "http://a.org/d")
    Traceback (most recent call last):
        ...
    data_prep.cleaning.explain.NoPage: none of the 2 pages has the URL http://a.org/d; near ones are
    http://www.a.org/b and http://a.org/bc; give one of them, or a file with the text of one page

    Raises NoPage.
    """
    key, best, num_pages = url_key(url, C4), None, 0
    urls: dict[str, None] = {}
    for page in pages:
        num_pages += 1
        if (page.url and url_key(page.url, C4) == key) or (page.name and page.name == url):
            best = page if best is None or page.time > best.time else best
        elif best is None and page.url:
            urls[page.url] = None
            if len(urls) > 1000:
                urls = dict.fromkeys(_nearest(urls, key))
    if best:
        return best
    near = [_plain(found) for found in _nearest(urls, key) if 2 * _likeness(found, key) >= len(key)]
    asked = "give one of them, or a file with the text of one page" if near else "give a file with the text of one page"
    said = f"; near ones are {' and '.join(near)}" if near else ""
    raise NoPage(f"none of the {num_pages:,} pages has the URL {_plain(url)}{said}; {asked}")


def _nearest(urls: Iterable[str], key: str) -> list[str]:
    return nlargest(_NUM_NEAR_URLS, urls, key=lambda url: _likeness(url, key))


def _likeness(url: str, key: str) -> int:
    """How many characters a URL has in common at both ends, for a mistyped one differs in the middle."""
    other = url_key(url, C4)
    return _num_alike(key, other) + _num_alike(key[::-1], other[::-1])


def _num_alike(one: str, other: str) -> int:
    """How many characters are the same from the start on."""
    return next((place for place, differ in enumerate(map(ne, one, other)) if differ), min(len(one), len(other)))


def _plain(text: str) -> str:
    """On one line, and without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)[:300]


def _left(found: Trace) -> str:
    """The text of the document, or what the rules for lines would leave of a page that is dropped."""
    if isinstance(found.verdict, Document):
        return found.verdict.text
    return "\n".join(line.kept_text for line in found.lines if line.kept_text)


def _explained(verdict: LineVerdict, rules: Rules) -> ExplainedLine:
    causes, details = causes_of(verdict, rules)
    return ExplainedLine(verdict=verdict, causes=causes, details=details)


def _of_the_rules(page: Page, rules: Rules, found: Trace) -> list[Check]:
    profile = rules.profile
    left = _left(found)
    reason = found.verdict.reason if isinstance(found.verdict, Dropped) else ""
    missing = [name for name in ("url", "text", "time") if not getattr(page, name).strip()]
    known = f"no {', no '.join(missing)}" if missing else "URL, text and time are known"
    counted, where = (page.text, "of all text") if profile.counts_raw_chars else (left, "left")
    most, least = profile.longest_page_chars, profile.min_sentences
    lines = left.split("\n") if profile.line_rules else [left]
    num_sentences = sum(rules.count_sentences(line, _MANY) for line in lines if line.strip())
    at_most = f"at most {most:,}" if most else "any number"
    return [
        _check("where and when", reason in [f"no {name}" for name in missing], known),
        _check("length", 0 < most < len(counted), f"{len(counted):,} characters {where}; {at_most}"),
        _of_phrase("lorem ipsum", "lorem ipsum", found.lines, profile),
        _of_phrase("curly bracket", "{", found.lines, profile),
        _check("sentences", num_sentences < least, f"{num_sentences}; at least {least}"),
    ]


def _of_phrase(name: str, phrase: str, lines: Sequence[LineVerdict], profile: Profile) -> Check:
    if not profile.line_rules:
        return Check(name=name, outcome=Outcome.NOT_ASKED, details="not looked for")
    numbers = [number for number, line in enumerate(lines, start=1) if phrase in line.line.lower()]
    is_cause = any(line.reason == name for line in lines)
    where = f"in line {', '.join(map(str, numbers[:5]))}{', ...' * (len(numbers) > 5)}" if numbers else "nowhere"
    return _check(name, is_cause, where + ("; other rules cut it before" if numbers and not is_cause else ""))


def _of_filters(page: Page, rules: Rules, found: Trace) -> Iterator[Check]:
    """Those before and behind the rules for lines; the others alone can look at text that is cut."""
    for filters, text in ((rules.profile.filters_before_lines, page.text), (rules.profile.filters, _left(found))):
        for page_filter in filters:
            reason = page_filter.reason_for(text) if text.strip() else None
            details = f"{reason}: {page_filter.reasons[reason]}" if reason else "nothing against it"
            yield _check(type(page_filter).__name__, reason is not None, details)


def _without_repeats(lines: Sequence[LineVerdict], rules: Rules) -> Iterator[LineVerdict]:
    """The same lines; one that stands further up is cut, if lines are compared."""
    seen: set[int] = set()
    for line in lines:
        if line.kept_text and line.kept_text.strip() and rules.profile.dedup is DedupUnit.LINES:
            (key,) = Lines().keys(line.kept_text)
            if key in seen:
                line = replace(line, kept_text=None, reason="repeated")
            seen.add(key)
        yield line


def _of_repeats(document: Document, rules: Rules) -> tuple[Check, Document | Dropped]:
    cut: Counter[str] = Counter()
    profile = rules.profile
    dedup = dedup_of(profile.dedup, profile.language)
    verdict = dedup.without(document, dedup.keys(document.text), (), rules, cut)
    unit = "lines" if profile.dedup is DedupUnit.LINES else "sentences"
    details = f"{unit} that stand further up: {cut.total()}" if cut else "nothing stands further up"
    is_failed = isinstance(verdict, Dropped)
    return _check("repeats", is_failed, details + "; too few sentences are left" * is_failed), verdict


def _check(name: str, is_failed: bool, details: str) -> Check:
    return Check(name=name, outcome=Outcome.FAILED if is_failed else Outcome.PASSED, details=details)


def _of_language(left: str, rules: Rules, detect: Detect | None) -> tuple[Check, str | Dropped]:
    name, profile = "language", rules.profile
    if detect is None or profile.detector is Detector.NONE or not left:
        details = "nothing is left to go by" if detect and not left else "not looked at"
        return Check(name=name, outcome=Outcome.NOT_ASKED, details=details), ""
    guess = detect(left)
    verdict = language_of(left, profile, lambda text: guess)
    said, least = "no guess", profile.min_language_probability
    if guess:
        said = f"{guess.language}, probability {guess.probability:.5f}"
        least = profile.language_probabilities.get(guess.language.partition("-")[0], least)
    asked = f"; {profile.language} asked for, at least {least:g}"
    return _check(name, isinstance(verdict, Dropped), said + asked), verdict


def _of_words(left: Document, bad_words: WordLists | None) -> tuple[Check, Dropped | None]:
    name = "bad words"
    words = bad_words.of(left.language) if bad_words else None
    if not bad_words or not words:
        details = f"no list for the language {left.language or '(none)'}" if bad_words else "no list given"
        return Check(name=name, outcome=Outcome.NOT_ASKED, details=details), None
    if not words.found_in(left.text):
        return _check(name, False, "none of the list"), None
    found = sorted({word for word in _WORD.findall(left.text.lower()) if words.found_in(word)})
    details = ", ".join(map(repr, found[:5])) or "a phrase of the list"
    if bad_words.spares(left):
        return _check(name, False, f"{details}; one of the few pages that stay all the same"), None
    return _check(name, True, details), Dropped("bad words")
