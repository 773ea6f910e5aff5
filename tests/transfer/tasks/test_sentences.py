"""Rows of sentence tasks become text to text with the right label words, from files and from the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from denoise.transfer.tasks import BadTask, Sentences
from denoise.transfer.tasks.glue import COLA, MRPC, RTE, SST2, STSB, WNLI
from denoise.transfer.tasks.rows import Row
from tests.transfer.tasks.conftest import Feature, Loaded, StandIn
from tests.transfer.tasks.test_rows import written

TASK = Sentences(
    name="mood",
    labels=("sad", "glad"),
    files={"train": "mood/train.tsv", "dev": "mood/dev.jsonl"},
    words={"0": "sad", "1": "glad"},
    home="example.org/mood",
)


def test_the_columns_of_each_task_of_glue_are_read_by_their_names(tmp_path: Path) -> None:
    written(tmp_path / "glue/CoLA/dev.tsv", "gj04\t0\t*\tThe ship sank itself.\n")
    written(tmp_path / "glue/SST-2/dev.tsv", "sentence\tlabel\nunflinchingly bleak \t0\n")
    header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    written(tmp_path / "glue/MRPC/dev.tsv", "\ufeff" + header + '1\t7\t8\tHe " spoke .\tHe did .\n')
    header = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
    written(tmp_path / "glue/STS-B/dev.tsv", header + "0\tg\tf\t2012\t1\tnone\tnone\tA bird.\tA plane.\t3.800\n")
    header = "index\tsentence1\tsentence2\tlabel\n"
    written(tmp_path / "glue/RTE/dev.tsv", header + "0\tIt rains.\tIt is wet.\tentailment\n")
    written(tmp_path / "glue/WNLI/dev.tsv", header + "0\tIt fell.\tIt sat.\t0\n")
    asked = [task.questions("dev", tmp_path)[0] for task in (COLA, SST2, MRPC, STSB, RTE, WNLI)]
    assert [(question.source, question.said[0]) for question in asked] == [
        ("cola sentence: The ship sank itself.", "unacceptable"),
        ("sst2 sentence: unflinchingly bleak", "negative"),
        ('mrpc sentence1: He " spoke . sentence2: He did .', "equivalent"),
        ("stsb sentence1: A bird. sentence2: A plane.", "3.8"),
        ("rte sentence1: It rains. sentence2: It is wet.", "entailment"),
        ("wnli sentence1: It fell. sentence2: It sat.", "not_entailment"),
    ]
    assert asked[2].texts == ('He " spoke .', "He did .")


def test_the_hub_gives_what_the_files_give_by_its_own_names_of_classes(tmp_path: Path, hub_holds: StandIn) -> None:
    pair = {"sentence1": "It rains.", "sentence2": "It is wet.", "idx": 0}
    # The hub's order: entailment is 0 in RTE and 1 in WNLI.
    rte, wnli = Feature(["entailment", "not_entailment"]), Feature(["not_entailment", "entailment"])
    name = "nyu-mll/glue"
    hub_holds(
        {
            (name, "rte", "validation"): Loaded([{**pair, "label": 0}, {**pair, "label": 1}], {"label": rte}),
            (name, "wnli", "train"): Loaded([{**pair, "label": 0}, {**pair, "label": 1}], {"label": wnli}),
            (name, "mrpc", "train"): Loaded(
                [{**pair, "label": 1}], {"label": Feature(["not_equivalent", "equivalent"])}
            ),
            (name, "stsb", "train"): Loaded([{**pair, "label": 3.75}], {"label": Feature()}),
        }
    )
    assert [each.said[0] for each in RTE.questions("dev", tmp_path)] == ["entailment", "not_entailment"]
    assert [each.said[0] for each in WNLI.questions("train", tmp_path)] == ["not_entailment", "entailment"]
    assert MRPC.questions("train", tmp_path)[0].source == "mrpc sentence1: It rains. sentence2: It is wet."
    assert MRPC.questions("train", tmp_path)[0].said == ("equivalent",)
    assert STSB.questions("train", tmp_path)[0].golds == ("3.75",)


def test_a_hidden_label_of_the_hub_is_no_class(tmp_path: Path, hub_holds: StandIn) -> None:
    rows = [{"sentence": "It rains.", "label": -1}]
    hub_holds({("nyu-mll/glue", "sst2", "validation"): Loaded(rows, {"label": Feature(["negative", "positive"])})})
    with pytest.raises(BadTask, match="'-1'; it must be one of"):
        SST2.questions("dev", tmp_path)


def test_a_local_file_is_taken_before_the_hub(tmp_path: Path, hub_holds: StandIn) -> None:
    hub_holds({("nyu-mll/glue", "sst2", "validation"): Loaded([{"sentence": "From the hub.", "label": "negative"}])})
    assert SST2.questions("dev", tmp_path)[0].texts == ("From the hub.",)
    written(tmp_path / "glue/SST-2/dev.tsv", "sentence\tlabel\nFrom the file.\t1\n")
    assert SST2.questions("dev", tmp_path)[0].texts == ("From the file.",)


def test_one_sentence_says_that_neither_file_nor_hub_is_there(tmp_path: Path, hub_holds: StandIn) -> None:
    hub_holds({})
    with pytest.raises(BadTask) as error:
        COLA.questions("train", tmp_path)
    assert str(error.value) == (
        f"cola needs {tmp_path}/glue/CoLA/train.tsv, which is not there, and hub:nyu-mll/glue:cola cannot be read "
        "(ValueError: no nyu-mll/glue cola train on the hub); name the folder with --task_data, or fetch it from "
        "gluebenchmark.com/tasks"
    )


def test_without_a_network_the_hub_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("the library was asked"))
    with pytest.raises(BadTask, match=r"http://127.0.0.1:9 does not answer"):
        COLA.questions("train", tmp_path)


def test_a_task_without_hub_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadTask) as error:
        TASK.questions("train", tmp_path)
    assert str(error.value) == (
        f"mood needs {tmp_path}/mood/train.tsv, which is not there; name the folder with --task_data, "
        "or fetch it from example.org/mood"
    )


def test_a_label_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    written(tmp_path / "mood/train.tsv", "sentence\tlabel\nfine\t1\nbad\t2\n")
    with pytest.raises(BadTask, match=r"train.tsv:3 has the label '2'; it must be one of 0, 1"):
        TASK.questions("train", tmp_path)


def test_columns_in_another_order_are_found_by_their_names(tmp_path: Path) -> None:
    written(tmp_path / "mood/train.tsv", "label\tyear\tsentence\n1\t1999\tWhat a day!\n")
    (question,) = TASK.questions("train", tmp_path)
    assert (question.source, question.said) == ("mood sentence: What a day!", ("glad",))


def test_a_split_there_is_not_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadTask, match="mood has no test split; it has train, dev"):
        TASK.questions("test", tmp_path)


def test_scores_are_said_as_t5_says_them_and_held_against_themselves() -> None:
    given = ("0.000", "0.1", "0.11", "2.5", "3.75", "4.95", "5.000")
    rows = [Row("", {"sentence1": "a", "sentence2": "b", "score": score}) for score in given]
    assert [STSB.question(row).said[0] for row in rows] == ["0.0", "0.0", "0.2", "2.4", "3.8", "5.0", "5.0"]
    assert [STSB.question(row).golds[0] for row in rows] == list(given)
    assert len(STSB.labels) == 26


@pytest.mark.parametrize("score", ["5.2", "-1", "high", "nan", "none"])
def test_a_score_outside_the_scale_is_told(score: str) -> None:
    with pytest.raises(BadTask, match="it must be a number from 0 to 5"):
        STSB.question(Row("dev.tsv:9", {"sentence1": "a", "sentence2": "b", "score": score}))
