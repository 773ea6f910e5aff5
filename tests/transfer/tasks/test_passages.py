"""Files in SQuAD's format: every answer stands in its passage, and no article is on two sides of a split."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from denoise.transfer.tasks import BadTask, Passages
from denoise.transfer.tasks.passages import XQUAD, XQUAD_ZH, squad
from denoise.transfer.tasks.splitting import is_scored
from tests.transfer.tasks.conftest import Loaded, StandIn
from tests.transfer.tasks.test_rows import written

TASK = Passages(
    name="made", files={"train": "qa/made.json", "dev": "qa/made.json"}, scored_fraction=0.25, measures=("token_f1",)
)


def article(title: str, passage: str = "It rained in Spain.", *answers: str) -> dict[str, Any]:
    given = [{"text": text, "answer_start": passage.find(text)} for text in answers or ("Spain",)]
    asked = {"id": f"id of {title}", "question": f"Where is {title}?", "answers": given}
    return {"title": title, "paragraphs": [{"context": passage, "qas": [asked]}]}


def made(tmp_path: Path, *articles: dict[str, Any]) -> Path:
    return written(tmp_path / "qa/made.json", json.dumps({"data": articles}))


def test_no_article_is_trained_on_and_scored(tmp_path: Path) -> None:
    titles = [f"article {number}" for number in range(60)]
    made(tmp_path, *(article(title) for title in titles for _ in range(2)))
    trained, scored = (
        {question.texts[0] for question in TASK.questions(split, tmp_path)} for split in ("train", "dev")
    )
    assert trained & scored == set()
    assert trained | scored == {f"Where is {title}?" for title in titles}
    assert 8 <= len(scored) <= 22


def test_other_articles_do_not_move_an_article_to_another_side(tmp_path: Path) -> None:
    made(tmp_path, *(article(f"article {number}") for number in range(30)))
    before = {question.texts[0] for question in TASK.questions("dev", tmp_path)}
    made(tmp_path, *(article(f"article {number}") for number in reversed(range(60))))
    after = {question.texts[0] for question in TASK.questions("dev", tmp_path)}
    assert {asked for asked in after if int(asked.rstrip("?").split()[-1]) < 30} == before


def test_the_question_comes_first_so_that_a_cut_hurts_the_passage_only(tmp_path: Path) -> None:
    (asked,) = squad(made(tmp_path, article("B")))
    assert TASK.question(asked).source == "made question: Where is B? context: It rained in Spain."


def test_all_right_answers_are_kept_once_and_the_first_is_learnt(tmp_path: Path) -> None:
    made(tmp_path, article("A", "It rained in Spain.", "in Spain", "Spain", "in Spain"))
    (question,) = dataclasses.replace(TASK, scored_fraction=0.0).questions("train", tmp_path)
    assert question.golds == ("in Spain", "Spain")
    assert question.said == ("in Spain",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: each["paragraphs"][0].pop("context"), r"made.json, question id of A is not as SQuAD's files are"),
        (lambda each: each["paragraphs"][0]["qas"][0].pop("question"), r"question id of A is not as SQuAD's"),
        (lambda each: each.pop("paragraphs"), r"made.json, article 1 is not as SQuAD's files are \(KeyError"),
        (lambda each: each["paragraphs"][0]["qas"][0].update(answers=[]), r"question id of A has no answer"),
        (lambda each: each["paragraphs"][0].update(context="Sun."), r"the answer 'Spain', which is not in its passage"),
        (lambda each: each.pop("title"), r"question id of A has no title, and made is split by the titles"),
    ],
)
def test_what_is_not_as_squad_has_it_is_told(tmp_path: Path, change: Any, said: str) -> None:
    broken = article("A")
    change(broken)
    made(tmp_path, broken)
    with pytest.raises(BadTask, match=said):
        TASK.questions("train", tmp_path)


def test_a_list_instead_of_an_object_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "qa/made.json", "[1]")
    with pytest.raises(BadTask, match="is not as SQuAD's files are"):
        list(squad(path))


def test_the_hub_splits_xquad_as_the_file_does_by_squads_titles(tmp_path: Path, hub_holds: StandIn) -> None:
    titles = [f"article {number}" for number in range(40)]
    answers = {"text": ["Spain"], "answer_start": [13]}
    rows = [
        {"id": title, "context": "It rained in Spain.", "question": f"Where is {title}?", "answers": answers}
        for title in titles
    ]
    named = [{"id": title, "title": title, "context": "", "question": "", "answers": {}} for title in titles]
    hub_holds(
        {
            ("google/xquad", "xquad.zh", "validation"): Loaded(rows),
            ("rajpurkar/squad", None, "validation"): Loaded(named),
        }
    )
    scored = [question.texts[0] for question in XQUAD_ZH.questions("dev", tmp_path)]
    assert scored == [f"Where is {title}?" for title in titles if is_scored(title, 0.25)]
    assert len(scored) + len(XQUAD_ZH.questions("train", tmp_path)) == 40


def test_the_split_is_said() -> None:
    for task in (XQUAD, XQUAD_ZH):
        assert "no train split" in task.split_note
        assert "hash of their titles" in task.split_note
