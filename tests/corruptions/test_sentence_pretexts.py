"""Sentence order and next sentence: where texts are cut, which answers are right, and what can be undone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import made_window, windows

from corruptions import BadCorruption, Draws, NextSentence, SentenceOrder
from corruptions.contract import Address, check_window
from corruptions.letters import LETTERS, letters, window_of
from corruptions.sentence_order import cuts
from data_prep.vocab import NoControl, Vocab

PRETEXTS = {"sentence order": SentenceOrder(), "next sentence": NextSentence()}


def both(corruption, text):
    """The two examples of a window: source by answer."""
    found = {}
    for seed in range(40):
        example = corruption.corrupt(window_of(text), Draws(seed, 0, 0), LETTERS)
        answer = letters(example.target)
        assert found.setdefault(answer, letters(example.source)) == letters(example.source)
    return found


@pytest.mark.parametrize(
    ("text", "in_order", "swapped"),
    [
        ("a b c, d e f", "a b c [SEP] d e f .", "d e f [SEP] a b c ."),
        ("a, b c d e, f", "a [SEP] b c d e f .", "b c d e f [SEP] a ."),  # equally near: the earlier
        ("a, b c, d e f", "a b c [SEP] d e f .", "d e f [SEP] a b c ."),
        ("a b c d,", "a b [SEP] c d .", "c d [SEP] a b ."),  # no inner end: in the middle
        ("a b c d e", "a b [SEP] c d e .", "c d e [SEP] a b ."),
        ("a b, . c d", "a b . [SEP] c d .", "c d [SEP] a b . ."),  # a document's end stays with its document
        ("a b . c d e f", "a b . [SEP] c d e f .", "c d e f [SEP] a b . ."),
        ("a b", "a [SEP] b .", "b [SEP] a ."),
        ("a", "[SEP] a .", "a [SEP] ."),
        ("", "[SEP] .", "[SEP] ."),
    ],
)
def test_sentence_order_cuts_at_the_sentence_nearest_the_middle(text, in_order, swapped):
    assert both(SentenceOrder(), text) == {"[YES] .": in_order, "[NO] .": swapped}


@pytest.mark.parametrize(
    ("text", "following", "other"),
    [
        ("a b, c d, e f,", "a b [SEP] c d .", "a b [SEP] e f ."),
        ("a, b c d e, f", "a [SEP] b c d e .", "a [SEP] f ."),
        ("a b c, d, e f, g h i", "a b c [SEP] d e f .", "a b c [SEP] g h i ."),
        ("a b, . c d . e", "a b . [SEP] c d . .", "a b . [SEP] e ."),
        ("a b c d e f,", "a b [SEP] c d .", "a b [SEP] e f ."),  # no inner end
        ("a b c d e, f", "a b [SEP] c d e .", "a b [SEP] f ."),  # an end that would leave nothing for one part
        ("a b c, d e f g", "a b c [SEP] d e .", "a b c [SEP] f g ."),  # one end: the rest is halved
        ("a b c", "a [SEP] b .", "a [SEP] c ."),
        ("a b", "[SEP] a .", "[SEP] b ."),
        ("a, b", "[SEP] a .", "[SEP] b ."),
        ("a", "[SEP] .", "[SEP] a ."),
        ("", "[SEP] .", "[SEP] ."),
    ],
)
def test_next_sentence_is_the_second_third_or_the_last(text, following, other):
    assert both(NextSentence(), text) == {"[YES] .": following, "[NO] .": other}


@pytest.mark.parametrize("name", PRETEXTS)
def test_the_laws_hold_for_windows_nobody_thought_of(name):
    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(windows(2048), st.integers(0, 2**64 - 1), st.integers(0, 2**24 - 1))
    def holds(window, seed, epoch):
        check_window(PRETEXTS[name], window, LETTERS, Address(seed=seed, epoch=epoch, window=seed))

    holds()


@pytest.mark.parametrize("name", PRETEXTS)
def test_longest_is_reached_and_never_passed(name):
    """Over all places of sentence ends of short windows."""
    corruption = PRETEXTS[name]
    for window_len in range(8):
        longest = 0
        for ends in range(2**window_len):
            window = made_window(window_len)
            window = window._replace(sentence_ends=np.array([bool(ends >> i & 1) for i in range(window_len)], bool))
            for epoch in range(6):
                example = corruption.corrupt(window, Draws(4, epoch, ends), LETTERS)
                longest = max(longest, len(example.source))
                assert len(example.target) == corruption.longest(window_len).target == 2
        assert longest == corruption.longest(window_len).source


def test_fit_fills_the_encoder():
    assert SentenceOrder().fit(512) == 510
    assert NextSentence().fit(512) == 511
    with pytest.raises(BadCorruption, match="no text fits a source of 2 tokens"):
        SentenceOrder().fit(2)
    with pytest.raises(BadCorruption, match="no text fits a source of 512 tokens and a target of 1 tokens"):
        NextSentence().fit(512, 1)


@pytest.mark.parametrize("name", PRETEXTS)
def test_half_of_the_answers_are_yes(name):
    yes = LETTERS.control("[YES]")
    window = made_window(30)
    answers = [PRETEXTS[name].corrupt(window, Draws(1, 0, number), LETTERS).target[0] for number in range(2000)]
    assert abs(answers.count(yes) - 1000) < 74  # 3.3 standard deviations: 0.1 %


def test_a_second_part_never_begins_with_a_documents_end():
    for seed in range(50):
        window = made_window(60, document_len=6, sentence_len=4, seed=seed)
        before_ends = np.flatnonzero(window.tokens == LETTERS.eos)
        marked = window.sentence_ends.copy()
        marked[before_ends[before_ends > 0] - 1] = True  # as a token store marks the last sentence of a document
        window = window._replace(sentence_ends=marked)
        assert not (window.tokens[cuts(window, LETTERS)] == LETTERS.eos).any()


def test_sentence_order_gives_the_text_back_and_next_sentence_says_that_it_cannot():
    window = made_window(50, document_len=10)
    example = SentenceOrder().corrupt(window, Draws(4, 1, 0), LETTERS)
    assert letters(example.target) == "[NO] ."
    assert np.array_equal(SentenceOrder().restore(example, LETTERS), window.tokens)
    assert SentenceOrder().restores and not NextSentence().restores
    with pytest.raises(BadCorruption, match="next sentence does not say how to restore"):
        NextSentence().restore(example, LETTERS)


def test_what_next_sentence_does_not_show_is_hidden():
    for epoch, hidden in ((0, [4, 5]), (1, [2, 3])):
        found = NextSentence().hidden(window_of("a b, c d, e f"), Draws(4, epoch, 0), LETTERS)
        assert np.flatnonzero(found).tolist() == hidden


@pytest.mark.parametrize("name", PRETEXTS)
def test_a_vocabulary_without_control_words_is_told(name):
    old = Vocab(size=64, pad=0, eos=1, unk=2, mask=3, sentinels=(), text_ids=range(4, 56))
    with pytest.raises(NoControl, match="prepare the corpus again"):
        PRETEXTS[name].corrupt(window_of("a b, c d"), Draws(0, 0, 0), old)
