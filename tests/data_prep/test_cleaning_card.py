"""The README of a cleaned corpus: `datasets` opens the folder by it, and no name in it breaks a table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pyarrow import parquet

from data_prep.cleaning.card import data_card
from data_prep.cleaning.dedup import DedupUnit
from data_prep.cleaning.near_duplicates import NearDuplicates
from data_prep.cleaning.profiles import C4, C4_EXACT, Profile
from data_prep.cleaning.verdicts import LINE_REASONS, REASONS

STEPS = ("read", "admitted", "newest", "clean", "deduplicated", "language", "kept")


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "profile": as_json(C4, "c4"),
        "options": {"runner": "native"},
        "sources": [{"name": "a.warc.wet.gz", "num_bytes": 26_203_483, "digest": "00ff"}],
        "counts": dict(zip(STEPS, (1200, 1190, 1180, 900, 600, 400, 390), strict=True)),
        "dropped": {"older copy": 10, "bad words": 10},
        "cut": {"no end mark": 5000},
        "crawl": {"records": 1201, "pages": 1200, "passed_over": {"warcinfo": 1}, "lost": {"cut": 2}, "mended": {},
                  "stray": {"zero bytes": 1}, "stray_bytes": 77},
        "splits": {"train": {"num_documents": 389, "num_bytes": 7_400_000},
                   "validation": {"num_documents": 1, "num_bytes": 12_339}},
        "languages": {"en": 390},
        "fingerprint": "1c4be741f9a3e8ec",
        "versions": {"denoise": "0.1.0"},
        "command": "denoise clean a.warc.wet.gz --out out",
        "licence": "",
        "files": {"text/train-00000.parquet": {"num_bytes": 3_000_000, "sha256": "ab" * 32}},
        **changes,
    }  # fmt: skip


def as_json(profile: Profile, name: str) -> dict[str, Any]:
    fields = dataclasses.asdict(profile)
    return {**fields, "dedup": profile.dedup.name, "name": name}


def head_of(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def tables(card: str) -> list[list[list[str]]]:
    """Every table of the card as a reader's browser has it: rows of cells."""
    found: list[list[list[str]]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(card.split("---\n", 2)[2])
    for at, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("td_open", "th_open"):
            cell = tokens[at + 1].children or []
            assert all(part.type in ("text", "text_special", "code_inline") for part in cell), "no mark is obeyed"
            found[-1][-1].append("".join(part.content for part in cell))
    return found


def table(card: str, first: str) -> list[list[str]]:
    (rows,) = [rows[1:] for rows in tables(card) if rows[0][0] == first]
    return rows


def write_split(folder: Path, name: str, texts: list[str]) -> None:
    (folder / "text").mkdir(exist_ok=True)
    parquet.write_table(pyarrow.table({"url": texts, "text": texts}), folder / "text" / f"{name}-00000.parquet")


@pytest.mark.parametrize("splits", [["train", "validation"], ["train"]])
def test_datasets_opens_the_folder_with_its_splits(tmp_path: Path, splits: list[str]) -> None:
    import datasets

    folder = tmp_path / "corpus"
    folder.mkdir()
    for split in splits:
        write_split(folder, split, [f"A text for {split}."])
    (folder / "lines").mkdir()  # what lies beside the text is not taken for it
    parquet.write_table(pyarrow.table({"hash": [1]}), folder / "lines" / "train-0.parquet")
    found = {split: {"num_documents": 1, "num_bytes": 9} for split in splits}
    empty = {split: {"num_documents": 0, "num_bytes": 0} for split in {"train", "validation"} - {*splits}}
    (folder / "README.md").write_text(data_card(manifest(splits={**found, **empty})))

    opened = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))

    assert {split: list(rows["text"]) for split, rows in opened.items()} == {
        split: [f"A text for {split}."] for split in splits
    }


def test_the_head_says_licence_languages_and_size() -> None:
    head = head_of(data_card(manifest(languages={"no": 3, "zh-cn": 5, "zh-tw": 4, "": 1})))
    assert (head["license"], head["language"], head["size_categories"]) == ("unknown", ["zh", "no"], ["n<1K"])
    assert head_of(data_card(manifest(licence="cc-by-4.0")))["license"] == "cc-by-4.0"
    other = head_of(data_card(manifest(licence="Ask: me\n---\n")))
    assert (other["license"], other["license_name"]) == ("other", "Ask: me ---")


