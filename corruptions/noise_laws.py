"""The laws of noise: what is hidden, what marks it, and that it can be told. Written as those of the form are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from corruptions.laws import Found, Law, strange_ids
from corruptions.plan import num_noise_tokens
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Corruption, Example, Int32s
from corruptions.trial import Trial, in_short
from data_prep.vocab import OutOfSentinels


def has_different_sentinels(trial: Trial) -> Found:
    """The sentinels of an example differ."""
    return _repeated(trial, trial.example)


def says_each_sentinel_before_its_span(trial: Trial) -> Found:
    """Each span of a target follows its own sentinel."""
    shown, said = trial.sentinels(trial.example.source), trial.sentinels(trial.example.target)
    if _holds_sentinels(trial) or not said or (shown == said and trial.example.target[0] == said[0]):
        return None
    begin = trial.example.target[0]
    return f"source has {in_short(shown)}, target has {in_short(said)} and begins with {begin}"


def reports_sentinels_that_run_out(trial: Trial) -> Found:
    """Sentinels that run out are reported, never made up."""
    used = {*trial.sentinels(trial.example.source), *trial.sentinels(trial.example.target)}
    if _holds_sentinels(trial) or not used:
        return None
    few = replace(trial.vocab, sentinels=trial.vocab.sentinels[: len(used) - 1])
    try:
        example = trial.again(few)
    except OutOfSentinels:
        return None
    wrong = strange_ids(example, trial.window, few) or _repeated(trial, example)
    return f"of a vocabulary with only {len(few.sentinels)}, {wrong}" if wrong else None


def has_positions_from_0_on(trial: Trial) -> Found:
    """Positions are 0 or more."""
    positions = trial.example.target_positions
    return None if positions is None or (positions >= 0).all() else in_short(positions)


def reads_nothing_it_must_say(trial: Trial) -> Found:
    """A decoder never reads what it must say."""
    read, said = trial.example.decoder_input, trial.example.target
    texts = trial.window.tokens[~trial.window.protected]
    if read is None or len(np.unique(texts)) < len(texts):
        return None  # behind a token like itself, a right decoder input looks like a leak
    places = np.flatnonzero(read == said)
    return f"decoder_input is the target at {in_short(places)}" if len(places) else None


def says_what_is_hidden_for_each_token(trial: Trial) -> Found:
    """Hidden is a bool for each token of the window."""
    hidden, window_len = trial.hidden, len(trial.window.tokens)
    if hidden is None or (hidden.dtype == np.dtype(bool) and hidden.shape == (window_len,)):
        return None
    return f"it is {hidden.dtype}{list(hidden.shape)} for {window_len} tokens"


def hides_no_protected_token(trial: Trial) -> Found:
    """Protected tokens are never noise."""
    if trial.hidden is None or trial.corruption.hides_protected:
        return None
    places = np.flatnonzero(trial.hidden & trial.window.protected)
    return f"hidden at {in_short(places)}" if len(places) else None


def shows_what_it_does_not_hide(trial: Trial) -> Found:
    """What is not hidden is in the source."""
    if trial.hidden is None:
        return None
    missing = _not_among(trial.window.tokens[~trial.hidden], trial.example.source)
    return f"{in_short(missing)} are neither hidden nor shown" if missing else None


def calls_noise_what_was_hidden(trial: Trial) -> Found:
    """What a target calls noise is what was hidden."""
    if trial.hidden is None or trial.example.target_is_noise is None:
        return None
    said = trial.example.target[trial.example.target_is_noise]
    noise = trial.window.tokens[trial.hidden & ~trial.window.protected]
    # Where the text can be told, or the target is rendered from the plan, all that is hidden is said.
    is_all_said = trial.corruption.restores or isinstance(trial.corruption, PlannedCorruption)
    if _not_among(said, noise) or (is_all_said and len(said) != len(noise)):
        return f"{in_short(np.sort(said))} against {in_short(np.sort(noise))}"
    return None


def hides_at_the_rate_asked_for(trial: Trial) -> Found:
    """The rate asked for is the rate hidden."""
    expected = _expected_noise(trial.corruption, len(trial.window.tokens))
    if trial.hidden is None or expected is None:
        return None
    if not trial.corruption.hides_protected:
        num_eligible = int((~trial.window.protected).sum())
        expected = min(expected[0], num_eligible), min(expected[1], num_eligible)
    num_hidden = int(trial.hidden.sum())
    if expected[0] <= num_hidden <= expected[1]:
        return None
    wanted = f"{expected[0]}" if expected[0] == expected[1] else f"{expected[0]} to {expected[1]}"
    return f"{num_hidden} tokens are hidden, not {wanted}"


def gives_the_window_back(trial: Trial) -> Found:
    """Restore gives the window back."""
    if not trial.corruption.restores:
        return None
    clean = trial.corruption.restore(trial.example, trial.vocab)
    if clean.dtype == np.int32 and np.array_equal(clean, trial.window.tokens):
        return None
    return f"it gives {in_short(clean)} for {in_short(trial.window.tokens)}"


NOISE_LAWS: tuple[Law, ...] = (
    has_different_sentinels,
    says_each_sentinel_before_its_span,
    reports_sentinels_that_run_out,
    has_positions_from_0_on,
    reads_nothing_it_must_say,
    says_what_is_hidden_for_each_token,
    hides_no_protected_token,
    shows_what_it_does_not_hide,
    calls_noise_what_was_hidden,
    hides_at_the_rate_asked_for,
    gives_the_window_back,
)
"""All of them, in the order in which they are looked at."""


def _holds_sentinels(trial: Trial) -> bool:
    return bool(trial.sentinels(trial.window.tokens))


def _repeated(trial: Trial, example: Example) -> Found:
    shown, said = trial.sentinels(example.source), trial.sentinels(example.target)
    is_repeated = len(set(shown)) < len(shown) or len(set(said)) < len(said)
    if is_repeated and not _holds_sentinels(trial):
        return f"source has {in_short(shown)}, target has {in_short(said)}"
    return None


def _not_among(ids: Int32s, others: Int32s) -> list[int]:
    """The ids that are more often here than there."""
    values, counts = np.unique(ids, return_counts=True)
    known, known_counts = np.unique(others, return_counts=True)
    there = dict(zip(known.tolist(), known_counts.tolist(), strict=True))
    return [i for i, count in zip(values.tolist(), counts.tolist(), strict=True) if count > there.get(i, 0)]


def _expected_noise(corruption: Corruption, window_len: int) -> tuple[int, int] | None:
    if isinstance(corruption, PlannedCorruption):
        found = [counts.noise for counts in corruption.extremes(window_len)]
        return min(found), max(found)
    rate = getattr(corruption, "rate", None)
    if not isinstance(rate, int | float):
        return None
    return (num_noise_tokens(window_len, rate),) * 2
