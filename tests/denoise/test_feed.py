"""Batches are a function of their number; workers, ranks and resuming change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from corruptions import (
    Corruption,
    Draws,
    Example,
    Lengths,
    MaskedFragment,
    SpanCorruption,
    TextInfilling,
    TokenMasking,
    Window,
)
from data_prep.tokens import BadStore, TokenStore
from data_prep.vocab import Vocab
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.batches import Batches, HeldOutBatches, stack
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.feed.windows import Windows


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(one, other, strict=True))


def test_an_epoch_visits_every_window_once(store: TokenStore) -> None:
    windows = Windows(store, 40, seed=3, shuffle=True)
    for epoch in (0, 1):
        visits = [windows.at(epoch * len(windows) + place) for place in range(len(windows))]
        assert {visit[0] for visit in visits} == {epoch}
        assert sorted(visit[1] for visit in visits) == list(range(len(windows)))


def test_epochs_differ_in_order_and_in_cut(store: TokenStore) -> None:
    windows = Windows(store, 40, seed=3, shuffle=True)
    first = [windows.at(place) for place in range(len(windows))]
    second = [windows.at(len(windows) + place) for place in range(len(windows))]
    assert [visit[1] for visit in first] != [visit[1] for visit in second]
    starts = [min(visits, key=lambda visit: visit[1])[2].tokens.tolist() for visits in (first, second)]
    assert starts[0] != starts[1]


def test_windows_are_the_text_of_the_store(store: TokenStore) -> None:
    windows = Windows(store, 40, seed=3, shuffle=False)
    joined = np.concatenate([windows.at(place)[2].tokens for place in range(len(windows))])
    assert joined.tolist() == store.tokens[: len(joined)].tolist()
    assert len(joined) + windows.num_skipped_tokens == store.num_tokens


def test_document_ends_are_protected(store: TokenStore) -> None:
    windows = Windows(store, 200, seed=3, shuffle=False)
    for place in range(len(windows)):
        window = windows.at(place)[2]
        assert (window.protected == (window.tokens == store.vocab.eos)).all()


def test_a_window_cannot_be_written_to(store: TokenStore) -> None:
    window = Windows(store, 40, seed=3, shuffle=True).at(0)[2]
    with pytest.raises(ValueError, match="read-only"):
        window.tokens[0] = 1


def test_a_store_shorter_than_a_window_is_refused(store: TokenStore) -> None:
    with pytest.raises(BadStore, match="fewer than one window"):
        Windows(store, store.num_tokens + 1, seed=3, shuffle=False)


def batches(store: TokenStore, **changes: int) -> Batches:
    corruption = TextInfilling()
    options = {"batch_size": 8, "num_batches": 6} | changes
    return Batches(Windows(store, corruption.fit(64), seed=3, shuffle=True), corruption, **options)


def test_one_number_gives_one_batch(store: TokenStore) -> None:
    assert equal(batches(store)[4], batches(store)[4])
    assert not equal(batches(store)[4], batches(store)[5])


def test_ranks_share_the_rows_of_one_process(store: TokenStore) -> None:
    whole = batches(store)[4]
    parts = [batches(store, rank=rank, world_size=2)[4] for rank in (0, 1)]
    for name in ("source", "decoder_input", "target"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(joined, getattr(whole, name))


@pytest.mark.parametrize(
    "corruption", [SpanCorruption(), TextInfilling(), MaskedFragment()], ids=lambda c: type(c).__name__
)
def test_workers_and_a_late_start_change_nothing(prepared: Path, corruption: Corruption) -> None:
    def loader(num_workers: int, first: int) -> list[Batch]:
        data = DenoisingData(
            TokenStore.open(prepared, split="train"),
            TokenStore.open(prepared, split="held_out"),
            corruption,
            FeedConfig(source_len=48, batch_size=4, num_held_out_windows=4, seed=3, num_workers=num_workers),
        )
        data.num_steps = 6
        data.trainer = _At(first)  # type: ignore[assignment]
        return list(data.train_dataloader())

    whole = loader(0, 0)
    assert len(whole) == 6
    late = loader(2, 2)
    assert len(late) == 4
    assert all(equal(a, b) for a, b in zip(whole[2:], late, strict=True))


@dataclass
class _At:
    """What DenoisingData asks of a trainer."""

    global_step: int
    global_rank: int = 0
    world_size: int = 1


def test_no_row_is_padded_where_the_corruption_fills_the_encoder(store: TokenStore) -> None:
    batch = batches(store)[0]
    assert batch.source_mask is None
    assert batch.source.shape[1] == 64
    assert (batch.target != IGNORED).all()


def test_rows_are_padded_and_masked(store: TokenStore) -> None:
    vocab = store.vocab
    short = Example(np.array([5, 1], dtype=np.int32), np.array([7, 1], dtype=np.int32))
    long = Example(np.array([5, 6, 1], dtype=np.int32), np.array([7, 8, 1], dtype=np.int32))
    batch = stack([short, long], Lengths(4, 3), vocab)
    assert batch.source.tolist() == [[5, 1, vocab.pad, vocab.pad], [5, 6, 1, vocab.pad]]
    assert batch.source_mask is not None
    assert batch.source_mask.tolist() == [[True, True, False, False], [True, True, True, False]]
    assert batch.target.tolist() == [[7, 1, IGNORED], [7, 8, 1]]
    assert batch.decoder_input.tolist() == [[vocab.pad, 7, vocab.pad], [vocab.pad, 7, 8]]


def test_mass_keeps_positions_and_its_own_decoder_input(store: TokenStore) -> None:
    corruption = MaskedFragment()
    windows = Windows(store, corruption.fit(40), seed=3, shuffle=True)
    whole = Batches(windows, corruption, batch_size=8, num_batches=1)
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
    windows = Windows(store, 20, seed=3, shuffle=False)
    with pytest.raises(ValueError, match=r"Liar made 21 source .* promised at most 20 .* correct longest"):
        _ = Batches(windows, Liar(), batch_size=2, num_batches=1)[0]


def test_windows_without_room_for_the_noise_are_cut_and_counted(store: TokenStore) -> None:
    corruption = SpanCorruption(rate=0.5, mean_span_length=60.0)
    windows = Windows(store, 240, seed=3, shuffle=True)
    crowded = Batches(windows, corruption, batch_size=8, num_batches=1)
    crowded.windows.at = _with_many_ends(windows.at)  # type: ignore[method-assign]
    batch = crowded[0]
    assert batch.source.shape == (8, crowded.pad_to.source)
    assert batch.num_cut_tokens > 0
    covered = sum(len(crowded.visit(visit).window.tokens) for visit in range(8))
    assert covered + batch.num_cut_tokens == 8 * 240


def _with_many_ends(at):  # type: ignore[no-untyped-def]
    def changed(visit: int) -> tuple[int, int, Window]:
        epoch, number, window = at(visit)
        tokens = window.tokens.copy()
        tokens[::5] = 1
        return epoch, number, Window(tokens, window.sentence_ends, window.word_starts, tokens == 1)

    return changed


def test_held_out_batches_end_with_a_smaller_one(store: TokenStore) -> None:
    corruption = TokenMasking()
    windows = Windows(store, corruption.fit(40), seed=0, shuffle=False)
    held_out = HeldOutBatches(windows, corruption, batch_size=4, num_windows=10)
    assert [held_out[number].source.shape[0] for number in range(len(held_out))] == [4, 4, 2]
