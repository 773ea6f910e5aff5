"""What probes are asked: words and labels out of files, the same for every run, and a control that cannot be known."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from data_prep.errors import BadInput
from denoise.transfer.probe import reading
from denoise.transfer.probe.config import BadProbe, ProbeConfig
from denoise.transfer.probe.labels import UNSEEN, control_of, labels_of, seen_share
from denoise.transfer.probe.reading import read_corpus
from denoise.transfer.tasks import BadTask, Question, Slot, Split, Task, registry
from denoise.transfer.tasks.glue import SST2
from denoise.transfer.tasks.tagging import POS
from tests.transfer.probe.made_data import write_tasks


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("tasks"))


def test_classes_stand_by_frequency_and_a_new_one_is_never_right() -> None:
    words = ["the", "cat", "a", "dog", "the"], ["the", "yes"]
    found = labels_of(["DET", "NOUN", "DET", "NOUN", "DET"], ["DET", "INTJ"], words)
    assert found.classes == ("DET", "NOUN")
    assert found.scored.tolist() == [0, UNSEEN]
    assert found.baselines == {"majority": 0.5, "type": 0.5}
    assert seen_share(words) == 0.5


def test_the_most_frequent_tag_of_a_word_is_counted_in_the_train_split_only() -> None:
    found = labels_of(["A", "B", "B", "C"], ["A", "A", "C"], (["x", "x", "x", "y"], ["x", "x", "z"]))
    assert found.baselines == {"majority": 0.0, "type": 0.0}
    found = labels_of(["A", "B", "B", "C"], ["B", "C", "B"], (["x", "x", "x", "y"], ["x", "y", "z"]))
    assert found.baselines["type"] == 1.0


def test_a_control_label_belongs_to_a_type_and_to_a_seed() -> None:
    train = [f"word{number % 400}" for number in range(2000)]
    scored = [f"word{number}" for number in range(800)]
    labels = labels_of(["A", "A", "A", "B"] * 500, ["A"] * 800, (train, scored))
    control = control_of(labels, "pos", (train, scored), 1)
    of_type: dict[str, set[int]] = {}
    for word, number in zip((*train, *scored), (*control.train.tolist(), *control.scored.tolist()), strict=True):
        of_type.setdefault(word, set()).add(number)
    assert {len(numbers) for numbers in of_type.values()} == {1}
    # Drawn from how often labels stand in the train split: three As, one B.
    assert Counter(control.scored.tolist())[0] / 800 == pytest.approx(0.75, abs=0.05)
    for other in (control_of(labels, "pos", (train, scored), 2), control_of(labels, "deprel", (train, scored), 1)):
        assert (other.scored != control.scored).mean() == pytest.approx(2 * 0.75 * 0.25, abs=0.06)
    again = control_of(labels, "pos", (train[::-1], scored), 1)
    assert (again.scored == control.scored).all()


def test_what_a_type_knows_is_all_that_the_control_can_teach() -> None:
    train, scored = ["a", "b", "c"] * 10, ["a", "b", "x", "y"] * 50
    labels = labels_of(["A", "B", "C"] * 10, ["A"] * 200, (train, scored))
    control = control_of(labels, "pos", (train, scored), 3)
    new = sum(number == control.train[0] for number in control.scored[2::4]) / 50
    assert control.baselines["type"] >= 0.5 and new in (0.0, 1.0)


def test_pos_and_relations_stand_upon_the_same_words(tasks: Path) -> None:
    words, texts = read_corpus(ProbeConfig(num_train_words=100, num_scored_words=50, num_train_texts=9), tasks).readings
    assert words.names == ("pos", "deprel") and words.split == "dev"
    for text in (*words.train, *words.scored):
        assert text.parts[-1] == "." and [labels[-1] for labels in text.labels] == ["PUNCT", "punct"]
        assert len(text.parts) == len(text.labels[0]) == len(text.labels[1])
    num_words = [len(text.parts) for text in words.train]
    assert sum(num_words) >= 100 > sum(num_words[:-1])
    assert texts.names == ("sst2",) and len(texts.train) == 9 and {len(text.parts) for text in texts.train} == {1}


def test_the_test_split_is_not_read(tasks: Path) -> None:
    assert not (tasks / "pos/en_ewt-ud-test.conllu.xz").exists()
    assert {each.split for each in read_corpus(ProbeConfig(), tasks).readings} == {"dev"}


def test_the_seed_and_only_the_seed_chooses_other_texts(tasks: Path) -> None:
    few = ProbeConfig(num_train_words=100, num_scored_words=50)
    one, same, other = (read_corpus(config, tasks) for config in (few, few, dataclasses.replace(few, seed=1)))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_what_is_not_there_is_left_out_with_its_reason_unless_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tasks(tmp_path)
    for task in (POS, SST2):  # as where there is no network
        monkeypatch.setitem(registry.TASKS, task.name, dataclasses.replace(task, hub=None))
    monkeypatch.setattr(reading, "POS", registry.TASKS["pos"])
    (tmp_path / "pos/en_ewt-ud-dev.conllu.xz").unlink()
    found = read_corpus(ProbeConfig(), tmp_path)
    assert [each.names for each in found.readings] == [("sst2",)]
    assert set(found.missing) == {"pos", "deprel"} and "--task_data" in found.missing["pos"]
    with pytest.raises(BadTask, match="en_ewt-ud-dev"):
        read_corpus(ProbeConfig(labels="pos"), tmp_path)
    (tmp_path / "glue/SST-2/dev.tsv").unlink()
    found = read_corpus(ProbeConfig(), tmp_path)
    assert [each.names for each in found.readings] == [("sotu_spoken",)]
    assert set(found.missing) == {"pos", "deprel", "sst2"}


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"num_train_words": 0}, "at least 1"),
        ({"source_len": 1}, "a token and the end"),
        ({"penalty": 0.0}, "above 0"),
        ({"seed": -1}, "at least 0"),
    ],
)
def test_options_that_make_no_probe_are_one_sentence(options: dict[str, float], part: str) -> None:
    with pytest.raises(BadProbe, match=part):
        ProbeConfig(**options)  # type: ignore[arg-type]


def test_a_task_that_has_not_one_label_a_text_cannot_be_probed(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Free(Task):
        measures: tuple[str, ...] = ("exact_match",)

        def questions(self, split: Split, folder: Path) -> list[Question]:
            return [Question(source="a", slots=(Slot("", "b"),))]

    monkeypatch.setitem(registry.TASKS, "free", Free(name="free"))
    with pytest.raises(BadInput, match="has not one label a text"):
        read_corpus(ProbeConfig(labels="free"), tasks)
