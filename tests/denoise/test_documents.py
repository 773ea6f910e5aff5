"""Documents kept apart: where each place belongs, and that nothing is seen across."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from corruptions import (
    Chain,
    Corruption,
    Denoising,
    MaskedFragment,
    Prefixed,
    PrefixLM,
    Said,
    SentenceOrder,
    SentencePermutation,
    Shown,
    SpanCorruption,
    TextInfilling,
    TokenDeletion,
    TokenMasking,
)
from corruptions.batch import Rows, corrupt_rows
from corruptions.letters import LETTERS, letters
from corruptions.protocol import BadCorruption
from data_prep.tokens import TokenStore
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.documents import PADDING, demand_apart, documents_of, start_anew
from denoise.model import sight
from denoise.model.encoder_decoder import EncoderDecoder
from tests.denoise.feeds import batches_of
from tests.denoise.small_models import small_model

APART = [
    SpanCorruption(rate=0.4),
    TextInfilling(rate=0.4),
    TokenMasking(rate=0.3, mask_fraction=1.0, random_fraction=0.0),
    TokenDeletion(rate=0.3),
    MaskedFragment(),
    Prefixed(mode="[R]", corruption=SpanCorruption(rate=0.4)),
    Prefixed(mode="[R]", corruption=MaskedFragment()),
    Chain(steps=[SentencePermutation(), TextInfilling(rate=0.4)]),
    Chain(steps=[SentencePermutation(), SpanCorruption(rate=0.4)]),
]
JOINED_ONLY = [
    (PrefixLM(), "hides the ends of documents"),
    (Denoising(shown=Shown.NOTHING, said=Said.NOISE), "one after another"),
    (SentenceOrder(), "makes whole examples"),
]


@pytest.fixture(scope="module")
def store(prepared: Path) -> TokenStore:
    return TokenStore.open(prepared, split="train")


DOCUMENT_LEN, NUM_DOCUMENTS, NUM_ROWS = 9, 4, 24


def lettered_rows() -> Rows:
    """Windows of four documents; the n-th has letters of its own, so that each token tells its document."""
    first = LETTERS.text_ids.start
    texts = [np.arange(DOCUMENT_LEN) + first + DOCUMENT_LEN * number for number in range(NUM_DOCUMENTS)]
    for text in texts[:-1]:
        text[-1] = LETTERS.eos
    tokens = np.concatenate(texts).astype(np.uint16)
    marks = np.where(np.arange(len(tokens)) % 3 == 2, 2, 0).astype(np.uint8)
    zeros = np.zeros(NUM_ROWS, dtype=np.int64)
    windows = np.arange(NUM_ROWS, dtype=np.uint64)
    return Rows(tokens, marks, zeros, zeros + len(tokens), zeros, windows, zeros)


def told_by_letters(ids: np.ndarray) -> np.ndarray:
    """The document of each letter; PADDING where there is none."""
    number = (ids - LETTERS.text_ids.start) // DOCUMENT_LEN
    return np.where((ids >= LETTERS.text_ids.start) & (number < NUM_DOCUMENTS), number, PADDING)


@pytest.mark.parametrize("corruption", APART, ids=lambda corruption: corruption.describe())
def test_every_token_is_in_the_document_that_it_came_from(corruption: Corruption) -> None:
    demand_apart(corruption)
    rows = lettered_rows()
    longest = corruption.longest(len(rows.tokens))
    pad_to = longest._replace(source=longest.source + 3, target=longest.target + 3)
    out = corrupt_rows([corruption], rows, LETTERS, seed=1, pad_to=pad_to)
    documents = documents_of(out, [corruption], rows.parts, LETTERS)
    for ids, found in ((out.source, documents.source), (out.target, documents.target)):
        told = told_by_letters(ids)
        assert (told >= 0).sum() > NUM_ROWS
        assert np.array_equal(found[told >= 0], told[told >= 0]), letters(ids[0])
    is_end = out.target[:, :-1] == LETTERS.eos
    assert (documents.target[:, :-1][is_end] <= NUM_DOCUMENTS - 1).all()
    behind = np.arange(pad_to.source) >= out.source_lengths[:, None]
    assert (documents.source[behind] == PADDING).all() and (documents.source[~behind] >= 0).all()
    last = documents.source[np.arange(NUM_ROWS), out.source_lengths - 1]
    is_behind_target = np.arange(pad_to.target) >= out.target_lengths[:, None]
    assert np.array_equal(documents.target[is_behind_target], np.repeat(last, is_behind_target.sum(1)))
    for row in range(NUM_ROWS):  # whoever has nothing to read has no defined attention
        assert set(documents.target[row]) <= set(documents.source[row])


@pytest.mark.parametrize("corruption", APART, ids=lambda corruption: corruption.describe())
def test_a_decoder_reads_nothing_of_the_document_before(corruption: Corruption) -> None:
    rows = lettered_rows()
    pad_to = corruption.longest(len(rows.tokens))
    out = corrupt_rows([corruption], rows, LETTERS, seed=1, pad_to=pad_to)
    plain = out.decoder_input.copy()
    documents = documents_of(out, [corruption], rows.parts, LETTERS)
    start_anew(out, documents, LETTERS.pad)
    told = told_by_letters(out.decoder_input)
    assert np.array_equal(told[told >= 0], documents.target[told >= 0])
    starts = np.pad(np.diff(documents.target, axis=1) != 0, ((0, 0), (1, 0)))
    assert (out.decoder_input[starts] == LETTERS.pad).all() and starts.sum() > NUM_ROWS
    assert np.array_equal(out.decoder_input[~starts], plain[~starts])


@pytest.mark.parametrize(("corruption", "why"), JOINED_ONLY)
def test_what_does_not_tell_documents_is_refused(corruption: Corruption, why: str) -> None:
    with pytest.raises(BadCorruption, match=why):
        demand_apart(corruption)


def packed() -> Batch:
    """Rows of two documents, 8 + 12 tokens of source and 3 of padding, 5 + 7 of target."""
    draw = torch.Generator().manual_seed(3)
    source, target = (torch.randint(3, 95, (2, n), generator=draw) for n in (23, 12))
    decoder_input = torch.cat([torch.zeros(2, 1, dtype=torch.int64), target[:, :-1]], dim=1)
    decoder_input[:, 5] = 0
    return Batch(
        source,
        torch.tensor([[True] * 20 + [False] * 3] * 2),
        decoder_input,
        torch.arange(12).expand(2, 12),
        target,
        source_documents=torch.tensor([[0] * 8 + [1] * 12 + [PADDING] * 3] * 2),
        target_documents=torch.tensor([[0] * 5 + [1] * 7] * 2),
    )


def alone(batch: Batch, source: slice, target: slice) -> Batch:
    num_places = target.stop - target.start
    positions = torch.arange(num_places).expand(2, num_places)
    return Batch(batch.source[:, source], None, batch.decoder_input[:, target], positions, batch.target[:, target])


@torch.no_grad()
def logits_of(model: EncoderDecoder, batch: Batch) -> Tensor:
    return model.eval().logits(batch)


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
def test_two_documents_of_one_window_are_the_two_alone(positions: str) -> None:
    model, batch = small_model(positions), packed()
    together = logits_of(model, batch)
    first = logits_of(model, alone(batch, slice(0, 8), slice(0, 5)))
    second = logits_of(model, alone(batch, slice(8, 20), slice(5, 12)))
    torch.testing.assert_close(together, torch.cat([first, second], dim=1), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
def test_a_document_does_not_feel_its_neighbour(positions: str) -> None:
    model, batch = small_model(positions), packed()
    changed = batch._replace(source=batch.source.clone(), decoder_input=batch.decoder_input.clone())
    changed.source[:, :8] = 50
    changed.source[:, 20:] = 51
    changed.decoder_input[:, 1:5] = 52
    before, after = logits_of(model, batch), logits_of(model, changed)
    torch.testing.assert_close(before[:, 5:], after[:, 5:], atol=1e-6, rtol=1e-6)
    assert (before[:, :5] - after[:, :5]).abs().max() > 0.01


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
@pytest.mark.parametrize("masked_by", ["nothing", "padding", "documents"])
def test_flex_attention_says_what_plain_attention_says(
    positions: str, masked_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = packed()
    if masked_by != "documents":
        batch = batch._replace(source_documents=None, target_documents=None)
    if masked_by == "nothing":
        batch = batch._replace(source_mask=None)
    model, calls = small_model(positions), []
    expected = logits_of(model, batch)
    flex_attention = sight.flex_attention
    monkeypatch.setattr(sight, "flex_is_fast_on", lambda device: True)
    monkeypatch.setattr(sight, "flex_attention", lambda *a, **k: calls.append(1) or flex_attention(*a, **k))
    torch.testing.assert_close(logits_of(model, batch), expected, atol=1e-5, rtol=1e-5)
    # rope alone is plain in all three; a bias is in both self-attentions, padding in all that read the source.
    num_flexible = {"rope": (0, 4, 6), "t5_bias": (4, 6, 6)}[positions]
    assert len(calls) == num_flexible[("nothing", "padding", "documents").index(masked_by)]


def test_batches_tell_documents_and_padding(store: TokenStore) -> None:
    batches = batches_of(store, TextInfilling(), 600, batch_size=8)
    joined = batches[0]
    batches.keep_apart = True
    batch = batches[0]
    assert joined.source_documents is None and joined.target_documents is None
    assert batch.source_documents is not None and batch.target_documents is not None
    ends = (batch.source == store.vocab.eos).sum()
    assert ends > 8, "no window has two documents"
    assert batch.source_documents.max(dim=1).values.sum() == ends - 8
    assert torch.equal(batch.target, joined.target) and torch.equal(batch.source, joined.source)
    assert (batch.decoder_input != joined.decoder_input).sum() <= ends
    assert (batch.target_documents[batch.target != IGNORED] >= 0).all()
