"""Learning curves: thinned to what can be seen, put together over seeds, and where they reach a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from denoise.study.logs import HeldOutPoint, TrainPoint
from denoise.study.measures import flops, tokens_read
from denoise.study.runs import Run


def thinned(points: Sequence[TrainPoint], num_points: int) -> list[TrainPoint]:
    """At most `num_points` points, each the mean over a stretch of steps; the first is kept as it is."""
    if len(points) <= num_points:
        return list(points)
    stretch = math.ceil((len(points) - 1) / (num_points - 1))
    kept = [points[0]]
    for start in range(1, len(points), stretch):
        part = points[start : start + stretch]
        kept.append(
            TrainPoint(
                step=part[-1].step,
                tokens=round(fmean(p.tokens for p in part)),
                elapsed_s=fmean(p.elapsed_s for p in part),
                loss=fmean(p.loss for p in part),
                tokens_per_s=None,
            )
        )
    return kept


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Where a held-out curve first reaches a threshold."""

    tokens: float
    """Encoder and decoder tokens read until then."""
    elapsed_s: float
    """Seconds of training until then."""
    flops: float | None
    """Floating-point operations until then; None where the run does not say what it takes."""
    is_first: bool
    """Whether the first evaluation was there already, so that these are upper limits."""


def crossing(run: Run, threshold: float) -> Crossing | None:
    """Where the hidden text of a run's objective costs `threshold` bits a byte or less for the first time.

    Between two evaluations the curve is a straight line. None where it is not reached.
    """
    before: HeldOutPoint | None = None
    for point in run.logs.held_out:
        bits = point.noise_bits_per_byte
        if bits is None or not math.isfinite(bits):
            continue
        if bits <= threshold:
            return _between(run, before, point, threshold)
        before = point
    return None


def _between(run: Run, before: HeldOutPoint | None, after: HeldOutPoint, threshold: float) -> Crossing:
    tokens, elapsed_s = float(after.tokens), after.elapsed_s
    if before is not None and before.noise_bits_per_byte is not None and after.noise_bits_per_byte is not None:
        share = (before.noise_bits_per_byte - threshold) / (before.noise_bits_per_byte - after.noise_bits_per_byte)
        tokens = before.tokens + share * (after.tokens - before.tokens)
        elapsed_s = before.elapsed_s + share * (after.elapsed_s - before.elapsed_s)
    whole, budget = flops(run), tokens_read(run)
    return Crossing(
        tokens=tokens,
        elapsed_s=elapsed_s,
        flops=whole * tokens / budget if whole and budget else None,
        is_first=before is None,
    )
