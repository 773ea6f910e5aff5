"""A linear probe finds what a matrix can tell, and nothing in random labels of new types."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from denoise.transfer.probe.labels import Labels, control_of, labels_of
from denoise.transfer.probe.linear import Fitted, fit, standardised

CPU = torch.device("cpu")
WIDTH, NUM_CLASSES = 24, 5


def draws(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def made(num_types: int, num_new: int, copies: int) -> tuple[np.ndarray, np.ndarray, Labels, Labels]:
    """Vectors of words, a little noise upon their type's; their class is where it lies far from zero."""
    of_type = draws(1).normal(size=(num_types + num_new, WIDTH))
    classes = of_type[:, :NUM_CLASSES].argmax(1)
    of_type[np.arange(len(of_type)), classes] += 2.0
    train, scored = np.repeat(np.arange(num_types), copies), np.arange(num_types, num_types + num_new)
    vectors = [
        of_type[each] + draws(2, place).normal(0, 0.05, (len(each), WIDTH))
        for place, each in enumerate((train, scored))
    ]
    types = [f"w{number}" for number in train], [f"w{number}" for number in scored]
    labels = labels_of(*([f"c{classes[number]}" for number in each] for each in (train, scored)), types)
    return vectors[0].astype(np.float32), vectors[1].astype(np.float32), labels, control_of(labels, "made", types, 1)


def fitted(train: np.ndarray, scored: np.ndarray, labels: Labels) -> Fitted:
    vectors = standardised(train, scored, CPU)
    return fit(vectors, (labels.train, labels.scored), penalty=1e-3, num_iterations=100)


def test_what_is_separable_is_found_and_the_control_is_chance_on_new_types() -> None:
    train, scored, labels, control = made(num_types=600, num_new=400, copies=4)
    real, by_chance = fitted(train, scored, labels), fitted(train, scored, control)
    assert real.accuracy > 0.97
    chance = float(np.square(control.counts / control.counts.sum()).sum())
    assert by_chance.accuracy == pytest.approx(chance, abs=0.07)
    assert by_chance.train_accuracy < 0.6  # 600 types are too many for 24 numbers to be learnt by heart


def test_a_control_of_few_types_can_be_learnt_by_heart() -> None:
    train, _, _, control = made(num_types=20, num_new=10, copies=20)
    seen = fit(standardised(train, train, CPU), (control.train, control.train), penalty=1e-3, num_iterations=100)
    assert seen.accuracy > 0.97


def test_scale_and_place_of_the_vectors_do_not_matter() -> None:
    train, scored, labels, _ = made(num_types=300, num_new=200, copies=2)
    scale, place = np.float32(10.0) ** np.linspace(-4, 4, WIDTH, dtype=np.float32), np.float32(3.0)
    plain = fitted(train, scored, labels)
    moved = fitted((train + place) * scale, (scored + place) * scale, labels)
    assert moved.accuracy == pytest.approx(plain.accuracy, abs=0.01)


def test_a_number_that_never_varies_is_harmless() -> None:
    train, scored, labels, _ = made(num_types=300, num_new=200, copies=2)
    for part in (train, scored):
        part[:, 7] = 3.0
    assert fitted(train, scored, labels).accuracy > 0.95


def test_what_is_scored_does_not_move_the_scale() -> None:
    train, scored, _, _ = made(num_types=30, num_new=20, copies=2)
    one, other = standardised(train, scored, CPU), standardised(train, scored * 9, CPU)
    assert torch.equal(one.train, other.train)
    assert one.train.mean(0).abs().max() < 1e-5 and (one.train.std(0, correction=0) - 1).abs().max() < 1e-4


def test_a_probe_is_the_same_every_time_and_draws_nothing() -> None:
    train, scored, labels, _ = made(num_types=100, num_new=50, copies=2)
    before = torch.random.get_rng_state()
    one = fitted(train, scored, labels)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    assert fitted(train, scored, labels) == one
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.random.set_rng_state(before)


def test_it_is_the_logistic_regression_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    train, scored, labels, _ = made(num_types=200, num_new=200, copies=2)
    truth = labels.train.copy()
    truth[::3] = (truth[::3] + 1) % NUM_CLASSES  # not separable, so that the penalty decides
    vectors = standardised(train, scored, CPU)
    ours = fit(vectors, (truth, labels.scored), penalty=0.01, num_iterations=500)
    theirs = linear_model.LogisticRegression(C=1 / (0.01 * len(truth)), max_iter=500, tol=1e-6)
    theirs.fit(vectors.train.numpy(), truth)
    assert ours.accuracy == pytest.approx(theirs.score(vectors.scored.numpy(), labels.scored), abs=0.011)
    assert ours.train_accuracy == pytest.approx(theirs.score(vectors.train.numpy(), truth), abs=0.011)
