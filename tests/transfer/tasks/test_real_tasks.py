"""The real files: as many rows as were published, gold labels behind the right words, scored rows never trained on."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from pathlib import Path

import pytest

from denoise.transfer.tasks.baselines import majority
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.registry import TASKS
from denoise.transfer.tasks.task import Question, Split

SIZES = {
    "cola": {"train": 8551, "dev": 1043},
    "sst2": {"train": 67349, "dev": 872},
    "mrpc": {"train": 3668, "dev": 408},
    "rte": {"train": 2490, "dev": 277},
    "wnli": {"train": 635, "dev": 71},
    "stsb": {"train": 5749, "dev": 1500},
    "pos": {"train": 12544, "dev": 2001, "test": 2077},
    "eprstmt": {"train": 160, "dev": 160, "test": 610},
    "tnews": {"train": 1185, "dev": 1098, "test": 2010},
}
"""As published with the data."""

GOLDS: dict[str, dict[str, int]] = {
    "cola": {"acceptable": 721, "unacceptable": 322},
    "sst2": {"positive": 444, "negative": 428},
    "mrpc": {"equivalent": 279, "not_equivalent": 129},
    "rte": {"entailment": 146, "not_entailment": 131},
    "wnli": {"not_entailment": 40, "entailment": 31},
    "eprstmt": {"正面": 305, "负面": 305},
}
"""Labels of the scored split."""

SAID = {
    "cola": {
        "The sailors rode the breeze clear of the rocks.": "acceptable",
        "John ate dinner but I don't know who.": "unacceptable",
    },
    "sst2": {
        "unflinchingly bleak and desperate": "negative",
        "it 's a charming and often affecting journey .": "positive",
    },
    "rte": {
        "Steve Jobs worked for Apple.": "entailment",
        "Christopher Reeve had an accident.": "not_entailment",
    },
    "wnli": {"The hair has to be cleaned.": "not_entailment", "Susan did not answer.": "entailment"},
    "eprstmt": {"还不错，等试用一段时间再说": "正面", "呵呵了 这物流速度也是没谁了 同城网购竟然三天了还不到": "负面"},
    "tnews": {"农村依然很重视土葬": "故事"},
}
"""Sentences, the last of their pair, whose label a reader sees."""


def questions(name: str, split: str, folder: Path) -> list[Question]:
    return questions_of(TASKS[name], split, folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SIZES)
def test_every_split_has_as_many_rows_as_were_published(real_data: Path, name: str) -> None:
    assert {split: len(questions(name, split, real_data)) for split in SIZES[name]} == SIZES[name]


@pytest.mark.parametrize("name", GOLDS)
def test_label_words_are_as_frequent_as_gold_labels(real_data: Path, name: str) -> None:
    scored = questions(name, TASKS[name].scored_on, real_data)
    assert Counter(question.said[0] for question in scored) == GOLDS[name]


@pytest.mark.parametrize("name", SAID)
def test_label_words_say_of_sentences_what_a_reader_would(real_data: Path, name: str) -> None:
    by_text = {question.texts[-1]: question.said[0] for question in questions(name, TASKS[name].scored_on, real_data)}
    assert {text: by_text[text] for text in SAID[name]} == SAID[name]


@pytest.mark.parametrize(
    ("name", "file", "place", "words"),
    [
        ("cola", "glue/CoLA/dev.tsv", 1, {"0": "unacceptable", "1": "acceptable"}),
        ("mrpc", "glue/MRPC/dev.tsv", 0, {"0": "not_equivalent", "1": "equivalent"}),
        ("rte", "glue/RTE/train.tsv", -1, {"entailment": "entailment", "not_entailment": "not_entailment"}),
        ("wnli", "glue/WNLI/train.tsv", -1, {"0": "not_entailment", "1": "entailment"}),
    ],
)
def test_labels_stand_row_by_row_where_the_file_has_them(
    real_data: Path, name: str, file: str, place: int, words: dict[str, str]
) -> None:
    """The file read by other means than the task's own."""
    rows = (real_data / file).read_text(encoding="utf-8").rstrip("\n").split("\n")[name != "cola" :]
    split: Split = "train" if "train" in file else "dev"
    said = [question.said[0] for question in questions(name, split, real_data)]
    assert said == [words[row.split("\t")[place]] for row in rows]


def test_quotes_of_real_sentences_are_kept(real_data: Path) -> None:
    marks = sum(question.source.count('"') for question in questions("mrpc", "train", real_data))
    assert marks == (real_data / "glue/MRPC/train.tsv").read_text(encoding="utf-8").count('"') > 2000


