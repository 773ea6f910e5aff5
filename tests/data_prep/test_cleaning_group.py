"""Grouping by sorted hashes, range by range, gives what plain dictionaries over everything give."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_prep.cleaning.dedup import owners
from data_prep.cleaning.group import (
    NUM_HASHES,
    bucket_copies,
    bucket_rows,
    lost_of,
    lost_rows,
    num_rows,
    older_copies,
    ranges,
    write_copies,
    write_lost,
    write_rows,
)
from data_prep.cleaning.key_files import BadKeyFile
from data_prep.errors import BadInput

# Few different ones, so that they meet, and those at both ends.
HASH = st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1, 2**53, 2**53 + 1])
LINE = st.tuples(HASH, st.sampled_from([0, 5, 2**53, 2**53 + 1, 2**64 - 1]), st.integers(0, 5))
UNITS = st.lists(st.lists(LINE, max_size=12), min_size=1, max_size=4)
COPY = st.tuples(HASH, st.sampled_from(["2019", "2019-1", "2020", "é", "\U0001f600"]), st.integers(0, 2))

Written = list[tuple[int, int, int]]


def written(folder: Path, units: Sequence[Written]) -> list[Path]:
    paths = [folder / f"{number}.lines" for number in range(len(units))]
    for path, rows in zip(paths, units, strict=True):
        write_rows(path, *(np.array(rows, np.uint64).reshape(-1, 3).T))
    return paths


def lost_by_ranges(paths: Sequence[Path], num_ranges: int, out: dict[int, np.ndarray]) -> list[tuple[int, int, int]]:
    """Unit, page and hash of all rows that are lost."""
    found = []
    for low, high in ranges(num_ranges):
        rows = bucket_rows(paths, low, high, out.get)
        lost = lost_rows(rows.hashes, rows.priorities)
        found += zip(rows.units[lost].tolist(), rows.pages[lost].tolist(), rows.hashes[lost].tolist(), strict=True)
    return sorted(found)


def lost_by_dictionary(units: Sequence[Written], out: dict[int, np.ndarray]) -> list[tuple[int, int, int]]:
    rows = [
        (unit, page, line, place)
        for unit, lines in enumerate(units)
        for line, place, page in lines
        if unit not in out or not out[unit][page]
    ]
    lowest = owners((line, place) for _, _, line, place in rows)
    return sorted((unit, page, line) for unit, page, line, place in rows if place != lowest[line])


@given(UNITS, st.integers(1, 5), st.sets(st.integers(0, 3)), st.lists(st.booleans(), min_size=6, max_size=6))
@settings(max_examples=150, deadline=None)  # each writes files
@example([[(2**64 - 1, 1, 0)], [(2**64 - 1, 0, 0)]], 2, set(), [False] * 6)
@example([[(2**53 + 1, 2**53 + 1, 0), (2**53 + 1, 2**53, 1)]], 1, set(), [False] * 6)
@example([[(1, 0, 0), (1, 5, 1)]], 1, {0}, [True] + [False] * 5)
def test_lost_lines_are_those_of_one_dictionary(
    units: list[Written], num_ranges: int, filtered: set[int], is_out: list[bool]
) -> None:
    out = {unit: np.array(is_out) for unit in filtered}
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), units)
        assert lost_by_ranges(paths, num_ranges, out) == lost_by_dictionary(units, out)


@given(st.lists(st.lists(COPY, max_size=8), min_size=1, max_size=3), st.integers(1, 4))
@settings(max_examples=150, deadline=None)  # each writes files
@example([[(1, "2019", 0)], [(1, "2019", 0)]], 1)
def test_older_copies_are_those_of_one_dictionary(units: list[list[tuple[int, str, int]]], num_ranges: int) -> None:
    best: dict[int, tuple[tuple[str, int], int, int]] = {}
    for unit, pages in enumerate(units):
        for page, (key, time, tie) in enumerate(pages):
            if key not in best or (time, tie) > best[key][0]:
                best[key] = ((time, tie), unit, page)
    kept = {(unit, page) for _, unit, page in best.values()}
    everything = {(unit, page) for unit, pages in enumerate(units) for page in range(len(pages))}

    found = set()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(unit) for unit in range(len(units))]
        for path, pages in zip(paths, units, strict=True):
            keys, times, ties = zip(*pages, strict=True) if pages else ((), (), ())
            write_copies(path, np.array(keys, np.uint64), times, np.array(ties, np.uint64), np.arange(len(keys)))
        for low, high in ranges(num_ranges):
            copies = bucket_copies(paths, low, high)
            older = older_copies(copies.keys, copies.times, copies.ties)
            found |= set(zip(copies.units[older].tolist(), copies.pages[older].tolist(), strict=True))
    assert found == everything - kept


def test_ranges_cover_every_hash_once() -> None:
    for num_ranges in (1, 3, 7, 1000):
        bounds = ranges(num_ranges)
        assert bounds[0][0] == 0 and bounds[-1][1] == NUM_HASHES and len(bounds) == num_ranges
        assert all(high == low for (_, high), (low, _) in itertools.pairwise(bounds))


@pytest.fixture(scope="module")
def many() -> list[Written]:
    """Lines over several blocks of a file, one of them longer than a block."""
    random = np.random.default_rng(7)
    hashes = random.integers(0, 2**63, 6000, dtype=np.uint64) * np.uint64(2)
    hashes[random.permutation(6000)[:4500]] = hashes[0]
    places = random.integers(0, 2**63, 3000, dtype=np.uint64)
    pages = random.integers(0, 3000, (2, 6000))
    return [list(zip(hashes.tolist(), places[page].tolist(), page.tolist(), strict=True)) for page in pages]


def test_a_line_longer_than_a_block_is_found_whole(tmp_path: Path, many: list[Written]) -> None:
    paths = written(tmp_path, many)
    assert [num_rows(path) for path in paths] == [6000, 6000]
    for num_ranges in (1, 2, 64):
        assert lost_by_ranges(paths, num_ranges, {}) == lost_by_dictionary(many, {})
    hot = many[0][[line for line, *_ in many[0]].index(max({r[0] for r in many[0]}, key=[r[0] for r in many[0]].count))]
    found = bucket_rows(paths, hot[0], hot[0] + 1)
    assert set(found.hashes.tolist()) == {hot[0]} and len(found.pages) >= 9000
    assert len(bucket_rows(paths, hot[0] + 1, hot[0] + 1).pages) == 0


def test_one_page_keeps_each_line_and_rows_of_one_priority_are_kept_together() -> None:
    hashes, places = np.array([3, 3, 3], np.uint64), np.array([4, 4, 9], np.uint64)
    assert lost_rows(hashes, places).tolist() == [False, False, True]


def test_nothing_is_an_answer_too(tmp_path: Path) -> None:
    (path,) = written(tmp_path, [[]])
    rows = bucket_rows([path], 0, NUM_HASHES)
    assert [column.dtype.str for column in rows] == ["<u8", "<u8", "<u4", "<u4"] and not len(rows.pages)
    assert lost_rows(rows.hashes, rows.priorities).shape == (0,)
    copies = bucket_copies([], 0, NUM_HASHES)
    assert older_copies(copies.keys, copies.times, copies.ties).shape == (0,)


def test_each_unit_gets_its_lost_lines_back(tmp_path: Path) -> None:
    write_lost(tmp_path / "lost", [2, 0, 2], [7, 8, 9], [10, 2**64 - 1, 30])
    found = [[column.tolist() for column in lost_of(tmp_path / "lost", unit)] for unit in range(4)]
    assert found == [[[8], [2**64 - 1]], [[], []], [[7, 9], [10, 30]], [[], []]]


def test_any_changed_byte_and_any_cut_is_found(tmp_path: Path, many: list[Written]) -> None:
    (path,) = written(tmp_path, many[:1])
    whole = path.read_bytes()
    for at in [*range(60), *range(60, len(whole), 499), len(whole) - 1]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        with pytest.raises(BadKeyFile, match=r"0\.lines cannot be used \(.*delete it and run"):
            bucket_rows([path], 0, NUM_HASHES)
    for length in (0, 10, 24, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadKeyFile, match=r"bytes, not|shorter"):
            num_rows(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(BadKeyFile, match="120,049 bytes, not 120,048"):
        num_rows(path)


def test_a_missing_file_and_one_of_another_kind_are_named(tmp_path: Path) -> None:
    assert issubclass(BadKeyFile, BadInput)
    with pytest.raises(BadKeyFile, match=r"none cannot be used \(No such file"):
        bucket_rows([tmp_path / "none"], 0, NUM_HASHES)
    write_copies(tmp_path / "copies", [1], ["2019"], [0], [0])
    with pytest.raises(BadKeyFile, match="another kind"):
        bucket_rows([tmp_path / "copies"], 0, NUM_HASHES)


def test_columns_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different lengths"):
        write_rows(tmp_path / "rows", [1, 2], [1, 2], [1])
    assert not list(tmp_path.iterdir())
