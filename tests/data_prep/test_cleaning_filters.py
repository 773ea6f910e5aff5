"""Each filter against its definition written out plainly, and each of its limits on a page at it and a page over it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_prep.cleaning.filters import FineWebQuality, GopherQuality, GopherRepetition, LongParagraphs, PageFilter

NEVER = 1e9
FREE = GopherQuality(
    min_words=0,
    min_mean_word_chars=0,
    max_mean_word_chars=NEVER,
    max_hashes_per_word=NEVER,
    max_ellipses_per_word=NEVER,
    max_bullet_lines=1,
    max_ellipsis_lines=1,
    min_alphabetic_words=0,
    min_stop_words=0,
)
"""Nothing is asked for; each test asks for one thing."""
LIST = FineWebQuality(min_ended_lines=0, max_short_lines=1, max_repeated_chars=1, max_lines_per_word=NEVER)
REPEATS = GopherRepetition(
    max_repeated_lines=1,
    max_repeated_paragraphs=1,
    max_repeated_line_chars=1,
    max_repeated_paragraph_chars=1,
    max_top_run_chars=(NEVER,) * 3,
    max_repeated_run_chars=(NEVER,) * 6,
)


def numbered(num_words: int) -> str:
    return " ".join(f"w{number}" for number in range(num_words))


TEN = "a b c d e f g h i j"
LIMITS = [
    (GopherQuality(min_stop_words=0, min_mean_word_chars=0), numbered(50), numbered(49), "few words on page"),
    (replace(FREE, max_words=100), numbered(100), numbered(101), "many words on page"),
    (replace(FREE, min_mean_word_chars=3), "abc abc", "abc ab", "short words"),
    (replace(FREE, max_mean_word_chars=10), "a" * 10 + " " + "b" * 10, "a" * 10 + " " + "b" * 11, "long words"),
    (replace(FREE, max_hashes_per_word=0.1), f"#{TEN}", f"##{TEN}", "hashes"),
    (replace(FREE, max_ellipses_per_word=0.1), f"...{TEN}", f"...{TEN}…", "ellipses"),
    (replace(FREE, max_bullet_lines=0.9), "• a\n" * 9 + "b\n\n", "• a\n - b" * 10, "bullets"),
    (replace(FREE, max_ellipsis_lines=0.3), "a...\n" * 3 + "b\n" * 7, "a… \n" * 4 + "b\n" * 7, "lines cut short"),
    (replace(FREE, min_alphabetic_words=0.8), "a1 -b é你 c. 5", "a1 -b é 4 5", "few alphabetic words"),
    (replace(FREE, min_stop_words=2), "to be", "to to the, To TO", "few stop words"),
    (replace(LIST, min_ended_lines=0.12), "a.\n" * 3 + "b\n\n" * 22, "a.\n" * 2 + "b\n" * 15, "few ended lines"),
    (replace(LIST, max_short_lines=0.67), "a" * 31 + "\n" + "b" * 30 + "\n", ("a" * 30 + "\n") * 2, "short lines"),
    (replace(LIST, max_repeated_chars=0.01), "a\n" + "b" * 98 + "\na", "a\n" + "b" * 97 + "\na", "repeated lines"),
    (replace(LIST, max_lines_per_word=0.3), "a\nb\nc\nd e f g h i j", "a\nb\nc\nd\ne f g h i j", "many lines"),
    (
        replace(REPEATS, max_repeated_lines=0.3),
        "a\n" * 4 + "b\nc\nd\ne\nf\ng",
        "a\n" * 4 + "b\nc\nd\ne",
        "lines repeat",
    ),
    (replace(REPEATS, max_repeated_line_chars=0.2), "a\naaaaa\na", "aa\nb\naa", "lines repeat"),
    (replace(REPEATS, max_repeated_paragraphs=0.3), "a\n\nb\n\nc\n\na", "a\n\nb\n\na", "paragraphs repeat"),
    (replace(REPEATS, max_repeated_paragraph_chars=0.2), "a\n\nbbbbb\n\na", "aaa\n\nbbb\n\naaa", "paragraphs repeat"),
    (replace(REPEATS, max_top_run_chars=(0.2,)), "a b " * 2 + numbered(8), "a b " * 2 + numbered(6), "one run repeats"),
    (replace(REPEATS, max_top_run_chars=(1, 0.18)), "a b c " * 2 + numbered(14), "a b c " * 2 + "x", "one run repeats"),
    (replace(REPEATS, max_top_run_chars=(1, 1, 0.16)), "a b c d", "a b c d a b c d", "one run repeats"),
]
LIMITS += [
    (
        replace(REPEATS, max_repeated_run_chars=(1,) * nth + (limit,)),
        f"{numbered(num_words)} {numbered(num_words)} {'x' * 1000}",
        f"{numbered(num_words)} {numbered(num_words)}",
        "runs repeat",
    )
    for nth, (num_words, limit) in enumerate([(5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1)])
]


@pytest.mark.parametrize(("page_filter", "good", "bad", "reason"), LIMITS)
def test_a_limit_is_kept_to(page_filter: PageFilter, good: str, bad: str, reason: str) -> None:
    assert page_filter.reason_for(good) is None
    assert page_filter.reason_for(bad) == reason
    assert reason in page_filter.reasons


def test_every_reason_has_a_page() -> None:
    tried = {reason for *_, reason in LIMITS} | {"no paragraphs"}
    filters = (GopherQuality, GopherRepetition, FineWebQuality, LongParagraphs)
    assert tried == {reason for page_filter in filters for reason in page_filter.reasons}


def test_limits_are_the_published_ones() -> None:
    quality, repetition, fineweb = GopherQuality(), GopherRepetition(), FineWebQuality()
    assert (quality.min_words, quality.max_words) == (50, 100_000)
    assert (quality.min_mean_word_chars, quality.max_mean_word_chars) == (3, 10)
    assert (quality.max_hashes_per_word, quality.max_ellipses_per_word) == (0.1, 0.1)
    assert (quality.max_bullet_lines, quality.max_ellipsis_lines) == (0.9, 0.3)
    assert (quality.min_alphabetic_words, quality.min_stop_words) == (0.8, 2)
    assert set(quality.stop_words) == {"the", "be", "to", "of", "and", "that", "have", "with"}
    assert (repetition.max_repeated_lines, repetition.max_repeated_paragraphs) == (0.3, 0.3)
    assert (repetition.max_repeated_line_chars, repetition.max_repeated_paragraph_chars) == (0.2, 0.2)
    assert repetition.max_top_run_chars == (0.2, 0.18, 0.16)
    assert repetition.max_repeated_run_chars == (0.15, 0.14, 0.13, 0.12, 0.11, 0.1)
    assert (fineweb.min_ended_lines, fineweb.max_short_lines, fineweb.short_line_chars) == (0.12, 0.67, 30)
    assert (fineweb.max_repeated_chars, fineweb.max_lines_per_word) == (0.01, 0.3)
    assert (LongParagraphs().min_lines, LongParagraphs().min_line_chars) == (3, 200)


def test_three_lines_must_be_long() -> None:
    line = "a" * 200 + "\n"
    assert LongParagraphs().reason_for(line * 3) is None
    assert LongParagraphs().reason_for(line * 2 + "a" * 199) == "no paragraphs"
    assert LongParagraphs().reason_for(line * 2 + " " * 50 + "a" * 199 + "\t") == "no paragraphs"


def test_marks_that_end_lines_are_an_option() -> None:
    text = "Ende。\n" * 3
    assert FineWebQuality(max_short_lines=1, max_repeated_chars=1, max_lines_per_word=9).reason_for(text)
    assert not FineWebQuality(end_marks="。", max_short_lines=1, max_repeated_chars=1, max_lines_per_word=9).reason_for(
        text
    )


def plain_quality(page_filter: GopherQuality, text: str) -> str | None:
    """Appendix A.1.1, sentence by sentence."""
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    mean = sum(len(word) for word in words) / len(words)
    has_letter = [word for word in words if any(char.isalpha() for char in word)]
    num_ellipses = text.count("...") + text.count("…")
    bulleted = [line for line in lines if line.startswith(tuple(page_filter.bullets))]
    cut = [line for line in lines if line.endswith("...") or line.endswith("…")]
    verdicts = {
        "few words on page": len(words) < page_filter.min_words,
        "many words on page": len(words) > page_filter.max_words,
        "short words": mean < page_filter.min_mean_word_chars,
        "long words": mean > page_filter.max_mean_word_chars,
        "hashes": text.count("#") / len(words) > page_filter.max_hashes_per_word,
        "ellipses": num_ellipses / len(words) > page_filter.max_ellipses_per_word,
        "bullets": len(bulleted) / len(lines) > page_filter.max_bullet_lines,
        "lines cut short": len(cut) / len(lines) > page_filter.max_ellipsis_lines,
        "few alphabetic words": len(has_letter) / len(words) < page_filter.min_alphabetic_words,
        "few stop words": len(set(words) & set(page_filter.stop_words)) < page_filter.min_stop_words,
    }
    return next((reason for reason, is_bad in verdicts.items() if is_bad), None)


def repeated(parts: list[str]) -> list[str]:
    return [part for number, part in enumerate(parts) if part in parts[:number]]


def plain_repetition(page_filter: GopherRepetition, text: str) -> str | None:
    """Table A1 with the counts of datatrove's code."""
    lines = [line for line in text.split("\n") if line.strip()]
    paragraphs = re.split(r"\n{2,}", text.strip())
    words = text.split()
    if len(repeated(lines)) / len(lines) > page_filter.max_repeated_lines:
        return "lines repeat"
    if sum(map(len, repeated(lines))) / len(text) > page_filter.max_repeated_line_chars:
        return "lines repeat"
    if len(repeated(paragraphs)) / len(paragraphs) > page_filter.max_repeated_paragraphs:
        return "paragraphs repeat"
    if sum(map(len, repeated(paragraphs))) / len(text) > page_filter.max_repeated_paragraph_chars:
        return "paragraphs repeat"
    for size, limit in zip((2, 3, 4), page_filter.max_top_run_chars, strict=True):
        runs = Counter(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
        run, num_times = (runs.most_common(1) or [("", 0)])[0]
        if num_times > 1 and len(run) * num_times / len(text) > limit:
            return "one run repeats"
    for size, limit in zip((5, 6, 7, 8, 9, 10), page_filter.max_repeated_run_chars, strict=True):
        seen, num_chars, at = set(), 0, 0
        while at + size <= len(words):
            run = tuple(words[at : at + size])
            if run in seen:
                num_chars += sum(map(len, run))
                at += size
            else:
                seen.add(run)
                at += 1
        if num_chars / len(text) > limit:
            return "runs repeat"
    return None


def plain_fineweb(page_filter: FineWebQuality, text: str) -> str | None:
    lines = [line for line in text.split("\n") if line.strip()]
    if sum(line.endswith(tuple(page_filter.end_marks)) for line in lines) / len(lines) < page_filter.min_ended_lines:
        return "few ended lines"
    if sum(len(line) <= page_filter.short_line_chars for line in lines) / len(lines) > page_filter.max_short_lines:
        return "short lines"
    if sum(map(len, repeated(lines))) / len(text.replace("\n", "")) > page_filter.max_repeated_chars:
        return "repeated lines"
    return "many lines" if text.count("\n") / len(text.split()) > page_filter.max_lines_per_word else None


PARTS = [
    "the",
    "of",
    "and",
    "a",
    "fox",
    "w1",
    "long" * 6,
    "#",
    "12",
    "•",
    "-x",
    "it...",
    "…",
    "end.",
    "'ok'",
    "²",
    "你好",
]
PHRASES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=12).map(" ".join)
TEXTS = st.tuples(
    st.lists(PHRASES, min_size=1, max_size=5), st.lists(st.integers(0, 9), min_size=1, max_size=12)
).flatmap(
    lambda given: st.lists(
        st.sampled_from(["\n", "\n\n", " ", " \n", "\n \n", ". "]), min_size=len(given[1]), max_size=len(given[1])
    ).map(lambda ends: "".join(given[0][n % len(given[0])] + end for n, end in zip(given[1], ends, strict=True)))
)
SHARES = st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5, 0.8, 1.0])


