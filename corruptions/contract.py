"""The laws that every corruption keeps, as checks that any plug-in can be put through."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from corruptions.draws import Draws
from corruptions.letters import LETTERS
from corruptions.plan import num_noise_tokens
from corruptions.planned import PlannedCorruption
from corruptions.protocol import Bools, Corruption, Example, Int32s, Window
from data_prep.vocab import Vocab

_WINDOW_LENS = (0, 1, 2, 3, 4, 5, 7, 12, 24, 61, 128, 300)
_DOCUMENT_LENS = (0, 40, 6)  # 0: one document longer than any window
_SENTENCE_LEN = 8


def check(
    corruption: Corruption,
    vocab: Vocab | None = None,
    *,
    windows: Iterable[Window] | None = None,
    seeds: Iterable[int] = range(3),
) -> None:
    """Raise AssertionError, with the law and the address, at the first law that the corruption breaks.

    Without `windows` it is tried on made ones of 0 to 300 tokens, without and with document ends.

    >>> from corruptions import Lengths, SpanCorruption
    >>> check(SpanCorruption())
    >>> class Stutter(Corruption):
    ...     def corrupt(self, window, draws, vocab):
    ...         eos = np.array([vocab.eos], dtype=np.int32)
    ...         source = np.concatenate([window.tokens[:1], window.tokens, eos])
    ...         return Example(source, np.append(window.tokens, eos))
    >>> check(Stutter())
    Traceback (most recent call last):
        ...
    AssertionError: stutter breaks "lengths stay within longest" at seed 0, epoch 0, window 1 of 1 tokens: \
source 3 and target 2 tokens, longest says 2 and 2
    >>> Stutter.longest = lambda self, window_len: Lengths(window_len + 2, window_len + 1)
    >>> check(Stutter())

    Laws: the window is never written to or handed out; one address gives one example, and the global
    random generators of Python and NumPy are neither used nor heeded; arrays are int32, as long as they
    should be, with ids of the vocabulary; one eos ends the source, and no pad is in it; lengths stay
    within `longest` where nothing is protected; sentinels differ, and a target has those of its source,
    each before its span; protected tokens are never hidden; a decoder never reads what it must say; what
    a target calls noise was hidden; the rate asked for is the rate hidden; `restore` gives the window back.
    """
    vocab = vocab or LETTERS
    for number, window in enumerate(made_windows(vocab) if windows is None else windows):
        for seed in seeds:
            check_window(corruption, window, vocab, Address(seed=seed, epoch=seed % 2, window=number))


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where in a run a window is."""

    seed: int = 0
    """Of the run; 0 to 2^64 - 1."""
    epoch: int = 0
    """How often the text was read before; 0 to 2^24 - 1."""
    window: int = 0
    """The window's number; 0 to 2^64 - 1."""

    def draws(self) -> Draws:
        """A fresh stream."""
        return Draws(self.seed, self.epoch, self.window)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    corruption: Corruption
    window: Window
    vocab: Vocab
    address: Address

    def demand(self, holds: bool, law: str, found: str) -> None:
        if not holds:
            at = self.address
            raise AssertionError(
                f'{self.corruption.describe()} breaks "{law}" at seed {at.seed}, epoch {at.epoch}, '
                f"window {at.window} of {len(self.window.tokens)} tokens: {found}"
            )


def check_window(corruption: Corruption, window: Window, vocab: Vocab, address: Address) -> None:
    """Raise AssertionError at the first law that is broken on this window, as check does."""
    trial = _Trial(corruption=corruption, window=window, vocab=vocab, address=address)
    example = _check_purity(trial)
    _check_arrays(trial, example)
    _check_lengths(trial, example)
    _check_specials(trial, example)
    _check_sentinels(trial, example)
    _check_decoder(trial, example)
    _check_noise(trial, example)
    if corruption.restores:
        clean = corruption.restore(example, vocab)
        trial.demand(
            clean.dtype == np.int32 and np.array_equal(clean, window.tokens),
            "restore gives the window back",
            f"it gives {clean.tolist()} for {window.tokens.tolist()}",
        )


