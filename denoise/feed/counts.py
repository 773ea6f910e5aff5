"""What was done to the text of a step, counted: sums that add up over batches and are divided when shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from corruptions import Corruption, Lengths, Prefixed, Said
from corruptions.batch import CorruptedRows, Rows


class NoiseCounts(NamedTuple):
    """Counts of each part of a mixture, or of the one corruption there is: int64[parts], on the CPU."""

    windows: np.ndarray
    """Windows."""
    raw_tokens: np.ndarray
    """Tokens of text that were read."""
    cut_tokens: np.ndarray
    """Tokens of windows left out, where document ends left no room for the noise that was asked for."""
    hidden_tokens: np.ndarray
    """Hidden tokens that the decoder must say."""
    hidden_runs: np.ndarray
    """Targets' unbroken runs of them; an empty span is none, and two that touch in the text are one."""
    source_tokens: np.ndarray
    """Places of the encoder that hold a token."""
    source_places: np.ndarray
    """Places of the encoder."""
    target_tokens: np.ndarray
    """Places of the decoder that hold a token."""
    target_places: np.ndarray
    """Places of the decoder."""

    @classmethod
    def zero(cls, num_parts: int) -> NoiseCounts:
        """Nothing counted yet."""
        return cls(*(np.zeros(num_parts, dtype=np.int64) for _ in cls._fields))

    def __add__(self, other: NoiseCounts) -> NoiseCounts:  # type: ignore[override]
        return NoiseCounts(*(mine + others for mine, others in zip(self, other, strict=True)))

    def shares(self, parts: Sequence[Corruption]) -> dict[str, float]:
        """What a log shows of these counts, for the parts that they are of.

        noise_rate: hidden tokens a token of text; source_padding and target_padding: the share of places
        without a token; spans_a_window and span_length: of the parts whose targets tell spans apart;
        part_1_share, part_1_noise_rate and so on: the windows and the noise of each part of a mixture.
        """
        total = self._total(np.ones(len(self.windows), dtype=bool))
        shown = {
            "noise_rate": _ratio(total.hidden_tokens, total.raw_tokens),
            "source_padding": 1 - _ratio(total.source_tokens, total.source_places),
            "target_padding": 1 - _ratio(total.target_tokens, total.target_places),
        }
        of_spans = self._total(np.array([tells_spans_apart(part) for part in parts]))
        if of_spans.hidden_runs:
            shown["spans_a_window"] = _ratio(of_spans.hidden_runs, of_spans.windows)
            shown["span_length"] = _ratio(of_spans.hidden_tokens, of_spans.hidden_runs)
        for number in range(len(parts) if len(parts) > 1 else 0):
            shown[f"part_{number + 1}_share"] = _ratio(self.windows[number], total.windows)
            shown[f"part_{number + 1}_noise_rate"] = _ratio(self.hidden_tokens[number], self.raw_tokens[number])
        return {name: round(value, 6) for name, value in shown.items()}

    def _total(self, of_parts: np.ndarray) -> NoiseCounts:
        return NoiseCounts(*(counts[of_parts].sum() for counts in self))


def counts_of(rows: Rows, out: CorruptedRows, pad_to: Lengths, num_parts: int) -> NoiseCounts:
    """The counts of one batch."""
    is_noise = out.target_is_noise
    begins = is_noise[:, 1:] & ~is_noise[:, :-1]
    part_of = rows.parts if num_parts > 1 else np.zeros_like(rows.parts)

    def sums(of_rows: np.ndarray) -> np.ndarray:
        return np.bincount(part_of, weights=of_rows, minlength=num_parts).astype(np.int64)

    windows = np.bincount(part_of, minlength=num_parts)
    return NoiseCounts(
        windows=windows,
        raw_tokens=sums(out.used_lengths),
        cut_tokens=sums(rows.lengths - out.used_lengths),
        hidden_tokens=sums(np.count_nonzero(is_noise, axis=1)),
        hidden_runs=sums(np.count_nonzero(begins, axis=1) + is_noise[:, 0]),
        source_tokens=sums(out.source_lengths),
        source_places=windows * pad_to.source,
        target_tokens=sums(out.target_lengths),
        target_places=windows * pad_to.target,
    )


def tells_spans_apart(part: Corruption) -> bool:
    """Whether the runs of hidden tokens in its targets are its spans.

    Not where hidden tokens follow one another, as in T5's drop, nor where document ends, which are never noise,
    may lie inside a span, as in a prefix LM.
    """
    while isinstance(part, Prefixed):
        part = part.corruption
    return getattr(part, "said", None) is not Said.NOISE and not part.hides_protected


def _ratio(some: np.ndarray, of: np.ndarray) -> float:
    return float(some / of) if of else 0.0
