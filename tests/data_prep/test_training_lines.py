"""What a vocabulary is trained on does not depend on how a corpus is divided, nor on its order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_texts import made_text

from data_prep.manifest import BadStore
from data_prep.tokenizing.training import train, train_on
from data_prep.tokenizing.training_lines import Draw, draw_lines, merged

TEXTS = st.lists(st.text(alphabet="abc \n", max_size=12), max_size=20)


@given(TEXTS, st.integers(1, 60))
def test_a_draw_keeps_to_its_bytes_and_loses_nothing_without_need(texts: list[str], num_bytes: int) -> None:
    everything, some = draw_lines(texts, 100_000), draw_lines(texts, num_bytes)
    assert not everything.bound
    assert sum(len(line) for line in some.lines) <= num_bytes
    fitting = [line for line in everything.lines if len(line) <= num_bytes]
    assert list(some.lines) == fitting[: len(some.lines)]
    rest = fitting[len(some.lines) :]
    assert not rest or sum(map(len, some.lines)) + len(rest[0]) > num_bytes


@given(TEXTS, st.lists(st.integers(0, 3), min_size=20, max_size=20), st.integers(1, 60), st.randoms())
def test_parts_drawn_apart_are_the_draw_of_all(
    texts: list[str], part_of: list[int], num_bytes: int, order: object
) -> None:
    parts = [draw_lines((t for t, p in zip(texts, part_of, strict=False) if p == n), num_bytes) for n in range(4)]
    order.shuffle(parts)  # type: ignore[attr-defined]
    whole = draw_lines(texts, num_bytes)
    assert merged(parts) == whole
    assert merged([merged(parts[:2]), merged(parts[2:])]) == whole


def test_a_line_too_much_for_one_part_stops_the_others_too() -> None:
    """A short line with a higher hash would fit, but in a draw from everything the long one stands before it."""
    ordered = draw_lines([*map(str, range(50)), *("long line " * 3 + str(i) for i in range(50))], 10**6).lines
    place = next(n for n in range(20, 80) if len(ordered[n]) > 20)
    low, high = (next(line for line in part if len(line) < 3) for part in (ordered[:place], ordered[place:]))
    num_bytes = len(low) + len(ordered[place]) - 1
    parts = [draw_lines([high], num_bytes), draw_lines([low, ordered[place]], num_bytes)]
    assert merged(parts) == merged(parts[::-1]) == draw_lines([high, low, ordered[place]], num_bytes)
    assert merged(parts).lines == (low,)


def test_every_line_but_the_first_of_a_text_keeps_the_line_end_before_it() -> None:
    assert sorted(draw_lines(["one\n\n two ", "  \nthree"], 100).lines) == ["\nthree", "\ntwo", "one"]


def test_text_without_spaces_is_drawn_sparingly() -> None:
    """The trainer takes five times as long for it, to no gain."""
    spaced, unspaced = ["aa bb " * 10 + str(i) for i in range(500)], ["ab" * 30 + str(i) for i in range(500)]
    assert 4 < len(draw_lines(spaced, 10_000).lines) / len(draw_lines(unspaced, 10_000).lines) < 6


def test_a_draw_comes_back_from_its_file(tmp_path: Path) -> None:
    for draw in (draw_lines(["a é\n你好\n\x85 \u2028"], 20), draw_lines([], 20), draw_lines(["a b", "c d"], 4)):
        draw.write(tmp_path / "draw.json")
        assert Draw.read(tmp_path / "draw.json") == draw


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"num_bytes": 1, "bound": "", "lines": [3]}', b"\xff"])
def test_a_damaged_draw_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "draw.json").write_bytes(content)
    with pytest.raises(BadStore, match=r"draw\.json is no draw of lines"):
        Draw.read(tmp_path / "draw.json")
    with pytest.raises(BadStore, match="none cannot be read"):
        Draw.read(tmp_path / "none")


def test_draws_that_do_not_belong_together_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="of 5 and of 6 bytes"):
        merged([draw_lines([], 5), draw_lines([], 6)])
    with pytest.raises(ValueError, match="no draws"):
        merged([])


def test_a_model_trained_on_merged_draws_is_that_of_the_whole() -> None:
    texts = [made_text(i) for i in range(99)]
    parts = merged(draw_lines(texts[n::3], 20_000) for n in (2, 0, 1))
    assert (
        parts.bound
        and train_on(parts, vocab_size=420).model == train(texts, vocab_size=420, training_bytes=20_000).model
    )
