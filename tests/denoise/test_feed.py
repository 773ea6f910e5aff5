"""Batches are a function of their number; workers, ranks and resuming change nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from corruptions import (
    Corruption,
    Draws,
    Example,
    Lengths,
    Linear,
    MaskedFragment,
    SpanCorruption,
    TextInfilling,
    TokenMasking,
    Window,
)
from data_prep.tokens import TokenStore
from data_prep.vocab import Vocab
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.batches import Batches, HeldOutBatches, Share
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.feed.room import Room
from denoise.feed.windows import Windows
from tests.denoise.feeds import batches_of, changing, equal


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


def infilled(store: TokenStore, **changes: int) -> Batches:
    return batches_of(store, TextInfilling(), 64, **changes)


def test_one_number_gives_one_batch(store: TokenStore) -> None:
    assert equal(infilled(store)[4], infilled(store)[4])
    assert not equal(infilled(store)[4], infilled(store)[5])


def test_batches_own_their_memory(store: TokenStore) -> None:
    batches = infilled(store)
    first, clean = batches[0], batches[0]
    _ = batches[1]
    first.source.zero_()
    assert not torch.equal(batches[0].source, first.source)
    assert equal(batches[0], clean)


def test_a_row_is_the_window_that_people_are_shown(store: TokenStore) -> None:
    for corruption in (SpanCorruption(), *changing().values()):
        batches = batches_of(store, corruption, 48)
        batch = batches[4]
        for row in range(8):
            visit = batches.visit(4 * 8 + row, 4)
            source, target = visit.example.source, visit.example.target
            assert batch.source[row, : len(source)].tolist() == source.tolist()
            assert (batch.source[row, len(source) :] == store.vocab.pad).all()
            assert batch.target[row, : len(target)].tolist() == target.tolist()
            assert (batch.target[row, len(target) :] == IGNORED).all()


@pytest.mark.parametrize("corruption", [TextInfilling(), *changing().values()])
def test_ranks_share_the_rows_of_one_process(store: TokenStore, corruption: Corruption) -> None:
    whole = batches_of(store, corruption, 48)[4]
    parts = [batches_of(store, corruption, 48, share=Share(rank, 2))[4] for rank in (0, 1)]
    for name in ("source", "decoder_input", "target"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(joined, getattr(whole, name))


def feed(prepared: Path, corruption: Corruption, **options: int) -> DenoisingData:
    config = FeedConfig(**{"source_len": 48, "batch_size": 4, "num_held_out_windows": 4, "seed": 3, **options})
    stores = (TokenStore.open(prepared, split=split) for split in ("train", "held_out"))
    data = DenoisingData(*stores, corruption, config)
    data.num_steps = 6
    return data


@pytest.mark.parametrize(
    "corruption",
    [SpanCorruption(), TextInfilling(), MaskedFragment(), *changing().values()],
    ids=["span", "infilling", "mass", *changing()],
)
def test_workers_and_a_late_start_change_nothing(prepared: Path, corruption: Corruption) -> None:
    def loader(num_workers: int, first: int) -> list[Batch]:
        data = feed(prepared, corruption, num_workers=num_workers)
        data.trainer = _At(first)  # type: ignore[assignment]
        return list(data.train_dataloader())

    whole = loader(0, 0)
    assert len(whole) == 6
    late = loader(2, 2)
    assert len(late) == 4
    assert all(equal(a, b) for a, b in zip(whole[2:], late, strict=True))
    assert all(type(counts) is np.ndarray for batch in (whole[0], late[0]) for counts in batch.counts)  # not on a GPU


@dataclass
class _At:
    """What DenoisingData asks of a trainer."""

    global_step: int
    global_rank: int = 0
    world_size: int = 1


def test_no_row_is_padded_where_the_corruption_fills_the_encoder(store: TokenStore) -> None:
    batch = infilled(store)[0]
    assert batch.source_mask is None
    assert batch.source.shape[1] == 64
    assert (batch.target != IGNORED).all()


@dataclass(frozen=True, kw_only=True)
class KeepsSome(Corruption):
    """Shows the first tokens of a window, as many as its number says, and asks for one."""

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        eos = np.array([vocab.eos], dtype=np.int32)
        kept = window.tokens[: 1 + draws.below(4)]
        return Example(np.append(kept, eos), np.append(window.tokens[:1], eos))

    def longest(self, window_len: int) -> Lengths:
        return Lengths(5, window_len + 1)


def test_rows_are_padded_and_masked(store: TokenStore) -> None:
    batches = batches_of(store, KeepsSome(), 5, target_len=4)
    batch = batches[0]
    assert batch.source_mask is not None
    lengths = set()
    for row in range(8):
        kept = len(batches.visit(row).example.source)
        lengths.add(kept)
        assert batch.source_mask[row].tolist() == [place < kept for place in range(5)]
        assert (batch.source[row, kept:] == store.vocab.pad).all()
        assert batch.target[row, 2:].tolist() == [IGNORED, IGNORED]
        assert batch.decoder_input[row].tolist() == [store.vocab.pad, int(batch.target[row, 0]), store.vocab.pad, 0]
    assert len(lengths) > 1


def test_positions_count_up_where_the_objective_keeps_none(store: TokenStore) -> None:
    batch = infilled(store)[0]
    assert batch.decoder_positions.tolist() == [list(range(batch.target.shape[1]))] * 8


def test_mass_keeps_positions_and_its_own_decoder_input(store: TokenStore) -> None:
    whole = batches_of(store, MaskedFragment(), 41)
    batch = whole[0]
    for row in range(8):
        window = whole.visit(row).window
        for place in range(batch.target.shape[1]):
            position = int(batch.decoder_positions[row, place])
            assert batch.target[row, place] == window.tokens[position]
            before = window.tokens[position - 1] if position else store.vocab.pad
            assert batch.decoder_input[row, place] == before


@dataclass(frozen=True, kw_only=True)
class Liar(Corruption):
    """Promises less than it makes."""

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        return Example(np.append(window.tokens, [1]).astype(np.int32), window.tokens)

    def longest(self, window_len: int) -> Lengths:
        return Lengths(window_len, window_len)


def test_a_corruption_that_breaks_its_promise_is_named(store: TokenStore) -> None:
    with pytest.raises(ValueError, match=r"Liar made 21 source .* promised at most 20 .* correct longest"):
        _ = batches_of(store, Liar(), 20)[0]


def test_windows_without_room_for_the_noise_are_cut_and_counted(store: TokenStore) -> None:
    corruption = SpanCorruption(rate=0.5, mean_span_length=60.0)
    tokens = store.tokens.copy()
    tokens[::5] = store.vocab.eos
    crowded = batches_of(replace(store, tokens=tokens), corruption, 123)
    batch = crowded[0]
    assert batch.source.shape == (8, crowded.room.pad_to.source)
    assert batch.counts is not None
    covered = sum(len(crowded.visit(visit).window.tokens) for visit in range(8))
    assert batch.counts.cut_tokens.sum() > 0
    assert batch.counts.raw_tokens.sum() == covered == 8 * crowded.room.stride - batch.counts.cut_tokens.sum()


def test_held_out_batches_end_with_a_smaller_one(store: TokenStore) -> None:
    room = Room(TokenMasking(), 40)
    windows = Windows(store, room.stride, seed=0, shuffle=False)
    held_out = HeldOutBatches(windows, room, batch_size=4, num_windows=10)
    assert [held_out[number].source.shape[0] for number in range(len(held_out))] == [4, 4, 2]


def test_held_out_text_is_corrupted_as_at_the_end_of_the_run(prepared: Path) -> None:
    scheduled = feed(prepared, SpanCorruption(rate=Linear(start=0.5, end=0.2, num_steps=6)))
    [batch] = scheduled.val_dataloader()
    [again] = scheduled.val_dataloader()
    assert equal(batch, again)
    held_out = scheduled.held_out_batches()
    assert all(held_out.visit(window, held_out.step).corruption.rate == 0.2 for window in range(4))
    assert batch.counts is not None
    assert abs(float(batch.counts.hidden_tokens[0] / batch.counts.raw_tokens[0]) - 0.2) < 0.02


def test_advice_is_given_where_a_batch_cannot_hold_exact_shares(prepared: Path) -> None:
    stratified = changing()["stratified"]
    assert feed(prepared, stratified, batch_size=8).advice is None
    assert "a multiple of 4" in str(feed(prepared, stratified, batch_size=6).advice)
    assert feed(prepared, SpanCorruption(), batch_size=7).advice is None
