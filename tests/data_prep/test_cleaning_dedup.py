"""One page keeps a line, the newest copy is chosen before the rules, and the order of files changes nothing."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from hashlib import md5

import pytest
from cleaning_pages import MORE, PROSE, english, page, texts_by_url
from hypothesis import given
from hypothesis import strategies as st

from data_prep.cleaning.dedup import Lines, digest64, owners, priority, text_key
from data_prep.cleaning.loop import Cleaned, clean_all, without_duplicates
from data_prep.cleaning.profiles import C4
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document
from data_prep.pages import Page

LINE = "The committee paid for the wooden boat twice."
OWN = ["One line of its own.", "It is not long. It is enough.", "No page but this one has it."]


def loop(*files: list[Page]) -> Cleaned:
    return clean_all(files, Rules(C4), detect=english)


def test_the_page_with_the_smallest_digest_keeps_the_line() -> None:
    urls = sorted((f"http://{number}.org/" for number in range(20)), key=lambda url: md5(url.encode()).hexdigest())
    pages = [page(f"Page {url[7:-5]} has this line. It is its own. So it stays here.\n{LINE}", url) for url in urls]
    random.Random(0).shuffle(pages)
    result = loop(pages)
    assert [doc.url for doc in result.documents if LINE in doc.text] == [urls[0]]
    assert len(result.documents) == 20
    assert result.cut == {"duplicate": 19}


def test_case_and_blanks_make_no_difference_and_repeats_go() -> None:
    result = loop([page(f"{PROSE}\n{LINE}\n {LINE.upper()}\n{MORE}\n{LINE}")])
    assert [doc.text for doc in result.documents] == [f"{PROSE}\n{LINE}\n{MORE}"]
    assert result.cut == {"repeated": 2}


def test_a_page_of_others_lines_is_dropped_for_its_reason() -> None:
    low, high = sorted(("http://a.org/", "http://b.org/"), key=priority)
    assert loop([page(PROSE, high)], [page(PROSE, low)]).dropped == {"all duplicates": 1}
    short = "These are my own few words. They are two sentences."
    result = loop([page(f"{PROSE}\n{short}", high)], [page(PROSE, low)])
    assert result.dropped == {"too few sentences left": 1}
    assert texts_by_url(list(result.documents)) == {low: PROSE}


def test_the_newest_copy_is_chosen_before_the_rules() -> None:
    """Were it chosen among the pages that pass, an older copy would stand in for a newest that does not."""
    old, new = page(PROSE, time="2019"), page("Moved.", "https://www.a.org", time="2020")
    for files in ([[old, new]], [[new], [old]]):
        result = loop(*files)
        assert result.documents == []
        assert result.dropped == {"older copy": 1, "too few sentences": 1}
        assert result.num_left["newest"] == 1


def test_a_line_of_an_older_copy_is_nobodys() -> None:
    """The older copy has the lower digest, and would keep the line from the only page that is left with it."""
    old = next(
        url for url in (f"http://a.org/?utm_x={n}" for n in range(99)) if priority(url) < priority("http://b.org/")
    )
    pages = [
        page(PROSE, old, "2019"),
        page(MORE + " So it was.", "http://a.org/", "2020"),
        page(PROSE, "http://b.org/"),
    ]
    assert texts_by_url(list(loop(pages).documents)) == {
        "http://a.org/": MORE + " So it was.",
        "http://b.org/": PROSE,
    }


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.lists(st.integers(0, 5), max_size=4)), max_size=9),
    st.randoms(use_true_random=False),
)
def test_the_order_of_pages_and_files_changes_nothing(
    given_pages: list[tuple[int, int, list[int]]], rng: random.Random
) -> None:
    lines = [PROSE, MORE, LINE, *OWN]
    pages = [
        page("\n".join(lines[n] for n in chosen) or "x", f"http://{url}.org/", str(time))
        for url, time, chosen in given_pages
    ]
    whole = loop(pages)
    shuffled = rng.sample(pages, len(pages))
    cut = rng.randint(0, len(pages))
    parts = loop(shuffled[:cut], [], shuffled[cut:])
    assert texts_by_url(list(parts.documents)) == texts_by_url(list(whole.documents))
    assert parts.dropped == whole.dropped and parts.num_left == whole.num_left
    assert parts.num_left["read"] == len(parts.documents) + sum(parts.dropped.values())


@given(st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=1, max_size=6))
def test_every_line_survives_exactly_once(contents: list[set[int]]) -> None:
    rules = Rules(C4)
    documents = [
        Document(url=str(n), time="", text="\n".join(f"{PROSE} {line}." for line in sorted(lines)))
        for n, lines in enumerate(contents)
    ]
    left: Counter[str] = Counter()
    for verdict in without_duplicates(documents, Lines(), rules, Counter()):
        left.update(verdict.text.split("\n") if isinstance(verdict, Document) else [])
    assert left == {f"{PROSE} {line}.": 1 for line in set().union(*contents)}


def test_owners_have_the_lowest_priority() -> None:
    assert owners([(1, 5), (1, 3), (2, 0), (1, 4)]) == {1: 3, 2: 0}


def test_digests_are_the_first_half_of_md5() -> None:
    assert f"{digest64('a'):016x}" == md5(b"a").hexdigest()[:16]
    assert Lines().keys("A \nb") == [text_key("a"), text_key("b")]
    assert text_key("\ud800") != text_key("?"), "half of a surrogate pair is no reason to stop"


def test_times_are_compared_before_urls() -> None:
    copies = [
        page(f"{PROSE}\nCopy number {n} of this page.", f"http://a.org/{'/' * n}", str(2010 + n)) for n in range(8)
    ]
    for order in (copies, copies[::-1]):
        (kept,) = loop(order).documents
        assert kept.time == "2017"


@pytest.mark.parametrize("time", ["2019-04-18T10:00:00Z"])
def test_copies_of_one_url_and_time_leave_one(time: str) -> None:
    result = loop([page(PROSE, time=time)] * 3, [page(PROSE, time=time)])
    assert len(result.documents) == 1 and result.dropped == {"older copy": 3}


def test_blank_lines_are_nobodys() -> None:
    """Profiles without rules for lines leave blank ones between paragraphs."""
    profile = replace(C4, line_rules=False)
    low, high = sorted(("http://a.org/", "http://b.org/"), key=priority)
    pages = [page(f"{PROSE}\n\n{LINE}\n\n{MORE}", high), page(f"{LINE}\n\n{OWN[1]}\n \n{OWN[2]}", low)]
    result = clean_all([pages], Rules(profile), detect=english)
    assert texts_by_url(list(result.documents)) == {high: f"{PROSE}\n\n\n{MORE}", low: pages[1].text}
    assert result.cut == {"duplicate": 1}
