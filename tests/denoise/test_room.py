"""Every part of a mixture gets the text that fills its encoder, and all batches of a run have one shape."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from corruptions import (
    BadCorruption,
    Corruption,
    Draw,
    Draws,
    Lengths,
    Linear,
    MaskedFragment,
    Mixture,
    PrefixLM,
    SpanCorruption,
    Split,
)
from corruptions.draws import PARTS
from data_prep.tokens import TokenStore
from data_prep.vocab import OutOfSentinels
from denoise.feed.batch import IGNORED
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.feed.room import Room
from tests.denoise.feeds import batches_of, changing, in_mode, three_parts


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


def ul2() -> Mixture:
    spans = [("[R]", 0.15, 3.0), ("[R]", 0.15, 8.0), ("[X]", 0.5, 3.0), ("[X]", 0.5, 8.0)]
    spans += [("[X]", 0.15, 64.0), ("[X]", 0.5, 64.0)]
    parts = [in_mode(mode, SpanCorruption(rate=rate, mean_span_length=mean)) for mode, rate, mean in spans]
    return Mixture(parts=[*parts, in_mode("[S]", PrefixLM(rate=0.25, split=Split.FIXED))])


def test_t5_alone_has_its_lengths() -> None:
    room = Room(SpanCorruption(), 512)
    assert (room.pad_to, room.stride) == (Lengths(512, 114), 568)


def test_the_parts_of_ul2_fill_the_encoder_beside_their_mode() -> None:
    room = Room(ul2(), 512)
    lengths = [room.window_len(part) for part in room.parts]
    # Those of 512 without a mode are 568, 588, 766, 908, 600 and 1006.
    assert lengths == [567, 587, 765, 906, 599, 1004, 680]
    assert all(part.longest(n).source == 512 for part, n in zip(room.parts, lengths, strict=True))
    assert (room.pad_to, room.stride) == (Lengths(512, 511), 1004)


def test_a_bounded_target_gives_shorter_windows_to_those_who_say_more() -> None:
    room = Room(ul2(), 512, 128)
    assert room.pad_to == Lengths(512, 128)
    assert [room.window_len(part) for part in room.parts] == [567, 587, 190, 226, 599, 250, 509]


def test_a_part_that_fits_nothing_is_named() -> None:
    mixture = Mixture(parts=[SpanCorruption(), in_mode("[X]", SpanCorruption(rate=0.5))])
    with pytest.raises(BadCorruption, match=r"span corruption \(rate 0.5.*no text fits"):
        Room(mixture, 2)


@pytest.mark.parametrize("corruption", changing().values(), ids=changing())
def test_all_batches_have_one_shape_and_windows_that_fill_it(store: TokenStore, corruption: Corruption) -> None:
    batches = batches_of(store, corruption, 48)
    shapes = {(batches[k].source.shape, batches[k].target.shape) for k in range(6)}
    assert shapes == {((8, batches.room.pad_to.source), (8, batches.room.pad_to.target))}
    assert batches.room.pad_to.source == 48
    assert max(int((batches[k].target != IGNORED).sum(1).max()) for k in range(6)) >= batches.room.pad_to.target - 1
    for k in range(6):
        assert int((batches[k].source != store.vocab.pad).sum(1).min()) >= 46


def test_each_part_reads_its_own_length_from_its_place(store: TokenStore) -> None:
    batches = batches_of(store, three_parts(), 48)
    seen = set()
    for row, start in enumerate(batches.windows.at(np.arange(8)).starts.tolist()):
        visit = batches.visit(row)
        own = batches.room.window_len(visit.corruption)
        seen.add(own)
        assert visit.window.tokens.tolist() == store.tokens[start : start + own].tolist()
    assert len(seen) == 3 and max(seen) == batches.windows.stride


def part_at(draw: Draw, seed: int, epoch: int, window: int) -> int:
    """The part of a window of weights 3, 0 and 4, one window by its own stream."""
    if draw is Draw.STRATIFIED:
        offset = Draws(seed, epoch, 2**64 - 1, PARTS).below(7)
        return [0, 0, 0, 2, 2, 2, 2][(window + offset) % 7]
    own = Draws(seed, epoch, window, PARTS)
    return 0 if Fraction(own.word() << 32 | own.word(), 1 << 64) < Fraction(3, 7) else 2


@pytest.mark.parametrize("draw", Draw)
def test_the_part_of_a_window_is_that_of_its_address(draw: Draw) -> None:
    mixture = three_parts(draw, [3, 0, 4])
    room = Room(mixture, 48)
    epochs = np.repeat(np.array([0, 5, 2**24 - 1]), 200)
    windows = np.tile(np.r_[0:100, 2**32 - 50 : 2**32 + 50], 3)
    for seed in (0, 2**64 - 1):
        numbers = room.assign(0, seed=seed, epochs=epochs, windows=windows).numbers
        addresses = zip(epochs.tolist(), windows.tolist(), strict=True)
        assert numbers.tolist() == [part_at(draw, seed, epoch, window) for epoch, window in addresses]
        assert set(numbers.tolist()) == {0, 2}


def part_counts(store: TokenStore, batch_size: int) -> list[list[int]]:
    batches = batches_of(store, three_parts(), 32, batch_size=batch_size)
    num_batches = 2 * len(batches.windows) // batch_size + 2  # into a third epoch
    return [batches[k].counts.windows.tolist() for k in range(num_batches)]  # type: ignore[union-attr]


def test_every_batch_of_whole_periods_has_the_exact_shares(store: TokenStore) -> None:
    assert part_counts(store, 12) == [[6, 3, 3]] * len(part_counts(store, 12))


def test_other_batches_have_the_shares_together(store: TokenStore) -> None:
    counts = part_counts(store, 6)
    assert len({tuple(count) for count in counts}) > 1
    assert all(abs(np.array(count) - [3, 1.5, 1.5]).max() <= 1 for count in counts)


def test_a_window_reads_as_the_schedule_says_at_its_step(store: TokenStore) -> None:
    batches = batches_of(store, SpanCorruption(rate=Linear(start=0.5, end=0.2, num_steps=3)), 48)
    rates = [
        float(batch.counts.hidden_tokens[0] / batch.counts.raw_tokens[0])
        for batch in map(batches.__getitem__, range(6))
    ]  # type: ignore[union-attr]
    assert np.abs(np.array(rates) - [0.5, 0.4, 0.3, 0.2, 0.2, 0.2]).max() < 0.02


def test_a_run_begun_in_mid_schedule_reads_what_an_unbroken_one_reads() -> None:
    corruption = changing()["part_of_mixture"]
    address = {"seed": 1, "epochs": np.zeros(8, dtype=np.int64), "windows": np.arange(8)}
    unbroken = Room(corruption, 48)
    for step in range(7):
        lengths = unbroken.assign(step, **address).lengths
        assert lengths.tolist() == Room(corruption, 48).assign(step, **address).lengths.tolist()


def test_between_the_ends_of_a_schedule_no_window_outgrows_its_stride() -> None:
    # A middle rate has the longest window where low rates are held by the source and high ones by the target.
    corruption = SpanCorruption(rate=Linear(start=0.05, end=0.4, num_steps=50))
    room = Room(corruption, 512, 114)
    for step in range(51):
        part = corruption.at(step)
        length = room.window_len(part)
        assert length <= room.stride
        assert part.longest(length).source <= room.pad_to.source
        assert part.longest(length).target <= room.pad_to.target
        assert length == min(part.fit(*room.pad_to), room.stride)


@dataclass(frozen=True, kw_only=True)
class EveryOther(Corruption):
    """A mixture of somebody else's making."""

    odd: Corruption
    even: Corruption

    def chosen(self, draws: Draws) -> Corruption:
        return self.odd if draws.address[2] % 2 else self.even

    def variants(self) -> tuple[Corruption, ...]:
        return self.even, self.odd

    def corrupt(self, window, draws, vocab):  # type: ignore[no-untyped-def]
        return self.chosen(draws).corrupt(window, draws, vocab)


