"""One page line by line: which rule cuts what, for people to read; `Rules.clean` says the same faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from data_prep.cleaning.rules import Rules, unfit
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.pages import Page


@dataclass(frozen=True, kw_only=True, slots=True)
class LineVerdict:
    """What the rules say of one line."""

    line: str
    """As it stands on the page."""
    kept_text: str | None
    """What is left of it; none: nothing."""
    reason: str | None
    """Why nothing is left: one of `LINE_REASONS`, or of `REASONS` where the line drops the whole page; none for a
    line that is kept, and for a blank one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What the rules for one page by itself say of it; language, bad words and other pages come later."""

    lines: Sequence[LineVerdict]
    """Every line, also of a page that is dropped before or after they are looked at."""
    verdict: Document | Dropped
    """What `Rules.admits` and `Rules.clean` say."""


def trace(page: Page, rules: Rules) -> Trace:
    r"""Each line of a page with its verdict.

    >>> from data_prep.cleaning.profiles import C4
    >>> text = "Home | News\nThe fox came back. It was late. Nobody heard it.\nPlease turn JavaScript on first."
    >>> found = trace(Page(url="a.org", time="2019", text=text), Rules(C4))
    >>> [line.reason for line in found.lines]
    ['no end mark', None, 'javascript']
    >>> found.verdict.text == found.lines[1].kept_text
    True

    Where the verdict is a document, its text is the kept texts joined by line feeds.
    """
    verdict = rules.admits(page) or rules.clean(page, Counter())
    return Trace(lines=[_of_line(line, rules) for line in rules.lines_of(page.text)], verdict=verdict)


def _of_line(line: str, rules: Rules) -> LineVerdict:
    """The same functions as for whole pages, on a page of one line."""
    if not rules.profile.line_rules:
        return LineVerdict(line=line, kept_text=line, reason=None)
    cut: Counter[str] = Counter()
    content = rules.encoded(line)
    if not rules.profile.forgives_cut_lines and (why := unfit(content)):
        return LineVerdict(line=line, kept_text=None, reason=why.reason)
    kept = rules.without_notices(rules.sentence_lines(content, cut), cut)
    if isinstance(kept, Dropped):
        return LineVerdict(line=line, kept_text=None, reason=kept.reason)
    return LineVerdict(line=line, kept_text=kept[0] if kept else None, reason=next(iter(+cut), None))
