"""What was done to the text is counted exactly, adds up, and reaches the log."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from corruptions import (
    Corruption,
    DocumentRotation,
    Draw,
    Linear,
    MaskedFragment,
    Mixture,
    PrefixLM,
    SpanCorruption,
    TextInfilling,
    TokenMasking,
)
from corruptions.denoising import Denoising
from corruptions.noise import Suffix, Tokens
from corruptions.render import Said, Shown
from data_prep.tokens import TokenStore
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.batches import Batches
from denoise.feed.counts import NoiseCounts, tells_spans_apart
from denoise.train.callbacks.journal import Journal
from denoise.train.scores import Scores, score
from tests.denoise.feeds import batches_of, in_mode, three_parts


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


DROP = Denoising(noise=Tokens(), shown=Shown.NOTHING, said=Said.NOISE)
SUFFIX = Denoising(noise=Suffix(), shown=Shown.NOTHING, said=Said.WHOLE_TEXT)


def test_counts_are_those_of_the_windows_one_by_one(store: TokenStore) -> None:
    batches = batches_of(store, three_parts(), 64)
    counts = batches[1].counts
    assert counts is not None
    expected = NoiseCounts.zero(3)
    for visit in map(batches.visit, range(8, 16)):
        part = batches.room.parts.index(visit.corruption)
        is_noise = visit.example.target_is_noise
        runs = "".join("x" if noise else " " for noise in is_noise).split()
        expected.windows[part] += 1
        expected.raw_tokens[part] += len(visit.window.tokens)
        expected.hidden_tokens[part] += is_noise.sum()
        expected.hidden_runs[part] += len(runs)
        expected.source_tokens[part] += len(visit.example.source)
        expected.source_places[part] += 64
        expected.target_tokens[part] += len(visit.example.target)
        expected.target_places[part] += batches.room.pad_to.target
    assert all(np.array_equal(mine, others) for mine, others in zip(counts, expected, strict=True))


@pytest.mark.parametrize(
    ("corruption", "rate", "spans_a_window"),
    [
        (SpanCorruption(), 85 / 568, 28),
        (TextInfilling(), 0.3, None),
        (TokenMasking(), 0.135, None),
        (MaskedFragment(), 0.5, 1),
        (PrefixLM(), None, None),
        (DROP, 0.15, None),
        (SUFFIX, None, None),
        (DocumentRotation(), 0.0, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_log_shows_the_rate_and_the_spans_of_an_objective(
    store: TokenStore, corruption: Corruption, rate: float | None, spans_a_window: int | None
) -> None:
    batches = batches_of(store, corruption, 512, batch_size=4)
    shown = batches[0].counts.shares(batches.room.parts)  # type: ignore[union-attr]
    if rate is not None:
        assert abs(shown["noise_rate"] - rate) < 0.003
    if spans_a_window is not None:
        assert shown["spans_a_window"] == spans_a_window
    assert ("spans_a_window" in shown) is (
        type(corruption) in (SpanCorruption, TextInfilling, TokenMasking, MaskedFragment)
    )
    assert not any(name.startswith("part") for name in shown)


def test_padding_is_the_share_of_places_without_a_token(store: TokenStore) -> None:
    batches = batches_of(store, three_parts(), 64)
    batch = batches[0]
    shown = batch.counts.shares(batches.room.parts)  # type: ignore[union-attr]
    assert shown["source_padding"] == round(float((batch.source == store.vocab.pad).float().mean()), 6)
    assert abs(shown["target_padding"] - float((batch.target == IGNORED).float().mean())) < 1e-5
    assert shown["target_padding"] > 0.3


def test_each_part_of_a_mixture_has_its_share_and_its_rate(store: TokenStore) -> None:
    batches = batches_of(store, three_parts(), 128, batch_size=12)
    counts = batches[0].counts + batches[1].counts  # type: ignore[operator]
    shown = counts.shares(batches.room.parts)
    assert [shown[f"part_{number}_share"] for number in (1, 2, 3)] == [0.5, 0.25, 0.25]
    rates = [shown[f"part_{number}_noise_rate"] for number in (1, 2, 3)]
    assert np.abs(np.array(rates) - [0.15, 0.25, 0.5]).max() < 0.03
    assert shown["noise_rate"] == round(counts.hidden_tokens.sum() / counts.raw_tokens.sum(), 6)


def test_spans_are_counted_of_the_parts_that_tell_them_apart(store: TokenStore) -> None:
    assert not tells_spans_apart(in_mode("[S]", DROP))
    mixture = Mixture(parts=[SpanCorruption(), in_mode("[S]", DROP)], draw=Draw.STRATIFIED)
    batches = batches_of(store, mixture, 512)
    shown = batches[0].counts.shares(batches.room.parts)  # type: ignore[union-attr]
    assert shown["spans_a_window"] == 28
    assert shown["span_length"] == round(85 / 28, 6)


class _Lines:
    """A run folder, a dashboard and a progress bar that keep what they are told."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    def append(self, row: dict) -> None:
        self.rows.append(row)

    def log(self, row: dict) -> None: ...

    def start(self, step: int) -> None: ...

    def update(self, *_: object) -> None: ...


