"""Laws of chance at fixed seeds; a right corruption would break a bound at a seed in a thousand or fewer."""

from math import comb

import numpy as np
import pytest
from strategies import CORRUPTIONS, made_window

from corruptions import (
    DocumentRotation,
    Draws,
    MaskedFragment,
    SentencePermutation,
    SpanCorruption,
    TextInfilling,
    TokenDeletion,
    TokenMasking,
)
from corruptions.letters import LETTERS, window_of

NUM_WINDOWS = 1500


def hidden_counts(corruption, window, num_windows=NUM_WINDOWS, seed=1):
    """How often each token of the window was hidden."""
    return sum(corruption.hidden(window, Draws(seed, 0, number), LETTERS).astype(int) for number in range(num_windows))


@pytest.mark.parametrize("corruption", [TokenMasking(rate=0.3), TokenDeletion(rate=0.3)])
def test_every_token_is_hidden_equally_often(corruption):
    counts = hidden_counts(corruption, made_window(40))
    rate = corruption.extremes(40)[0].noise / 40
    spread = NUM_WINDOWS * rate * (1 - rate)
    # exactly so many are hidden in each window, which takes one degree of freedom and spreads the rest
    assert ((counts - NUM_WINDOWS * rate) ** 2).sum() / spread * 39 / 40 < 72.1  # 39 degrees, p = 0.001


@pytest.mark.parametrize("name", ["span_corruption", "span_corruption_half", "text_infilling"])
def test_spans_hide_both_ends_of_a_window_alike(name):
    counts = hidden_counts(CORRUPTIONS[name], made_window(60), seed=4)
    left, right = counts[:30], counts[:29:-1]
    assert ((left - right) ** 2 / (left + right)).sum() < 59.7  # 30 degrees of freedom, p = 0.001
    assert counts.min() > 0  # the first is hidden sometimes, and the last not always
    assert counts.max() < NUM_WINDOWS


def test_a_single_span_lies_anywhere():
    starts = np.zeros(41, dtype=int)
    corruption = SpanCorruption(rate=0.2, mean_span_length=64.0)
    for number in range(4000):
        starts[corruption.hidden(made_window(50), Draws(3, 0, number), LETTERS).argmax()] += 1
    expected = 4000 / 41
    assert ((starts - expected) ** 2 / expected).sum() < 73.4  # 40 degrees of freedom, p = 0.001


def test_two_spans_are_placed_uniformly_among_all_choices():
    """Eight tokens, four hidden in two spans: three ways to cut the noise, ten pairs of slots."""
    corruption = SpanCorruption(rate=0.5, mean_span_length=2.0)
    seen: dict[bytes, int] = {}
    for number in range(6000):
        hidden = corruption.hidden(made_window(8), Draws(8, 0, number), LETTERS).tobytes()
        seen[hidden] = seen.get(hidden, 0) + 1
    assert len(seen) == 30
    counts = np.array(list(seen.values()))
    assert ((counts - 200) ** 2 / 200).sum() < 58.3  # 29 degrees of freedom, p = 0.001


def span_lengths(corruption, window_len, num_windows):
    window = made_window(window_len)
    plans = [corruption.plan(window, Draws(6, 0, number)) for number in range(num_windows)]
    return np.concatenate([plan.lengths for plan in plans])


def test_lengths_of_spans_follow_t5s_law():
    """A uniform composition of 85 into 28: P(length) = C(84 - length, 26) / C(84, 27)."""
    lengths = span_lengths(SpanCorruption(), 568, 120)
    assert lengths.mean() == pytest.approx(85 / 28)
    observed = np.bincount(np.minimum(lengths, 9))[1:]
    law = np.array([comb(84 - length, 26) / comb(84, 27) for length in range(1, 9)])
    expected = len(lengths) * np.append(law, 1 - law.sum())
    assert law[:3] == pytest.approx([0.321, 0.221, 0.151], abs=0.002)
    assert ((observed - expected) ** 2 / expected).sum() < 26.1  # 8 degrees of freedom, p = 0.001


