"""Languages as langdetect says them, and bad words as C4's pattern finds them."""

from __future__ import annotations

import builtins
import re
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from cleaning_pages import PROSE, english, page
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from data_prep.cleaning.bad_words import BadList, BadWords, WordLists, lists_in, words_in
from data_prep.cleaning.language import Guess, NoDetector, _langdetect, langdetect, language_of
from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.profiles import C4, MC4, Profile
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document, Dropped

WORDS = ["bad", "very bad", "b*d", "a-b", "é", "x_1", "$!", "bad.", " spaced ", "über alles"]
TEXT = st.lists(st.sampled_from([*"abdx_1é$!*.- \n’", "bad", "very", "a-b", "über", "Alles", "BAD", "İ"]), max_size=12)


@given(TEXT.map("".join), st.sets(st.sampled_from(WORDS), min_size=1))
@example("so $! it is", {"$!"})
@example("so a$!b it is", {"$!"})
@example("a very bad one", {"very bad"})
@example("a very badly", {"very bad"})
def test_bad_words_are_those_the_one_pattern_finds(text: str, words: set[str]) -> None:
    pattern = re.compile(r"(?:\W|^)({})(?:\W|$)".format("|".join(re.escape(word.strip()) for word in words)))
    assert BadWords(words).found_in(text) == (pattern.search(text.lower()) is not None)


@settings(deadline=None)  # the first search imports Arrow
@given(st.lists(TEXT.map("".join) | st.text(max_size=20), max_size=4), st.sets(st.sampled_from(WORDS), min_size=1))
@example(["ébad", "bad\n", "\ud800bad\ud800", "xbad", "İbad", "", "b*d!"], {"bad", "b*d"})
@example(
    ["a \\E very.bad (one)", "x\0y", "a\nb", "Straße über alles"], {"\\E", "very.bad", "(one", "x\0y", "a\nb", "straße"}
)
def test_many_texts_at_once_are_judged_as_each_by_itself(texts: list[str], words: set[str]) -> None:
    search = BadWords(words)
    assert search.found_in_each(texts) == [search.found_in(text) for text in texts]


@settings(deadline=None)
@given(st.text(max_size=8), st.text("ab\\ .*+?|()[]{}^$#&~-\n\té_1", min_size=1, max_size=5))
@example(" x ", "a" * 2_000)
def test_any_word_whatever_its_characters_is_found_among_many(before: str, word: str) -> None:
    assume(word.strip())
    search, text = BadWords([word, "darn"]), f"{before} {word} "
    assert search.found_in_each([text, "none here"]) == [search.found_in(text), search.found_in("none here")]
    assert search.found_in(text)


def test_a_list_too_long_for_the_quick_search_is_searched_all_the_same() -> None:
    search = BadWords([f"word{number}x" * 20 for number in range(5_000)])
    assert search.found_in_each(["word7x" * 20, "word7"]) == [True, False]


def test_languages_without_blanks_are_searched_for_parts() -> None:
    assert BadWords(["坏话"], "zh").found_in("他说坏话了。")
    assert not BadWords(["坏话", "性"], "zh").found_in("可能性")
    assert not BadWords(["坏话"], "en").found_in("他说坏话了。")


def test_a_page_with_a_bad_word_is_dropped_for_its_reason() -> None:
    words = WordLists({"en": ["captain"]}, C4)
    result = clean_all([[page(PROSE)]], Rules(C4), detect=english, bad_words=words)
    assert (result.documents, result.dropped) == ([], {"bad words": 1})
    assert (result.num_left["language"], result.num_left["kept"]) == (1, 0)


def test_a_list_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("bad\n\n very bad \n", encoding="utf-8")
    assert BadWords(words_in(path)).found_in("Very bad!")
    assert not BadWords(words_in(path)).found_in("badly"), "a blank line is no word that is everywhere"
    path.write_text("\n \n")
    with pytest.raises(BadList, match=r"words holds no word"):
        BadWords(words_in(path))
    path.write_bytes(b"\xff")
    with pytest.raises(BadList, match=r"words cannot be read .* UTF-8"):
        BadWords(words_in(path))
    with pytest.raises(BadList, match=r"none cannot be read"):
        words_in(tmp_path / "none")
    with pytest.raises(BadList, match="is empty"):
        BadWords([""])


