"""From a plan to an example in one pass: what the encoder sees of the noise, and what the decoder says."""

from __future__ import annotations

from enum import Enum

import numpy as np

from corruptions.plan import Counts, Plan
from corruptions.protocol import Example, Int32s, Lengths, Window
from data_prep.vocab import Vocab


class Shown(Enum):
    """What the encoder sees in the place of hidden tokens."""

    SENTINEL_A_SPAN = "sentinel a span"
    """The first sentinel for the first span, the second for the second, ... (T5)."""
    MASK_A_SPAN = "mask a span"
    """One mask for each span, however long (BART's text infilling)."""
    MASK_EACH = "mask each"
    """One id for each token: the mask, or what the corruption's `replacements` says (BERT, MASS)."""
    NOTHING = "nothing"
    """Nothing: hidden tokens vanish (BART's token deletion)."""


class Said(Enum):
    """What the decoder must say."""

    WHOLE_TEXT = "whole text"
    """The clean window, and eos (BART, BERT-style)."""
    SPANS = "spans"
    """Each sentinel and then what it hides, in the encoder's order, and eos; no sentinel closes it (T5)."""
    NOISE = "noise"
    """The hidden tokens, one behind the other, and eos (T5's dropped tokens; the suffix of a prefix LM)."""
    FRAGMENT = "fragment"
    """The hidden tokens alone, without eos, each read off the token before it at its own place (MASS)."""


def rendered_lengths(window_len: int, counts: Counts, shown: Shown, said: Said) -> Lengths:
    """The lengths of an example with so much noise.

    >>> rendered_lengths(568, Counts(85, 28), Shown.SENTINEL_A_SPAN, Said.SPANS)
    Lengths(source=512, target=114)
    """
    num_marks = {
        Shown.SENTINEL_A_SPAN: counts.spans,
        Shown.MASK_A_SPAN: counts.spans,
        Shown.MASK_EACH: counts.noise,
        Shown.NOTHING: 0,
    }[shown]
    target = {
        Said.WHOLE_TEXT: window_len + 1,
        Said.SPANS: counts.spans + counts.noise + 1,
        Said.NOISE: counts.noise + 1,
        Said.FRAGMENT: counts.noise,
    }[said]
    return Lengths(window_len - counts.noise + num_marks + 1, target)


def render(
    plan: Plan, window: Window, vocab: Vocab, shown: Shown, said: Said, *, replacements: Int32s | None = None
) -> Example:
    """The example of a plan, in arrays of its own.

    `replacements` are what is shown for each hidden token or, under Shown.MASK_A_SPAN, for each span, in the
    encoder's order; None: masks. Raises OutOfSentinels.
    """
    read = window.tokens if plan.order is None else window.tokens[plan.order]
    source = _source(plan, read, vocab, shown, replacements)
    is_noise = ~window.protected
    if said is Said.FRAGMENT:
        return _fragment(source, plan, read, vocab)
    if said is Said.SPANS:
        target, places = _spans(plan, read, vocab)
        target_is_noise = np.zeros(len(target), dtype=bool)
        target_is_noise[places] = is_noise[plan.noise_positions()]
    elif said is Said.NOISE:
        positions = plan.noise_positions()
        target = np.append(window.tokens[positions], np.int32(vocab.eos))
        target_is_noise = np.append(is_noise[positions], False)
    else:
        target = np.append(window.tokens, np.int32(vocab.eos))
        target_is_noise = np.append(plan.hidden() & is_noise, False)
    return Example(source, target, target_is_noise=target_is_noise)


def _source(plan: Plan, read: Int32s, vocab: Vocab, shown: Shown, replacements: Int32s | None) -> Int32s:
    marks = replacements
    if shown is Shown.SENTINEL_A_SPAN:
        marks = np.array([vocab.sentinel(span) for span in range(len(plan.starts))], dtype=np.int32)
    elif marks is None:
        num_marks = plan.num_noise if shown is Shown.MASK_EACH else len(plan.starts)
        marks = np.full(num_marks, vocab.mask, dtype=np.int32)
    pieces = []
    at = num_shown = 0
    for start, length in zip(plan.starts.tolist(), plan.lengths.tolist(), strict=True):
        pieces.append(read[at:start])
        num_marks = {Shown.MASK_EACH: length, Shown.NOTHING: 0}.get(shown, 1)
        pieces.append(marks[num_shown : num_shown + num_marks])
        num_shown += num_marks
        at = start + length
    return np.concatenate([*pieces, read[at:], np.array([vocab.eos], dtype=np.int32)])


def _spans(plan: Plan, read: Int32s, vocab: Vocab) -> tuple[Int32s, Int32s]:
    """The target, and the places in it of the hidden tokens."""
    target = np.empty(plan.num_noise + len(plan.starts) + 1, dtype=np.int32)
    marks = np.arange(len(plan.starts)) + np.cumsum(plan.lengths) - plan.lengths
    target[marks] = [vocab.sentinel(span) for span in range(len(plan.starts))]
    target[-1] = vocab.eos
    is_hidden = np.ones(len(target), dtype=bool)
    is_hidden[marks] = is_hidden[-1] = False
    target[is_hidden] = read[plan.noise_places()]
    return target, np.flatnonzero(is_hidden)


def _fragment(source: Int32s, plan: Plan, read: Int32s, vocab: Vocab) -> Example:
    places = plan.noise_places()
    before = np.concatenate([np.array([vocab.pad], dtype=np.int32), read])
    return Example(
        source,
        read[places],
        decoder_input=before[places],
        target_positions=places,
        target_is_noise=np.ones(len(places), dtype=bool),
    )


def can_restore(shown: Shown, said: Said) -> bool:
    """Whether the text, in the encoder's order at least, can be told from source and target."""
    return (
        said is Said.WHOLE_TEXT
        or (said is Said.SPANS and shown is Shown.SENTINEL_A_SPAN)
        or (said is Said.FRAGMENT and shown is Shown.MASK_EACH)
    )


def restored(example: Example, vocab: Vocab, said: Said) -> Int32s:
    """The text that the example was made from, without the eos that was put behind it."""
    if said is Said.WHOLE_TEXT:
        return example.target[:-1].copy()
    text = example.source[:-1].copy()
    if said is Said.NOISE:  # only a suffix can be put back, for only then is its place known
        return np.concatenate([text, example.target[:-1]])
    if said is Said.FRAGMENT:
        text[example.target_positions] = example.target
        return text
    sentinels = np.array(vocab.sentinels, dtype=np.int32)
    marks = np.flatnonzero(np.isin(example.target, sentinels))
    if len(marks) == 0:
        return text
    hidden = {int(span[0]): span[1:] for span in np.split(example.target[:-1], marks)[1:]}
    pieces = [hidden.get(int(token), token[None]) for token in text]
    return np.concatenate(pieces)
