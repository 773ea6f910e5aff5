"""A corruption as the numbers by which compiled loops know it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from corruptions.chain import Chain
from corruptions.compiled import codes as code
from corruptions.compiled.loop import Program, make_loop
from corruptions.denoising import Denoising
from corruptions.deshuffling import Deshuffling
from corruptions.document_rotation import DocumentRotation
from corruptions.draws import threshold_of
from corruptions.masked_fragment import MaskedFragment
from corruptions.next_sentence import NextSentence
from corruptions.noise import Fragment, Suffix, Tokens
from corruptions.planned import NoisyCorruption
from corruptions.prefix_lm import PrefixLM
from corruptions.prefixed import Prefixed
from corruptions.protocol import Corruption
from corruptions.render import Said, Shown
from corruptions.sentence_order import SentenceOrder
from corruptions.sentence_permutation import SentencePermutation
from corruptions.span_corruption import SpanCorruption
from corruptions.span_lengths import TILT_LEVELS, SpanLaw
from corruptions.spans import Edges, Spans
from corruptions.text_infilling import TextInfilling
from corruptions.token_deletion import TokenDeletion
from corruptions.token_masking import TokenMasking
from data_prep.vocab import Vocab

_ORDERINGS: dict[type, int] = {
    SentencePermutation: code.SENTENCES,
    DocumentRotation: code.ROTATION,
    Deshuffling: code.SHUFFLE,
}
_NOISY = (Denoising, MaskedFragment, PrefixLM, SpanCorruption, TextInfilling, TokenDeletion, TokenMasking)
_PAIRS: dict[type, int] = {SentenceOrder: code.IN_ORDER, NextSentence: code.FOLLOWING}
_NOISES: dict[type, int] = {
    Tokens: code.TOKENS,
    Spans: code.SPANS,
    Fragment: code.FRAGMENT,
    Suffix: code.SUFFIX,
}
_SHOWN = {
    Shown.SENTINEL_A_SPAN: code.SENTINEL_A_SPAN,
    Shown.MASK_A_SPAN: code.MASK_A_SPAN,
    Shown.MASK_EACH: code.MASK_EACH,
    Shown.NOTHING: code.NOTHING,
}
_SAID = {
    Said.WHOLE_TEXT: code.SAY_TEXT,
    Said.SPANS: code.SAY_SPANS,
    Said.NOISE: code.SAY_NOISE,
    Said.FRAGMENT: code.SAY_FRAGMENT,
}
_LAWS = {
    SpanLaw.GEOMETRIC: code.GEOMETRIC,
    SpanLaw.UNIFORM: code.GEOMETRIC,  # given their sum, they differ in the longest span alone
    SpanLaw.POISSON: code.POISSON,
    SpanLaw.POISSON_FROM_ONE: code.POISSON_FROM_ONE,
    SpanLaw.FIXED: code.FIXED,
}
_EDGES = {Edges.FREE: code.FREE, Edges.T5: code.T5, Edges.ROLL: code.ROLL}

_SHARED = ("draws.py", "placement.py", "span_lengths.py")
"""Files of the plain twins whose constants the loops use."""


class _Steps:
    """A corruption taken apart: mode, orderings, and the step that hides tokens."""

    def __init__(self, corruption: Corruption) -> None:
        self.mode = None
        if type(corruption) is Prefixed:
            self.mode, corruption = corruption.mode, corruption.corruption
        steps = [*corruption.orderings, *corruption.noise_steps] if isinstance(corruption, Chain) else [corruption]
        self.orderings = [_ORDERINGS[type(step)] for step in steps if type(step) in _ORDERINGS]
        self.pair = _PAIRS.get(type(corruption), code.NO_PAIR)
        self.noisy: NoisyCorruption | None = None
        if steps and isinstance(steps[-1], _NOISY):
            self.noisy = steps[-1]
        # A subclass may have changed any method: only the classes named above are known for sure.
        kinds = [type(step) for step in steps]
        self.is_known = type(corruption) in (Chain, *kinds) and len(self.orderings) <= code.MAX_ORDERINGS
        self.is_known &= all(kind in _ORDERINGS or kind in _NOISY or self.pair for kind in kinds)
        if self.noisy is not None:
            self.is_known &= type(self.noisy.noise) in _NOISES


def is_compiled(corruption: Corruption) -> bool:
    """Whether compiled loops know this corruption; the others run one window after the other."""
    return _Steps(corruption).is_known


def moves_positions(corruption: Corruption) -> bool:
    """Whether a known corruption gives positions other than 0, 1, 2, ..."""
    noisy = _Steps(corruption).noisy
    return noisy is not None and noisy.said is Said.FRAGMENT


def program_of(corruptions: Sequence[Corruption], vocab: Vocab, longest: int, ignored: int) -> Program:
    """The numbers of corruptions that are all known, for windows of up to so many tokens."""
    steps = [_Steps(corruption) for corruption in corruptions]
    return Program(
        codes=np.array([_codes(step, vocab) for step in steps], dtype=np.int64),
        tables=np.stack([_tables(step.noisy, longest) for step in steps]),
        thresholds=_thresholds([step.noisy for step in steps]),
        ids=np.array(_ids(vocab, ignored, any(step.pair for step in steps)), dtype=np.int64),
        sentinels=np.array(vocab.sentinels, dtype=np.int64),
    )


def _ids(vocab: Vocab, ignored: int, has_pairs: bool) -> list[int]:
    controls = [vocab.control(word) if has_pairs else -1 for word in ("[SEP]", "[YES]", "[NO]")]
    return [vocab.pad, vocab.eos, vocab.mask, vocab.text_ids.start, len(vocab.text_ids), ignored, *controls]


def _codes(steps: _Steps, vocab: Vocab) -> list[int]:
    codes = [0] * code.NUM_CODES
    codes[code.NUM_ORDERINGS] = len(steps.orderings)
    codes[code.ORDERINGS : code.ORDERINGS + len(steps.orderings)] = steps.orderings
    codes[code.HEAD] = -1 if steps.mode is None else vocab.control(steps.mode)
    codes[code.SHOWN], codes[code.SAID], codes[code.PAIR] = code.NOTHING, code.SAY_TEXT, steps.pair
    noisy = steps.noisy
    if noisy is None:
        return codes
    codes[code.OPERATOR] = len(steps.orderings)
    codes[code.SHOWN], codes[code.SAID] = _SHOWN[noisy.shown], _SAID[noisy.said]
    codes[code.NOISE] = _NOISES[type(noisy.noise)]
    if isinstance(noisy, TokenMasking):
        noisy.demand_other_ids(vocab)
        codes[code.RANDOM_MARKS] = code.OTHER_TOKENS if noisy.random_fraction else code.ONLY_MASKS
    if isinstance(noisy, TextInfilling):
        codes[code.RANDOM_MARKS] = code.ANY_TOKENS if noisy.random_fraction else code.ONLY_MASKS
    noise = noisy.noise
    if isinstance(noise, Tokens | Spans):
        codes[code.WHOLE_WORDS] = int(noise.whole_words)
    if isinstance(noise, Spans):
        codes[code.LAW], codes[code.EDGES] = _LAWS[noise.law], _EDGES[noise.edges]
        codes[code.MAX_SPAN_LENGTH] = noise.longest_span or 0
    if isinstance(noise, Fragment):
        codes[code.IS_AT_START], codes[code.IS_AT_END] = (int(chance == 1) for chance in noise.chances())
    return codes


def _tables(noisy: NoisyCorruption | None, longest: int) -> np.ndarray:
    """int64 [NUM_TABLES, longest + 1]; counts are made here, so that the loops round nothing."""
    tables = np.zeros((code.NUM_TABLES, longest + 1), dtype=np.int64)
    if noisy is None:
        return tables
    lengths = range(longest + 1)
    tables[code.NOISE_OF] = [noisy.extremes(length)[0].noise for length in lengths]
    if isinstance(noisy.noise, Spans):
        tables[code.SPANS_OF] = [noisy.noise.num_spans(num_noise) for num_noise in lengths]
    if isinstance(noisy.noise, Suffix):
        pivots = [noisy.noise.pivots(length) for length in lengths]
        tables[code.FIRST_PIVOT], tables[code.LAST_PIVOT] = np.array(pivots, dtype=np.int64).T
    if isinstance(noisy, TokenMasking):
        tables[code.MASKED_OF] = [noisy.masked_and_replaced(length)[0] for length in lengths]
    if isinstance(noisy, TextInfilling):
        tables[code.MASKED_OF] = [num_spans - noisy.num_random(num_spans) for num_spans in lengths]
    return tables


def _thresholds(noisies: Sequence[NoisyCorruption | None]) -> np.ndarray:
    """uint64 [corruptions, ...]: the proposals of bounded lengths, or the chances of where a fragment is."""
    tilts = [noisy.noise.tilts if noisy and isinstance(noisy.noise, Spans) else None for noisy in noisies]
    width = max([2, *(tilt.max_length for tilt in tilts if tilt is not None)])
    thresholds = np.zeros((len(noisies), 2 * TILT_LEVELS, width), dtype=np.uint64)
    for rows, noisy, tilt in zip(thresholds, noisies, tilts, strict=True):
        if tilt is not None:
            rows[:TILT_LEVELS, : tilt.max_length - 1] = np.array(tilt.at_most, dtype=np.uint64)
            rows[TILT_LEVELS:, : tilt.max_length] = np.array(tilt.keep, dtype=np.uint64)
        if noisy is not None and isinstance(noisy.noise, Fragment):
            rows[0, :2] = [threshold_of(chance) if chance < 1 else 0 for chance in noisy.noise.chances()]
    return thresholds


@lru_cache(maxsize=1)
def compiled_loop() -> Any:
    """The loop over rows; compiling takes seconds once a machine, loading well under one."""
    folder = Path(code.__file__).parent
    sources = [*sorted(folder.glob("*.py")), *(folder.parent / name for name in _SHARED)]
    digest = sha256(b"".join(path.read_bytes() for path in sources)).digest()
    return make_loop(int.from_bytes(digest[:7]))
