"""The laws of the form of an example. The docstring of each is the law; what it returns is how it was broken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from corruptions.protocol import Example, Window
from corruptions.trial import Trial, arrays, difference, ids_of, in_short
from data_prep.vocab import Vocab

Found = str | None
"""What was found where a law is broken; None: it holds."""
Law = Callable[[Trial], Found]
"""Looks at one trial."""

_ANSWERS = ("[YES]", "[NO]")


def is_not_written_to(trial: Trial) -> Found:
    """The window is never written to."""
    error = trial.outcome
    if isinstance(error, ValueError) and "read-only" in str(error):
        return str(error)
    unwritten = all(np.array_equal(now, then) for now, then in zip(trial.given, trial.window, strict=True))
    return None if unwritten else "its arrays have changed"


def is_made_of_every_window(trial: Trial) -> Found:
    """Every window gives an example."""
    error = trial.outcome
    if not isinstance(error, Exception) or trial.may_lack_sentinels:
        return None
    return f"{type(error).__name__}: {error}"


def uses_no_global_generator(trial: Trial) -> Found:
    """Global generators are not used."""
    return "one was drawn from" if trial.used_global_generators else None


def is_not_handed_out(trial: Trial) -> Found:
    """The window is never handed out."""
    for name, array in arrays(trial.example):
        if any(np.shares_memory(array, column) for column in trial.given):
            return f"{name} is a view of it"
    return None


def is_the_same_again(trial: Trial) -> Found:
    """One address gives one example."""
    return difference(trial.example, trial.again(trial.vocab))


def has_flat_arrays(trial: Trial) -> Found:
    """Arrays are one-dimensional, of int32 or bool."""
    for name, array in arrays(trial.example):
        dtype = np.dtype(bool if name == "target_is_noise" else np.int32)
        if array.dtype != dtype or array.ndim != 1:
            return f"{name} is {array.dtype}{list(array.shape)}, not {dtype}[n]"
    return None


def has_decoder_arrays_of_one_length(trial: Trial) -> Found:
    """All arrays of the decoder are as long as the target."""
    for name, array in arrays(trial.example):
        if name != "source" and len(array) != len(trial.example.target):
            return f"{name} has {len(array)} places, the target {len(trial.example.target)}"
    return None


def has_ids_of_the_vocabulary(trial: Trial) -> Found:
    """Ids lie inside the vocabulary."""
    return strange_ids(trial.example, trial.window, trial.vocab)


def is_not_too_long(trial: Trial) -> Found:
    """Lengths stay within longest."""
    if trial.window.protected.any():
        return None
    longest = trial.corruption.longest(len(trial.window.tokens))
    source_len, target_len = len(trial.example.source), len(trial.example.target)
    if source_len <= longest.source and target_len <= longest.target:
        return None
    return f"source {source_len} and target {target_len} tokens, longest says {longest.source} and {longest.target}"


def has_one_eos_more(trial: Trial) -> Found:
    """One eos is put at the end of the source, and those of the window stay."""
    eos, source = trial.vocab.eos, trial.example.source
    is_end = trial.window.tokens == eos
    num_shown, num_ends = int((source == eos).sum()) - 1, int(is_end.sum())
    may_miss = trial.corruption.hides_protected
    least = most = int((is_end & ~trial.hidden).sum()) if may_miss and trial.hidden is not None else num_ends
    if may_miss and trial.hidden is None:
        least = 0
    if least <= num_shown <= most and source[-1:].tolist() == [eos]:
        return None
    return f"{num_shown + 1} in the source, {num_ends} in the window; the source ends with {source[-1:]}"


def says_one_eos_more_at_most(trial: Trial) -> Found:
    """A target has at most one eos more than its window."""
    eos = trial.vocab.eos
    num_said, num_ends = int((trial.example.target == eos).sum()), int((trial.window.tokens == eos).sum())
    return None if num_said <= num_ends + 1 else f"{num_said} in the target, {num_ends} in the window"


def has_no_pad(trial: Trial) -> Found:
    """No pad is in a source or a target."""
    source, target = trial.example.source, trial.example.target
    has_pad = (source == trial.vocab.pad).any() or (target == trial.vocab.pad).any()
    return f"source {in_short(source)}, target {in_short(target)}" if has_pad else None


def makes_nothing_unknown(trial: Trial) -> Found:
    """No text is made unknown."""
    num_there = int((trial.window.tokens == trial.vocab.unk).sum())
    for name, ids in ids_of(trial.example):
        num_found = int((ids == trial.vocab.unk).sum())
        if num_found > num_there:
            return f"the unknown token is {num_found} times in the {name}, {num_there} times in the window"
    return None


def keeps_control_words_in_their_places(trial: Trial) -> Found:
    """A mode begins a source, [SEP] divides it, and an answer begins a target."""
    names = trial.vocab.control_names
    if np.isin(trial.window.tokens, list(names)).any():
        return None
    for name, ids in ids_of(trial.example)[:2]:
        words = [(place, names[id]) for place, id in enumerate(ids.tolist()) if id in names]
        for place, word in words:
            is_answer = word in _ANSWERS
            fits = is_answer and place == 0 if name == "target" else not is_answer and (place == 0 or word == "[SEP]")
            if not fits:
                return f"{word} is at place {place} of the {name}"
    return None


OUTCOME_LAWS: tuple[Law, ...] = (is_not_written_to, is_made_of_every_window)
"""Those that are looked at even where there is no example."""
FORM_LAWS: tuple[Law, ...] = (
    uses_no_global_generator,
    is_not_handed_out,
    is_the_same_again,
    has_flat_arrays,
    has_decoder_arrays_of_one_length,
    has_ids_of_the_vocabulary,
    is_not_too_long,
    has_one_eos_more,
    says_one_eos_more_at_most,
    has_no_pad,
    makes_nothing_unknown,
    keeps_control_words_in_their_places,
)
"""The others, in the order in which they are looked at."""


def strange_ids(example: Example, window: Window, vocab: Vocab) -> Found:
    """Which ids of an example lie outside the vocabulary or mean nothing in it."""
    special = [vocab.pad, vocab.eos, vocab.unk, vocab.mask, *vocab.sentinels, *vocab.controls, *window.tokens.tolist()]
    for name, ids in ids_of(example):
        outside = ids[(ids < 0) | (ids >= vocab.size)]
        if len(outside):
            return f"{name} has {in_short(outside)}, and ids are 0 .. {vocab.size - 1}"
        nameless = ids[vocab.is_special[ids] & ~np.isin(ids, special)]
        if len(nameless):
            return f"{name} has {in_short(nameless)}, which stand for nothing"
    return None
