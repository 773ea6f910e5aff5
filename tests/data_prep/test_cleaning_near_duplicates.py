"""Near duplicates: found as often as the formula says, the same on every machine, and in any order of pages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from cleaning_pages import english, page, texts_by_url
from hypothesis import given
from hypothesis import strategies as st

from data_prep.cleaning.dedup import priority
from data_prep.cleaning.loop import Cleaned, clean_all, without_near_duplicates
from data_prep.cleaning.near_duplicates import BadNearDuplicates, NearDuplicates
from data_prep.cleaning.profiles import C4
from data_prep.cleaning.rules import Rules
from data_prep.cleaning.verdicts import Document
from data_prep.pages import Page

NEAR = NearDuplicates()
PROFILE = replace(C4, near_duplicates=NEAR)


def made_words(rng: random.Random, num: int) -> list[str]:
    return ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(num)]


def prose(words: Sequence[str]) -> str:
    return " ".join(word + "." * (number % 10 == 9) for number, word in enumerate([*words, "end."]))


def jaccard(one: str, other: str) -> float:
    first, second = ({tuple(text.split()[n : n + 5]) for n in range(len(text.split()) - 4)} for text in (one, other))
    return len(first & second) / len(first | second)


def are_near(one: str, other: str, near: NearDuplicates = NEAR) -> bool:
    return bool(np.isin(near.bands(one), near.bands(other)).any())


def loop(*files: list[Page]) -> Cleaned:
    return clean_all(files, Rules(PROFILE), detect=english)


def test_of_near_duplicates_the_page_of_lowest_priority_stays() -> None:
    words = made_words(random.Random(1), 200)
    urls = sorted((f"http://{n}.org/" for n in range(6)), key=priority)
    pages = [page(prose([*words, f"number{n}"]), url) for n, url in enumerate(urls)]
    for order in (pages, pages[::-1]):
        result = loop(order)
        assert [doc.url for doc in result.documents] == urls[:1]
        assert result.dropped == {"near duplicate": 5}


def test_a_page_that_goes_keeps_no_line_from_one_that_stays() -> None:
    """Were lines compared first, the middle page would take the line from the last, and then go with it."""
    words = made_words(random.Random(2), 300)
    low, middle, high = sorted(("http://a.org/", "http://b.org/", "http://c.org/"), key=priority)
    line = "The committee paid for the wooden boat twice."
    own = prose(made_words(random.Random(3), 60))
    result = loop(
        [page(prose(words), low), page(f"{prose(words)}\n{line}", middle), page(f"{own}\n{line}", high)],
    )
    assert texts_by_url(list(result.documents)) == {low: prose(words), high: f"{own}\n{line}"}
    assert result.dropped == {"near duplicate": 1} and not result.cut


def test_two_pages_like_a_third_of_higher_priority_both_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    low, middle, high = sorted(("http://a.org/", "http://b.org/", "http://c.org/"), key=priority)
    bands = {"one": [1, 8], "both": [1, 2], "two": [9, 2]}
    monkeypatch.setattr(NearDuplicates, "bands", lambda self, text: np.array(bands[text], dtype=np.uint64))

    def left(*texts: str) -> list[str]:
        documents = [
            Document(url=url, time="", text=text) for url, text in zip((low, middle, high), texts, strict=True)
        ]
        return [verdict.text for verdict in without_near_duplicates(documents, NEAR) if isinstance(verdict, Document)]

    assert left("one", "two", "both") == ["one", "two"]
    assert left("one", "both", "two") == ["one"], "though no page that stays is like the last"
    assert left("both", "one", "two") == ["both"]


@pytest.mark.parametrize(("num_bands", "num_rows"), [(14, 8), (20, 5), (1, 4)])
def test_pages_are_found_as_often_as_the_formula_says(num_bands: int, num_rows: int) -> None:
    near = NearDuplicates(num_bands=num_bands, num_rows=num_rows)
    rng = random.Random(4)
    found, expected, variance = 0, 0.0, 0.0
    for _ in range(1000):
        words = made_words(rng, 150)
        changed = list(words)
        for place in rng.sample(range(150), rng.randint(1, 9)):
            changed[place] = "changed"
        one, other = " ".join(words), " ".join(changed)
        likely = 1 - (1 - jaccard(one, other) ** num_rows) ** num_bands
        expected, variance = expected + likely, variance + likely * (1 - likely)
        found += are_near(one, other, near)
    assert abs(found - expected) < 4 * variance**0.5


def test_other_texts_are_not_near() -> None:
    rng = random.Random(5)
    bands = Counter(band for _ in range(2000) for band in NEAR.bands(" ".join(made_words(rng, 30))).tolist())
    assert len(bands) == 2000 * 14


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The fox, she came back home.", "the FOX she came --- back “home”!"),
        ("Der Fuchs kam; er blieb über Nacht.", "der fuchs kam er\nblieb ÜBER nacht"),
        ("狐狸回来了，已经很晚了。", "狐狸 回来了 已经很晚了"),
        ("هل عاد الثعلب؟ نعم، عاد.", "هل عاد الثعلب نعم عاد"),
        ("only four words here", "Only four words: here."),
        ("!!!", "???"),
    ],
)
def test_case_marks_and_blanks_make_no_difference(one: str, other: str) -> None:
    assert NEAR.bands(one).tolist() == NEAR.bands(other).tolist()


@pytest.mark.parametrize(
    ("text", "num_shingles"),
    [
        ("one two three four five", 1),
        ("one two three four five six", 2),
        ("one two", 1),
        ("", 1),
        ("狐狸回来了吗朋友", 4),  # eight characters
        ("東京に the fox 行く", 3),  # three characters, two words, two characters
        ("여우가 집으로 돌아 왔다 그리고 잤다", 2),  # Korean has blanks between words
        ("नमस्ते दुनिया यह एक पाठ है", 2),  # vowel signs and viramas are part of a word
        ("don't", 1),
    ],
)
def test_shingles_are_runs_of_five_words_or_characters(text: str, num_shingles: int) -> None:
    assert len(NEAR.shingles(text)) == num_shingles


def test_the_order_of_words_counts() -> None:
    words = "one two three four five six seven eight nine ten"
    assert not are_near(words, " ".join(reversed(words.split())))


def test_numbers_are_the_same_on_every_machine() -> None:
    bands = NearDuplicates(num_bands=3, num_rows=2).bands("The fox came back home late. 狐")
    assert [f"{band:016x}" for band in bands] == ["d864cf4ffb958fda", "08a017e892888ea8", "65f2fb6e81727a19"]


def plain_bands(text: str, num_bands: int, num_rows: int) -> list[int]:
    """The same numbers once more, in plain Python, for texts of plain words."""
    mask, start, mix_1, mix_2 = (1 << 64) - 1, 0xCBF29CE484222325, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53

    def hashed(word: str) -> int:
        number = start
        for char in word:
            number = (number ^ ord(char)) * 0x100000001B3 & mask
        return number

    hashes = [hashed(word) for word in text.lower().split()]
    numbers = []
    for first in range(max(1, len(hashes) - 4)):
        number = start
        for word in hashes[first : first + 5]:
            number = (number ^ word >> 32 ^ word) * mix_2 & mask
        numbers.append(((number ^ number >> 33) * mix_1 & mask) >> 32)
    bands = []
    for band in range(num_bands):
        joined = start + band
        for row in range(band * num_rows, (band + 1) * num_rows):
            order = 0x9E3779B97F4A7C15 * (row + 1) & mask
            for factor in (mix_1, mix_2):
                order = (order ^ order >> 33) * factor & mask
            order ^= order >> 33
            lowest = min((number * (order & 0xFFFFFFFF | 1) + (order >> 32)) % 2**32 for number in numbers)
            joined = (joined ^ lowest) * mix_1 & mask
            joined ^= joined >> 33
        bands.append(joined * mix_2 & mask)
    return bands


@given(st.lists(st.text("abcDEÄž", min_size=1, max_size=4), max_size=12).map(" ".join), st.integers(1, 4))
def test_compiled_and_plain_numbers_agree(text: str, num_rows: int) -> None:
    assert NearDuplicates(num_bands=3, num_rows=num_rows).bands(text).tolist() == plain_bands(text, 3, num_rows)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=9),
    st.randoms(use_true_random=False),
)
def test_the_order_of_pages_and_files_changes_nothing(kinds: list[tuple[int, int]], rng: random.Random) -> None:
    texts = [made_words(random.Random(kind), 80) for kind in range(4)]
    pages = [
        page(prose([*texts[kind], *(["more"] * more)]), f"http://{number}.org/")
        for number, (kind, more) in enumerate(kinds)
    ]
    whole = loop(pages)
    shuffled = rng.sample(pages, len(pages))
    cut = rng.randint(0, len(pages))
    parts = loop(shuffled[:cut], [], shuffled[cut:])
    assert texts_by_url(list(parts.documents)) == texts_by_url(list(whole.documents))
    assert (parts.dropped, parts.num_left, parts.cut) == (whole.dropped, whole.num_left, whole.cut)
    assert parts.num_left["read"] == len(parts.documents) + sum(parts.dropped.values())


def test_halves_of_surrogate_pairs_and_odd_characters_stop_nothing() -> None:
    assert len(NEAR.bands("a \ud800 b \U0010ffff c \0 d e")) == 14


@pytest.mark.parametrize("options", [{"num_bands": 0}, {"num_rows": 1001}, {"shingle_words": -1}])
def test_numbers_that_make_no_signature_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(BadNearDuplicates, match="between 1 and 1,000"):
        NearDuplicates(**options)
