"""Questions become ids: what is said, what is given, what is cut, and in which order they come."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
import pytest

from data_prep.tokenizer import Tokenizer
from denoise.feed.batch import IGNORED
from denoise.transfer.finetune.asking import Asker, chosen, in_training_order, spread
from denoise.transfer.finetune.config import BadFinetuning
from denoise.transfer.tasks import Question, Slot

TAGGED = Question(source="The old captain", slots=(Slot("old", "twice"), Slot("captain", "twice.")))


@pytest.fixture
def asker(tokenizer: Tokenizer) -> Asker:
    return Asker(tokenizer=tokenizer, labels=("twice", "old", "captain"), source_len=40, target_len=40)


def said_in(asker: Asker, question: Question) -> list[int]:
    (target,) = asker.batch(asker.ask([question])).target.tolist()
    return [id for id in target if id != IGNORED]


def test_only_what_is_said_and_the_end_are_targets(asker: Asker) -> None:
    encode, eos = asker.tokenizer.encode, asker.tokenizer.vocab.eos
    (asked,) = asker.ask([TAGGED])
    parts = [encode(text).tolist() for slot in TAGGED.slots for text in slot]
    assert asked.target.tolist() == [*(id for part in parts for id in part), eos]
    assert said_in(asker, TAGGED) == [*parts[1], *parts[3], eos]
    batch = asker.batch([asked])
    assert batch.decoder_input.tolist() == [[asker.tokenizer.vocab.pad, *asked.target[:-1].tolist()]]
    assert [ids.tolist() for ids in asked.given] == [parts[0], parts[2]]


def test_where_a_label_might_go_on_its_end_is_said_too(asker: Asker) -> None:
    encode = asker.tokenizer.encode
    longer = next(
        text
        for text in ("twice.", "twices", "twicea")
        if encode(text)[: len(encode("twice"))].tolist() == encode("twice").tolist()
    )
    going_on = dataclasses.replace(asker, labels=("twice", longer))
    plain = said_in(dataclasses.replace(asker, labels=("twice", "old")), TAGGED)
    said = encode("twice").tolist()
    assert said_in(going_on, TAGGED) == [*said, int(encode("captain")[0]), *plain[len(said) :]]


def test_rows_of_different_lengths_are_padded_and_masked(asker: Asker) -> None:
    short = Question(source="old", slots=(Slot("", ""),))
    batch = asker.batch(asker.ask([TAGGED, short]))
    vocab = asker.tokenizer.vocab
    assert batch.source_mask is not None
    num_short = len(asker.tokenizer.encode("old")) + 1
    assert batch.source_mask.sum(1).tolist() == [batch.source.shape[1], num_short]
    assert batch.source[1, num_short:].unique().tolist() == [vocab.pad]
    assert batch.target[1].tolist() == [vocab.eos] + [IGNORED] * (batch.target.shape[1] - 1)
    assert batch.decoder_input[1].unique().tolist() == sorted({vocab.pad, vocab.eos})
    assert asker.batch(asker.ask([short])).source_mask is None


def test_what_is_too_long_is_cut_behind_and_told_and_what_is_given_stays_whole(asker: Asker) -> None:
    short = dataclasses.replace(asker, source_len=2, target_len=3)
    (whole,), (cut,) = asker.ask([TAGGED]), short.ask([TAGGED])
    eos = asker.tokenizer.vocab.eos
    assert cut.source.tolist() == [whole.source[0], eos]
    assert cut.target.tolist() == [*whole.target[:2].tolist(), eos]
    assert (cut.is_source_cut, cut.is_target_cut, whole.is_source_cut, whole.is_target_cut) == (
        True,
        True,
        False,
        False,
    )
    assert [ids.tolist() for ids in cut.given] == [ids.tolist() for ids in whole.given]
    exact = dataclasses.replace(asker, source_len=len(whole.source), target_len=len(whole.target))
    (asked,) = exact.ask([TAGGED])
    assert not asked.is_source_cut and not asked.is_target_cut


def test_labels_that_the_vocabulary_cannot_tell_apart_are_told(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tokenizer, "encode", lambda self, text: np.array([2], dtype=np.int32))
    with pytest.raises(BadFinetuning, match="writes the labels 'twice' and 'old' alike"):
        _ = asker.label_ids


def test_every_pass_has_every_question_once_in_an_order_of_its_own() -> None:
    drawn = np.concatenate(list(islice(in_training_order(10, 4, seed=1), 5)))
    first, second = drawn[:10].tolist(), drawn[10:].tolist()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    other = np.concatenate(list(islice(in_training_order(10, 4, seed=2), 5)))
    assert other.tolist() != drawn.tolist()


def test_a_batch_larger_than_the_data_takes_questions_again() -> None:
    assert next(in_training_order(2, 5, seed=1)).tolist().count(0) in (2, 3)
    assert next(in_training_order(1, 3, seed=1)).tolist() == [0, 0, 0]


def test_few_questions_are_those_of_the_seed_and_more_of_them_hold_the_fewer() -> None:
    few, more = chosen(50, 5, seed=3), chosen(50, 9, seed=3)
    assert more[:5].tolist() == few.tolist()
    assert len(set(more.tolist())) == 9
    assert chosen(50, 5, seed=4).tolist() != few.tolist()


def test_scored_questions_are_spread_over_the_whole_split() -> None:
    assert spread(100, 4).tolist() == [0, 25, 50, 75]
    assert spread(4, 100).tolist() == spread(4, None).tolist() == [0, 1, 2, 3]
