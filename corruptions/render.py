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
        Said.FRAGMENT: counts.noise,
    }[said]
    return Lengths(window_len - counts.noise + num_marks + 1, target)


def render(
    plan: Plan, window: Window, vocab: Vocab, shown: Shown, said: Said, *, replacements: Int32s | None = None
) -> Example:
    """The example of a plan, in arrays of its own.

    `replacements`, int32[num_noise], are the ids for Shown.MASK_EACH, in the encoder's order; None: masks.
    Raises OutOfSentinels.
    """
    source = _source(plan, window.tokens, vocab, shown, replacements)
    if said is Said.SPANS:
        target, is_noise = _spans(plan, window.tokens, vocab)
        return Example(source, target, target_is_noise=is_noise)
    if said is Said.FRAGMENT:
        return _fragment(source, plan, window.tokens, vocab)
    target = np.append(window.tokens, np.int32(vocab.eos))
    return Example(source, target, target_is_noise=np.append(plan.hidden(), False))


def _source(plan: Plan, tokens: Int32s, vocab: Vocab, shown: Shown, replacements: Int32s | None) -> Int32s:
    pieces = []
    if replacements is None:
        replacements = np.full(plan.num_noise, vocab.mask, dtype=np.int32)
    num_spans = num_replaced = 0
    was_noise = False
    for start, length, is_noise in plan:
        if not is_noise:
            pieces.append(tokens[start : start + length])
        elif shown is Shown.MASK_EACH:
            pieces.append(replacements[num_replaced : num_replaced + length])
            num_replaced += length
        elif shown is not Shown.NOTHING and not was_noise:
            mark = vocab.sentinel(num_spans) if shown is Shown.SENTINEL_A_SPAN else vocab.mask
            pieces.append(np.array([mark], dtype=np.int32))
            num_spans += 1
        was_noise = is_noise
    return np.concatenate([*pieces, np.array([vocab.eos], dtype=np.int32)])


def _spans(plan: Plan, tokens: Int32s, vocab: Vocab) -> tuple[Int32s, np.ndarray]:
    pieces = []
    marks: list[int] = []  # the places of sentinels in the target
    at = 0
    was_noise = False
    for start, length, is_noise in plan:
        if is_noise:
            if not was_noise:
                pieces.append(np.array([vocab.sentinel(len(marks))], dtype=np.int32))
                marks.append(at)
                at += 1
            pieces.append(tokens[start : start + length])
            at += length
        was_noise = is_noise
    target = np.concatenate([*pieces, np.array([vocab.eos], dtype=np.int32)])
    target_is_noise = np.ones(len(target), dtype=bool)
    target_is_noise[[*marks, at]] = False
    return target, target_is_noise


def _fragment(source: Int32s, plan: Plan, tokens: Int32s, vocab: Vocab) -> Example:
    read = tokens[plan.order()]  # the clean text as the encoder would read it
    positions = np.flatnonzero(np.repeat(plan.is_noise, plan.lengths)).astype(np.int32)
    before = np.concatenate([np.array([vocab.pad], dtype=np.int32), read])
    return Example(
        source,
        read[positions],
        decoder_input=before[positions],
        target_positions=positions,
        target_is_noise=np.ones(len(positions), dtype=bool),
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