def journal_of(lines: _Lines) -> Journal:
    return Journal(lines, lines, lines, log_every=3)  # type: ignore[arg-type]


def after_step(journal: Journal, step: int, batches: Batches) -> None:
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.1}])
    data = SimpleNamespace(tokens_before=lambda step: step, room=batches.room)
    trainer = SimpleNamespace(global_step=step, datamodule=data, optimizers=[optimizer])
    module = SimpleNamespace(num_steps=9, last_loss=1.0, last_penalty=0.0, last_gradient_norm=1.0)
    journal.on_train_batch_end(trainer, module, None, batches[step - 1], step - 1)  # type: ignore[arg-type]


def test_a_line_of_metrics_is_of_the_steps_since_the_last(store: TokenStore, tmp_path: Path) -> None:
    batches = batches_of(store, SpanCorruption(rate=Linear(start=0.5, end=0.2, num_steps=8)), 64, num_batches=9)
    unbroken, resumed = _Lines(), _Lines()
    journal = journal_of(unbroken)
    for step in range(1, 7):
        after_step(journal, step, batches)
        if step == 5:
            torch.save(journal.state_dict(), tmp_path / "state")
    assert [row["step"] for row in unbroken.rows] == [1, 3, 6]
    assert np.abs(np.array([row["noise_rate"] for row in unbroken.rows]) - [0.5, 0.444, 0.35]).max() < 0.01
    journal = journal_of(resumed)
    journal.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    after_step(journal, 6, batches)
    timed = ("elapsed_s", "tokens_per_s")
    [last] = resumed.rows
    assert {n: v for n, v in last.items() if n not in timed} == {
        n: v for n, v in unbroken.rows[-1].items() if n not in timed
    }


def test_counts_stay_on_the_cpu_as_they_are(store: TokenStore) -> None:
    from lightning.pytorch.utilities import move_data_to_device

    batch = batches_of(store, three_parts(), 64)[0]
    moved = move_data_to_device(batch, torch.device("meta"))
    assert isinstance(moved, Batch)
    assert moved.source.device.type == "meta"
    assert moved.counts is not None
    assert all(mine is others for mine, others in zip(moved.counts, batch.counts, strict=True))  # type: ignore[arg-type]


def test_scores_of_the_parts_add_up_to_those_of_the_whole(store: TokenStore) -> None:
    batch = batches_of(store, three_parts(), 64, batch_size=12)[0]
    vocab_size = store.vocab.size
    nats = torch.rand(batch.target.shape, generator=torch.Generator().manual_seed(0))
    token_bytes = torch.arange(vocab_size)
    whole = score(nats, batch._replace(parts=None), token_bytes)
    assert whole.of_parts() == []
    by_part = Scores.zero("cpu") + score(nats, batch, token_bytes)
    assert by_part.loss == pytest.approx(whole.loss)
    assert by_part.bits_per_byte == pytest.approx(whole.bits_per_byte)
    assert by_part.noise_bits_per_byte == pytest.approx(whole.noise_bits_per_byte)
    for number, part in enumerate(by_part.of_parts()):
        rows = batch.parts == number
        own = Batch(*(column[rows] if isinstance(column, torch.Tensor) else None for column in batch))
        alone = score(nats[rows], own._replace(parts=None), token_bytes)
        assert part.loss == pytest.approx(alone.loss)
        assert part.noise_bits_per_byte == pytest.approx(alone.noise_bits_per_byte)