@pytest.mark.parametrize(
    ("num_kept", "size"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (999_999, "100K<n<1M"),
        (10**6, "1M<n<10M"),
        (10**11, "10B<n<100B"),
    ],
)
def test_the_size_is_one_the_hub_knows(num_kept: int, size: str) -> None:
    counts = {**manifest()["counts"], "kept": num_kept}
    assert head_of(data_card(manifest(counts=counts)))["size_categories"] == [size]


def test_every_stage_is_told_with_what_it_lost() -> None:
    rows = table(data_card(manifest()), "Stage")
    assert [row[0] for row in rows] == list(STEPS)
    assert rows[3][1:4] == ["900", "280", "75.0 %"]


def test_every_reason_has_its_sentence() -> None:
    card = data_card(manifest(dropped=dict.fromkeys(REASONS, 1), cut=dict.fromkeys(LINE_REASONS, 1)))
    rows = {row[0]: row[3] for rows in tables(card) if len(rows[0]) == 4 and rows[0][0] == "Reason" for row in rows[1:]}
    assert rows == {**REASONS, **LINE_REASONS}
    own = data_card(manifest(dropped={"own": 1}, cut={}), {"own": "for a | reason"})
    assert table(own, "Reason") == [["own", "1", "100.0 %", "for a | reason"]]


def test_options_that_differ_are_told_with_who_chose_them() -> None:
    assert "Every option has its default." in data_card(manifest())
    profile = as_json(dataclasses.replace(C4_EXACT, min_sentences=2, dedup=DedupUnit.SPANS), "c4-exact")
    rows = {row[0]: row[1:] for row in table(data_card(manifest(profile=profile, options={})), "Option")}
    assert rows["min_sentences"] == ["2", "3", "this run"]
    assert rows["dedup"] == ["SPANS", "LINES", "this run"]
    assert rows["splits_at_controls"] == ["True", "False", "the profile"]
    assert "min_line_words" not in rows
    near = as_json(dataclasses.replace(C4, near_duplicates=NearDuplicates(num_bands=20)), "c4")
    assert "num_bands" in str(table(data_card(manifest(profile=near, options={})), "Option"))


def test_damage_in_the_files_is_told() -> None:
    card = data_card(manifest())
    assert table(card, "") == [["lost", "cut", "2"], ["passed over", "warcinfo", "1"]]
    assert "77 bytes that belong to none, in 1 place" in card
    assert "crawl files" not in data_card(manifest(crawl=None))


def test_an_empty_corpus_has_a_card_too() -> None:
    counts = dict.fromkeys(STEPS, 0)
    splits = {split: {"num_documents": 0, "num_bytes": 0} for split in ("train", "validation")}
    card = data_card(manifest(counts=counts, splits=splits, languages={}, dropped={}, cut={}, sources=[], files={}))
    assert "# 0 documents" in card and "configs" not in head_of(card)


NASTY = st.text("|\\`\n\r*_<>[]()#~&!-: a1é\u2028\u202e\ud800\0", min_size=1, max_size=20)


@given(name=NASTY)
def test_no_name_breaks_a_table(name: str) -> None:
    card = data_card(
        manifest(
            sources=[{"name": name, "num_bytes": 1, "digest": name}],
            dropped={name: 1},
            cut={name: 2},
            crawl={
                "records": 1,
                "pages": 1,
                "passed_over": {name: 1},
                "lost": {},
                "mended": {},
                "stray": {},
                "stray_bytes": 0,
            },
            languages={name: 390},
            versions={name: name},
            options={name: name},
            licence=name,
            fingerprint=name,
            command=name,
            files={name: {"num_bytes": 1, "sha256": name}},
        )
    )
    card.encode()
    found = tables(card)
    assert [rows[0][0] for rows in found] == ["Split", "Source", "Stage", "Reason", "Reason", "", "Option", "File"]
    assert [len(rows) for rows in found] == [3, 2, 8, 2, 2, 2, 2, 2]
    assert all(len(row) == len(rows[0]) for rows in found for row in rows)
    shown = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    assert found[1][1][0] == shown
    assert found[7][1][2] == " ".join(shown.replace("|", " ").replace("`", " ").split())


def test_a_command_cannot_leave_its_block() -> None:
    card = data_card(manifest(command="denoise\n```\n# Title\n~~~"))
    tokens = MarkdownIt("commonmark").parse(card.split("---\n", 2)[2])
    assert [token.content for token in tokens if token.type == "fence"][-1] == "denoise\n```\n# Title\n~~~\n"
