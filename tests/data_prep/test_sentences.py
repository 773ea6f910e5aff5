"""Offsets of sentence ends are characters, in every script."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data_prep.sentences import sentence_ends

AWKWARD = "aB .!?\n\r\t。！\"'()«»“”😀é\u2028\x85\x00\u3000\xa0\u202fA.J.ß१।؟॥"


def sentences_of(text: str, language: str = "en") -> list[str]:
    ends = sentence_ends(text, language).tolist()
    return [text[a:b].strip() for a, b in zip([0, *ends], ends, strict=False)]


def test_stops_that_follow_each_other_stay_together() -> None:
    assert sentences_of("Wait...!! Really?? Yes.") == ["Wait...!!", "Really??", "Yes."]


def test_abbreviations_end_no_sentence() -> None:
    assert sentences_of("Mr. Fox met Dr. Hen. They left.") == ["Mr. Fox met Dr. Hen.", "They left."]


def test_chinese_stops_end_sentences() -> None:
    assert sentences_of("你好。世界！真的吗？！", "zh") == ["你好。", "世界！", "真的吗？！"]


def test_offsets_count_characters_not_bytes() -> None:
    assert sentences_of("Ünïcödé 😀 here. Next 你好 one. End") == [
        "Ünïcödé 😀 here.",
        "Next 你好 one.",
        "End",
    ]


def test_blank_lines_end_sentences_and_a_lone_line_end_does_not() -> None:
    assert sentences_of("A title\n\nA line\nthat goes on") == ["A title", "A line\nthat goes on"]


def test_blank_text_has_no_sentence() -> None:
    assert sentence_ends("").tolist() == sentence_ends(" \n\n ").tolist() == []


@given(st.text(alphabet=AWKWARD, max_size=40), st.sampled_from(["en", "de", "zh", "hi", "ar", "??"]))
def test_ends_rise_and_stand_behind_visible_characters(text: str, language: str) -> None:
    ends = sentence_ends(text, language).tolist()
    assert ends == sorted(set(ends))
    assert all(not text[end - 1].isspace() for end in ends)
    assert not text.strip() or ends[-1] == len(text.rstrip())


def test_wide_white_space_before_a_stop_does_no_harm() -> None:
    """sentencex 1.0.32 panics on this text if it sees it as it is."""
    assert sentence_ends("J\u3000.").tolist() == [3]
