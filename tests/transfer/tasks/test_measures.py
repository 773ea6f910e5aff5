"""Measures against figures worked out by hand, and what has no value is 0."""

from __future__ import annotations

import math
from types import MappingProxyType

import pytest

from denoise.transfer.tasks import BadTask, Question, Sentences, Slot
from denoise.transfer.tasks.abstracts import ABSTRACTS
from denoise.transfer.tasks.glue import COLA, MRPC, STSB
from denoise.transfer.tasks.glue_average import glue_average
from denoise.transfer.tasks.measures import MEASURES, measured
from denoise.transfer.tasks.passages import XQUAD, XQUAD_ZH
from denoise.transfer.tasks.tagging import POS
from denoise.transfer.tasks.task import Task


def asked(said: str, *golds: str, passage: str = "") -> Question:
    return Question(source="s", slots=(Slot("", said),), golds=golds, texts=("q", passage))


def scored(task: Task, golds: list[str], answers: list[str]) -> dict[str, float]:
    return task.scores([asked(gold) for gold in golds], [(text,) for text in answers])


def test_matthews_is_not_accuracy() -> None:
    a, u = "acceptable", "unacceptable"
    # 3 true positives, 1 true negative, 1 false positive, 0 false negatives: (3·1 - 1·0) / sqrt(4·3·2·1)
    found = scored(COLA, [a, a, a, u, u], [a, a, a, u, a])
    assert found == pytest.approx({"matthews": 3 / math.sqrt(24), "accuracy": 0.8})


def test_one_answer_to_everything_has_no_correlation() -> None:
    assert scored(COLA, ["acceptable", "acceptable", "unacceptable"], ["acceptable"] * 3)["matthews"] == 0.0
    assert scored(STSB, ["1.0", "2.0", "4.0"], ["2.6"] * 3) == {"pearson": 0.0, "spearman": 0.0}
    assert scored(STSB, ["1.0"], ["2.6"]) == {"pearson": 0.0, "spearman": 0.0}


def test_f1_is_of_the_last_label() -> None:
    e, n = "equivalent", "not_equivalent"
    # Of "equivalent": 2 right of 3 said, 2 found of 2 there are.
    assert scored(MRPC, [e, e, n, n], [e, e, e, n]) == pytest.approx({"f1": 2 * 2 / (3 + 2), "accuracy": 0.75})
    assert scored(MRPC, [e, n], [n, n])["f1"] == 0.0


def test_an_answer_outside_the_labels_is_wrong_and_breaks_nothing() -> None:
    assert scored(MRPC, ["equivalent", "not_equivalent"], ["equivalence", ""]) == {"f1": 0.0, "accuracy": 0.0}
    assert scored(COLA, ["acceptable", "unacceptable"], ["acceptable", "yes"])["accuracy"] == 0.5


def test_macro_f1_counts_every_label_alike() -> None:
    task = Sentences(name="t", labels=("a", "b"), measures=("macro_f1",))
    # a: 3 right of 4 said, 3 of 3: 6/7; b: never said: 0.
    assert scored(task, ["a", "a", "a", "b"], ["a"] * 4)["macro_f1"] == pytest.approx(3 / 7)


def test_correlations_are_with_the_scores_before_rounding() -> None:
    golds = ["1.95", "2.00", "4.10", "0.00"]
    questions = [asked("2.0", gold) for gold in golds]
    found = STSB.scores(questions, [("1.9",), ("2.1",), ("4.0",), ("0.1",)])
    assert found["spearman"] == pytest.approx(1.0)
    assert 0.99 < found["pearson"] < 1.0


def test_an_answer_that_is_no_number_counts_as_minus_one() -> None:
    golds = ["0.0", "2.0", "4.0", "5.0"]
    for text in ("", "high", "nan", "inf"):
        assert scored(STSB, golds, [text, "2.0", "4.0", "5.0"]) == scored(STSB, golds, ["-1", "2.0", "4.0", "5.0"])


def test_accuracy_a_word_counts_words_and_not_sentences() -> None:
    one = Question(source="s", slots=(Slot("It", "pronoun"), Slot("rains", "verb"), Slot(".", "mark")))
    other = Question(source="s", slots=(Slot("Go", "verb"),))
    assert POS.scores([one, other], [("pronoun", "noun", "mark"), ("noun",)]) == {"accuracy": 0.5}


