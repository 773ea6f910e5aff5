"""Spans of three sentences: what is cut of whom; every sentence stays somewhere, and order changes nothing."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from cleaning_pages import PROSE, english, page, texts_by_url
from hypothesis import example, given
from hypothesis import strategies as st

from data_prep.cleaning.dedup import DedupUnit, dedup_of, priority, text_key
from data_prep.cleaning.loop import Cleaned, clean_all, without_duplicates
from data_prep.cleaning.profiles import C4
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.sentence_spans import SentenceSpans
from data_prep.cleaning.verdicts import LINE_REASONS, REASONS, Document
from data_prep.pages import Page

SPANS = replace(C4, dedup=DedupUnit.SPANS)
LOW, HIGH = sorted(("http://a.org/", "http://b.org/"), key=priority)

NAMES = ["Ann", "Bob", "Cid", "Dan", "Eve", "Fay", "Gil", "Hal"]
SENTENCES = [f"{name} went out and saw the ship." for name in NAMES]
A, B, C, D, E, F, G, _ = SENTENCES


def loop(*pages: Page) -> Cleaned:
    return clean_all([pages], Rules(SPANS), detect=english)


def left_of(high: str, low: str) -> str:
    """What is left of a page's text when a page of lower priority has another."""
    return texts_by_url(list(loop(page(high, HIGH), page(low, LOW)).documents)).get(HIGH, "")


def test_three_sentences_copied_into_another_text_are_cut() -> None:
    result = loop(page(f"{D} {A} {B} {C} {E} {F}", HIGH), page(f"{A} {B} {C}", LOW))
    assert texts_by_url(list(result.documents)) == {HIGH: f"{D} {E} {F}", LOW: f"{A} {B} {C}"}
    assert result.cut == {"duplicate span": 3}
    assert result.cut.keys() <= LINE_REASONS.keys()


def test_two_sentences_in_common_are_no_span() -> None:
    assert left_of(f"{A} {B} {D} {E}", f"{A} {B} {C}") == f"{A} {B} {D} {E}"


def test_spans_go_on_across_lines_and_case_and_blanks_make_no_difference() -> None:
    low = f"{A}\n{B.upper()}   {C}"
    assert left_of(f"{D} {A} {B}\n{C} {E} {F}", low) == f"{D}\n{E} {F}"


def test_a_line_without_a_sentence_left_goes_with_its_line_feed() -> None:
    assert left_of(f"{D} {E}\n{A} {B} {C}\n{F}", f"{A} {B} {C}") == f"{D} {E}\n{F}"


def test_what_is_between_sentences_that_stay_is_not_changed() -> None:
    text = f"{D}  {E}\n{A} {B} {C}\n“{F}”\u3000{G}"
    assert left_of(text, f"{A} {B} {C}") == f"{D}  {E}\n“{F}”\u3000{G}"


def test_scripts_without_blanks_are_cut_between_their_marks() -> None:
    one, two, three, four, five, six = (f"第{n}句话在这里写着呢。" for n in "一二三四五六")
    assert left_of(four + one + two + three + five + six, one + two + three) == four + five + six


def test_an_abbreviation_ends_no_sentence() -> None:
    assert SentenceSpans().sentences("Dr. Fox met Mr. Hound. He left.") == [["Dr. Fox met Mr. Hound. ", "He left."]]


def test_a_span_that_stands_further_up_on_the_page_is_cut() -> None:
    result = loop(page(f"{A} {B} {C}\n{D}\n{A} {B} {C}\n{E}"))
    assert [doc.text for doc in result.documents] == [f"{A} {B} {C}\n{D}\n{E}"]
    assert result.cut == {"repeated span": 3}


def test_a_page_of_others_spans_is_dropped_for_its_reason() -> None:
    assert loop(page(f"{A} {B} {C}", HIGH), page(f"{A} {B} {C} {D}", LOW)).dropped == {"all duplicates": 1}
    result = loop(page(f"{A} {B} {C} {D}", HIGH), page(f"{A} {B} {C}", LOW))
    assert result.dropped == {"too few sentences left": 1}
    assert result.dropped.keys() <= REASONS.keys()


def test_a_text_of_fewer_sentences_has_one_key_of_all() -> None:
    spans = SentenceSpans()
    assert len(spans.keys(A)) == len(spans.keys(f"{A} {B}")) == len(spans.keys(f"{A} {B} {C}")) == 1
    assert len({*spans.keys(A), *spans.keys(f"{A} {B}"), *spans.keys(f"{A} {B} {C}")}) == 3
    assert spans.keys(f"{A} {B} {C}") == [text_key(f"{A}\n{B}\n{C}".lower())], "keys are the same on every machine"


@given(st.lists(st.sampled_from([*" .?!\n。\u3000\xa0\x85’”)a1É你\ud800", "Mr. ", "Yes. "]), max_size=30).map("".join))
@example("He left\u3000. So did she.")
def test_every_text_can_be_put_together_again(text: str) -> None:
    assert "\n".join("".join(line) for line in SentenceSpans().sentences(text)) == text


@given(st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=9), min_size=1, max_size=6))
@example([[0, 1, 2, 3], [1, 2, 3, 4], [0, 0, 0, 0], [1, 2, 3]])
def test_every_sentence_stays_somewhere(contents: list[list[int]]) -> None:
    rules = Rules(replace(SPANS, min_sentences=0))
    documents = [
        Document(url=str(n), time="", text="\n".join(SENTENCES[n] for n in sentences))
        for n, sentences in enumerate(contents)
    ]
    verdicts = without_duplicates(documents, SentenceSpans(), rules, Counter())
    left = {line for verdict in verdicts if isinstance(verdict, Document) for line in verdict.text.split("\n")}
    assert left == {SENTENCES[n] for sentences in contents for n in sentences}


@pytest.mark.parametrize("unit", DedupUnit)
@given(
    contents=st.lists(st.lists(st.integers(0, 7), min_size=3, max_size=9), min_size=1, max_size=8),
    rng=st.randoms(use_true_random=False),
)
def test_the_order_of_pages_and_files_changes_nothing(
    unit: DedupUnit, contents: list[list[int]], rng: random.Random
) -> None:
    pages = [
        page(rng.choice("\n ").join(SENTENCES[n] for n in sentences), f"http://{number}.org/")
        for number, sentences in enumerate(contents)
    ]
    rules = Rules(replace(C4, dedup=unit))
    whole = clean_all([pages], rules, detect=english)
    shuffled = rng.sample(pages, len(pages))
    cut = rng.randint(0, len(pages))
    parts = clean_all([shuffled[:cut], shuffled[cut:]], rules, detect=english)
    assert texts_by_url(list(parts.documents)) == texts_by_url(list(whole.documents))
    assert (parts.dropped, parts.num_left, parts.cut) == (whole.dropped, whole.num_left, whole.cut)


def test_without_any_comparison_all_pages_stay() -> None:
    result = clean_all(
        [[page(PROSE, HIGH), page(PROSE, LOW)]], Rules(replace(C4, dedup=DedupUnit.NONE)), detect=english
    )
    assert [doc.text for doc in result.documents] == [PROSE, PROSE]
    assert dedup_of(DedupUnit.NONE).keys(PROSE) == []
