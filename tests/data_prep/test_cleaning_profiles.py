"""Profiles are options: each of configs/clean is the profile of its name, and contradictions are refused."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from cleaning_pages import MORE, PROSE, english, page

from data_prep.cleaning.filters import GopherQuality, LongParagraphs, PageFilter
from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.profiles import AS_IS, C4, C4_EXACT, MC4, PROFILES, BadProfile, Detector, Profile
from data_prep.cleaning.rules import BadFilter, Rules
from data_prep.cleaning.verdicts import Document, Dropped
from data_prep.job.config import CleanConfig
from data_prep.pages import Page
from denoise.command_line import BadUsage, options_of, parsed, value_of

CONFIGS = Path(__file__).parents[2] / "configs" / "clean"


@dataclass(frozen=True, kw_only=True)
class Shouting(PageFilter):
    """A stranger's filter."""

    most_marks: int = 3
    """Exclamation marks."""
    is_honest: bool = True
    """Whether it drops pages for the reason that it explains."""
    reasons: ClassVar[Mapping[str, str]] = {"shouting": "too many exclamation marks"}

    def reason_for(self, text: str) -> str | None:
        reason = "shouting" if self.is_honest else "some other"
        return reason if text.count("!") > self.most_marks else None


def built(*arguments: str) -> Profile:
    parser = options_of(CleanConfig, "clean", "Clean pages.")
    _, values = parsed(parser, arguments)
    rules = value_of(CleanConfig, values).rules
    assert isinstance(rules, Profile)
    return rules


@pytest.mark.parametrize("name", PROFILES)
def test_each_file_is_the_profile_of_its_name(name: str) -> None:
    assert built("-c", str(CONFIGS / f"{name}.yaml")) == PROFILES[name]


def test_there_is_a_file_for_each_profile() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(PROFILES)


def test_options_lie_over_a_file() -> None:
    profile = built("-c", str(CONFIGS / "c4.yaml"), "--rules.min_sentences", "2", "--rules.detector", "ELDC")
    assert profile == replace(C4, min_sentences=2, detector=Detector.ELDC)


def test_a_strangers_filter_plugs_in_by_its_path(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        f"rules:\n  filters:\n  - class_path: {__name__}.Shouting\n    init_args: {{most_marks: 1}}\n"
        "  - class_path: GopherQuality\n    init_args: {min_words: 3}\n"
        "  language_probabilities: {is: 0.8}\n"
    )
    profile = built("-c", str(config))
    assert profile.filters == (Shouting(most_marks=1), GopherQuality(min_words=3))
    assert profile.language_probabilities == {"is": 0.8}


def test_a_wrong_choice_is_named_with_those_there_are() -> None:
    with pytest.raises(BadUsage, match=r"LANGDETECT.*ELDC.*'GUESS' was given"):
        built("--rules.detector", "GUESS")


def test_every_option_is_explained_in_the_help() -> None:
    text = options_of(Profile, "clean", "Clean pages.").format_help()
    for field in dataclasses.fields(Profile):
        assert f"--{field.name}" in text
    assert "Quirk: a page without a URL" in " ".join(text.split())


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "c4-exact"])
def test_pages_without_url_and_time_are_kept(name: str) -> None:
    """Books have neither; each is a page of its own although they all have the same, none."""
    books = [Page(text=f"{PROSE}\n{MORE} It was number {n}.", name=f"books.jsonl:{n}") for n in (1, 2)]
    profile = replace(PROFILES[name], filters=(), filters_before_lines=(), language="any", min_sentences=0)
    result = clean_all([books], Rules(profile), detect=english)
    assert len(result.documents) == 2
    assert not result.dropped


def test_quirk_pages_without_url_and_time_are_dropped() -> None:
    pages = [page(PROSE, url=""), page(PROSE, time=""), page(PROSE)]
    assert clean_all([pages], Rules(C4_EXACT), detect=english).dropped == {"no url": 1, "no time": 1}