def document(text: str, *, url: str = "http://a.org/", language: str = "en") -> Document:
    return Document(url=url, time="2019", text=text, language=language)


def test_each_page_is_held_against_the_list_of_its_own_language(tmp_path: Path) -> None:
    for name, words in (("en", "mist\ndarn"), ("de.txt", "Mist"), ("zh", "坏话"), ("README.md", "the")):
        (tmp_path / name).write_text(words)
    lists = WordLists(lists_in(tmp_path), MC4)
    texts = ["Thick mist.", "So ein Mist!", "他说坏话了。", "The darn mist.", ""]
    languages = ["en", "de", "zh-cn", "fr", ""]
    documents = [document(text, language=code) for text, code in zip(texts, languages, strict=True)]
    assert lists.drops(documents) == [
        True,
        False,  # the list says Mist, and texts are looked at in lower case: so does the code that made C4
        True,
        False,
        False,
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadList, match="has no list of words; give a file, or a folder of files named en, de, zh"):
        lists_in(tmp_path / "empty")


def test_mc4_lets_one_page_in_a_thousand_stay_by_the_md5_of_its_url() -> None:
    lists = WordLists({"any": ["darn"]}, MC4)
    pages = [document("Oh darn.", url=f"http://www.a.org/{n}/") for n in range(5_000)]
    numerator, denominator = (0.999).as_integer_ratio()
    spared = [n for n in range(5_000) if int(md5(f"a.org/{n}".encode()).hexdigest(), 16) % denominator >= numerator]
    assert [n for n, goes in enumerate(lists.drops(pages)) if not goes] == spared and 0 < len(spared) < 20
    assert all(WordLists({"any": ["darn"]}, C4).drops(pages))


@pytest.mark.parametrize(
    ("guess", "verdict"),
    [
        (None, Dropped("language unknown")),
        (Guess("en", 0.9899), Dropped("language unsure")),
        (Guess("de", 0.5), Dropped("language unsure")),
        (Guess("de", 0.999), Dropped("other language")),
        (Guess("en", 0.99), "en"),
    ],
)
def test_a_language_must_be_sure_and_the_one_asked_for(guess: Guess | None, verdict: str | Dropped) -> None:
    assert language_of("text", C4, lambda text: guess) == verdict


def test_chinese_is_one_language() -> None:
    assert language_of("text", Profile(language="zh"), lambda text: Guess("zh-tw", 1.0)) == "zh-tw"


def test_langdetect_says_the_same_again_and_again() -> None:
    pytest.importorskip("langdetect_rs", reason="langdetect-rs is not installed")
    mixed = "Der alte Kapitän ging nach Hause. The old captain went home."
    first = langdetect(mixed)
    assert first is not None and {langdetect(text) for text in (mixed, PROSE, mixed)} >= {first}
    assert all(langdetect(mixed) == first for _ in range(20))
    assert langdetect(PROSE) == Guess("en", pytest.approx(1, abs=1e-4))
    assert langdetect("1234 !") is None


def test_langdetect_rs_gives_the_bits_of_langdetect() -> None:
    """The texts are short and mixed, so that the probabilities have all their digits."""
    pytest.importorskip("langdetect_rs", reason="langdetect-rs is not installed")
    original = pytest.importorskip("langdetect", reason="langdetect is not installed")
    original.DetectorFactory.seed = 0
    for text in ("Der alte captain", "Le road est long", "hola friend amigo", "Kapitän", PROSE):
        best = original.detect_langs(text)[0]
        assert langdetect(text) == Guess(best.lang, best.prob)


def test_a_missing_detector_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def without_detectors(name: str, *given: Any, **options: Any) -> Any:
        if name.startswith("langdetect"):
            raise ImportError(name)
        return there(name, *given, **options)

    monkeypatch.setattr(builtins, "__import__", without_detectors)
    _langdetect.cache_clear()
    with pytest.raises(NoDetector, match="pip install langdetect-rs"):
        langdetect("text")
