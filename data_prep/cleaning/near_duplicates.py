"""Pages with almost the same words, by MinHash: a few numbers a page, of which near duplicates have some in common.

A text is a set of shingles, runs of five words. Of each of many orders of all shingles, a signature holds the first
one that is in the text; two texts have the same one with the probability that is their Jaccard similarity, the share
of shingles that both have. Rows of a signature are joined to bands, and pages with the same number for one band are
taken for near duplicates (Broder 1997; Leskovec et al., Mining of Massive Datasets, chapter 3).

Of such pages, each is dropped that is not the first of its fellows in some band, by the one order of all pages. Others
join pages to groups and keep one of each group. Here a page that is like two pages which are not alike goes as well,
but two pages that are like a third of higher priority both stay: never more pages go than by groups. The rule needs
one look-up a band and page, no order of files, and no rounds over the whole corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from data_prep.errors import BadInput

Array = np.ndarray[Any, Any]

_SEED = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_MIX_1, _MIX_2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53  # MurmurHash3's finalizer

_BETWEEN, _IN_WORD, _WORD = 0, 1, 2  # what a character is: none of a word, part of one, or one by itself

# Whatever is not named is part of a word. Written out, since Python's own tables grow with every version.
_SEPARATORS = (
    "00-2f 3a-40 5b-5e 60 7b-a9 ab-b1 b4 b6-b8 bb bf d7 f7 55a-55f 589-58a 5be 5c0 5c3 5f3-5f4 60c-60d 61b-61f 66a-66d "
    "6d4 964-965 970 e4f e5a-e5b 104a-104f 10fb 1360-1368 166e 1680 16eb-16ed 17d4-17da 1800-180a 2000-206f 20a0-20cf "
    "2190-2bff 2e00-2e7f 3000-3004 3008-3020 3030 303d 30a0 30fb a4fe-a4ff a60d-a60f d800-f8ff fd3e-fd3f fe10-fe1f "
    "fe30-fe6f feff ff01-ff0f ff1a-ff20 ff3b-ff40 ff5b-ff65 ffe0-ffff 1f000-1faff e0000-10ffff"
)
# Thai, Lao, Burmese, Khmer, kana, Chinese: no blanks between words. Korean and Tibetan have them.
_UNSPACED = "e01-e4e e50-e59 e80-eff 1000-1049 1050-109f 1780-17d3 17dc-17ff 3005-3007 3021-302f 3031-303c 3041-309f "
_UNSPACED += "30a1-30fa 30fc-31bf 31f0-31ff 3400-9fff f900-faff ff66-ff9f 1b000-1b16f 20000-3ffff"


class BadNearDuplicates(BadInput):
    """Numbers of bands, rows or words that make no signature."""


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """How pages with almost the same words are found; two of Jaccard similarity s are with 1 - (1 - s^rows)^bands."""

    num_bands: int = 14
    """Numbers a page has, 1 to 1,000; more find pages that are less alike. With 14 bands of 8 rows (FineWeb), of pages
    that share 0.72 of their shingles half are found, of 0.8 92 %, of 0.9 99.9 %."""
    num_rows: int = 8
    """Orders joined to one band, 1 to 1,000; more find only pages that are more alike."""
    shingle_words: int = 5
    """Words of a shingle, 1 to 1,000; a shorter text has one shingle, of all its words."""

    def __post_init__(self) -> None:
        for name in ("num_bands", "num_rows", "shingle_words"):
            value = getattr(self, name)
            if not 1 <= value <= 1000:
                raise BadNearDuplicates(f"{name} is {value}; it must lie between 1 and 1,000; FineWeb has 14, 8 and 5")

    def bands(self, text: str) -> Array:
        """uint64[num_bands], the same on every machine; pages that have one of them in common are near duplicates.

        >>> fox = "the quick brown fox jumps over the lazy dog and runs home to sleep until the next morning comes"
        >>> one, two = (set(NearDuplicates().bands(text).tolist()) for text in (fox, "The " + fox[4:].upper() + "!"))
        >>> one == two, one & set(NearDuplicates().bands(fox[::-1]).tolist())
        (True, set())

        Case, marks and blanks make no difference. In scripts without blanks between words (Chinese, Japanese, Thai,
        Lao, Khmer, Burmese) each character is a word, so that a shingle is a run of five characters.
        """
        factors, terms = _orders(self.num_bands * self.num_rows)
        loops = _loops()
        return loops.joined(loops.minima(self.shingles(text), factors, terms), self.num_rows)

    def shingles(self, text: str) -> Array:
        """uint32[n], one number for each run of words, in their order; what `bands` compares."""
        chars = np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), dtype="<u4")
        return _loops().shingles(chars, _kinds(), self.shingle_words)


@cache
def _orders(num: int) -> tuple[Array, Array]:
    """Odd factors and terms, uint32[num] each: x · factor + term modulo 2³² puts all numbers in another order."""
    mixed = [_mixed(_SEED * (number + 1) & _MASK) for number in range(num)]
    return (
        np.array([(number & 0xFFFFFFFF) | 1 for number in mixed], dtype=np.uint32),
        np.array([number >> 32 for number in mixed], dtype=np.uint32),
    )


def _mixed(number: int) -> int:
    number = (number ^ number >> 33) * _MIX_1 & _MASK
    number = (number ^ number >> 33) * _MIX_2 & _MASK
    return number ^ number >> 33


@cache
def _kinds() -> Array:
    """uint8[0x110000], the kind of each character."""
    kinds = np.full(0x110000, _IN_WORD, dtype=np.uint8)
    for kind, ranges in ((_WORD, _UNSPACED), (_BETWEEN, _SEPARATORS)):
        for ends in ranges.split():
            first, _, last = ends.partition("-")
            kinds[int(first, 16) : int(last or first, 16) + 1] = kind
    return kinds


def _loops() -> Any:
    from data_prep.cleaning import shingles  # Numba takes half a second, and most profiles do without

    return shingles
