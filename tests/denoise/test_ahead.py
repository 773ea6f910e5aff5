"""Batches made ahead by a thread are those of the run, and the thread goes when nobody asks any more."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from corruptions import SpanCorruption
from data_prep.tokens import TokenStore
from denoise.feed.ahead import Ahead
from denoise.feed.batch import Batch
from denoise.feed.batches import Batches
from tests.denoise.feeds import batches_of, changing, equal

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


def num_makers() -> int:
    return sum(thread.name == "batches ahead" for thread in threading.enumerate())


def test_they_are_the_batches_of_the_run_from_any_of_its_steps_on(store: TokenStore) -> None:
    for corruption in (SpanCorruption(), *changing().values()):
        batches = batches_of(store, corruption, 48)
        ahead = Ahead(batches, 2, CPU)
        assert len(ahead) == 6
        found = list(ahead)
        assert len(found) == 4
        assert all(equal(batch, batches[number]) for number, batch in enumerate(found, start=2))
    assert num_makers() == 0


def test_whoever_stops_early_leaves_no_thread_behind(store: TokenStore) -> None:
    batches = batches_of(store, SpanCorruption(), 48, num_batches=10_000)
    for batch in Ahead(batches, 0, CPU):
        assert equal(batch, batches[0])
        assert num_makers() == 1
        break
    assert num_makers() == 0


def test_an_error_reaches_the_step_that_needs_the_batch(store: TokenStore) -> None:
    class Broken(Batches):
        def __getitem__(self, batch_number: int) -> Batch:
            if batch_number == 2:
                raise ValueError("batch 2 is broken")
            return super().__getitem__(batch_number)

    whole = batches_of(store, SpanCorruption(), 48)
    broken = Broken(whole.windows, whole.room, batch_size=8, num_batches=6)
    taken = []
    with pytest.raises(ValueError, match="batch 2 is broken"):
        taken.extend(Ahead(broken, 0, CPU))
    assert len(taken) == 0 or len(taken) == 2
    assert num_makers() == 0


def test_batches_ahead_and_a_score_in_between_do_not_mix_their_steps(store: TokenStore) -> None:
    """Both read the corruption of their step off the same room."""
    batches = batches_of(store, changing()["rate"], 48, num_batches=40)
    expected = [batches[number] for number in range(40)]
    last = batches.of(batches._visits(39), 39)
    for number, batch in enumerate(Ahead(batches, 0, CPU)):
        assert equal(batches.of(batches._visits(39), 39), last)
        assert equal(batch, expected[number])