@given(TEXTS, SHARES, SHARES, st.integers(0, 20), st.integers(0, 3))
def test_quality_is_that_of_the_definition(text: str, low: float, high: float, least: int, stops: int) -> None:
    page_filter = GopherQuality(
        min_words=least,
        max_words=40,
        max_hashes_per_word=high,
        max_ellipses_per_word=high,
        max_bullet_lines=high,
        max_ellipsis_lines=low,
        min_alphabetic_words=low,
        min_stop_words=stops,
    )
    assert page_filter.reason_for(text) == plain_quality(page_filter, text)


@given(TEXTS, SHARES, SHARES, SHARES)
@example("a b c d e f a b c d e f a b c d e f", 1.0, 1.0, 0.3)
@example("a a a a a a a a a a a a a a", 1.0, 1.0, 0.3)
def test_repetition_is_that_of_the_definition(text: str, of_parts: float, of_top: float, of_runs: float) -> None:
    page_filter = GopherRepetition(
        max_repeated_lines=of_parts,
        max_repeated_paragraphs=of_parts,
        max_repeated_line_chars=of_parts,
        max_repeated_paragraph_chars=of_parts,
        max_top_run_chars=(of_top, of_top * 0.9, of_top * 0.8),
        max_repeated_run_chars=tuple(of_runs * share for share in (1, 0.9, 0.8, 0.7, 0.6, 0.5)),
    )
    assert page_filter.reason_for(text) == plain_repetition(page_filter, text)


