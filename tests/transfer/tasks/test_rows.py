"""Files are read as they are, and what is wrong with one is told in one sentence with its line."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from denoise.transfer.tasks.rows import found, rows_of, table, whole_json
from denoise.transfer.tasks.task import BadTask


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def complaint(path: Path, header: tuple[str, ...] = ()) -> str:
    with pytest.raises(BadTask) as error:
        list(rows_of(path, header))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_quotes_are_characters_like_others(tmp_path: Path) -> None:
    text = 'sentence\tlabel\nHe said " yes\t1\n"No" , she said "\t0\nA third .\t1\n'
    rows = list(table(written(tmp_path / "quotes.tsv", text)))
    assert [row.values["sentence"] for row in rows] == ['He said " yes', '"No" , she said "', "A third ."]


def test_a_byte_order_mark_and_dos_line_ends_are_no_text(tmp_path: Path) -> None:
    (row,) = table(written(tmp_path / "dos.tsv", b"\xef\xbb\xbfQuality\tText\r\n1\tHi .\r\n"))
    assert row.values == {"Quality": "1", "Text": "Hi ."}


def test_line_separators_of_unicode_end_no_row(tmp_path: Path) -> None:
    (row,) = table(written(tmp_path / "odd.tsv", "a\tb\none\u2028two\x0bthree\t1\n"))
    assert row.values["a"] == "one\u2028two\x0bthree"


def test_a_table_without_a_header_gives_its_first_line_too(tmp_path: Path) -> None:
    rows = list(table(written(tmp_path / "bare.tsv", "x\t1\ny\t0"), ("text", "label")))
    assert [(row.values["text"], row.place[-2:]) for row in rows] == [("x", ":1"), ("y", ":2")]


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_a_file_is_found_as_it_is_or_compressed(tmp_path: Path, ending: str) -> None:
    content = b"a\tb\n1\t2\n"
    packed = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending](content)
    written(tmp_path / f"glue/train.tsv{ending}", packed)
    path = found(tmp_path, "glue/train.tsv")
    assert path is not None
    assert [row.values for row in rows_of(path)] == [{"a": "1", "b": "2"}]


def test_a_line_that_lacks_a_column_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "cut.tsv", "sentence\tlabel\nfine\t1\ncut of")
    assert complaint(path) == f"{path}:3 has 1 columns and not 2; the file is cut or is another one; fetch it again"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_compressed_file_that_is_cut_is_told(tmp_path: Path, pack: object) -> None:
    content = "sentence\tlabel\n" + "".join(f"sentence number {number}\t1\n" for number in range(5000))
    ending = "gz" if pack is gzip.compress else "xz"
    path = written(tmp_path / f"cut.tsv.{ending}", pack(content.encode())[:-200])  # type: ignore[operator]
    assert "damaged or cut short" in complaint(path)


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "latin.tsv", "a\tb\nx\t1\ncaf\u00e9\t1\n".encode("latin-1"))
    assert complaint(path).startswith(f"{path}:3 is not UTF-8 at byte 3;")


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "empty.tsv", "")
    assert complaint(path).startswith(f"{path} is empty")


def test_json_lines_are_told_with_their_line(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", '{"a": 1}\n\n{"a": ')
    assert complaint(path).startswith(f"{path}:3 is not JSON")
    assert (
        complaint(written(path, '{"a": 1}\n[1]\n')) == f"{path}:2 is not a JSON object but [1]; write one object a line"
    )


def test_an_unknown_ending_is_told(tmp_path: Path) -> None:
    assert "ending that is not read" in complaint(written(tmp_path / "rows.csv.xz", b""))


def test_an_empty_cell_or_a_null_is_told_where_text_is_needed(tmp_path: Path) -> None:
    for content in ('{"text": " "}', '{"text": null}'):
        (row,) = rows_of(written(tmp_path / "rows.json", content))
        with pytest.raises(BadTask, match=r"rows.json:1 has nothing in the column 'text'"):
            row.text("text")


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    (row,) = table(written(tmp_path / "a.tsv", "sentence\tlabel\nx\t1\n"))
    with pytest.raises(BadTask, match="has no column 'sentence1' but 'sentence', 'label'"):
        row.text("sentence1")


def test_a_json_file_that_is_cut_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "squad.json", json.dumps({"data": []})[:-1])
    with pytest.raises(BadTask, match="is not JSON"):
        whole_json(path)
