"""What needs no model: the same figures every time, learnt from the train split alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from denoise.transfer.tasks import Question, Sentences, Slot
from denoise.transfer.tasks.abstracts import ABSTRACTS
from denoise.transfer.tasks.bags import bag_of_words
from denoise.transfer.tasks.baselines import baselines, lead, majority
from denoise.transfer.tasks.glue import MRPC, STSB
from denoise.transfer.tasks.passages import XQUAD_ZH
from denoise.transfer.tasks.tagging import POS

MOOD = Sentences(name="mood", labels=("sad", "glad"), measures=("accuracy", "macro_f1"))


def mood(said: str, text: str) -> Question:
    return Question(source=f"mood sentence: {text}", slots=(Slot("", said),), texts=(text,))


TRAIN = [
    *(mood("glad", f"the sun shines on day {n}, how fine") for n in range(6)),
    *(mood("sad", f"the rain falls on day {n}, how dull") for n in range(4)),
]
SCORED = [mood("sad", "how dull this rain"), mood("glad", "fine sun"), mood("sad", "rain"), mood("sad", "it falls")]


def test_the_majority_is_that_of_the_train_split() -> None:
    assert majority(MOOD, TRAIN, SCORED) == [("glad",)] * 4
    assert baselines(MOOD, TRAIN, SCORED)["majority"] == pytest.approx({"accuracy": 0.25, "macro_f1": 0.2})


def test_a_bag_of_words_learns_words_from_the_train_split() -> None:
    assert baselines(MOOD, TRAIN, SCORED)["bag_of_words"] == {"accuracy": 1.0, "macro_f1": 1.0}
    swapped = [mood({"sad": "glad", "glad": "sad"}[each.said[0]], each.texts[0]) for each in TRAIN]
    assert baselines(MOOD, swapped, SCORED)["bag_of_words"]["accuracy"] == 0.0


def test_the_same_questions_give_the_same_figures() -> None:
    assert baselines(MOOD, TRAIN, SCORED) == baselines(MOOD, TRAIN, SCORED)


def test_the_scored_answers_are_not_looked_at() -> None:
    hidden = [mood("glad", each.texts[0]) for each in SCORED]
    assert bag_of_words(MOOD, TRAIN, SCORED) == bag_of_words(MOOD, TRAIN, hidden)


def test_one_label_in_training_is_said_to_everything() -> None:
    assert bag_of_words(MOOD, TRAIN[:3], SCORED) == [("glad",)] * 4


def pair(said: str, one: str, other: str) -> Question:
    return Question(source=f"{one} {other}", slots=(Slot("", said),), golds=(said,), texts=(one, other))


NAMES = ["cat", "dog", "bird", "fish", "cow", "hen", "fox", "owl", "ant", "bee", "pig", "bat"]


def test_what_two_texts_have_in_common_is_told_apart_from_what_they_say() -> None:
    same = [pair("equivalent", f"a {name} ran", f"a {name} ran") for name in NAMES]
    others = zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)
    differ = [pair("not_equivalent", f"a {one} ran", f"a {other} ran") for one, other in others]
    asked = [pair("equivalent", "a yak ran", "a yak ran"), pair("not_equivalent", "a yak ran", "a gnu ran")]
    assert bag_of_words(MRPC, same + differ, asked) == [("equivalent",), ("not_equivalent",)]


def test_scores_are_predicted_as_numbers_and_their_mean_is_the_majority() -> None:
    train = [pair("5.0", f"a {name} ran", f"a {name} ran") for name in NAMES]
    train += [pair("0.4", f"a {name} ran", "no one came") for name in NAMES]
    asked = [
        pair("5.0", "a yak ran", "a yak ran"),
        pair("2.5", "a yak ran", "a gnu ran"),
        pair("0.0", "yaks", "no one came"),
    ]
    assert majority(STSB, train, asked) == [("2.700",)] * 3
    found = baselines(STSB, train, asked)
    assert found["majority"] == {"pearson": 0.0, "spearman": 0.0}
    assert found["bag_of_words"]["spearman"] == pytest.approx(1.0)


def test_a_word_gets_the_tag_it_mostly_has_and_an_unknown_one_the_most_frequent() -> None:
    def tagged(*slots: tuple[str, str]) -> Question:
        return Question(source="s", slots=tuple(Slot(*slot) for slot in slots))

    train = [
        tagged(("run", "verb"), ("runs", "verb"), ("a", "determiner")),
        tagged(("run", "noun"), ("run", "verb"), ("man", "noun"), ("dog", "noun"), ("cat", "noun")),
    ]
    scored = [tagged(("run", "noun"), ("yak", "noun")), tagged(("a", "determiner"))]
    assert bag_of_words(POS, train, scored) == [("verb", "noun"), ("determiner",)]
    assert majority(POS, train, scored) == [("noun", "noun"), ("noun",)]
    assert baselines(POS, train, scored)["bag_of_words"] == pytest.approx({"accuracy": 2 / 3})


def test_the_lead_is_as_many_first_sentences_as_an_answer_is_long() -> None:
    def asked(said: str, passage: str) -> Question:
        return Question(source=f"read: {passage}", slots=(Slot("", said),), texts=("a question", passage))

    train = [asked("four words are here", ""), asked("six words are in this one", ""), asked("one", "")]
    scored = [asked("x", "It rains. It does. And so on. More."), asked("x", "A sentence with many words. More.")]
    assert lead(ABSTRACTS, train, scored) == [("It rains. It does.",), ("A sentence with many words.",)]
    chinese = [asked("四次抢断", "")]
    assert lead(XQUAD_ZH, chinese, [asked("x", "下雨。他来了三次。完。")]) == [("下雨。他来了三次。",)]
    assert set(baselines(ABSTRACTS, train, scored)) == {"lead"}


def test_chinese_is_read_by_characters() -> None:
    task = Sentences(name="zh", labels=("负面", "正面"), language="zh")
    train = [mood("正面", f"很好用{n}") for n in range(4)] + [mood("负面", f"太差了{n}") for n in range(4)]
    assert bag_of_words(task, train, [mood("负面", "真差"), mood("正面", "好")]) == [("负面",), ("正面",)]


def test_a_missing_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from denoise.transfer.tasks import BadTask

    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(BadTask, match=r"pip install 'denoise\[tasks\]'"):
        bag_of_words(MOOD, TRAIN, SCORED)


def test_no_torch_is_needed_to_learn_words(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "from tests.transfer.tasks.test_baselines import *\nimport sys\nbaselines(MOOD, TRAIN, SCORED)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
