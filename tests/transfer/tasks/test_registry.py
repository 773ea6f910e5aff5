"""Tasks by name and by dotted path; a user's own is looked over before anything is trained on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from denoise.transfer.tasks import BadTask, Question, Sentences, Slot, Split, Task
from denoise.transfer.tasks.checks import checked, questions_of
from denoise.transfer.tasks.registry import TASKS, task_named

HERE = "tests.transfer.tasks.test_registry"


@dataclass(frozen=True, kw_only=True)
class Sarcasm(Task):
    """A user's own."""

    name: str = "sarcasm"
    labels: tuple[str, ...] = ("meant", "not_meant")
    rows: Sequence[tuple[str, str]] = (("Lovely weather.", "meant"), ("Lovely, rain.", "not_meant"))

    def questions(self, split: Split, folder: Path) -> list[Question]:
        return [Question(source=f"sarcasm sentence: {text}", slots=(Slot("", said),)) for text, said in self.rows]


@dataclass(frozen=True, kw_only=True)
class NeedsMore(Sarcasm):
    """Cannot be made without arguments."""

    more: int


MINE = Sarcasm(name="mine")
TAKEN = Sarcasm(name="sst2")
NO_TASK = "sarcasm"


def test_there_are_the_tasks_that_the_documentation_names() -> None:
    names = "cola sst2 mrpc rte wnli stsb pos xquad xquad_zh eprstmt tnews sotu_party sotu_spoken abstracts"
    assert list(TASKS) == names.split()


@pytest.mark.parametrize("name", TASKS)
def test_every_task_of_ours_passes_the_checks_of_a_users(name: str) -> None:
    assert checked(TASKS[name]) is task_named(name)
    assert TASKS[name].title
    assert TASKS[name].home or name.startswith("sotu")


def test_a_users_own_is_a_class_or_an_object_at_a_dotted_path() -> None:
    assert task_named(f"{HERE}.Sarcasm") == Sarcasm()
    assert task_named(f"{HERE}.MINE") is MINE


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sst", r"there is no task sst; did you mean sst2\? There are cola, sst2"),
        ("xyzzy", r"there is no task xyzzy\. There are cola"),
        (f"{HERE}.Sarkasm", r"cannot be made \(AttributeError: .*'Sarkasm'"),
        ("no_such_module.Task", r"cannot be made \(ModuleNotFoundError: No module named 'no_such_module'\)"),
        (f"{HERE}.NeedsMore", r"cannot be made \(TypeError: .*'more'"),
        (f"{HERE}.NO_TASK", r"is no Task but 'sarcasm'; name a Task, or a subclass with a default"),
        (f"{HERE}.TAKEN", r"is named sst2, as a task of denoise is; give it another name"),
        ("denoise.transfer.tasks.Task", r"cannot be made \(TypeError"),
    ],
)
def test_a_name_that_is_no_task_is_told(name: str, said: str) -> None:
    with pytest.raises(BadTask, match=said) as error:
        task_named(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "My Task"}, "a task is named 'My Task'; it needs small letters"),
        ({"labels": ("yes", "no", "yes")}, "has the labels 'yes', 'no', 'yes'; give two or more different words"),
        ({"labels": ("yes",)}, "give two or more"),
        ({"labels": ("yes", " no")}, "give two or more"),
        ({"measures": ("accuracy", "bleu")}, "has the measures bleu; choose from accuracy, matthews"),
        ({"measures": ()}, "has the measures none"),
        ({"labels": (), "measures": ("matthews",)}, "has the measure matthews and no labels"),
        ({"scored_on": "train"}, "is scored on 'train'; choose dev or test"),
        ({"scored_on": "validation"}, "is scored on 'validation'; choose dev or test"),
    ],
)
def test_what_a_task_may_not_be_is_told(change: dict[str, object], said: str) -> None:
    with pytest.raises(BadTask, match=said):
        checked(dataclasses.replace(MINE, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("Lovely.", "meant"), ("Rain.", "Meant")],
            r"question 2 of mine \(dev\) has the answer 'Meant'; it must be one of",
        ),
        ([], r"mine has no question in its dev split"),
    ],
)
def test_an_answer_that_is_no_label_is_told(rows: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(BadTask, match=said):
        questions_of(Sarcasm(name="mine", rows=rows), "dev", Path())


def test_questions_that_cannot_be_asked_are_told() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Given(Task):
        asked: Sequence[object] = ()
        measures: tuple[str, ...] = ("exact_match",)

        def questions(self, split: Split, folder: Path) -> list[Question]:
            return list(self.asked)  # type: ignore[arg-type]

    for asked, said in (
        (Question(source=" ", slots=(Slot("", "a"),)), "needs a source and at least one slot"),
        (Question(source="a", slots=()), "needs a source and at least one slot"),
        (("a", "b"), "needs a source and at least one slot"),
        (Question(source="a", slots=(Slot("", " "),)), "has an empty answer"),
        (Question(source="a", slots=(Slot("", "a"), Slot("", "b"))), "has 2 slots; a task without labels has one"),
    ):
        with pytest.raises(BadTask, match=said):
            questions_of(Given(name="given", asked=[asked]), "dev", Path())


def test_a_slot_that_nothing_is_given_before_is_told() -> None:
    asked = Question(source="a", slots=(Slot("", "sad"), Slot(" ", "glad")))

    @dataclass(frozen=True, kw_only=True)
    class Moods(Task):
        labels: tuple[str, ...] = ("sad", "glad")

        def questions(self, split: Split, folder: Path) -> list[Question]:
            return [asked]

    with pytest.raises(BadTask, match="nothing given behind another"):
        questions_of(Moods(name="moods"), "dev", Path())


def test_a_users_questions_that_are_right_pass() -> None:
    assert questions_of(MINE, "dev", Path()) == MINE.questions("dev", Path())
    assert task_named("sst2") is not Sentences(name="sst2")