def test_answers_that_do_not_fit_their_questions_are_our_own_slip() -> None:
    one = Question(source="s", slots=(Slot("It", "pronoun"), Slot("rains", "verb")))
    for answers in ([("pronoun",)], [], [("pronoun", "verb"), ("verb",)]):
        with pytest.raises(ValueError, match="a text a slot"):
            POS.scores([one], answers)


def test_exact_match_and_f1_are_squads() -> None:
    questions = [
        asked("the Panthers", "the Panthers", "Carolina Panthers", passage="The Panthers won."),
        asked("308", passage="They gave up 308 points."),
    ]
    found = XQUAD.scores(questions, [("panthers!",), ("gave up 308 points",)])
    assert found == pytest.approx({"exact_match": 0.5, "token_f1": (1 + 2 * 1 / (4 + 1)) / 2, "in_passage": 0.5})
    assert XQUAD.scores(questions[:1], [("Carolina",)])["token_f1"] == pytest.approx(2 / 3)


def test_chinese_answers_are_compared_by_characters() -> None:
    question = asked("四次抢断", passage="戴维斯完成了四次抢断。")
    found = XQUAD_ZH.scores([question], [("四次 抢断。",)])
    assert found == pytest.approx({"exact_match": 1.0, "token_f1": 1.0, "in_passage": 1.0})
    assert XQUAD_ZH.scores([question], [("五次抢",)])["token_f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert XQUAD_ZH.scores([asked("308 分")], [("308",)])["token_f1"] == pytest.approx(2 / 3)


def test_an_empty_answer_is_not_in_the_passage() -> None:
    assert XQUAD.scores([asked("rain", passage="It rains.")], [("",)])["in_passage"] == 0.0
    assert XQUAD.scores([asked("rain", passage="It rains\nhere.")], [("rains here",)])["in_passage"] == 1.0


def test_rouge_is_googles_without_stemming() -> None:
    # Words in common: "the" twice, "cat", "mat": 4 of 6 and 7; pairs: "the cat", "the mat"; in order: the cat the mat.
    found = ABSTRACTS.scores([asked("the cat sat on the mat")], [("The cat's lying near the mat.",)])
    assert found["rouge1"] == pytest.approx(2 * 4 / (6 + 7))
    assert found["rouge2"] == pytest.approx(2 * 2 / (5 + 6))
    assert found["rougeL"] == pytest.approx(2 * 4 / (6 + 7))
    assert scored(ABSTRACTS, ["testing one two", "x"], ["testing", ""])["rouge1"] == pytest.approx(0.25)


def test_every_measure_is_1_where_all_is_right() -> None:
    numbers = [asked("1.0", passage="1.0"), asked("3.4", passage="3.4"), asked("2.2", passage="2.2")]
    task = Sentences(name="t", labels=("1.0", "2.2", "3.4"), language="en")
    for name in MEASURES:
        if not name.startswith("rouge2"):  # no answer has a pair of words that is not one number
            assert measured(name, task, numbers, [question.said for question in numbers]) == pytest.approx(1.0), name


def test_an_unknown_measure_names_those_there_are() -> None:
    with pytest.raises(BadTask, match="t names the measure bleu; there are accuracy, matthews"):
        measured("bleu", Sentences(name="t"), [asked("a")], [("a",)])


def test_a_missing_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    monkeypatch.delitem(__import__("sys").modules, "sklearn.metrics", raising=False)
    with pytest.raises(BadTask, match=r"run: pip install 'denoise\[tasks\]'"):
        scored(COLA, ["acceptable"], ["acceptable"])


def test_the_average_of_glue_names_what_is_missing() -> None:
    mean, missing = glue_average({"cola": 0.5, "sst2": 0.9, "pos": 1.0})
    assert mean == pytest.approx(70.0)
    assert missing == ["mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"]
    official, _ = glue_average({"mrpc": MappingProxyType({"f1": 0.8, "accuracy": 0.6}), "sst2": {"accuracy": 0.9}})
    assert official == pytest.approx(80.0)
    assert math.isnan(glue_average({"pos": 1.0})[0])
    assert len(glue_average({})[1]) == 9
