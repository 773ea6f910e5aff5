"""Noise is a function of its whole address: plug-ins that leave out or mix up a part of it are found."""

from dataclasses import dataclass

import numpy as np
import pytest
from test_plug_ins import EOS, Plain

from corruptions import Corruption, DocumentRotation, Example, Linear, Mixture, SpanCorruption
from corruptions.contract import check


class DrawsFrom(Corruption):
    """A plug-in that seeds a generator of its own from its address, as `mixed` says."""

    def __init__(self, mixed):
        self.mixed = mixed

    def corrupt(self, window, draws, vocab):
        order = np.random.default_rng(self.mixed(*draws.address)).permutation(len(window.tokens))
        tokens = window.tokens.copy()
        free = np.flatnonzero(~window.protected)
        tokens[free] = tokens[free[np.argsort(order[free])]]
        return Example(np.append(tokens, EOS), np.append(window.tokens, EOS))


class Swaps(DrawsFrom):
    """The same with one bit: the text, or the text backwards."""

    def corrupt(self, window, draws, vocab):
        step = -1 if self.mixed(*draws.address) else 1
        return Example(np.append(window.tokens[::step], EOS), np.append(window.tokens, EOS))


def coin(*numbers):
    """A bit that depends on all the numbers."""
    return np.random.default_rng(numbers).integers(2)


@pytest.mark.parametrize(
    ("plugin", "related"),
    [
        (DrawsFrom(lambda seed, epoch, window, operator: [seed, epoch]), "two windows"),
        (DrawsFrom(lambda seed, epoch, window, operator: [seed, window]), "two epochs"),
        (DrawsFrom(lambda seed, epoch, window, operator: [epoch, window]), "two seeds"),
        (
            DrawsFrom(lambda seed, epoch, window, operator: [seed, epoch + window]),
            "an epoch and the next epoch's window before",
        ),
        (DrawsFrom(lambda seed, epoch, window, operator: [epoch, seed + window]), "a seed and the next seed's window"),
        (DrawsFrom(lambda seed, epoch, window, operator: [seed + epoch, window]), "a seed and the next seed's epoch"),
        (DrawsFrom(lambda seed, epoch, window, operator: [seed, epoch ^ window]), "of each other's number"),
        (DrawsFrom(lambda seed, epoch, window, operator: [epoch, seed * window]), "of each other's number"),
        (Swaps(lambda seed, epoch, window, operator: coin(seed, epoch)), "two windows"),
        (Swaps(lambda seed, epoch, window, operator: coin(seed, window)), "two epochs"),
        (Swaps(lambda seed, epoch, window, operator: (coin(seed, epoch) + window) % 2), "two windows"),
    ],
)
def test_noise_that_addresses_share_is_found(plugin, related):
    law = "noise differs from window to window, epoch to epoch and seed to seed"
    with pytest.raises(AssertionError, match=f'breaks "{law}": .*{related}'):
        check(plugin)


class RotatesByTheSameInEachStep(DocumentRotation):
    """An ordering that would turn a text twice by as much in a chain of two."""

    def plan(self, window, draws):
        return super().plan(window, draws.operator(9))


def test_steps_of_a_chain_that_share_their_noise_are_found():
    with pytest.raises(AssertionError, match="two steps of a chain is the same"):
        check(RotatesByTheSameInEachStep())


@pytest.mark.parametrize(
    "plugin",
    [
        DrawsFrom(lambda seed, epoch, window, operator: [seed, epoch, window]),
        DrawsFrom(lambda seed, epoch, window, operator: 0),
        Swaps(lambda seed, epoch, window, operator: coin(seed, epoch, window)),
        Swaps(lambda seed, epoch, window, operator: 1),
        Swaps(lambda seed, epoch, window, operator: np.random.default_rng([seed, epoch, window]).random() < 0.05),
        Swaps(lambda seed, epoch, window, operator: np.random.default_rng([seed, epoch, window]).random() < 0.003),
    ],
    ids=["own noise", "one noise", "a coin", "no coin", "seldom", "hardly ever"],
)
def test_noise_of_every_address_for_itself_passes_and_so_does_none(plugin):
    check(plugin)


def test_the_parts_of_a_mixture_and_the_ends_of_a_schedule_are_tried():
    broken = DrawsFrom(lambda seed, epoch, window, operator: [seed, epoch])
    with pytest.raises(AssertionError, match=r"draws from breaks .*: that of two windows"):
        check(Mixture(parts=[SpanCorruption(), broken]), seeds=[0])
    check(SpanCorruption(rate=Linear(start=0.1, end=0.5, num_steps=10)), seeds=[0])

    @dataclass(frozen=True, kw_only=True)
    class DropsAtHighRates(Plain):
        rate: float | Linear = 0.1

        def corrupt(self, window, draws, vocab):
            example = super().corrupt(window, draws, vocab)
            return example if self.rate < 0.4 else example._replace(source=example.source[:-1])

    with pytest.raises(AssertionError, match=r"drops at high rates \(rate 0.5\) breaks"):
        check(DropsAtHighRates(rate=Linear(start=0.1, end=0.5, num_steps=10)), seeds=[0])
