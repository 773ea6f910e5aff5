"""What is scored: hidden tokens and nothing else, equal in the formats that share their spans."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.tokens import TokenStore
from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.transfer.exam.adapting import adapt
from denoise.transfer.exam.config import FORMATS, BadExam, ExamConfig, Format
from denoise.transfer.exam.scoring import hidden_spots, mark
from denoise.transfer.exam.sheets import ADAPT_SEED, EXAM_SEED, Sheets, with_other_sources
from tests.denoise.small_models import small_config

PAIRED: tuple[Format, ...] = ("sentinels", "one_mask", "mask_each")
RATES = (0.15, 0.5)
CONFIG = ExamConfig(source_len=48, num_windows=12, adapt_tokens=8000, adapt_batch_size=4)
Ask = Callable[..., list[Batch]]


@pytest.fixture(scope="module")
def sheets(prepared: Path) -> Sheets:
    store, held_out = TokenStore.open(prepared), TokenStore.open(prepared, split="held_out")
    return Sheets(config=CONFIG, store=store, held_out=held_out)


@pytest.fixture(scope="module")
def ask(sheets: Sheets) -> Ask:
    examined = partial(sheets.examined, mode=None, is_apart=False)
    return lambda *given, **options: list(examined(*given, **options))


@pytest.fixture(scope="module")
def model(sheets: Sheets) -> EncoderDecoder:
    """A model that has learnt a little of every paired format: some of its spans are right, and some are not."""
    vocab = sheets.store.vocab
    trained = EncoderDecoder(small_config(), vocab.size, pad_id=vocab.pad).eval()
    more = Sheets(
        config=ExamConfig(source_len=48, adapt_tokens=80_000, adapt_batch_size=4),
        store=sheets.store,
        held_out=sheets.held_out,
    )
    batches = [list(more.adapted_on(format, [None, None], is_apart=False)) for format in PAIRED]
    adapt(trained, [batch for three in zip(*batches, strict=False) for batch in three], 4e-3)
    return trained


def token_bytes(sheets: Sheets) -> torch.Tensor:
    return torch.from_numpy(sheets.store.tokenizer.token_bytes.astype("int64"))


def hidden_tokens(batches: list[Batch]) -> list[list[int]]:
    """The tokens of each window that are scored, in order."""
    found = []
    for batch in batches:
        is_scored = torch.zeros(batch.target.numel(), dtype=torch.bool)
        is_scored[hidden_spots(batch).places] = True
        rows = zip(batch.target, is_scored.view(batch.target.shape), strict=True)
        found += [target[scored].tolist() for target, scored in rows]
    return found


@pytest.mark.parametrize("rate", RATES)
def test_the_paired_formats_hide_the_same_tokens_of_the_same_windows(ask: Ask, rate: float) -> None:
    sentinels, one_mask, mask_each = (hidden_tokens(ask(format, rate)) for format in PAIRED)
    assert sentinels == one_mask == mask_each
    spans = {sum(hidden_spots(batch).num_spans for batch in ask(format, rate)) for format in PAIRED}
    assert len(spans) == 1


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rate", RATES)
def test_nothing_is_scored_but_hidden_text(sheets: Sheets, ask: Ask, format: Format, rate: float) -> None:
    special = sheets.store.vocab.is_special
    windows = hidden_tokens(ask(format, rate))
    assert not special[np.concatenate([np.array(tokens) for tokens in windows])].any()
    wanted = round(rate * CONFIG.window_len)
    # The end of a document inside a suffix is hidden, and not scored; every other window has its full rate.
    assert {len(tokens) for tokens in windows} <= ({wanted} if format != "continuation" else {wanted - 1, wanted})


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_scored_the_encoder_does_not_read(sheets: Sheets, ask: Ask, format: Format) -> None:
    """What the encoder reads and what is scored make up the window, each token once."""
    special, batches = sheets.store.vocab.is_special, ask(format, 0.5)
    read = [row[~special[row]] for batch in batches for row in batch.source.numpy()]
    store = sheets.held_out
    starts = range(0, sheets.stride * sheets.num_windows, sheets.stride)
    for start, seen, hidden in zip(starts, read, hidden_tokens(batches), strict=True):
        window = np.asarray(store.tokens[start : start + CONFIG.window_len])
        assert sorted([*seen.tolist(), *hidden]) == sorted(window[~special[window]].tolist())


def test_windows_with_document_ends_are_among_those_examined(sheets: Sheets, ask: Ask) -> None:
    eos = sheets.store.vocab.eos
    assert any(((batch.source == eos).sum(1) > 1).any() for batch in ask("sentinels", 0.5))


def test_no_window_is_shortened_where_documents_are_shorter_than_its_spans(sheets: Sheets) -> None:
    tokens = np.array(sheets.held_out.tokens)
    tokens[::6] = sheets.store.vocab.eos
    config = ExamConfig(source_len=48, num_windows=20, mean_span_length=12.0)
    torn = Sheets(config=config, store=sheets.store, held_out=dataclasses.replace(sheets.held_out, tokens=tokens))
    found = [list(torn.examined(format, 0.5, mode=None, is_apart=False)) for format in PAIRED]
    assert sum(hidden_spots(batch).num_spans for batch in found[0]) > 2 * torn.num_windows  # two were asked for
    assert hidden_tokens(found[0]) == hidden_tokens(found[1]) == hidden_tokens(found[2])


@pytest.mark.parametrize("format", FORMATS)
def test_a_model_without_an_opinion_has_log2_v_bits_a_token(sheets: Sheets, ask: Ask, format: Format) -> None:
    vocab = sheets.store.vocab
    blank = EncoderDecoder(small_config(head_init=0.0), vocab.size, pad_id=vocab.pad).eval()
    marks = mark(blank, ask(format, 0.15), token_bytes(sheets))
    tokens = [token for window in hidden_tokens(ask(format, 0.15)) for token in window]
    num_bytes = sum(len(sheets.store.tokenizer.text_of([token]).encode()) for token in tokens)
    assert num_bytes == int(marks.scores.noise_bytes)
    expected = math.log2(vocab.size) * len(tokens) / num_bytes
    assert marks.scores.noise_bits_per_byte == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("format", PAIRED)
def test_exact_spans_are_those_that_greedy_writing_gets_right(
    sheets: Sheets, ask: Ask, model: EncoderDecoder, format: Format
) -> None:
    batches = ask(format, 0.5)
    marks = mark(model, batches, token_bytes(sheets))
    written = sum(written_right(model, batch) for batch in batches)
    assert marks.num_exact_spans == written
    assert 0 < written < marks.num_spans


def written_right(model: EncoderDecoder, batch: Batch) -> int:
    """Spans that the model writes right token by token, each begun behind the true text before it."""
    spots, width, num_right = hidden_spots(batch), batch.target.shape[1], 0
    for span in range(spots.num_spans):
        places = spots.places[spots.spans == span]
        row = int(places[0]) // width
        one = Batch(*(None if x is None or not torch.is_tensor(x) else x[row : row + 1].clone() for x in batch))
        own = one.decoder_input
        said = []
        for place in (places % width).tolist():
            with torch.no_grad():
                said.append(int(model.logits(one.for_model())[0, place].argmax()))
            if place + 1 < width:
                own[0, place + 1] = said[-1]
        num_right += said == batch.target.flatten()[places].tolist()
    return num_right


@pytest.mark.parametrize("format", FORMATS)
def test_figures_do_not_depend_on_how_many_windows_are_read_at_once(
    sheets: Sheets, ask: Ask, model: EncoderDecoder, format: Format
) -> None:
    whole = mark(model, ask(format, 0.5), token_bytes(sheets))
    for windows_at_once in (1, 5):
        parts = mark(model, ask(format, 0.5, windows_at_once=windows_at_once), token_bytes(sheets))
        assert (parts.num_spans, parts.num_exact_spans) == (whole.num_spans, whole.num_exact_spans)
        assert parts.scores.noise_bytes == whole.scores.noise_bytes
        assert parts.scores.noise_bits_per_byte == pytest.approx(whole.scores.noise_bits_per_byte, rel=1e-5)


def test_the_bits_are_those_of_the_held_out_score_of_training(sheets: Sheets, ask: Ask, model: EncoderDecoder) -> None:
    from denoise.train.scores import Scores, score

    summed = Scores.zero("cpu")
    for batch in ask("one_mask", 0.15):
        summed = summed + score(model.token_nats(batch.for_model()), batch, token_bytes(sheets))
    marks = mark(model, ask("one_mask", 0.15), token_bytes(sheets))
    assert marks.scores.noise_bits_per_byte == pytest.approx(summed.noise_bits_per_byte, rel=1e-5)


def test_documents_that_are_kept_apart_hide_the_same(sheets: Sheets) -> None:
    for format in ("sentinels", "fragment"):
        apart, joined = (
            list(sheets.examined(format, 0.5, mode=None, is_apart=is_apart))  # type: ignore[arg-type]
            for is_apart in (True, False)
        )
        assert hidden_tokens(apart) == hidden_tokens(joined)
        assert apart[0].source_documents is not None
        assert apart[0].source_documents.shape == apart[0].source.shape


def test_a_model_examined_apart_is_scored(sheets: Sheets, model: EncoderDecoder) -> None:
    marks = mark(model, sheets.examined("sentinels", 0.5, mode=None, is_apart=True), token_bytes(sheets))
    assert marks.scores.noise_bits_per_byte is not None


def test_adaptations_cost_no_more_than_was_given_and_are_equal_each_time(sheets: Sheets) -> None:
    def costs(format: Format) -> list[int]:
        batches = sheets.adapted_on(format, [None, None], is_apart=False)
        return [batch.source.numel() + batch.target.numel() for batch in batches]

    for format in FORMATS:
        assert CONFIG.adapt_tokens - 2 * max(costs(format)) < sum(costs(format)) <= CONFIG.adapt_tokens
    first, again = (list(sheets.adapted_on("one_mask", [None, None], is_apart=False)) for _ in range(2))
    assert all(torch.equal(a.source, b.source) for a, b in zip(first, again, strict=True))
    hidden = [len(hidden_spots(batch).places) / len(batch.target) for batch in first[:2]]
    assert hidden == [round(rate * CONFIG.window_len) for rate in CONFIG.rates]


def test_too_few_tokens_to_adapt_are_refused(sheets: Sheets) -> None:
    poor = Sheets(config=ExamConfig(source_len=48, adapt_tokens=100), store=sheets.store, held_out=sheets.held_out)
    with pytest.raises(BadExam, match="adapt_tokens is 100, too few"):
        list(poor.adapted_on("one_mask", [None, None], is_apart=False))


def test_the_exam_adapts_on_the_train_split_and_examines_the_held_out_one(
    sheets: Sheets, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from denoise.feed import batches

    read: list[tuple[str, int]] = []
    corrupt_rows = batches.corrupt_rows

    def seen(parts, rows, vocab, *, seed, **options):
        split = next(s.split for s in (sheets.store, sheets.held_out) if np.shares_memory(s.tokens, rows.tokens))
        read.append((split, seed))
        return corrupt_rows(parts, rows, vocab, seed=seed, **options)

    monkeypatch.setattr(batches, "corrupt_rows", seen)
    ask("sentinels", 0.15)
    assert set(read) == {("held_out", EXAM_SEED)}
    read.clear()
    list(sheets.adapted_on("sentinels", [None, None], is_apart=False))
    assert set(read) == {("train", ADAPT_SEED)}


def test_windows_lie_over_all_held_out_text(sheets: Sheets) -> None:
    assert sheets.num_windows == CONFIG.num_windows
    last = sheets.stride * (sheets.num_windows - 1) + CONFIG.window_len
    assert sheets.held_out.num_tokens - 2 * sheets.stride < last <= sheets.held_out.num_tokens


@pytest.mark.parametrize("format", FORMATS)
def test_another_source_stands_beside_the_same_questions(ask: Ask, format: Format) -> None:
    [batch] = ask(format, 0.15)
    other = with_other_sources(batch)
    assert torch.equal(other.target, batch.target) and torch.equal(other.decoder_input, batch.decoder_input)
    rows = len(batch.source)
    for row in range(rows):
        assert torch.equal(other.source[row], batch.source[(row + 1) % rows])
        assert not torch.equal(other.source[row], batch.source[row])


def test_a_model_that_reads_no_source_is_saved_nothing_by_it(ask: Ask, sheets: Sheets, model: EncoderDecoder) -> None:
    batches = ask("mask_each", 0.5)

    def saved(asked: EncoderDecoder) -> float:
        own, other = (
            mark(asked, given, token_bytes(sheets)).scores.noise_bits_per_byte
            for given in (batches, map(with_other_sources, batches))
        )
        assert own is not None and other is not None
        return other - own

    blind = copy.deepcopy(model)
    for name, weight in blind.named_parameters():
        if "cross" in name:
            weight.data.zero_()
    assert saved(blind) == pytest.approx(0, abs=1e-6)
    assert abs(saved(model)) > 1e-4


@pytest.mark.parametrize("num_windows", [2, 3, 33, 65])
def test_no_batch_has_a_single_window_whose_source_could_only_be_its_own(prepared: Path, num_windows: int) -> None:
    config = ExamConfig(source_len=16, num_windows=num_windows)
    store, held_out = TokenStore.open(prepared), TokenStore.open(prepared, split="held_out")
    sheets = Sheets(config=config, store=store, held_out=held_out)
    sizes = [len(batch.source) for batch in sheets.examined("one_mask", 0.15, mode=None, is_apart=False)]
    assert sum(sizes) == num_windows and min(sizes) > 1
