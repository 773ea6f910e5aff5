"""Special ids are explicit, differ from each other, and are asked for by name."""

import pytest

from data_prep.errors import BadInput
from data_prep.vocab import CONTROLS, NoControl, Vocab


def made_vocab(**changed) -> Vocab:
    fields = {"size": 20, "pad": 0, "eos": 1, "unk": 2, "mask": 3, "sentinels": (19, 18), "text_ids": range(4, 12)}
    return Vocab(**{"controls": tuple(range(12, 18)), **fields, **changed})


def test_each_control_word_has_an_id_of_its_own():
    vocab = made_vocab()
    ids = [vocab.control(name) for name in CONTROLS]
    assert ids == list(vocab.controls) == list(range(12, 18))
    assert vocab.control_names == dict(zip(ids, CONTROLS, strict=True))


def test_control_words_stand_for_no_text():
    assert made_vocab().is_special[12:18].all()


@pytest.mark.parametrize(
    ("controls", "name", "message"),
    [
        ((), "[SEP]", "the vocabulary has no control word [SEP], nor any other, since it was made before"),
        ((12, 13), "[X]", "the vocabulary has no control word [X], only [R] [S]; prepare the corpus again"),
        ((12, 13), "[CLS]", "[CLS] is no control word; use one of [R] [S] [X] [SEP] [YES] [NO]"),
    ],
)
def test_a_control_word_that_is_not_there_is_named_with_what_to_do(controls, name, message):
    with pytest.raises(NoControl) as refusal:
        made_vocab(controls=controls).control(name)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"controls": (12, 12)}, "must differ from each other"),
        ({"controls": (12, 19)}, "must differ from each other"),
        ({"controls": (11,)}, "special and also among the text ids"),
        ({"controls": (20,)}, "lie outside the vocabulary"),
        ({"controls": tuple(range(12, 19)), "sentinels": ()}, "at most 6 control words"),
    ],
)
def test_control_words_with_wrong_ids_are_refused(changed, message):
    with pytest.raises(BadInput, match=message):
        made_vocab(**changed)
