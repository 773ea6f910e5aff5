"""The laws, for every corruption and several settings of each."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CORRUPTIONS, EXACT, PRESETS, made_window, windows

from corruptions import (
    BadCorruption,
    Chain,
    DocumentRotation,
    MaskedFragment,
    SentencePermutation,
    SpanCorruption,
    TextInfilling,
)
from corruptions.contract import Address, check, check_window
from corruptions.letters import LETTERS, letters, window_of
from corruptions.placement import Units, mend, placed
from data_prep.vocab import OutOfSentinels, Vocab


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_the_laws_hold_on_the_windows_of_the_contract(corruption):
    check(corruption, seeds=[0])


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_the_laws_hold_for_every_preset(preset):
    check(preset, seeds=[1])


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_the_laws_hold_for_windows_nobody_thought_of(corruption):
    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(windows(), st.integers(0, 2**64 - 1), st.integers(0, 2**24 - 1))
    def holds(window, seed, epoch):
        check_window(corruption, window, LETTERS, Address(seed=seed, epoch=epoch, window=seed))

    holds()


@pytest.mark.parametrize("corruption", EXACT.values(), ids=EXACT)
def test_lengths_are_exactly_the_longest_so_that_batches_have_no_padding(corruption):
    for window_len in (1, 2, 3, 4, 11, 64, 300):
        for seed in range(3):
            example = corruption.corrupt(made_window(window_len), Address(seed=seed).draws(), LETTERS)
            assert (len(example.source), len(example.target)) == corruption.longest(window_len)


@pytest.mark.parametrize("name", ["span_corruption", "span_corruption_half", "text_infilling", "chain_bart"])
def test_document_ends_cost_no_length_while_there_is_room(name):
    corruption = CORRUPTIONS[name]
    for seed in range(40):
        window = made_window(300, document_len=30, seed=seed)
        assert window.protected.any()
        example = corruption.corrupt(window, Address(seed=seed).draws(), LETTERS)
        assert (len(example.source), len(example.target)) == corruption.longest(300)


@pytest.mark.parametrize("name", ["span_corruption", "span_corruption_half", "span_corruption_one_span"])
@pytest.mark.parametrize("document_len", [0, 30, 3])
def test_spans_never_abut(name, document_len):
    sentinels = set(LETTERS.sentinels)
    for seed in range(20):
        window = made_window(200, document_len=document_len, seed=seed)
        source = CORRUPTIONS[name].corrupt(window, Address(seed=seed).draws(), LETTERS).source.tolist()
        assert not any(one in sentinels and two in sentinels for one, two in itertools.pairwise(source))


@pytest.mark.parametrize("name", ["text_infilling", "text_infilling_mostly_empty", "text_infilling_long"])
@pytest.mark.parametrize("document_len", [0, 30, 3])
def test_masks_of_infilling_never_abut(name, document_len):
    for seed in range(20):
        window = made_window(200, document_len=document_len, seed=seed)
        source = CORRUPTIONS[name].corrupt(window, Address(seed=seed).draws(), LETTERS).source
        is_mask = source == LETTERS.mask
        assert not (is_mask[1:] & is_mask[:-1]).any()


def test_documents_shorter_than_their_spans_get_more_spans_and_all_their_noise():
    window = window_of("a b . c d . e f . g h . i j . k l .")
    corruption = SpanCorruption(rate=0.5, mean_span_length=9.0)
    example = corruption.corrupt(window, Address().draws(), LETTERS)
    assert corruption.longest(18).source == 11 and corruption.extremes(18) == ((9, 1),)
    assert example.target_is_noise.sum() == 9
    assert len(example.source) > 11
    assert example.source[example.source == LETTERS.eos].size == 7


def test_a_window_of_protected_tokens_has_no_noise():
    window = window_of(". . . .")
    for corruption in CORRUPTIONS.values():
        example = corruption.corrupt(window, Address().draws(), LETTERS)
        assert corruption.hides_protected or (example.source == LETTERS.eos).sum() == 5
        assert example.target_is_noise.sum() == 0


def test_sentinels_that_run_out_are_reported_and_never_replaced_by_words():
    few = Vocab(size=64, pad=0, eos=1, unk=2, mask=3, sentinels=(63, 62), text_ids=range(4, 56))
    with pytest.raises(OutOfSentinels, match="span 3 of a window has no sentinel: the vocabulary has 2"):
        SpanCorruption().corrupt(made_window(100), Address().draws(), few)


def test_orderings_come_first_wherever_they_stand():
    window = made_window(100, sentence_len=8)
    one = Chain(steps=[SentencePermutation(), TextInfilling()])
    two = Chain(steps=[TextInfilling(), SentencePermutation()])
    for seed in range(5):
        first, second = (chain.corrupt(window, Address(seed=seed).draws(), LETTERS) for chain in (one, two))
        assert np.array_equal(first.source, second.source)


def test_a_chain_of_spans_says_them_in_the_encoders_order_and_does_not_restore():
    chain = CORRUPTIONS["chain_spans_of_moved_text"]
    window = made_window(100, document_len=40, seed=1)
    example = chain.corrupt(window, Address(seed=4).draws(), LETTERS)
    assert not chain.restores
    with pytest.raises(BadCorruption, match="does not keep its text"):
        chain.restore(example, LETTERS)
    moved = SpanCorruption().restore(example, LETTERS)
    assert not np.array_equal(moved, window.tokens)
    assert np.array_equal(np.sort(moved), np.sort(window.tokens))


def test_a_decoder_of_a_fragment_reads_the_token_before_each_even_a_document_end():
    window = window_of("a . b . c . d . e . f .")
    example = MaskedFragment(start_fraction=1.0, end_fraction=0.0).corrupt(window, Address().draws(), LETTERS)
    assert letters(example.target) == "a b c d e f"
    assert letters(example.decoder_input) == "| . . . . ."
    assert example.target_positions.tolist() == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("name", ["sentence_permutation", "document_rotation"])
def test_moved_text_never_leaves_its_document(name):
    for seed in range(10):
        window = made_window(200, document_len=20, sentence_len=5, seed=seed)
        source = CORRUPTIONS[name].corrupt(window, Address(seed=seed).draws(), LETTERS).source[:-1]
        ends = np.flatnonzero(window.protected)
        assert not np.array_equal(source, window.tokens)
        for shown, clean in zip(np.split(source, ends), np.split(window.tokens, ends), strict=True):
            assert shown[:1].tolist() == clean[:1].tolist() or clean[0] != LETTERS.eos
            assert sorted(shown.tolist()) == sorted(clean.tolist())


def test_spans_are_joined_before_there_are_more_of_them_than_were_asked_for():
    window = window_of("a b c . d")
    num_spans = set()
    for seed in range(30):
        draws = Address(seed=seed).draws()
        spans = placed(Units.of(window, whole_words=False), [0, 2], [1, 2], draws)
        mend(spans, 3 - sum(end - start for start, end in spans), window, draws, whole_words=False, shortest=1)
        assert sum(end - start for start, end in spans) == 3
        assert not any(window.protected[start:end].any() for start, end in spans)
        num_spans.add(len(spans))
    assert num_spans == {1, 2}  # one: `c . d` was cut, and the span left of `b` took it in


def test_two_steps_of_a_chain_draw_from_streams_of_their_own():
    twice = Chain(steps=[DocumentRotation(), DocumentRotation()])
    window = window_of("a b c d e f")
    firsts = {int(twice.corrupt(window, Address(seed=seed).draws(), LETTERS).source[0]) for seed in range(100)}
    assert firsts == set(window.tokens.tolist())  # the same turn twice would be an even one
