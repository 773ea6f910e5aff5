"""A proposal's abstract is taken out of it whole, and the rest is what is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from denoise.transfer.tasks import BadTask
from denoise.transfer.tasks.abstracts import ABSTRACTS, parts
from tests.transfer.tasks.test_rows import written

SUMMARY = "Add a thing that does what nobody did before it."


def test_the_abstract_ends_where_the_next_heading_is() -> None:
    text = f".. note\n\nAbstract\n\n{SUMMARY}\n\nIt has a list:\n\n- one\n\nMotivation\n\nNobody\nknows."
    assert parts(text) == (f"{SUMMARY} It has a list: - one", "Motivation Nobody knows.")


def test_a_markdown_summary_has_no_anchor_and_no_preamble() -> None:
    text = f"- Start Date: 2014\n\n## Summary\n[summary]: #summary\n\n{SUMMARY}\n\n## Motivation\n\nWhy."
    assert parts(text) == (SUMMARY, "## Motivation Why.")


def test_a_document_without_an_abstract_has_neither_part() -> None:
    assert parts("Introduction\n\nAn abstract is not here.") == ("", "")


def test_the_body_does_not_hold_the_abstract(real_data: Path) -> None:
    for split in ("train", "dev"):
        questions = ABSTRACTS.questions(split, real_data)  # type: ignore[arg-type]
        held = [question for question in questions if question.said[0] in question.source]
        assert len(held) <= len(questions) / 200  # a few proposals do repeat themselves


def documents(tmp_path: Path) -> None:
    for name in ABSTRACTS.files:
        rows = [{"id": f"{name} {n}", "text": f"Abstract\n\n{SUMMARY} {n}\n\nWhy\n\nSo."} for n in range(50)]
        written(tmp_path / name, "\n".join(map(json.dumps, rows)))


def test_every_document_is_on_one_side(tmp_path: Path) -> None:
    documents(tmp_path)
    trained, scored = (
        [question.said[0] for question in ABSTRACTS.questions(split, tmp_path)] for split in ("train", "dev")
    )
    assert len(trained) + len(scored) == 100
    assert 10 <= len(scored) <= 32


def test_too_short_and_too_long_abstracts_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "text": f"Abstract\n\n{'word ' * length}\n\nWhy\n\nSo."} for n in range(40) for length in (7, 61)
    ]
    for name in ABSTRACTS.files:
        written(tmp_path / name, "\n".join(map(json.dumps, rows)))
    assert ABSTRACTS.questions("train", tmp_path) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    documents(tmp_path)
    (tmp_path / "corpus/rust-rfcs.jsonl").unlink()
    with pytest.raises(BadTask, match=r"abstracts needs .*rust-rfcs.jsonl, which is not there"):
        ABSTRACTS.questions("train", tmp_path)
    with pytest.raises(BadTask, match="abstracts has no test split"):
        ABSTRACTS.questions("test", tmp_path)
