"""The formats of the exam as corruptions, and which of them a run's objective trains in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from corruptions import (
    BadCorruption,
    Chain,
    Corruption,
    Denoising,
    Draws,
    Fragment,
    Lengths,
    Noise,
    PlannedCorruption,
    Prefixed,
    Said,
    Shown,
    Spans,
    Split,
    Suffix,
)
from corruptions.letters import LETTERS, window_of
from denoise.transfer.exam.config import BadExam, ExamConfig, Format


class Row(NamedTuple):
    """A format as a row of the objective algebra."""

    noise: str
    """spread: tokens or spans all over the text; fragment: one stretch; suffix: the end."""
    shown: Shown
    """What the encoder sees of it."""
    said: Said
    """What the decoder says."""


ROWS: dict[Format, Row] = {
    "sentinels": Row("spread", Shown.SENTINEL_A_SPAN, Said.SPANS),
    "one_mask": Row("spread", Shown.MASK_A_SPAN, Said.WHOLE_TEXT),
    "mask_each": Row("spread", Shown.MASK_EACH, Said.WHOLE_TEXT),
    "fragment": Row("fragment", Shown.MASK_EACH, Said.FRAGMENT),
    "continuation": Row("suffix", Shown.NOTHING, Said.NOISE),
}


@dataclass(frozen=True, kw_only=True)
class Question(Denoising):
    """A format at a rate, for windows of one length whatever would fit a source.

    The three formats that hide spans have equal noise, and so hide equal tokens at equal addresses.
    """

    window_len: int
    """Raw tokens of each window."""
    num_spare: int = 0
    """More spans than were asked for that a window may have, where document ends cut some in two: a window must not
    be shortened in one format and not in another."""

    def longest(self, window_len: int) -> Lengths:
        """Room for those too; a source is never longer than with a mask for each hidden token."""
        return Lengths(window_len + 1, super().longest(window_len).target + self.num_spare)

    def fit(self, source_len: int, target_len: int | None = None) -> int:
        """The length of all windows."""
        return self.window_len


def question(format: Format, rate: float, config: ExamConfig, *, num_spare: int = 0) -> Question:
    """What is asked of a window. Raises BadExam where the rate does not fit the format."""
    kind, shown, said = ROWS[format]
    try:
        noise: Noise
        if kind == "fragment":
            noise = Fragment(rate=rate)
        elif kind == "suffix":
            noise = Suffix(rate=rate, split=Split.FIXED)
        else:
            noise = Spans(rate=rate, mean_span_length=config.mean_span_length)
        return Question(noise=noise, shown=shown, said=said, window_len=config.window_len, num_spare=num_spare)
    except BadCorruption as error:
        raise BadExam(f"the format {format} cannot be examined at a rate of {rate}: {error}") from None


def behind(mode: str | None, corruption: Corruption) -> Corruption:
    """The same behind a control word, if there is one."""
    return corruption if mode is None else Prefixed(mode=mode, corruption=corruption)


def seen_as(corruption: Corruption, format: Format) -> list[Corruption]:
    """The parts of a run's corruption that train in a format; none: it has not seen it.

    Told by what a part hides, shows and has said, whatever its name, rate or span lengths. A corruption of one's own
    that does not plan what it hides has seen no format.

    >>> from corruptions import MaskedFragment, SpanCorruption
    >>> len(seen_as(SpanCorruption(rate=0.5), "sentinels")), len(seen_as(MaskedFragment(), "mask_each"))
    (1, 0)
    """
    return [part for part in corruption.variants() if _row_of(part) == ROWS[format]]


def mode_of(corruption: Corruption, asked: Question, format: Format) -> str | None:
    """The control word of the part that is most like the question, among those that have seen its format."""

    def distance(part: Corruption) -> tuple[int, int]:
        counts = inner(part).extremes(asked.window_len)[-1]
        wanted = asked.extremes(asked.window_len)[-1]
        return abs(counts.noise - wanted.noise), abs(counts.spans - wanted.spans)

    nearest = min(seen_as(corruption, format), key=distance, default=None)
    return nearest.mode if isinstance(nearest, Prefixed) else None


def inner(part: Corruption) -> PlannedCorruption:
    """What stands behind a mode."""
    while isinstance(part, Prefixed):
        part = part.corruption
    assert isinstance(part, PlannedCorruption)
    return part


def _row_of(part: Corruption) -> Row | None:
    """The row that a part trains, None where it is none: nothing is hidden, or it is not told what."""
    while isinstance(part, Prefixed):
        part = part.corruption
    if not isinstance(part, PlannedCorruption) or not _hides(part) or not _shows_marks(part):
        return None
    steps = part.noise_steps if isinstance(part, Chain) else [part]
    noise = getattr(steps[0], "noise", None)
    kind = "fragment" if isinstance(noise, Fragment) else "suffix" if isinstance(noise, Suffix) else "spread"
    return Row(kind, part.shown, part.said)


def _hides(part: PlannedCorruption) -> bool:
    return any(counts.noise for counts in part.extremes(len(_TRIED.tokens)))


def _shows_marks(part: PlannedCorruption) -> bool:
    """Whether masks are masks: token masking may show other tokens instead of every one."""
    if part.shown not in (Shown.MASK_A_SPAN, Shown.MASK_EACH):
        return True
    return any(LETTERS.mask in part.corrupt(_TRIED, draws, LETTERS).source for draws in _tries())


def _tries() -> Iterator[Draws]:
    return (Draws(0, 0, window) for window in range(4))


_TRIED = window_of(" ".join("abcdefghijklmnop" * 4))


def num_special(tokens: np.ndarray, is_special: np.ndarray) -> int:
    """The most special tokens in any window; tokens is [windows, window_len]."""
    return int(is_special[tokens].sum(axis=1).max(initial=0))
