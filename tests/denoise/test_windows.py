"""Where the windows of a run begin, and in which order they are visited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.tokens import BadStore, TokenStore
from denoise.feed.order import visiting_order
from denoise.feed.windows import Windows


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


def order_of(num_windows: int, *, seed: int = 0, epoch: int = 0) -> np.ndarray:
    return visiting_order(np.arange(num_windows), num_windows, seed=seed, epoch=epoch)


def test_the_order_of_an_epoch_never_changes() -> None:
    """Runs of an earlier day are repeated with it."""
    assert order_of(8, seed=1).tolist() == [5, 4, 0, 3, 6, 7, 1, 2]
    places = np.array([0, 1, 12345, 2**39 + 7, 2**40 + 14])
    assert visiting_order(places, 2**40 + 15, seed=2**64 - 1, epoch=3).tolist() == GOLDEN_PLACES


GOLDEN_PLACES = [419139498878, 315619982604, 61975445063, 703146015966, 365790414268]


def test_an_order_is_a_bijection_for_every_length() -> None:
    for n in [*range(1, 300), *range(300, 2000, 37), 1936, 1937, 2000]:
        assert sorted(order_of(n, seed=n % 3, epoch=n % 5).tolist()) == list(range(n)), n


def test_another_epoch_or_seed_is_another_order() -> None:
    orders = [order_of(1000, seed=seed, epoch=epoch) for seed, epoch in [(0, 0), (0, 1), (1, 0), (1 << 40, 0)]]
    for one in range(4):
        for two in range(one):
            assert (orders[one] == orders[two]).sum() < 8  # one on average, if the orders are independent


@pytest.mark.parametrize("n", [2, 3, 5, 24, 100])
def test_each_place_shows_every_window_equally_often(n: int) -> None:
    num_orders = 40 * n if n < 50 else 20 * n
    orders = np.array([order_of(n, seed=seed) for seed in range(num_orders)])
    for place in range(n) if n < 50 else (0, 1, n - 1):
        counts = np.bincount(orders[:, place], minlength=n)
        expected = num_orders / n
        assert ((counts - expected) ** 2 / expected).sum() < n - 1 + 5 * np.sqrt(2 * (n - 1)) + 6


def test_an_order_of_more_windows_than_could_be_listed() -> None:
    n = 10**12 + 39
    places = visiting_order(np.append(np.arange(1000), n - 1), n, seed=0, epoch=0)
    assert len(set(places.tolist())) == 1001 and (places < n).all()


@pytest.mark.parametrize(("period", "num_windows"), [(1, 35), (5, 35), (7, 35), (35, 35), (7, 7000)])
def test_an_order_with_classes_is_a_bijection_that_keeps_them(period: int, num_windows: int) -> None:
    order = visiting_order(np.arange(num_windows), num_windows, seed=1, epoch=0, period=period)
    assert sorted(order.tolist()) == list(range(num_windows))
    assert (order % period == np.arange(num_windows) % period).all()


def test_each_class_has_an_order_of_its_own() -> None:
    turns = visiting_order(np.arange(700), 700, seed=1, epoch=0, period=7).reshape(100, 7) // 7
    assert len({tuple(order) for order in turns.T.tolist()}) == 7
    together = np.mean([(turns[:, one] == turns[:, other]).mean() for one in range(7) for other in range(one)])
    assert together < 0.05  # windows that lie side by side in the text do not come side by side in a batch


def test_an_epoch_visits_every_window_once(store: TokenStore) -> None:
    for period in (1, 4):
        windows = Windows(store, 40, seed=3, shuffle=True, period=period)
        for epoch in (0, 1):
            visits = np.arange(epoch * len(windows), (epoch + 1) * len(windows))
            places = windows.at(visits)
            assert set(places.epochs.tolist()) == {epoch}
            assert sorted(places.numbers.tolist()) == list(range(len(windows)))


def test_visits_that_straddle_two_epochs_are_those_of_each(store: TokenStore) -> None:
    windows = Windows(store, 40, seed=3, shuffle=True, period=3)
    visits = np.arange(len(windows) - 5, len(windows) + 5)
    one_by_one = [windows.at(visits[place : place + 1]) for place in range(10)]
    for column, columns in zip(windows.at(visits), zip(*one_by_one, strict=True), strict=True):
        assert column.tolist() == np.concatenate(columns).tolist()


def test_epochs_differ_in_order_and_in_cut(store: TokenStore) -> None:
    windows = Windows(store, 40, seed=3, shuffle=True)
    first, second = (windows.at(np.arange(len(windows)) + epoch * len(windows)) for epoch in (0, 1))
    assert first.numbers.tolist() != second.numbers.tolist()
    assert first.starts.min() != second.starts.min()


def test_windows_lie_a_stride_apart_and_inside_the_store(store: TokenStore) -> None:
    for shuffle in (False, True):
        windows = Windows(store, 40, seed=3, shuffle=shuffle)
        for epoch in range(4):
            starts = np.sort(windows.at(np.arange(len(windows)) + epoch * len(windows)).starts)
            assert starts[0] >= 0 and starts[-1] + 40 <= store.num_tokens
            assert (np.diff(starts) == 40).all()
        assert len(windows) * 40 + windows.num_skipped_tokens(40) == store.num_tokens


def test_in_order_nothing_but_the_end_is_left_out(store: TokenStore) -> None:
    windows = Windows(store, 40, seed=3, shuffle=False, period=7)
    assert windows.at(np.arange(len(windows))).starts.tolist() == list(range(0, store.num_tokens - 39, 40))


def test_windows_that_fill_no_period_are_left_out_and_counted(store: TokenStore) -> None:
    whole = Windows(store, 40, seed=3, shuffle=True)
    period = next(period for period in range(2, 50) if len(whole) % period)
    windows = Windows(store, 40, seed=3, shuffle=True, period=period)
    assert len(windows) == len(whole) - len(whole) % period
    assert windows.num_skipped_tokens(40) == whole.num_skipped_tokens(40) + 40 * (len(whole) % period)


def test_an_epoch_of_fewer_windows_than_a_period_keeps_them_all(store: TokenStore) -> None:
    windows = Windows(store, store.num_tokens // 3, seed=3, shuffle=True, period=100)
    assert sorted(windows.at(np.arange(len(windows))).numbers.tolist()) == list(range(len(windows)))


def test_a_store_shorter_than_a_window_is_refused(store: TokenStore) -> None:
    with pytest.raises(BadStore, match="fewer than one window"):
        Windows(store, store.num_tokens + 1, seed=3, shuffle=False)