@given(
    st.lists(st.sampled_from(["a", "bb", "a bb ccc a d", "ccc d e f a bb", "e e e e e e e"]), min_size=1, max_size=12),
    st.sampled_from([5, 6, 8]),
)
@example(["a bb ccc a d"] * 3 + ["bb", "a bb ccc a d"], 5)
def test_overlapping_runs_are_not_counted_twice(parts: list[str], size: int) -> None:
    """The limit that the definition just keeps to is kept to, and any below is not."""
    text = " ".join(parts)
    limits = [number / len(text) for number in range(len(text) + 1)]
    filters = [replace(REPEATS, max_repeated_run_chars=(NEVER,) * (size - 5) + (limit,)) for limit in limits]
    plain = [
        replace(one, max_repeated_run_chars=one.max_repeated_run_chars + (NEVER,) * (10 - size)) for one in filters
    ]
    assert [one.reason_for(text) for one in filters] == [plain_repetition(one, text) for one in plain]


@given(TEXTS, SHARES, SHARES)
def test_fineweb_is_that_of_the_definition(text: str, low: float, high: float) -> None:
    page_filter = FineWebQuality(min_ended_lines=low, max_short_lines=high, max_repeated_chars=low)
    assert page_filter.reason_for(text) == plain_fineweb(page_filter, text)


@pytest.mark.parametrize("page_filter", [GopherQuality(), GopherRepetition(), FineWebQuality(), LongParagraphs()])
def test_a_page_of_nothing_much_is_no_reason_to_stop(page_filter: PageFilter) -> None:
    for text in ("x", "\n", " ", "…", "\ud800", "a\x00b"):
        assert page_filter.reason_for(text) in {None, *page_filter.reasons}


def test_a_page_of_one_word_over_and_over_takes_no_time() -> None:
    for text in ("a " * 200_000, "x" * 400_000, "a\n" * 200_000, "a\n\n" * 100_000):
        for page_filter in (
            GopherQuality(max_words=10**9, min_stop_words=0),
            REPEATS,
            FineWebQuality(min_ended_lines=0),
        ):
            page_filter.reason_for(text)