class OddAndEven(Mixture):
    """A mixture that picks its parts in another way."""

    def number_of(self, draws: Draws) -> int:
        return draws.address[2] % 2


@pytest.mark.parametrize(
    "corruption",
    [
        EveryOther(odd=MaskedFragment(), even=SpanCorruption()),
        OddAndEven(parts=[SpanCorruption(), MaskedFragment()], draw=Draw.STRATIFIED),
    ],
    ids=["plug_in", "subclass"],
)
def test_a_mixture_of_somebody_elses_making_is_fed_too(store: TokenStore, corruption: Corruption) -> None:
    batches = batches_of(store, corruption, 48)
    batch = batches[0]
    lengths = {False: set(), True: set()}
    for row in range(8):
        visit = batches.visit(row)
        lengths[visit.number % 2 == 1].add(len(visit.window.tokens))
    assert lengths == {True: {MaskedFragment().fit(48)}, False: {SpanCorruption().fit(48)}}
    assert batch.source_mask is None
    assert batch.parts is None


def test_skipped_tokens_are_those_that_an_epoch_does_not_read(prepared: Path) -> None:
    for corruption in (SpanCorruption(), three_parts(), three_parts(Draw.IID)):
        stores = (TokenStore.open(prepared, split=split) for split in ("train", "held_out"))
        data = DenoisingData(*stores, corruption, FeedConfig(source_len=48))
        data.num_steps = 1
        batches = data.batches()
        read = sum(len(batches.visit(visit).window.tokens) for visit in range(len(data.train_windows)))
        assert data.num_skipped_tokens == data.store.num_tokens - read


def test_a_vocabulary_of_too_few_sentinels_is_refused_before_a_run_begins(store: TokenStore) -> None:
    sentinels = store.vocab.sentinels
    rate, window_len = 0.5, 2 * 3 * (len(sentinels) + 2)
    greedy = Mixture(parts=[SpanCorruption(), SpanCorruption(rate=rate)], weights=[1000, 1])
    with pytest.raises(OutOfSentinels, match=f"has {len(sentinels)};"):
        DenoisingData(store, store, greedy, FeedConfig(source_len=window_len))
