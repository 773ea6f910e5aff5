"""Statistics of many windows: what was hidden, how long examples are, and whether promises were kept."""

import numpy as np
import pytest
from strategies import made_window

from corruptions import (
    Corruption,
    Draws,
    Example,
    Lengths,
    Mixture,
    SentencePermutation,
    SpanCorruption,
    TextInfilling,
    TokenDeletion,
)
from corruptions.letters import LETTERS, window_of
from corruptions.statistics import Statistics, hidden_spans, measured, measured_parts, runs, sum_of

WINDOWS = [made_window(568)] * 20


class Stutter(Corruption):
    """Says the first token twice, and does not say what it hides: nothing."""

    def corrupt(self, window, draws, vocab):
        end = np.array([vocab.eos], dtype=np.int32)
        return Example(np.concatenate([window.tokens[:1], window.tokens, end]), np.append(window.tokens, end))


class Roomy(Stutter):
    """Promises twice what it needs."""

    def longest(self, window_len):
        return Lengths(2 * (window_len + 2), 2 * (window_len + 1))

    def hidden(self, window, draws, vocab):
        return np.zeros(len(window.tokens), dtype=bool)


def test_t5s_spans_are_exact():
    found = measured(SpanCorruption(), WINDOWS, LETTERS)
    assert (found.num_windows, found.num_raw_tokens) == (20, 20 * 568)
    assert found.rate == 85 / 568
    assert (found.hidden.least, found.hidden.most, found.spans.least, found.spans.most) == (85, 85, 28, 28)
    assert (found.source.least, found.source.most, found.target.least, found.target.most) == (512, 512, 114, 114)
    assert (found.num_longer, found.padding_share) == (0, 0.0)
    assert found.tokens_a_raw_token == (512 + 114) / 568


def test_spans_are_counted_by_their_length_and_empty_ones_too():
    found = measured(TextInfilling(), WINDOWS, LETTERS)
    counts = found.span_lengths
    assert counts[0] > 0
    assert counts.sum() == found.spans.total == 20 * TextInfilling().extremes(568)[0].spans
    assert (counts * np.arange(len(counts))).sum() == found.hidden.total == 20 * 170
    assert found.mean_span_length == pytest.approx(170 / 57)


def test_spans_are_those_of_the_hidden_mask_where_none_is_empty():
    window = made_window(300)
    for number in range(20):
        draws = Draws(3, 0, number)
        corruption = SpanCorruption(rate=0.4)
        spans = hidden_spans(corruption, window, draws, LETTERS)
        hidden = corruption.hidden(window, Draws(3, 0, number), LETTERS)
        assert spans.tolist() == runs(hidden).tolist()


def test_runs_are_counted_by_hand():
    assert runs(np.array([], dtype=bool)).tolist() == []
    assert runs(np.array([True])).tolist() == [1]
    assert runs(np.array([False, True, True, False, True, False])).tolist() == [2, 1]


def test_an_example_longer_than_promised_is_counted():
    found = measured(Stutter(), WINDOWS[:3], LETTERS)
    assert found.num_longer == 3
    assert found.padding_share == 0.0


def test_what_is_promised_and_not_used_is_padding():
    found = measured(Roomy(), WINDOWS[:3], LETTERS)
    assert found.num_longer == 0
    assert found.padding_share == 0.5


def test_a_plug_in_that_does_not_tell_what_it_hides_is_not_said_to_hide_nothing():
    assert measured(Stutter(), WINDOWS[:3], LETTERS).rate is None
    assert measured(Roomy(), WINDOWS[:3], LETTERS).rate == 0.0


def test_moving_hides_nothing():
    found = measured(SentencePermutation(), WINDOWS[:3], LETTERS)
    assert (found.rate, found.spans.total, found.mean_span_length) == (0.0, 0, None)


def test_parts_of_a_run_add_up_to_the_whole():
    windows = [made_window(length) for length in (40, 80, 120, 200)]
    examples = [TextInfilling().corrupt(window, Draws(5, 0, n), LETTERS) for n, window in enumerate(windows)]

    def of(part):
        return Statistics.of(
            [len(windows[n].tokens) for n in part],
            [Lengths(len(examples[n].source), len(examples[n].target)) for n in part],
            [TextInfilling().longest(len(windows[n].tokens)) for n in part],
            [hidden_spans(TextInfilling(), windows[n], Draws(5, 0, n), LETTERS) for n in part],
        )

    added, whole = of([0]) + of([1, 2]) + of([]) + of([3]), measured(TextInfilling(), windows, LETTERS, seed=5)
    for name in Statistics.__dataclass_fields__:
        assert np.array_equal(getattr(added, name), getattr(whole, name)), name


def test_parts_of_a_mixture_are_told_apart():
    mixture = Mixture(parts=[SpanCorruption(), TokenDeletion(rate=0.5)])
    windows = [made_window(200)] * 40
    parts = measured_parts(mixture, windows, LETTERS)
    assert sum(part.num_windows for part in parts.values()) == 40
    assert {name: part.rate for name, part in parts.items()} == {
        SpanCorruption().describe(): 0.15,
        TokenDeletion(rate=0.5).describe(): 0.5,
    }
    assert all(part.num_longer == 0 and part.padding_share == 0 for part in parts.values())
    assert sum_of(list(parts.values())).num_windows == measured(mixture, windows, LETTERS).num_windows


def test_no_window_and_a_window_of_no_tokens_have_no_rate():
    nothing = measured(SpanCorruption(), [], LETTERS)
    assert (nothing.rate, nothing.tokens_a_raw_token, nothing.source.mean, nothing.padding_share) == (None,) * 3 + (
        0.0,
    )
    empty = measured(SpanCorruption(), [window_of("")], LETTERS)
    assert (empty.rate, empty.num_windows, empty.source.mean) == (None, 1, 1.0)
