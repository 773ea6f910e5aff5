"""Deshuffling: every order of a document's tokens, none of them more often than another, none leaves its document."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from strategies import made_window

from corruptions import Chain, Deshuffling, Draws, TextInfilling
from corruptions.contract import check
from corruptions.letters import LETTERS, letters, window_of


def shown(text: str, seed: int) -> str:
    return letters(Deshuffling().corrupt(window_of(text), Draws(seed, 0, 0), LETTERS).source)


def test_the_laws_hold():
    check(Deshuffling(), seeds=[0])


def test_every_order_is_equally_likely():
    num_draws = 4800
    counts = Counter(shown("a b c d", seed) for seed in range(num_draws))
    assert set(counts) == {" ".join([*order, "."]) for order in permutations("abcd")}
    expected = num_draws / 24
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert 7.5 < chi_square < 46  # 23 degrees of freedom: 0.1 % on either side


def test_tokens_stay_in_their_document():
    for seed in range(20):
        window = made_window(120, document_len=15, seed=seed)
        example = Deshuffling().corrupt(window, Draws(seed, 0, 0), LETTERS)
        ends = np.flatnonzero(window.protected)
        assert np.array_equal(example.source[:-1][ends], window.tokens[ends])
        assert not np.array_equal(example.source[:-1], window.tokens)
        for now, then in zip(np.split(example.source[:-1], ends), np.split(window.tokens, ends), strict=True):
            assert sorted(now.tolist()) == sorted(then.tolist())


def test_sentences_do_not_hold_tokens_together():
    sources = {shown("a b, c d,", seed) for seed in range(300)}
    assert "a c b d ." in sources and len(sources) == 24


@pytest.mark.parametrize(("text", "source"), [("", "."), ("a", "a ."), (". .", ". . ."), ("a . b", "a . b .")])
def test_where_there_is_nothing_to_shuffle_the_text_stays(text, source):
    assert {shown(text, seed) for seed in range(5)} == {source}


def test_it_is_an_ordering_that_comes_before_noise():
    chain = Chain(steps=[TextInfilling(), Deshuffling()])
    check(chain, seeds=[0])
    assert chain.describe() == "deshuffling then text infilling (rate 0.3, mean span length 3.0)"
