"""The compiled loops give what the plain corruptions give, token for token, and never read or write too far."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from strategies import CORRUPTIONS, PRESETS

from corruptions import (
    BadCorruption,
    Chain,
    Corruption,
    DocumentRotation,
    Example,
    Lengths,
    MaskedFragment,
    Mixture,
    Prefixed,
    SentencePermutation,
    SpanCorruption,
    TextInfilling,
    TokenMasking,
)
from corruptions.batch import CorruptedRows, Rows, corrupt_rows, run_plain
from corruptions.compiled.space import MAX_LENGTH
from corruptions.letters import LETTERS
from corruptions.program import is_compiled
from data_prep.vocab import SENTENCE_END, WORD_START, OutOfSentinels, Vocab

COMPILED = {name: corruption for name, corruption in CORRUPTIONS.items() if is_compiled(corruption)}


def made_rows(
    *, num_rows=24, max_len=300, document_len=0, sentence_len=9, seed=0, dtype=np.uint16, lengths=None
) -> Rows:
    generator = np.random.default_rng(seed)
    num_tokens = 4 * max_len
    tokens = generator.choice(np.array(LETTERS.text_ids), num_tokens).astype(dtype)
    if document_len:
        tokens[generator.random(num_tokens) < 1 / document_len] = LETTERS.eos
    ends = (generator.random(num_tokens) < 1 / sentence_len) | (tokens == LETTERS.eos)
    marks = (generator.random(num_tokens) < 0.6) * WORD_START + ends * SENTENCE_END
    if lengths is None:
        lengths = generator.integers(0, max_len + 1, num_rows)
        lengths[:7] = [0, 1, 2, 3, 4, 16, max_len]
    starts = generator.integers(0, num_tokens - max_len, len(lengths))
    starts[-1] = num_tokens - lengths[-1]  # the last row ends where the store does
    return Rows(
        tokens=tokens,
        marks=marks.astype(np.uint8),
        starts=starts,
        lengths=np.asarray(lengths),
        epochs=generator.integers(0, 5, len(lengths)),
        windows=generator.integers(0, 2**63, len(lengths)).astype(np.uint64),
        parts=np.zeros(len(lengths), dtype=np.int64),
    )


def room_for(corruptions, rows, *, to_spare=0) -> Lengths:
    lengths = [corruption.longest(int(length)) for corruption in corruptions for length in rows.lengths]
    return Lengths(max(n.source for n in lengths) + to_spare, max(n.target for n in lengths) + to_spare)


def plain(corruptions, rows, vocab, *, seed, pad_to) -> CorruptedRows:
    out = CorruptedRows.empty(len(rows.starts), pad_to)
    for row in range(len(rows.starts)):
        run_plain(corruptions[rows.parts[row]], rows, row, vocab, seed=seed, pad_to=pad_to, out=out)
    return out


def assert_equal(found: CorruptedRows, expected: CorruptedRows) -> None:
    for name, column, oracle in zip(found._fields, found, expected, strict=True):
        if column is None and oracle is None:
            continue
        if column is None:
            column = np.broadcast_to(np.arange(oracle.shape[1]), oracle.shape)
        different = np.flatnonzero((column != oracle).reshape(len(oracle), -1).any(axis=1))
        assert not len(different), (
            f"{name} of row {different[0]}: {column[different[0]]} against {oracle[different[0]]}"
        )


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_loops_give_what_plain_corruptions_give(name):
    for document_len in (0, 100, 20, 3, 1):
        rows = made_rows(document_len=document_len, seed=document_len)
        pad_to = room_for([COMPILED[name]], rows, to_spare=3 if document_len else 0)
        found = corrupt_rows([COMPILED[name]], rows, LETTERS, seed=2**63 + 5, pad_to=pad_to)
        assert_equal(found, plain([COMPILED[name]], rows, LETTERS, seed=2**63 + 5, pad_to=pad_to))


def test_all_presets_are_compiled():
    assert {name for name, preset in PRESETS.items() if not all(map(is_compiled, preset.variants()))} == set()


class Reversed(Corruption):
    def corrupt(self, window, draws, vocab):
        end = np.array([vocab.eos], dtype=np.int32)
        return Example(np.append(window.tokens[::-1], end), np.append(window.tokens, end))


def test_a_batch_may_mix_compiled_corruptions_and_plug_ins():
    corruptions = [SpanCorruption(rate=0.4), Reversed(), MaskedFragment(), TokenMasking(rate=0.6)]
    rows = made_rows(num_rows=40)
    rows = rows._replace(parts=np.arange(40) % 4)
    pad_to = room_for(corruptions, rows)
    found = corrupt_rows(corruptions, rows, LETTERS, seed=3, pad_to=pad_to)
    assert_equal(found, plain(corruptions, rows, LETTERS, seed=3, pad_to=pad_to))


def test_a_row_is_the_same_whatever_batch_it_is_in():
    rows = made_rows(num_rows=30, document_len=40)
    pad_to = room_for([TextInfilling()], rows, to_spare=5)
    whole = corrupt_rows([TextInfilling()], rows, LETTERS, seed=1, pad_to=pad_to)
    for row in (0, 7, 29):
        alone = Rows(rows.tokens, rows.marks, *(column[row : row + 1] for column in rows[2:]))
        found = corrupt_rows([TextInfilling()], alone, LETTERS, seed=1, pad_to=pad_to)
        assert np.array_equal(found.source[0], whole.source[row]) and np.array_equal(found.target[0], whole.target[row])


def test_uint32_stores_and_memory_maps_are_read_like_any_other(tmp_path):
    rows = made_rows()
    pad_to = room_for([SpanCorruption()], rows)
    expected = corrupt_rows([SpanCorruption()], rows, LETTERS, seed=1, pad_to=pad_to)
    rows.tokens.astype("<u4").tofile(tmp_path / "tokens.bin")
    mapped = rows._replace(tokens=np.memmap(tmp_path / "tokens.bin", dtype="<u4", mode="r"))
    assert_equal(corrupt_rows([SpanCorruption()], mapped, LETTERS, seed=1, pad_to=pad_to), expected)


def test_more_spans_than_sentinels_are_refused_and_never_become_words():
    few = Vocab(**{**{f: getattr(LETTERS, f) for f in ("size", "pad", "eos", "unk", "mask", "text_ids")},
                   "sentinels": LETTERS.sentinels[:20]})  # fmt: skip
    rows = made_rows(lengths=[200, 200])
    with pytest.raises(OutOfSentinels, match="has 20"):
        corrupt_rows([SpanCorruption(rate=0.5)], rows, few, seed=1, pad_to=Lengths(300, 300))


def test_rows_that_do_not_fit_are_refused_and_nothing_outside_the_store_is_read():
    rows = made_rows(lengths=[100, 100])
    with pytest.raises(BadCorruption, match="source of 50"):
        corrupt_rows([SpanCorruption()], rows, LETTERS, seed=1, pad_to=Lengths(50, 50))
    for corruption in (SpanCorruption(), Reversed()):
        for bad in (rows._replace(starts=rows.starts + 10_000), rows._replace(starts=-rows.starts - 1)):
            with pytest.raises(ValueError, match="lies outside the tokens"):
                corrupt_rows([corruption], bad, LETTERS, seed=1, pad_to=Lengths(200, 200))
        for part in (-1, 1):  # as an index, -1 would be the last corruption
            with pytest.raises(ValueError, match="give 0 to 0"):
                corrupt_rows(
                    [corruption], rows._replace(parts=rows.parts + part), LETTERS, seed=1, pad_to=Lengths(200, 200)
                )


def test_windows_are_cut_where_document_ends_leave_no_room():
    rows = made_rows(lengths=[120] * 8, document_len=2)
    pad_to = SpanCorruption(rate=0.5).longest(120)
    found = corrupt_rows([SpanCorruption(rate=0.5)], rows, LETTERS, seed=1, pad_to=pad_to)
    assert (found.used_lengths < 120).any() and (found.used_lengths > 60).all()
    assert_equal(found, plain([SpanCorruption(rate=0.5)], rows, LETTERS, seed=1, pad_to=pad_to))


def test_rows_whose_addresses_do_not_exist_are_refused():
    rows = made_rows(lengths=[50, 50])
    far = rows._replace(starts=np.array([2**63 - 10] * 2), lengths=np.array([50, 50]))  # the sum is no int64
    for bad in (far, rows._replace(epochs=np.array([0, 1 << 24])), rows._replace(epochs=np.array([-1, 0]))):
        with pytest.raises(ValueError, match="lies outside the tokens"):
            corrupt_rows([SpanCorruption()], bad, LETTERS, seed=1, pad_to=Lengths(200, 200))
    with pytest.raises(ValueError, match="as long"):
        corrupt_rows(
            [SpanCorruption()], rows._replace(epochs=rows.epochs[:1]), LETTERS, seed=1, pad_to=Lengths(200, 200)
        )


def test_arrays_that_the_loops_could_not_fill_are_refused():
    rows, pad_to = made_rows(lengths=[50, 50]), Lengths(60, 60)
    wide = CorruptedRows.empty(2, Lengths(80, 80))
    for name, column in (("source", wide.source[:, :60]), ("decoder_input", wide.decoder_input)):
        out = CorruptedRows.empty(2, pad_to)._replace(**{name: column})
        with pytest.raises(ValueError, match=f"{name} of out is"):
            corrupt_rows([SpanCorruption()], rows, LETTERS, seed=1, pad_to=pad_to, out=out)


@pytest.mark.parametrize("corruption", [SpanCorruption(rate=0.5, mean_span_length=400.0), MaskedFragment()], ids=str)
def test_windows_and_rows_longer_than_the_loops_have_room_for_are_the_same(corruption):
    rows = made_rows(lengths=[40, MAX_LENGTH + 300], max_len=MAX_LENGTH + 300)
    pad_to = Lengths(MAX_LENGTH + 400, MAX_LENGTH + 400)
    found = corrupt_rows([corruption], rows, LETTERS, seed=1, pad_to=pad_to, out=CorruptedRows.empty(2, pad_to))
    assert_equal(found, plain([corruption], rows, LETTERS, seed=1, pad_to=pad_to))


def test_document_ends_that_no_row_has_room_for_are_refused():
    rows = made_rows(lengths=[3, 3], document_len=1)._replace(starts=np.zeros(2, dtype=np.int64))
    with pytest.raises(BadCorruption, match="target of 0"):
        corrupt_rows([SpanCorruption()], rows, LETTERS, seed=1, pad_to=Lengths(9, 0))
    with pytest.raises(BadCorruption, match="promised at most 9 and 0"):
        plain([SpanCorruption()], rows, LETTERS, seed=1, pad_to=Lengths(9, 0))


def test_a_vocabulary_of_one_word_has_no_other_to_show():
    one = Vocab(size=6, pad=0, eos=1, unk=2, mask=3, sentinels=(4,), text_ids=range(5, 6))
    rows = made_rows(lengths=[20])
    rows = rows._replace(tokens=np.full_like(rows.tokens, 5))
    with pytest.raises(BadCorruption, match="no other token to show"):
        corrupt_rows([TokenMasking()], rows, one, seed=1, pad_to=Lengths(21, 21))


class Forgetful(Corruption):
    def corrupt(self, window, draws, vocab):
        window.tokens.sum()


def test_a_plug_in_that_gives_no_example_is_told_so():
    with pytest.raises(BadCorruption, match=r"Forgetful\.corrupt gave NoneType; it must give"):
        corrupt_rows([Forgetful()], made_rows(lengths=[9]), LETTERS, seed=1, pad_to=Lengths(20, 20))


class LouderSpans(SpanCorruption):
    def replacements(self, plan, window, draws, vocab):
        raise AssertionError("a subclass may change anything")


class LouderPrefix(Prefixed):
    pass


def test_a_subclass_of_a_compiled_corruption_runs_its_own_code():
    assert is_compiled(SpanCorruption()) and not is_compiled(LouderSpans())
    assert is_compiled(Prefixed(mode="[R]", corruption=SpanCorruption()))
    assert not is_compiled(LouderPrefix(mode="[R]", corruption=SpanCorruption()))
    rows = made_rows(lengths=[30])
    with pytest.raises(AssertionError, match="may change anything"):
        corrupt_rows([LouderSpans()], rows, LETTERS, seed=1, pad_to=Lengths(99, 99))


def test_parts_of_mixtures_and_long_chains_are_known_for_what_they_are():
    assert not is_compiled(Mixture(parts=[SpanCorruption(), MaskedFragment()]))  # its parts are
    assert is_compiled(Chain(steps=[SentencePermutation(), DocumentRotation(), SentencePermutation()]))
    assert not is_compiled(Chain(steps=[DocumentRotation()] * 4))


def guarded(num_rows, width, dtype):
    """An array of rows, and the whole that it lies in, which is full of a number that nothing writes."""
    whole = np.full(num_rows * width + 128, 77, dtype=dtype)
    return whole[64 : 64 + num_rows * width].reshape(num_rows, width), whole


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("lengths", [[60] * 5, [3] * 20, [0, 1, 2, 5, 1, 1], [9]], ids=str)
def test_nothing_is_written_outside_the_arrays_however_short_the_rows_are(name, lengths):
    """Rows are written sixteen ids at a time, which is more than a short target holds."""
    corruption = COMPILED[name]
    rows = made_rows(lengths=lengths)
    pad_to = room_for([corruption], rows)
    out = CorruptedRows.empty(len(lengths), pad_to)
    columns = {}
    for column, width in (("source", pad_to.source), *((c, pad_to.target) for c in out._fields[1:5])):
        columns[column] = guarded(len(lengths), width, getattr(out, column).dtype)
    out = out._replace(**{column: array for column, (array, _) in columns.items()})
    corrupt_rows([corruption], rows, LETTERS, seed=1, pad_to=pad_to, out=out)
    guard = {column: np.concatenate([whole[:64], whole[-64:]]) for column, (_, whole) in columns.items()}
    assert all((edge == np.array(77, edge.dtype)).all() for edge in guard.values())


@pytest.mark.slow
def test_no_loop_reads_outside_its_arrays(tmp_path):
    """The same comparisons once more, with every index checked that is not one of sixteen."""
    program = """
import sys
sys.path.insert(0, "tests/corruptions")
from test_compiled import *
for name in COMPILED:
    test_compiled_loops_give_what_plain_corruptions_give(name)
"""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    folder = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