def _check_purity(trial: _Trial) -> Example:
    corruption, vocab = trial.corruption, trial.vocab
    given = Window(*(column.copy() for column in trial.window))
    for column in given:
        column.flags.writeable = False
    state = _global_state()
    try:
        example = corruption.corrupt(given, trial.address.draws(), vocab)
    except ValueError as error:
        trial.demand("read-only" not in str(error), "the window is never written to", str(error))
        raise
    unwritten = all(np.array_equal(now, then) for now, then in zip(given, trial.window, strict=True))
    trial.demand(unwritten, "the window is never written to", "its arrays have changed")
    trial.demand(_global_state() == state, "global generators are not used", "one was drawn from")
    for name, array in _arrays(example):
        shared = any(np.shares_memory(array, column) for column in given)
        trial.demand(not shared, "the window is never handed out", f"{name} is a view of it")
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (others may use it)
    try:
        random.seed(len(given.tokens) + 1)
        np.random.seed(len(given.tokens) + 1)  # noqa: NPY002
        again = corruption.corrupt(given, trial.address.draws(), vocab)
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
    same = [name for name, _ in _arrays(again)] == [name for name, _ in _arrays(example)] and all(
        np.array_equal(one, two) for (_, one), (_, two) in zip(_arrays(example), _arrays(again), strict=True)
    )
    trial.demand(same, "one address gives one example", f"first {example}, then {again}")
    return example


def _check_arrays(trial: _Trial, example: Example) -> None:
    for name, array in _arrays(example):
        dtype = np.dtype(bool if name == "target_is_noise" else np.int32)
        trial.demand(
            array.dtype == dtype and array.ndim == 1,
            "arrays are one-dimensional, of int32 or bool",
            f"{name} is {array.dtype}{list(array.shape)}, not {dtype}[n]",
        )
        if name != "source":
            trial.demand(
                len(array) == len(example.target),
                "all arrays of the decoder are as long as the target",
                f"{name} has {len(array)} places, the target {len(example.target)}",
            )
        if name in ("source", "target", "decoder_input"):
            outside = array[(array < 0) | (array >= trial.vocab.size)].tolist()
            trial.demand(not outside, "ids lie inside the vocabulary", f"{name} has {outside}")


def _check_lengths(trial: _Trial, example: Example) -> None:
    if trial.window.protected.any():
        return
    longest = trial.corruption.longest(len(trial.window.tokens))
    lengths = len(example.source), len(example.target)
    trial.demand(
        lengths[0] <= longest.source and lengths[1] <= longest.target,
        "lengths stay within longest",
        f"source {lengths[0]} and target {lengths[1]} tokens, longest says {longest.source} and {longest.target}",
    )


def _check_specials(trial: _Trial, example: Example) -> None:
    vocab = trial.vocab
    num_ends = int((trial.window.tokens == vocab.eos).sum())
    source_ends = int((example.source == vocab.eos).sum())
    trial.demand(
        source_ends == num_ends + 1 and example.source[-1] == vocab.eos,
        "one eos is put at the end of the source, and those of the window stay",
        f"{source_ends} in the source, {num_ends} in the window; the source ends with {example.source[-1:]}",
    )
    target_ends = int((example.target == vocab.eos).sum())
    trial.demand(
        target_ends <= num_ends + 1,
        "a target has at most one eos more than its window",
        f"{target_ends} in the target, {num_ends} in the window",
    )
    trial.demand(
        not (example.source == vocab.pad).any() and not (example.target == vocab.pad).any(),
        "no pad is in a source or a target",
        f"source {example.source.tolist()}, target {example.target.tolist()}",
    )


