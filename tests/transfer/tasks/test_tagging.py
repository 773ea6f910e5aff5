"""CoNLL-U: a slot a word, tags beside their words, whatever else the file holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from denoise.transfer.tasks import BadTask, Tagging
from denoise.transfer.tasks.tagging import POS
from tests.transfer.tasks.conftest import Feature, Loaded, StandIn
from tests.transfer.tasks.test_rows import written

TASK = Tagging(name="mine", files={"train": "mine/train.conllu"})


def line(number: str, form: str, tag: str, relation: str = "_") -> str:
    return f"{number}\t{form}\t_\t{tag}\t_\t_\t_\t{relation}\t_\t_\n"


SENTENCES = (
    "# text = I don't.\n"
    + line("1", "I", "PRON")
    + line("2-3", "don't", "_")
    + line("2", "do", "AUX")
    + line("3", "n't", "PART")
    + line("3.1", "run", "VERB")
    + line("4", ".", "PUNCT")
    + "\n# text = Go\n"
    + line("1", "Go", "VERB")
)


def asked(tmp_path: Path, content: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    written(tmp_path / "mine/train.conllu", content)
    return [(question.source, question.slots) for question in TASK.questions("train", tmp_path)]


def test_a_multiword_token_is_its_words_and_what_is_elided_is_left_out(tmp_path: Path) -> None:
    slots = (("I", "pronoun"), ("do", "auxiliary"), ("n't", "particle"), (".", "mark"))
    assert asked(tmp_path, SENTENCES) == [
        ("mine sentence: I do n't .", slots),
        ("mine sentence: Go", (("Go", "verb"),)),
    ]


def test_relations_come_without_their_subtypes_and_a_line_ends_at_its_end_only(tmp_path: Path) -> None:
    written(tmp_path / "mine/train.conllu", line("1", "N\u2028é", "INTJ", "obl:tmod"))
    ((word,),) = TASK.sentences("train", tmp_path)
    assert (word.form, word.relation) == ("N\u2028é", "obl")


def test_a_sentence_without_a_blank_line_behind_it_counts(tmp_path: Path) -> None:
    assert len(asked(tmp_path, SENTENCES.rstrip("\n"))) == len(asked(tmp_path, SENTENCES + "\n\n")) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (line("1", "I", "PRON") + "2\tgo\t_\tVE", r"train.conllu:2 has 4 columns and not 10; it is cut or no CoNLL-U"),
        (
            line("1", "I", "PRON") + line("3", "go", "VERB"),
            r"train.conllu:2 has the word number '3' where 2 comes next",
        ),
        (line("1", "I", "_"), r"train.conllu:1 has the tag '_'; it must be one of ADJ, ADP"),
        (line("1", "I", "PRP"), r"train.conllu:1 has the tag 'PRP'"),
    ],
)
def test_what_is_no_word_is_told_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BadTask, match=said):
        asked(tmp_path, content)


def test_the_hub_gives_words_with_tags_by_their_names(tmp_path: Path, hub_holds: StandIn) -> None:
    tags = Feature(feature=Feature(["NOUN", "PRON", "AUX", "PART", "_"]))
    row = {"tokens": ["I", "don't", "do", "n't"], "upos": [1, 4, 2, 3], "deprel": ["nsubj", "_", "aux", "advmod"]}
    hub_holds({("universal-dependencies/universal_dependencies", "en_ewt", "test"): Loaded([row], {"upos": tags})})
    (question,) = POS.questions("test", tmp_path)
    assert question.slots == (("I", "pronoun"), ("do", "auxiliary"), ("n't", "particle"))


def test_without_a_file_one_sentence_says_where_it_is_had(tmp_path: Path, hub_holds: StandIn) -> None:
    hub_holds({})
    with pytest.raises(
        BadTask, match=r"en_ewt-ud-train.conllu, which is not there, and hub:.* or fetch it from github"
    ):
        POS.questions("train", tmp_path)
    with pytest.raises(BadTask, match=r"mine needs .*mine/train.conllu, which is not there; name the folder"):
        TASK.questions("train", tmp_path)
