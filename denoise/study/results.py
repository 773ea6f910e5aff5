"""The table of results: strategies from top to bottom, what they reached and what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from denoise.study.entries import Show, difference_entry, mean_entries, mean_entry, name_entry, no_exam
from denoise.study.exams import formats, title_of
from denoise.study.intervals import Method
from denoise.study.measures import (
    Measure,
    bits_saved_by_source,
    exact_spans,
    exam_bits,
    exam_bits_in,
    first_loss,
    flops,
    held_out_loss,
    hidden_bits,
    minutes,
    ranking,
    steps,
    tokens_per_s,
    tokens_read,
)
from denoise.study.runs import Run
from denoise.study.statistics import Strategy, as_good_as_best, best, by_strategy, of_one_objective, over_seeds
from denoise.study.table import Column, Entry, Table, short_count

NOT_A_RANKING = "each held-out loss is over its own targets and does not rank the objectives"

Columns = list[tuple[Column, list[Entry]]]


def results(runs: Sequence[Run], method: Method = "t") -> Table:
    """One row a strategy: the measure that ranks, differences from ★ and from the best, costs, own loss last."""
    strategies = by_strategy(runs)
    is_exam = ranking(runs).is_exam
    own = _own(strategies, is_exam)
    columns = [
        (Column(title="Strategy", is_number=False, short="Strategy"), [name_entry(s) for s in strategies]),
        *(_exam(runs, strategies) if is_exam else own),
        *_differences(runs, strategies, method),
        *(own if is_exam else []),
        *_costs(strategies),
        *_own_loss(strategies, is_exam),
    ]
    return Table(
        name="results",
        title="Results",
        columns=tuple(column for column, _ in columns),
        rows=tuple(zip(*(entries for _, entries in columns), strict=True)),
        strategies=tuple(s.name for s in strategies),
        legend=legend(runs, method),
    )


def legend(runs: Sequence[Run], method: Method = "t") -> str:
    """What the signs in the table mean, as far as they occur."""
    strategies = by_strategy(runs)
    parts = ["★ baseline"] if any(s.is_baseline for s in strategies) else []
    if all(len(s.finished) < 2 for s in strategies):
        parts.append("one seed is one seed, so nothing is bold")
    else:
        parts.append("mean ± sd over n seeds")
        if as_good_as_best(strategies, ranking(runs).measure):
            parts.append("bold within two sd of the best")
        if len(strategies) > 1:
            parts.append(f"differences are paired by seed, in brackets {about(method)}")
    if len(strategies) > 1 and not of_one_objective(strategies):
        parts.append(NOT_A_RANKING)
    return "; ".join(parts)


def about(method: Method) -> str:
    """What an interval is, in words."""
    if method == "t":
        return "the 95 % t-interval of the mean over n seeds, each by itself"
    return "the 95 % percentile bootstrap interval over n seeds, too narrow where n is below ten"


def _exam(runs: Sequence[Run], strategies: Sequence[Strategy]) -> Columns:
    names = formats(runs)
    unit = "bits per hidden byte"
    exact = [mean_entry(s, percent_exact, one_digit, none=no_exam(s)) for s in strategies]
    saved = [mean_entry(s, bits_saved_by_source, none=no_exam(s)) for s in strategies]
    return [
        (Column(title="Exam", unit=unit, short="Exam\nbits/byte"), mean_entries(strategies, exam_bits)),
        *((Column(title=title_of(name), unit=unit), mean_entries(strategies, exam_bits_in(name))) for name in names),
        (Column(title="Exact spans", unit="%"), exact),
        (Column(title="Saved by source", unit=unit, short="Saved by\nsource"), saved),
    ]


def _differences(runs: Sequence[Run], strategies: Sequence[Strategy], method: Method) -> Columns:
    """From ★ and from the best, by the measure that ranks."""
    if len(strategies) < 2:
        return []
    measure = ranking(runs).measure
    columns = []
    baseline = next((s for s in strategies if s.is_baseline), None)
    if baseline is not None:
        column = Column(title="Difference from ★", unit="95 % interval", short="From ★")
        columns.append((column, [difference_entry(s, baseline, measure, method) for s in strategies]))
    lowest = best(strategies, measure)
    if lowest is not None and lowest is not baseline:
        column = Column(title="Difference from best", unit="95 % interval", short="" if baseline else "From best")
        columns.append((column, [difference_entry(s, lowest, measure, method) for s in strategies]))
    return columns


def _own(strategies: Sequence[Strategy], is_exam: bool) -> Columns:
    """What each objective hides itself, and how much of it is left to guess; bold only where no exam ranks."""
    bits = mean_entries(strategies, hidden_bits, none="nothing hidden")
    if is_exam:
        bits = [replace(entry, is_best=False) for entry in bits]
    short = "" if is_exam else "Bits per\nhidden byte"
    return [(Column(title="Bits per hidden byte", unit="of its own objective, lower is better", short=short), bits)]


def _costs(strategies: Sequence[Strategy]) -> Columns:
    def total(measure: Measure, show: Show) -> list[Entry]:
        return [mean_entry(s, measure, show, with_sd=False) for s in strategies]

    return [
        (Column(title="What is hidden", is_number=False, is_aside=True), [_hidden(s) for s in strategies]),
        (Column(title="Window → source + target", unit="tokens", is_aside=True), [_lengths(s) for s in strategies]),
        (Column(title="Steps", is_aside=True), total(steps, whole)),
        (Column(title="Tokens", unit="encoder + decoder"), total(tokens_read, short_count)),
        (Column(title="FLOPs"), total(flops, short_count)),
        (Column(title="Speed", unit="tokens/s", is_aside=True), total(tokens_per_s, whole)),
        (Column(title="Time", unit="minutes", short="Min"), total(minutes, one_digit)),
        (Column(title="Seeds", unit="finished"), [_seeds(s) for s in strategies]),
    ]


def _own_loss(strategies: Sequence[Strategy], is_exam: bool) -> Columns:
    """Grey, unless all are scored on the same targets."""
    is_ranked = len(strategies) < 2 or of_one_objective(strategies)
    last = [mean_entry(s, held_out_loss) for s in strategies]
    last = last if is_ranked else [replace(entry, is_muted=True) for entry in last]
    return [
        (Column(title="First loss", unit="nats", is_aside=True), [_first_loss(s) for s in strategies]),
        (
            Column(
                title="Held-out loss", unit="nats per target token", short="" if is_exam else "Held-out\nnats/token"
            ),
            last,
        ),
    ]


def percent_exact(run: Run) -> float | None:
    """Spans of the exam that were said without a mistake, in percent."""
    share = exact_spans(run)
    return None if share is None else 100 * share


def one_digit(value: float) -> str:
    """Minutes, percent."""
    return f"{value:.1f}"


def whole(value: float) -> str:
    """A count in full."""
    return f"{value:,.0f}"


def _hidden(strategy: Strategy) -> Entry:
    what = str(_shapes(strategy).get("corruption") or "")
    return Entry(text=what, value=what) if what else Entry(text="not known", is_muted=True)


def _lengths(strategy: Strategy) -> Entry:
    lengths = [_shapes(strategy).get(key) for key in ("window_len", "source_len", "target_len")]
    if None in lengths:
        return Entry(text="not known", is_muted=True)
    return Entry(text="{} → {} + {}".format(*lengths), value=lengths[0])


def _first_loss(strategy: Strategy) -> Entry:
    """Beside ln V, the cost of a uniform guess: far from it, the head or the targets are wrong."""
    started = over_seeds(strategy.runs, first_loss)
    if started is None or not math.isfinite(started.mean):
        has_begun = any(run.logs.train for run in strategy.runs)
        return Entry(text="not known" if has_begun else "not reached", is_muted=True)
    vocab_size = _shapes(strategy).get("vocab_size")
    note = f"ln V = {math.log(vocab_size):.2f}" if vocab_size else ""
    return Entry(text=f"{started.mean:.2f}", value=started.mean, num_seeds=started.num_seeds, note=note)


def _seeds(strategy: Strategy) -> Entry:
    done, planned = len(strategy.finished), len(strategy.runs)
    return Entry(text=f"{done} of {planned}", value=done, is_muted=done == 0)


def _shapes(strategy: Strategy) -> dict[str, Any]:
    return next((run.shapes for run in strategy.runs if run.shapes), {})
