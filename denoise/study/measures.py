"""The numbers that a run has: what it was left to guess, what it cost, and whether it learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from denoise.study.runs import Run
from denoise.transfer.exam.papers import Paper, counted_papers

Measure = Callable[[Run], "float | None"]
"""A number a run has, or None where it has none."""

LEAST_FALL = 0.01
"""A loss that ends less than this fraction under its start is called flat."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The measure by which strategies are ranked."""

    measure: Measure
    """Lower is better."""
    title: str
    """The heading of its column."""
    unit: str
    """What is counted, after a number."""
    is_exam: bool
    """Whether all are measured on one exam, or each on its own objective."""


def ranking(runs: Iterable[Run]) -> Ranking:
    """The exam where any run has taken it, else the hidden text of each objective."""
    if any(exam_bits(run) is not None for run in runs):
        return Ranking(measure=exam_bits, title="Exam", unit="bits per hidden byte in the exam", is_exam=True)
    return Ranking(
        measure=hidden_bits, title="Bits per hidden byte", unit="bits per byte of hidden text", is_exam=False
    )


def exam_bits(run: Run) -> float | None:
    """Bits left to guess per hidden byte: the mean over the formats and rates of the exam."""
    return _of_papers(run, lambda paper: paper.bits_per_hidden_byte)


def exam_bits_in(format_: str, rate: float | None = None) -> Measure:
    """The same in one input format: the mean over its rates, or at one of them."""
    return lambda run: _of_papers(run, lambda paper: paper.bits_per_hidden_byte, format_, rate)


def exact_spans(run: Run) -> float | None:
    """Share of the exam's spans that were said without a mistake: the mean over formats and rates, from 0 to 1."""
    return _of_papers(run, lambda paper: paper.exact_spans)


def exact_spans_in(format_: str, rate: float | None = None) -> Measure:
    """The same in one input format."""
    return lambda run: _of_papers(run, lambda paper: paper.exact_spans, format_, rate)


def bits_saved_by_source(run: Run) -> float | None:
    """Bits per hidden byte that reading another text's source would cost: the mean over formats and rates."""
    if any(paper.bits_saved_by_source is None for paper in counted_papers(run.exam)):
        return None
    return _of_papers(run, lambda paper: paper.bits_saved_by_source or 0.0)


def unadapted_bits_in(format_: str, rate: float | None = None) -> Measure:
    """Bits left to guess per hidden byte in a format before adaptation to it; None where there was none."""

    def measure(run: Run) -> float | None:
        papers = [paper for paper in run.exam if paper.format == format_ and rate in (None, paper.rate)]
        before = [paper.bits_per_hidden_byte for paper in papers if not paper.adapted]
        return fmean(before) if before and any(paper.adapted for paper in papers) else None

    return measure


def is_adapted(run: Run, format_: str) -> bool:
    """Whether the papers that count in a format were taken after adaptation to it."""
    return any(paper.adapted for paper in counted_papers(run.exam) if paper.format == format_)


def hidden_bits(run: Run) -> float | None:
    """Bits left to guess per byte of hidden text at the end of a finished run."""
    return _last_held_out(run, "noise_bits_per_byte")


def held_out_loss(run: Run) -> float | None:
    """Nats per target token at the end of a finished run."""
    return _last_held_out(run, "loss")


def first_loss(run: Run) -> float | None:
    """Nats per target token before any update; None when the log does not begin at step 1."""
    train = run.logs.train
    return train[0].loss if train and train[0].step == 1 else None


def tokens_per_s(run: Run) -> float | None:
    """Median over the training log, so that compiling and evaluating do not weigh."""
    rates = [point.tokens_per_s for point in run.logs.train if point.tokens_per_s is not None]
    return median(rates) if rates else None


def steps(run: Run) -> float | None:
    """Updates of a finished run."""
    return _number(run.done.get("step")) if run.state == "finished" else None


def tokens_read(run: Run) -> float | None:
    """Encoder and decoder tokens of a finished run."""
    return _number(run.done.get("tokens")) if run.state == "finished" else None


def flops(run: Run) -> float | None:
    """Floating-point operations of a finished run."""
    return _number(run.shapes.get("flops")) if run.state == "finished" else None


def minutes(run: Run) -> float | None:
    """Wall clock of a finished run."""
    seconds = _number(run.done.get("elapsed_s")) if run.state == "finished" else None
    return None if seconds is None else seconds / 60


def first_and_last_loss(run: Run) -> tuple[float, float] | None:
    """The ends of the held-out curve; of the training curve while there are not two held-out points.

    The last tenth of a training curve is averaged, since single batches are noisy.
    """
    if len(run.logs.held_out) > 1:
        return run.logs.held_out[0].loss, run.logs.held_out[-1].loss
    train = [point.loss for point in run.logs.train]
    if len(train) < 2:
        return None
    return train[0], fmean(train[-max(1, len(train) // 10) :])


def curve_fell(run: Run) -> bool:
    """Whether the loss ended at least one percent under its start."""
    ends = first_and_last_loss(run)
    return ends is not None and ends[1] <= ends[0] * (1 - LEAST_FALL)


def _of_papers(
    run: Run, number: Callable[[Paper], float], format_: str | None = None, rate: float | None = None
) -> float | None:
    if run.state != "finished":
        return None
    papers = [p for p in counted_papers(run.exam) if format_ in (None, p.format) and rate in (None, p.rate)]
    return fmean(map(number, papers)) if papers else None


def _last_held_out(run: Run, key: str) -> float | None:
    if run.state != "finished":
        return None
    last = run.done.get("held_out")
    if isinstance(last, dict):
        return _number(last.get(key))
    return getattr(run.logs.held_out[-1], key) if run.logs.held_out else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
