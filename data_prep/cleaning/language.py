"""Which language a text is in, as langdetect says it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from data_prep.cleaning.profiles import Profile
from data_prep.cleaning.verdicts import Dropped
from data_prep.errors import BadInput


class NoDetector(BadInput):
    """No package that detects languages is installed."""


class Guess(NamedTuple):
    """The likeliest language of a text."""

    language: str
    """Two-letter code; Chinese is zh-cn or zh-tw."""
    probability: float
    """0 to 1."""


Detector = Callable[[str], Guess | None]
"""Text → guess; none for a text without a letter to go by."""


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
            raise NoDetector(
                "languages are detected by langdetect-rs, which is not installed; run: pip install langdetect-rs"
            ) from None
    package.DetectorFactory.seed = 0  # each text draws its own numbers from it, so order and threads change nothing
    return package


def language_of(text: str, profile: Profile, detect: Detector) -> str | Dropped:
    """The language of a text, if it is surely the one the profile asks for."""
    guess = detect(text)
    if guess is None:
        return Dropped("language unknown")
    if guess.probability < profile.min_language_probability:
        return Dropped("language unsure")
    if guess.language.partition("-")[0] != profile.language:
        return Dropped("other language")
    return guess.language
