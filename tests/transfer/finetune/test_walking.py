"""Labels of words: given words are put in, and the walk takes what a model would say if it could only say labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.transfer.finetune.walking import Steps, tree_of, walk
from tests.denoise.small_models import EOS, VOCAB_SIZE, behind_pad, ids, places, small_model

GIVEN = [[[40, 41], [42], [43, 44, 45]], [[46]], [[], [47], [48]], [[49, 50]] * 5]


def sources() -> Batch:
    mask = torch.arange(9) < torch.tensor([[9], [5], [7], [9]])
    nothing = torch.full((4, 1), EOS)
    return Batch(ids(4, 9, seed=2).masked_fill(~mask, 0), mask, behind_pad(nothing), places(4, 1), nothing)


def arrays(given: list[list[list[int]]]) -> list[list[np.ndarray]]:
    return [[np.array(part, dtype=np.int32) for part in row] for row in given]


def by_force(model: EncoderDecoder, batch: Batch, row: int, labels: list[int]) -> Steps:
    """Every label of one token at every slot by its likelihood, the whole target read anew each time."""
    read, steps = list[int](), Steps([], [])
    one = batch._replace(source=batch.source[row : row + 1], source_mask=batch.source_mask[row : row + 1])  # type: ignore[index]
    for given in GIVEN[row]:
        read += given
        target = torch.tensor([[*read, EOS]])
        asked = one._replace(decoder_input=behind_pad(target), decoder_positions=places(*target.shape), target=target)
        logits = model.logits(asked)[0, -1]
        best = int(logits[labels].argmax())
        steps.likeliest.append(best)
        steps.is_outside.append(int(logits.argmax()) not in labels)
        read.append(labels[best])
    return steps


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
def test_with_labels_of_one_piece_the_walk_is_exact(positions: str) -> None:
    labels, batch, is_outside = [7, 8, 9], sources(), list[bool]()
    for seed in range(3):
        model = small_model(positions, seed=seed, head_init=2.0).eval()
        with torch.no_grad():  # so that labels are often, and not always, the likeliest of the vocabulary
            model.head.weight[labels] *= 3  # type: ignore[union-attr]
        root = tree_of([np.array([label]) for label in labels])
        found = walk(model, batch, arrays(GIVEN), root, eos=EOS, num_ids=VOCAB_SIZE)
        assert found == [by_force(model, batch, row, labels) for row in range(4)]
        is_outside += [out for steps in found for out in steps.is_outside]
    assert {True, False} == set(is_outside)


class Spoken:
    """A model of one row that says what it is told to: by all that it has read, the scores of ids; others have 0."""

    pad_id = 0
    config = SimpleNamespace(num_heads=1, head_dim=2, num_decoder_layers=1)

    def __init__(self, told: dict[tuple[int, ...], dict[int, float]]) -> None:
        self.told, self.read = told, list[int]()
        self.decoder = SimpleNamespace(remember=lambda *_: SimpleNamespace(keys=torch.zeros(1, 1, 1, 1, 2)))

    def encode(self, *_: Any) -> None:
        return None

    def decode(self, token: torch.Tensor, position: torch.Tensor, *_: Any) -> torch.Tensor:
        assert position.item() == len(self.read)
        self.read.append(int(token))
        logits = torch.zeros(1, 1, 60)
        for id, score in self.told.get(tuple(self.read[1:]), {}).items():
            logits[0, 0, id] = score
        return logits


AB, AC, A, D = [5, 6], [5, 7], [5], [8]
LABELS = [np.array(label) for label in (AB, AC, A, D)]


def spoken(given: list[list[int]], told: dict[tuple[int, ...], dict[int, float]]) -> tuple[Steps, list[int]]:
    model = Spoken(told)
    (steps,) = walk(model, sources(), arrays([given]), tree_of(LABELS), eos=EOS, num_ids=55)  # type: ignore[arg-type]
    return steps, model.read


def test_a_label_is_walked_down_and_the_next_given_words_are_put_in() -> None:
    told = {(20,): {5: 2.0, 8: 1.0}, (20, 5): {7: 3.0, 6: 1.0}, (20, 5, 7, 21, 22): {8: 1.0}}
    steps, read = spoken([[20], [21, 22]], told)
    assert steps == Steps([1, 3], [False, False])
    assert read == [0, 20, 5, 7, 21, 22, 8]


def test_a_label_that_another_begins_with_ends_by_what_is_given_next() -> None:
    told = {(20,): {5: 2.0}, (20, 5): {21: 2.0, 7: 1.0, 1: 9.0}}
    steps, read = spoken([[20], [21]], {**told, (20, 5, 21): {8: 1.0}})
    assert (steps.likeliest, read) == ([2, 3], [0, 20, 5, 21, 8])
    assert steps.is_outside == [True, False]  # eos is likelier, and not what comes next
    told[20, 5] = {21: 2.0, 7: 1.0}
    assert spoken([[20], [21]], told)[0].is_outside[0] is False


def test_behind_the_last_slot_it_ends_by_the_eos() -> None:
    told = {(20,): {5: 2.0}, (20, 5): {EOS: 2.0, 7: 1.0}}
    assert spoken([[20]], told)[0] == Steps([2], [False])
    told[20, 5] = {EOS: 1.0, 7: 2.0}
    assert spoken([[20]], told)[0] == Steps([1], [False])


def test_what_leads_to_no_label_is_outside_and_the_best_label_is_taken_all_the_same() -> None:
    told = {(20,): {50: 9.0, 8: 2.0, 5: 1.0}, (20, 8, 21): {5: 1.0}, (20, 8, 21, 5): {50: 9.0, 6: 1.0}}
    steps, read = spoken([[20], [21]], told)
    assert steps == Steps([3, 0], [True, True])
    assert read == [0, 20, 8, 21, 5, 6]
    told = {(20,): {50: 9.0, 5: 2.0}, (20, 5): {6: 1.0}}
    assert spoken([[20]], told)[0] == Steps([0], [True])  # what follows is as it should be, and mends nothing


def test_ids_above_the_vocabulary_do_not_count() -> None:
    assert spoken([[20]], {(20,): {57: 9.0, 8: 1.0}})[0] == Steps([3], [False])


def test_as_likely_labels_go_to_the_first_of_them() -> None:
    assert spoken([[20]], {(20,): {5: 1.0, 8: 1.0}, (20, 5): {6: 1.0, 7: 1.0}})[0].likeliest == [0]
