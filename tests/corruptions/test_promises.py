"""What a plug-in says of itself must be true: what it hides, how much, how long, and that it can be undone."""

import re

import numpy as np
import pytest
from strategies import made_window
from test_plug_ins import BROKEN, EOS, Plain, ReadsBackwards

from corruptions import Corruption, Counts, Example, Plan, PlannedCorruption, Said, Shown
from corruptions.contract import check, checks


class HidesDocumentEnds(Plain):
    def hidden(self, window, draws, vocab):
        return window.protected.copy()


class HidesAToken(Plain):
    def hidden(self, window, draws, vocab):
        return np.zeros(len(window.tokens) + 1, dtype=bool)


class HidesLessThanItSays(Plain):
    rate = 0.5

    def hidden(self, window, draws, vocab):
        return np.zeros(len(window.tokens), dtype=bool)


class SaysNothingIsHidden(Plain):
    def corrupt(self, window, draws, vocab):
        return Example(np.append(window.tokens[window.protected], EOS), EOS.copy())

    def hidden(self, window, draws, vocab):
        return np.zeros(len(window.tokens), dtype=bool)


class DropsDocumentEndsUnsaid(Plain):
    def corrupt(self, window, draws, vocab):
        return Example(np.append(window.tokens[~window.protected], EOS), EOS.copy())


class KeepsDocumentEndsThatItCallsHidden(Plain):
    hides_protected = True

    def hidden(self, window, draws, vocab):
        return window.protected.copy()


class CallsVisibleTokensNoise(ReadsBackwards):
    def corrupt(self, window, draws, vocab):
        example = super().corrupt(window, draws, vocab)
        return example._replace(target_is_noise=np.append(window.tokens == window.tokens, False))


class CallsDocumentEndsNoise(KeepsDocumentEndsThatItCallsHidden):
    def corrupt(self, window, draws, vocab):
        target = np.append(window.tokens, EOS)
        is_noise = np.append(window.protected, False)
        return Example(np.append(window.tokens[~window.protected], EOS), target, target_is_noise=is_noise)


class RestoresSomethingElse(ReadsBackwards):
    def restore(self, example, vocab):
        return example.source[:-1]


class FitsLessThanThereIsRoomFor(Plain):
    def fit(self, source_len, target_len=None):
        return source_len - 2


class FitsMoreThanThereIsRoomFor(Plain):
    def fit(self, source_len, target_len=None):
        return source_len


class HidesTheFirst(PlannedCorruption):
    """Hides one token and says that it hides two."""

    shown, said = Shown.MASK_EACH, Said.WHOLE_TEXT

    def extremes(self, window_len):
        return (Counts(min(window_len, 2), min(window_len, 1)),)

    def plan(self, window, draws):
        places = np.flatnonzero(~window.protected)[:1].astype(np.int32)
        return Plan.of_tokens(places, window_len=len(window.tokens))


BROKEN_PROMISES = [
    (HidesDocumentEnds(), "protected tokens are never noise"),
    (HidesAToken(), "hidden is a bool for each token of the window"),
    (HidesLessThanItSays(), "the rate asked for is the rate hidden"),
    (HidesTheFirst(), "the rate asked for is the rate hidden"),
    (SaysNothingIsHidden(), "what is not hidden is in the source"),
    (DropsDocumentEndsUnsaid(), "one eos is put at the end of the source, and those of the window stay"),
    (KeepsDocumentEndsThatItCallsHidden(), "one eos is put at the end of the source, and those of the window stay"),
    (CallsVisibleTokensNoise(), "what a target calls noise is what was hidden"),
    (CallsDocumentEndsNoise(), "what a target calls noise is what was hidden"),
    (RestoresSomethingElse(), "restore gives the window back"),
    (FitsLessThanThereIsRoomFor(), "whatever a window gives, fit finds one that fills it"),
    (FitsMoreThanThereIsRoomFor(), "whatever a window gives, fit finds one that fills it"),
]


@pytest.mark.parametrize(
    ("plugin", "law"),
    BROKEN_PROMISES,
    ids=lambda value: type(value).__name__ if isinstance(value, Corruption) else None,
)
def test_each_broken_promise_is_named(plugin, law):
    with pytest.raises(AssertionError, match=f'breaks "{law}"'):
        check(plugin)


def test_every_law_is_seen_to_be_broken():
    seen = [*BROKEN.values(), *(law for _, law in BROKEN_PROMISES)]
    unseen = [law for law in checks(Plain(), windows=[]) if not any(re.search(pattern, law) for pattern in seen)]
    assert unseen == ["noise differs from window to window, epoch to epoch and seed to seed"]  # further below


class HidesDocumentEndsRightly(Plain):
    """What a plug-in may do that hides protected tokens: drop them, or say them and not call them noise."""

    hides_protected = True

    def corrupt(self, window, draws, vocab):
        half = len(window.tokens) // 2
        is_noise = np.append(~window.protected[half:], False)
        return Example(
            np.append(window.tokens[:half], EOS), np.append(window.tokens[half:], EOS), target_is_noise=is_noise
        )

    def hidden(self, window, draws, vocab):
        return np.arange(len(window.tokens)) >= len(window.tokens) // 2


def test_a_plug_in_that_says_so_may_hide_document_ends():
    check(HidesDocumentEndsRightly())


def test_long_examples_are_told_in_short():
    with pytest.raises(AssertionError) as told:
        check(RestoresSomethingElse(), windows=[made_window(2048)])
    assert len(str(told.value)) < 500 and "... 2048 in all" in str(told.value)