def test_lengths_of_infilled_spans_are_poisson_given_their_sum_zeros_included():
    """Binomial(noise, 1 / spans) each."""
    corruption = TextInfilling()
    noise, spans = corruption.extremes(400)[0]
    lengths = span_lengths(corruption, 400, 120)
    observed = np.bincount(np.minimum(lengths, 8))
    law = np.array([comb(noise, k) * (1 / spans) ** k * (1 - 1 / spans) ** (noise - k) for k in range(8)])
    expected = len(lengths) * np.append(law, 1 - law.sum())
    assert law[0] == pytest.approx(np.exp(-3), abs=0.002)
    assert ((observed - expected) ** 2 / expected).sum() < 26.1


def test_bert_shows_masks_others_and_the_tokens_themselves_in_exact_numbers():
    window = made_window(568)
    corruption = TokenMasking()
    for number in range(20):
        example = corruption.corrupt(window, Draws(1, 0, number), LETTERS)
        source = example.source[:-1]
        is_mask = source == LETTERS.mask
        is_other = ~is_mask & (source != window.tokens)
        # 85 tokens are chosen: 68 masks, 8 others, 9 themselves
        assert (is_mask.sum(), is_other.sum()) == (68, 8)
        assert np.array_equal(example.target_is_noise[:-1], is_mask | is_other)
        assert not LETTERS.is_special[source[is_other]].any()


def test_another_token_is_any_text_id_but_itself():
    window = window_of("a " * 40)
    corruption = TokenMasking(rate=0.5, mask_fraction=0.0, random_fraction=1.0)
    counts = np.zeros(LETTERS.size, dtype=int)
    for number in range(300):
        source = corruption.corrupt(window, Draws(2, 0, number), LETTERS).source[:-1]
        counts += np.bincount(source[source != window.tokens[0]], minlength=LETTERS.size)
    others = counts[list(LETTERS.text_ids)][1:]
    assert others.sum() == counts.sum() == 300 * 20
    expected = others.sum() / 51
    assert ((others - expected) ** 2 / expected).sum() < 86.7  # 50 degrees of freedom, p = 0.001


def test_a_fragment_lies_at_the_start_at_the_end_or_anywhere():
    starts = np.zeros(31, dtype=int)
    for number in range(4000):
        example = MaskedFragment().corrupt(made_window(60), Draws(1, 0, number), LETTERS)
        assert (np.diff(example.target_positions) == 1).all()
        starts[example.target_positions[0]] += 1
    inside = 4000 * 0.6 / 31
    for edge in (starts[0], starts[30]):
        assert abs(edge - 4000 * 0.2 - inside) < 3.3 * np.sqrt(4000 * 0.22 * 0.78)
    assert ((starts[1:30] - inside) ** 2 / inside).sum() < 59.3  # about 29 degrees of freedom, p = 0.001


def test_every_order_of_the_sentences_is_equally_likely():
    window = window_of("a b, c, d e f, g")
    seen: dict[bytes, int] = {}
    for number in range(4800):
        source = SentencePermutation().corrupt(window, Draws(9, 0, number), LETTERS).source.tobytes()
        seen[source] = seen.get(source, 0) + 1
    assert len(seen) == 24
    assert sum((count - 200) ** 2 / 200 for count in seen.values()) < 49.7  # 23 degrees, p = 0.001


def test_a_rotation_starts_anywhere_but_at_the_first_token():
    window = window_of("a b c d e f . a b")
    starts = np.zeros(6, dtype=int)
    for number in range(3000):
        source = DocumentRotation().corrupt(window, Draws(9, 0, number), LETTERS).source.tolist()
        starts[source[0] - window.tokens[0]] += 1
        assert source[6:] == [LETTERS.eos, *window.tokens[8:6:-1].tolist(), LETTERS.eos]
    assert starts[0] == 0
    assert ((starts[1:] - 600) ** 2 / 600).sum() < 18.5  # 4 degrees of freedom, p = 0.001


def test_beside_a_document_end_noise_is_as_rare_as_at_an_edge_of_the_window_or_less_so():
    window = made_window(61)
    window.tokens[30], window.protected[30] = LETTERS.eos, True
    counts = hidden_counts(SpanCorruption(rate=0.3), window, num_windows=3000)
    edges, beside, inside = counts[[0, 60]].mean(), counts[[29, 31]].mean(), counts[[15, 20, 40, 45]].mean()
    assert counts[30] == 0
    assert 0.9 * edges < beside < inside
    assert abs(int(counts[29]) - int(counts[31])) < 3.3 * np.sqrt(2 * 3000 * 0.2 * 0.8)