def test_of_books_without_url_the_text_decides_who_keeps_a_line() -> None:
    books = [Page(text=f"{PROSE}\n{MORE} It was number {n}.", name=f"books.jsonl:{n}") for n in range(5)]
    kept = [
        sorted(document.text for document in clean_all(files, Rules(C4), detect=english).documents)
        for files in ([books], [books[::-1]], [[book] for book in books])
    ]
    assert sum(PROSE in text for text in kept[0]) == 1
    assert kept[0] == kept[1] == kept[2]


def test_as_is_changes_nothing() -> None:
    texts = ["Menu\r\n\n  Home | { lorem ipsum [1] \x0b\n\n", "x", "x", "a" * 300_000, " 你好\u2028"]
    pages = [Page(text=text, name=str(n), url="http://a.org/") for n, text in enumerate(texts)]
    result = clean_all([pages], Rules(AS_IS))
    assert [document.text for document in result.documents] == texts
    assert not result.dropped and not result.cut
    assert [document.language for document in result.documents] == [""] * 5
    assert clean_all([[Page(text=" \n")]], Rules(AS_IS)).dropped == {"no text": 1}


def test_filters_stand_before_and_behind_the_rules_for_lines() -> None:
    """A menu of exclamation marks is gone when the rules for lines have been there."""
    text = f"Home!!! | News\n{PROSE}"
    before = replace(C4, filters_before_lines=(Shouting(most_marks=2),))
    behind = replace(C4, filters=(Shouting(most_marks=2),))
    assert Rules(before).clean(page(text), Counter()) == Dropped("shouting")
    assert isinstance(Rules(behind).clean(page(text), Counter()), Document)
    assert Rules(behind).clean(page(f"{PROSE} Ah! Oh! No!"), Counter()) == Dropped("shouting")


def test_what_filters_drop_is_counted_and_explained() -> None:
    profile = replace(C4, filters=(Shouting(most_marks=0),))
    result = clean_all([[page(PROSE), page(f"{PROSE} Ah!", "http://b.org/")]], Rules(profile), detect=english)
    assert result.dropped == {"shouting": 1}
    assert profile.reasons()["shouting"] == "too many exclamation marks"


def test_a_reason_that_is_not_explained_stops_the_job() -> None:
    rules = Rules(replace(C4, filters=(Shouting(most_marks=0, is_honest=False),)))
    with pytest.raises(BadFilter, match="Shouting drops a page for 'some other', which is not among its reasons"):
        rules.clean(page(f"{PROSE} Ah!"), Counter())


@dataclass(frozen=True, kw_only=True)
class Silent(PageFilter):
    def reason_for(self, text: str) -> str | None:
        return "because"


@dataclass(frozen=True, kw_only=True)
class Thief(Silent):
    reasons: ClassVar[Mapping[str, str]] = {"too long": "it is boring"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filters": (Silent(),)}, "Silent is no filter of pages with reasons"),
        ({"filters": (Thief(),)}, "Thief has the reason 'too long', which is taken"),
        ({"detector": Detector.NONE}, "language is en but nothing detects it"),
        ({"language": "Deutsch"}, "language is 'Deutsch'; give a code such as en, de or zh, or any"),
        ({"bad_words_fraction": 1.5}, r"bad_words_fraction is 1.5; give a number from 0 to 1"),
        ({"min_language_probability": 99.0}, r"is 99.0 \(min_language_probability\); give a number from 0 to 1"),
        ({"language_probabilities": {"de": -1.0}}, r"is -1.0 \(de\)"),
        ({"min_sentences": -1}, "min_sentences is -1; give 0 or more"),
    ],
)
def test_contradictions_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadProfile, match=words):
        Profile(**options)  # type: ignore[arg-type]


def test_several_filters_of_one_kind_share_their_reasons() -> None:
    profile = replace(MC4, filters=(LongParagraphs(), LongParagraphs(min_lines=1, min_line_chars=1000)))
    assert "no paragraphs" in profile.reasons()
