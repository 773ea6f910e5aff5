"""A run may begin with shorter texts and smaller batches: no token is read twice or left out for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corruptions import SpanCorruption
from data_prep.tokens import TokenStore
from denoise.feed.batches import PhasedBatches, Share
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.feed.phases import BadPhases, PhaseConfig, phase_at, phases_of, shapes_of, tokens_before
from denoise.feed.windows import Windows
from tests.denoise.feeds import batches_of, equal, three_parts

LAST = PhaseConfig(source_len=64, batch_size=4)
# 64 tokens of source are 70 of text, 33 are 35: two pieces fill a window.
HALVES = PhaseConfig(share=0.3, source_len=33, batch_size=6)
SMALL = PhaseConfig(share=0.2, batch_size=3)


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


def phased(store: TokenStore, *first: PhaseConfig, budget_tokens: int = 20_000, **options: int) -> PhasedBatches:
    shapes = shapes_of(SpanCorruption(), first, LAST)
    windows = Windows(store, max(shape.room.stride for shape in shapes), seed=3, shuffle=True)
    return PhasedBatches(windows, phases_of(shapes, budget_tokens), **options)


def read_by(batches: PhasedBatches, step: int) -> list[tuple[int, int]]:
    """(epoch, token) of the text behind each row of a batch."""
    of_phase = batches.at(step)
    rows, _ = of_phase._rows(of_phase._visits(step), step)
    places = zip(rows.epochs.tolist(), rows.starts.tolist(), rows.lengths.tolist(), strict=True)
    return [(epoch, token) for epoch, start, length in places for token in range(start, start + length)]


def test_a_batch_has_the_shape_of_its_phase(store: TokenStore) -> None:
    batches = phased(store, HALVES, SMALL)
    first_steps = [phase.first_step for phase in batches.phases]
    assert [tuple(batches[step].source.shape) for step in first_steps] == [(6, 33), (3, 64), (4, 64)]
    assert [tuple(batches[step - 1].source.shape) for step in [*first_steps[1:], len(batches)]] == [
        (6, 33),
        (3, 64),
        (4, 64),
    ]


def test_every_token_is_read_once_as_without_phases(store: TokenStore) -> None:
    """Phases read whole windows in the order of a run that has none, and of each window every token."""
    batches = phased(store, HALVES, SMALL, budget_tokens=8_000)
    read = [token for step in range(len(batches)) for token in read_by(batches, step)]
    assert len(read) == len(set(read))
    plain = batches_of(store, SpanCorruption(), 64, batch_size=1, num_batches=1)
    num_windows = len(read) // 70
    places = plain.windows.at(np.arange(num_windows))
    expected = {
        (epoch, token)
        for epoch, start in zip(places.epochs.tolist(), places.starts.tolist(), strict=True)
        for token in range(start, start + 70)
    }
    assert set(read) == expected


def test_pieces_of_a_window_do_not_share_a_batch_nor_their_noise(store: TokenStore) -> None:
    batches = phased(store, HALVES)
    of_phase = batches.at(0)
    rows, _ = of_phase._rows(np.arange(batches.phases[0].num_windows * 2), 0)
    assert len(set(zip(rows.epochs.tolist(), rows.windows.tolist(), strict=True))) == len(rows.windows)
    in_a_batch = {int(window) % 2**40 for window in rows.windows[:6]}
    assert len(in_a_batch) == 6


def test_tokens_are_counted_as_they_are_spent(store: TokenStore) -> None:
    batches = phased(store, HALVES, SMALL)
    spent = 0
    for step in range(len(batches)):
        assert tokens_before(batches.phases, step) == spent
        batch = batches[step]
        spent += batch.source.numel() + batch.target.numel()
    assert tokens_before(batches.phases, len(batches)) == spent
    assert 20_000 - 4 * (64 + 14) < spent <= 20_000
    shares = [phase.num_steps * phase.shape.tokens_per_step / 20_000 for phase in batches.phases]
    assert shares == pytest.approx([0.3, 0.2, 0.5], abs=0.03)


def test_ranks_share_the_rows_of_every_phase(store: TokenStore) -> None:
    whole = phased(store, HALVES, PhaseConfig(share=0.2, batch_size=2))
    halves = [phased(store, HALVES, PhaseConfig(share=0.2, batch_size=2), share=Share(rank, 2)) for rank in (0, 1)]
    for step in (0, whole.phases[1].first_step, len(whole) - 1):
        rows = [row for half in halves for row in half[step].source.tolist()]
        assert rows == whole[step].source.tolist()


def test_a_batch_depends_on_its_number_alone(store: TokenStore) -> None:
    batches, again = phased(store, HALVES, SMALL), phased(store, HALVES, SMALL)
    list(map(batches.__getitem__, range(len(batches))))
    for step in (len(batches) - 1, batches.phases[1].first_step, 3):
        assert equal(again[step], batches[step])


def test_a_run_without_phases_is_what_it_was(store: TokenStore) -> None:
    batches, plain = phased(store), batches_of(store, SpanCorruption(), 64, batch_size=4, num_batches=50)
    assert len(batches.phases) == 1
    assert all(equal(batches[step], plain[step]) for step in (0, 7))


def test_a_phase_ends_where_no_window_is_half_read(store: TokenStore) -> None:
    odd = phased(store, PhaseConfig(share=0.3, source_len=33, batch_size=5)).phases
    assert odd[0].num_steps % 2 == 0
    assert odd[0].num_windows * 2 == odd[0].num_steps * 5
    assert odd[1].first_visit == odd[0].num_windows


def test_a_mixture_keeps_its_shares_in_every_phase(store: TokenStore) -> None:
    shapes = shapes_of(three_parts(), [PhaseConfig(share=0.5, source_len=32, batch_size=8)], LAST)
    windows = Windows(store, max(shape.room.stride for shape in shapes), seed=3, shuffle=True, period=4)
    batches = PhasedBatches(windows, phases_of(shapes, 20_000))
    for step in (0, 5):
        assert batches[step].counts.windows.tolist() == [4, 2, 2]


def test_the_steps_of_a_run_are_those_of_its_phases(store: TokenStore) -> None:
    config = FeedConfig(source_len=64, batch_size=4, phases=(HALVES, SMALL))
    data = DenoisingData(store, store, SpanCorruption(), config)
    assert data.spend(20_000) == len(data.batches()) == data.num_steps
    assert data.tokens_before(data.num_steps) <= 20_000
    assert phase_at(data.phases, data.num_steps - 1).shape.batch_size == 4
    assert data.held_out_batches()[0].source.shape == (4, 64)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (
            [PhaseConfig(share=0.6), PhaseConfig(share=0.4)],
            "shares of phases are 0.6, 0.4; together they must be below 1",
        ),
        ([PhaseConfig(share=0.001)], r"the share of phase 1 pays for 0.064 steps, and it needs 1"),
        ([PhaseConfig(share=0.999)], "the share of phase 2 pays for"),
    ],
)
def test_phases_that_do_not_fit_say_why(store: TokenStore, first: list[PhaseConfig], message: str) -> None:
    with pytest.raises(BadPhases, match=message):
        phases_of(shapes_of(SpanCorruption(), first, LAST), 20_000)


def test_a_phase_of_nonsense_says_why() -> None:
    with pytest.raises(BadPhases, match="it must be above 0 and below 1"):
        PhaseConfig(share=1.5)
    with pytest.raises(BadPhases, match="batch_size of a phase is 0; it must be at least 1"):
        PhaseConfig(batch_size=0)
