"""The commands that make data, as they are called: what they print, write and return."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from data_prep.errors import BadInput
from data_prep.job.clean_manifest import CleanManifest
from data_prep.manifest import Manifest
from data_prep.tokens import TokenStore
from denoise import cli

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")

LOOP = ("--runner", "loop")
SMALL = ("--vocab_size", "324", "--num_sentinels", "20")


def text_of(number: int) -> str:
    lines = [f"The captain of ship {number} counted {line + 2} letters before the winter came." for line in range(5)]
    return "\n".join([*lines, "Home | News | Contact"])


def german(number: int) -> str:
    lines = (
        "Das ist der erste Satz der Seite {}.",
        "Der zweite Satz von {} ist nicht lang.",
        "Und {} hat den dritten.",
    )
    return "\n".join(line.format(number) for line in lines)


def record(number: int, text: str, length: int | None = None) -> bytes:
    body = text.encode()
    head = f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.org/{number}\r\nWARC-Date: 2019-04-18\r\n"
    length = len(body) if length is None else length
    return gzip.compress(f"{head}Content-Length: {length}\r\n\r\n".encode() + body + b"\r\n\r\n")


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    """A WET file of 60 pages, three of them German."""
    path = tmp_path / "web" / "a.warc.wet.gz"
    path.parent.mkdir()
    path.write_bytes(b"".join(record(n, german(n) if n % 20 == 7 else text_of(n)) for n in range(60)))
    return path


@pytest.fixture
def damaged(crawl: Path) -> Path:
    """The same, with one record of a wrong length, 700 zero bytes between two, and its end cut off."""
    path = crawl.with_name("b.warc.wet.gz")
    path.write_bytes(record(60, text_of(60), 7) + b"\0" * 700 + record(61, text_of(61)) + record(62, text_of(62))[:-40])
    return path


def run(*arguments: object) -> int:
    return cli.run([str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    with pytest.raises(BadInput) as error:
        run(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_clean_says_what_it_kept_and_what_not_and_why(
    crawl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("clean", crawl, "--out", out, "--keep-dropped", *LOOP) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[:3] == [
        "rules c4: 60 pages read, 57 kept (95.0%)",
        "  dropped: 3 other language",
        "  lines cut: 57 no end mark",
    ]
    assert f'open: datasets.load_dataset("{out}")' in said
    assert CleanManifest.read(out).fingerprint in said
    from pyarrow import parquet

    assert parquet.read_table(out / "dropped")["reason"].to_pylist() == ["other language"] * 3


def test_damage_is_told_and_makes_the_exit_code_3(
    crawl: Path, damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("clean", crawl, damaged, "--out", tmp_path / "out", *LOOP) == 3
    said = capsys.readouterr().out
    assert "rules c4: 61 pages read, 58 kept" in said
    assert "damaged: 2 records lost (1 cut short, 1 wrong Content-Length), 1 stretch of no record, 0 mended" in said
    assert "b.warc.wet.gz, byte 0: the record does not end where its 7 bytes do" in said
    assert "700 zero bytes stand between records" in said
    assert "Between records stand 700 bytes" in (tmp_path / "out" / "README.md").read_text()
    assert run("clean", crawl, damaged, "--out", tmp_path / "out", *LOOP) == 3, "also the second time"


def test_strict_stops_at_the_first_damage_and_names_it(crawl: Path, damaged: Path, tmp_path: Path) -> None:
    message = refusal("clean", "--strict", crawl, damaged, "--out", tmp_path / "out", *LOOP)
    assert "b.warc.wet.gz, byte 0: the record does not end where its 7 bytes do" in message
    assert not (tmp_path / "out" / "clean.json").exists()


def test_a_crawl_file_without_a_page_is_refused_alone_with_its_damage_and_stops_no_other(
    crawl: Path, tmp_path: Path
) -> None:
    cut = crawl.with_name("cut.warc.wet.gz")
    cut.write_bytes(record(1, text_of(1))[:-40])
    message = refusal("clean", cut, "--out", tmp_path / "one", *LOOP)
    assert re.search(r"cut\.warc\.wet\.gz has no text in it: .*byte 0: .*; fetch the file again", message)
    assert run("clean", crawl, cut, "--out", tmp_path / "two", *LOOP) == 3


def test_nothing_kept_is_said_and_no_folder_is_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.warc.wet.gz").write_bytes(record(1, german(1)))
    assert run("clean", tmp_path / "a.warc.wet.gz", "--out", tmp_path / "out", *LOOP) == 0
    said = capsys.readouterr().out
    assert "no document is left" in said and "load_dataset" not in said
    assert "the rules c4 keep none of 1 pages (dropped: 1 other language)" in refusal(
        "prepare", tmp_path / "a.warc.wet.gz", "--out", tmp_path / "prepared", *LOOP
    )


def test_what_of_texts_is_no_page_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"text": "A page.\0"}, {"text": "\ud800"}, {"text": None}, {"text": text_of(1)}]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "in" / "b.pdf").write_text("x")
    assert run("clean", tmp_path / "in", "--out", tmp_path / "out") == 0
    assert "left out: 1 *.pdf files, 1 binary, 1 empty, 1 not unicode" in capsys.readouterr().out


def test_the_parts_one_by_one_make_the_store_that_prepare_makes(
    crawl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prepare", crawl, "--out", tmp_path / "whole", *SMALL, *LOOP) == 0
    assert run("clean", crawl, "--out", tmp_path / "texts", *LOOP) == 0
    assert run("tokenizer", tmp_path / "texts", "--out", tmp_path / "spm", *SMALL) == 0
    assert run("tokens", tmp_path / "texts", "--tokenizer", tmp_path / "spm", "--out", tmp_path / "ids", *LOOP) == 0
    whole, parts = (Manifest.read(tmp_path / name) for name in ("whole", "ids"))
    assert whole.fingerprint == parts.fingerprint
    assert TokenStore.open(str(tmp_path / "ids")) is not None
    assert re.search(r"spm: vocabulary of \d+, fingerprint [0-9a-f]{16}\n", capsys.readouterr().out)


def test_a_folder_of_cleaned_texts_is_a_source_and_below_another_it_is_none(crawl: Path, tmp_path: Path) -> None:
    inside = crawl.parent / "cleaned"
    assert run("clean", crawl.parent, "--out", inside, *LOOP) == 0
    assert run("clean", crawl.parent, "--out", tmp_path / "again", *LOOP) == 0
    manifests = [CleanManifest.read(folder) for folder in (inside, tmp_path / "again")]
    assert manifests[0].fingerprint == manifests[1].fingerprint
    assert manifests[1].passed_over == {"(folder of denoise)": 1}
    assert run("prepare", inside, "--out", tmp_path / "prepared", *SMALL, *LOOP) == 0
    assert Manifest.read(tmp_path / "prepared").texts["counts"]["kept"] == 57


def test_tokens_are_not_made_of_texts_that_have_lost_a_file(crawl: Path, tmp_path: Path) -> None:
    assert run("clean", crawl, "--out", tmp_path / "texts", *LOOP) == 0
    assert run("tokenizer", tmp_path / "texts", "--out", tmp_path / "spm", *SMALL) == 0
    next((tmp_path / "texts" / "text").glob("train-*")).unlink()
    for command in (("tokenizer",), ("tokens", "--tokenizer", tmp_path / "spm")):
        message = refusal(*command, tmp_path / "texts", "--out", tmp_path / "out")
        assert "train-00000.parquet is not the file that denoise clean wrote" in message


def test_explain_tells_of_a_page_by_its_address_or_of_a_file(
    crawl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("clean", crawl, "--explain", "http://a.org/7") == 0
    assert "DROPPED: other language" in capsys.readouterr().out
    (tmp_path / "page.txt").write_text(text_of(1))
    assert run("clean", "--explain", tmp_path / "page.txt") == 0
    said = capsys.readouterr().out
    assert "profile c4" in said and "KEPT: 5 of 6 lines" in said
    assert run("clean", "--explain", crawl) == 0, "of a crawl file the first page"
    assert "http://a.org/0" in capsys.readouterr().out
    assert "none of the 60 pages has the URL http://b.org" in refusal("clean", crawl, "--explain", "http://b.org")
    (tmp_path / "none.warc.gz").write_bytes(b"\1\2\3" * 99)
    assert "none.warc.gz has no text in it" in refusal("clean", "--explain", tmp_path / "none.warc.gz")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rules.min_sentences", "x"), "--rules.min_sentences: a whole number is expected, 'x' was given"),
        (("--rules", "c4-fast", "--rules.dedup", "x"), "--rules.dedup: one of NONE, LINES, SPANS is expected, 'x' was"),
        (("--rules.min_lines", "1"), "--rules has no option min_lines; did you mean min_line_words? There are line_ru"),
        (("--rules.near_duplicates.x", "1"), "--rules.near_duplicates has no option x. There are num_bands, num_rows"),
        (("--rules.filters", "Foo"), "--rules.filters: a list is expected, 'Foo' was given"),
        (("--rules", "c5"), "there is no profile 'c5'; choose one of c4, c4-exact"),
        (("--keep_drop",), "denoise clean has no option --keep_drop; did you mean --keep_dropped?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_options_are_one_plain_sentence(crawl: Path, options: tuple[str, ...], sentence: str) -> None:
    message = refusal("clean", crawl, "--out", crawl.parent / "out", *options)
    assert message.startswith(sentence)
    assert "<class" not in message and ".help" not in message


def test_a_yaml_file_without_options_is_refused(crawl: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("\n")
    message = refusal("clean", crawl, "--out", tmp_path / "out", "-c", tmp_path / "empty.yaml")
    assert message == "the YAML file given to denoise clean holds no options; write one a line, NAME: VALUE"


def test_flags_stand_alone_and_take_no_file_for_their_value(crawl: Path, tmp_path: Path) -> None:
    for number, options in enumerate((["--keep_dropped"], ["--keep-dropped", "true"], ["--keep-dropped=true"])):
        out = tmp_path / str(number)
        assert run("clean", *options, crawl, "--out", out, *LOOP) == 0
        assert (out / "dropped").is_dir()
    assert run("clean", "--keep-dropped", "false", crawl, "--out", tmp_path / "none", *LOOP) == 0
    assert not (tmp_path / "none" / "dropped").exists()