def _check_sentinels(trial: _Trial, example: Example) -> None:
    sentinels = np.array(trial.vocab.sentinels, dtype=np.int32)
    if np.isin(trial.window.tokens, sentinels).any():
        return
    shown, said = (array[np.isin(array, sentinels)].tolist() for array in (example.source, example.target))
    trial.demand(
        len(set(shown)) == len(shown) and len(set(said)) == len(said),
        "the sentinels of an example differ",
        f"source has {shown}, target has {said}",
    )
    if said:
        trial.demand(
            shown == said and example.target[0] == said[0],
            "each span of a target follows its own sentinel",
            f"source has {shown}, target has {said} and begins with {example.target[0]}",
        )


def _check_decoder(trial: _Trial, example: Example) -> None:
    if example.target_positions is not None:
        trial.demand(
            bool((example.target_positions >= 0).all()),
            "positions are 0 or more",
            str(example.target_positions.tolist()),
        )
    tokens = trial.window.tokens
    if example.decoder_input is None or (tokens[1:] == tokens[:-1]).any():
        return  # behind a token like itself, a right decoder input looks like a leak
    trial.demand(
        not (example.decoder_input == example.target).any(),
        "a decoder never reads what it must say",
        f"decoder_input {example.decoder_input.tolist()}, target {example.target.tolist()}",
    )


def _check_noise(trial: _Trial, example: Example) -> None:
    hidden = trial.corruption.hidden(trial.window, trial.address.draws(), trial.vocab)
    if hidden is None:
        return
    window_len = len(trial.window.tokens)
    num_hidden = int(hidden.sum())
    trial.demand(
        hidden.dtype == np.dtype(bool) and len(hidden) == window_len,
        "hidden is a bool for each token of the window",
        f"it is {hidden.dtype}[{len(hidden)}]",
    )
    shown = np.flatnonzero(hidden & trial.window.protected).tolist()
    trial.demand(not shown, "protected tokens are never noise", f"hidden at {shown}")
    if example.target_is_noise is not None:
        said = np.sort(example.target[example.target_is_noise])
        trial.demand(
            np.array_equal(said, np.sort(trial.window.tokens[hidden])),
            "what a target calls noise is what was hidden",
            f"{said.tolist()} against {np.sort(trial.window.tokens[hidden]).tolist()}",
        )
    expected = _expected_noise(trial.corruption, window_len)
    if expected is not None:
        expected = min(expected, int((~trial.window.protected).sum()))
        trial.demand(
            num_hidden == expected,
            "the rate asked for is the rate hidden",
            f"{num_hidden} tokens are hidden, not {expected}",
        )


def _expected_noise(corruption: Corruption, window_len: int) -> int | None:
    if isinstance(corruption, PlannedCorruption):
        found = {counts.noise for counts in corruption.extremes(window_len)}
        return found.pop() if len(found) == 1 else None
    rate = getattr(corruption, "rate", None)
    return None if rate is None else num_noise_tokens(window_len, rate)


def _global_state() -> tuple[object, ...]:
    numpy_state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 (to see that it is not used)
    return random.getstate(), numpy_state["key"].tobytes(), numpy_state["pos"]


def _arrays(example: Example) -> list[tuple[str, Int32s | Bools]]:
    return [(name, array) for name, array in example._asdict().items() if array is not None]


def made_windows(vocab: Vocab) -> Iterator[Window]:
    """Windows of 0 to 300 tokens, of one document and of several; no token is like the one before it."""
    for document_len in _DOCUMENT_LENS:
        for window_len in _WINDOW_LENS:
            draws = Draws(0, document_len, window_len)
            steps = [1 + draws.below(max(len(vocab.text_ids) - 1, 1)) for _ in range(window_len)]
            walk = np.cumsum(steps, dtype=np.int64) % len(vocab.text_ids)
            tokens = (vocab.text_ids.start + walk).astype(np.int32)
            place = np.arange(window_len)
            if document_len:
                tokens[place % document_len == document_len - 1] = vocab.eos
            sentence_ends = (place % _SENTENCE_LEN == _SENTENCE_LEN - 1) | (tokens == vocab.eos)
            yield Window(tokens, sentence_ends, place % 2 == 0, vocab.is_special[tokens])
