"""Lines without end, pipes, loops, strange names and tables: read over, counted or named, never waited for."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from data_prep.reading import rows
from data_prep.reading.readers import documents, pages_of
from data_prep.reading.rows import Fields
from data_prep.reading.sources import BadSource, Slice, find

TEXTS = ["One.\n\nTwo.", "你好。世界！", "😀 x"]


def texts_of(*sources: Path, counts: Counter[str] | None = None) -> list[str]:
    return [page.text for page in documents(sources, counts=counts)]


def json_lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def test_a_line_too_long_to_be_held_is_counted_and_read_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LONGEST_LINE_BYTES", 60)
    lines = json_lines([TEXTS[0], "x" * 500, TEXTS[1], "y" * 500, TEXTS[2]])
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines)
    counts: Counter[str] = Counter()
    assert texts_of(path, counts=counts) == TEXTS
    assert counts == {"too long": 2}
    source = find([path]).sources[0]
    for size in (7, 64, 200, 511):
        counts.clear()
        bounds = [*range(0, len(lines), size), len(lines)]
        slices = [Slice(source=source, start=start, stop=stop) for start, stop in pairwise(bounds)]
        found = [page for part in slices for page in pages_of(part, Fields(), 1000, counts)]
        assert [page.text for page in found] == TEXTS
        assert counts == {"too long": 2}


def test_a_slice_within_a_long_line_reads_no_further_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 100)
    path = tmp_path / "a.jsonl"
    path.write_bytes(json_lines(["x" * 100_000]))
    read: list[int] = []

    class Counting(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            read.append(len(line))
            return line

    monkeypatch.setattr(rows, "opened", lambda source: Counting(path.read_bytes()))
    part = Slice(source=find([path]).sources[0], start=5_000, stop=6_000)
    assert list(pages_of(part, Fields(), 1000, Counter())) == []
    assert sum(read) < 1_200


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "up").symlink_to("..")
    with pytest.raises(BadSource, match=r"pipe\.txt is no file but a pipe or a device"):
        find([tmp_path / "pipe.txt"])
    with pytest.raises(BadSource, match=r"loop\.txt cannot be read"):
        texts_of(tmp_path)
    (tmp_path / "loop.txt").unlink()
    assert texts_of(tmp_path) == ["One."]
    assert find([tmp_path]).passed_over == {"(pipe or device)": 1, "(link to a folder)": 1}
    with pytest.raises(BadSource, match="the name of a source is empty"):
        find([""])


def test_names_that_are_not_unicode_can_be_written_down(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("One.")
    except OSError:
        pytest.skip("this file system takes no such name")
    (page,) = documents([tmp_path])
    assert page.name == f"{tmp_path}/caf\\xe9.txt"
    assert find([tmp_path]).sources[0].key == "caf\\xe9.txt"


def test_tables_with_times_and_texts_beyond_python_are_read_or_named(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    times = pyarrow.array([2**59, 0], pyarrow.timestamp("us"))
    parquet.write_table(pyarrow.table({"text": ["a b", "c d"], "timestamp": times}), tmp_path / "times.parquet")
    found = [page.time for page in documents([tmp_path / "times.parquet"])]
    assert found[0].startswith("20237") and found[1].startswith("1970-01-01")
    raw = pyarrow.array([b"fine", b"caf\xe9"])
    broken = pyarrow.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2])
    parquet.write_table(pyarrow.table({"text": broken}), tmp_path / "broken.parquet")
    with pytest.raises(BadSource, match=r"broken\.parquet:1 and what follows is not text that can be read"):
        texts_of(tmp_path / "broken.parquet")
