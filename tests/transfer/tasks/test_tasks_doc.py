"""docs/tasks.md: its examples run, and it names every task and measure there is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from denoise.transfer.tasks.baselines import baselines
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.measures import MEASURES
from denoise.transfer.tasks.registry import TASKS, task_named
from denoise.transfer.tasks.task import Task
from tests.transfer.tasks.test_rows import written
from tests.transfer.tasks.test_tagging import SENTENCES

DOC = (Path(__file__).parents[3] / "docs" / "tasks.md").read_text()


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with my_tasks.py, as the page has it, and files for it."""
    examples = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    assert len(examples) == 3
    # What __future__ gives stays first: the page shows pieces of one file.
    written(tmp_path / "my_tasks.py", "\n".join(examples))
    rows = "text\tis_sarcastic\nRain again, lovely\t1\nIt rained\t0\nLovely, a bill\t1\n"
    for split in ("train", "dev"):
        written(tmp_path / f"sarcasm/{split}.tsv", rows)
        written(tmp_path / f"alike/{split}.tsv", "sentence\tlabel\nSame\t0.9\nOther\t0.1\nMixed\t0.5\n")
        written(tmp_path / f"capitals-{split}.csv", "Spain,Madrid\nFrance,Paris\n")
    written(tmp_path / "gsd/train.conllu", SENTENCES)
    written(tmp_path / "gsd/test.conllu", SENTENCES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_tasks", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["SARCASM", "GERMAN", "ALIKE", "Capitals"])
def test_the_examples_of_the_page_are_tasks_that_can_be_scored(shown: Path, name: str) -> None:
    task = task_named(f"my_tasks.{name}")
    train, scored = questions_of(task, "train", shown), questions_of(task, task.scored_on, shown)
    right = task.scores(scored, [question.said for question in scored])
    assert right[task.measures[0]] == pytest.approx(1.0)
    assert bool(baselines(task, train, scored)) == (name != "Capitals")  # which has no passage


def test_the_source_of_the_first_example_is_as_the_page_says(shown: Path) -> None:
    (first, *_) = task_named("my_tasks.SARCASM").questions("train", shown)
    assert (first.source, first.said) == ("sarcasm headline: Rain again, lovely", ("not_meant",))


def test_the_page_names_every_task_and_every_measure() -> None:
    assert re.findall(r"^\| `(\w+)` \| [\d,]+ \|", DOC, re.MULTILINE) == list(TASKS)
    for name in MEASURES:
        assert f"`{name}`" in DOC


def numbers_of(task: Task) -> tuple[str, str]:
    line = next(line for line in DOC.splitlines() if line.startswith(f"| `{task.name}` |"))
    _, _, train, scored, *_ = line.split("|")
    return train.strip(), scored.split()[0]


@pytest.mark.parametrize("name", ["cola", "mrpc", "xquad", "abstracts", "sotu_party"])
def test_the_sizes_on_the_page_are_those_of_the_data(real_data: Path, name: str) -> None:
    task = TASKS[name]
    found = (len(task.questions("train", real_data)), len(task.questions(task.scored_on, real_data)))
    assert numbers_of(task) == (f"{found[0]:,}", f"{found[1]:,}")