def test_scores_are_those_of_the_file_and_their_labels_next_to_them(real_data: Path) -> None:
    for question in questions("stsb", "dev", real_data):
        assert abs(float(question.golds[0]) - float(question.said[0])) <= 0.1 + 1e-9
    first = questions("stsb", "dev", real_data)[1]
    assert (first.golds, first.said) == (("4.750",), ("4.8",))


def test_majority_scores_are_those_that_are_published(real_data: Path) -> None:
    published = {"cola": 0.0, "sst2": 0.509, "mrpc": 0.812, "rte": 0.527, "wnli": 0.563, "stsb": 0.0}
    for name, score in published.items():
        task, train, dev = TASKS[name], questions(name, "train", real_data), questions(name, "dev", real_data)
        assert task.scores(dev, majority(task, train, dev))[task.measures[0]] == pytest.approx(score, abs=5e-4), name


def test_every_word_has_the_tag_that_stands_beside_it_in_the_file(real_data: Path) -> None:
    tags = {"NOUN": "noun", "VERB": "verb", "PUNCT": "mark", "PROPN": "name", "ADP": "preposition", "X": "other"}
    with lzma.open(real_data / "pos/en_ewt-ud-test.conllu.xz", "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line[:1].isdigit()]
    words = [(row[1], row[3]) for row in rows if row[0].isdigit()]
    slots = [slot for question in questions("pos", "test", real_data) for slot in question.slots]
    assert [slot.given for slot in slots] == [form for form, _ in words]
    assert len(slots) == 25094
    for slot, (_, tag) in zip(slots, words, strict=True):
        assert tags.get(tag, slot.said) == slot.said
        assert (slot.said in tags.values()) == (tag in tags)


def test_xquads_articles_are_the_same_in_every_language_and_on_one_side(real_data: Path) -> None:
    sides = {}
    for name, file in (("xquad", "xquad.en.json"), ("xquad_zh", "xquad.zh.json")):
        data = json.loads((real_data / "qa" / file).read_text())["data"]
        title_of = {paragraph["context"]: each["title"] for each in data for paragraph in each["paragraphs"]}
        found = {split: questions(name, split, real_data) for split in ("train", "dev")}
        assert sum(map(len, found.values())) == 1190
        sides[name] = {split: {title_of[each.texts[1]] for each in asked} for split, asked in found.items()}
        assert sides[name]["train"] & sides[name]["dev"] == set()
    assert sides["xquad"] == sides["xquad_zh"]
    assert (len(sides["xquad"]["train"]), len(sides["xquad"]["dev"])) == (31, 17)


def test_right_answers_get_full_marks_and_stand_in_their_passages(real_data: Path) -> None:
    for name in ("xquad", "xquad_zh"):
        asked = questions(name, "dev", real_data)
        scores = TASKS[name].scores(asked, [question.said for question in asked])
        assert scores == pytest.approx({"token_f1": 1.0, "exact_match": 1.0, "in_passage": 1.0}), name


@pytest.mark.parametrize(
    ("name", "most"),
    # Short sentences that the official splits have twice, such as greetings; as they were published.
    [("cola", 16), ("stsb", 6), ("pos", 94)]
    + [(name, 0) for name in TASKS if name not in ("cola", "stsb", "pos", "wnli")],
)
def test_what_is_scored_is_not_trained_on(real_data: Path, name: str, most: int) -> None:
    trained = {question.texts for question in questions(name, "train", real_data)}
    scored = questions(name, TASKS[name].scored_on, real_data)
    assert sum(question.texts in trained for question in scored) <= most


def test_most_dev_texts_of_wnli_are_in_train_with_the_other_label(real_data: Path) -> None:
    trained: dict[str, set[str]] = {}
    for question in questions("wnli", "train", real_data):
        trained.setdefault(question.texts[0], set()).add(question.said[0])
    dev = [each for each in questions("wnli", "dev", real_data) if each.texts[0] in trained]
    assert (len(dev), sum(each.said[0] not in trained[each.texts[0]] for each in dev)) == (65, 54)


def test_a_cut_file_of_the_real_data_is_told(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "glue/SST-2").mkdir(parents=True)
    packed = (real_data / "glue/SST-2/train.tsv.xz").read_bytes()
    (tmp_path / "glue/SST-2/train.tsv.xz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ValueError, match="damaged or cut short"):
        questions("sst2", "train", tmp_path)
