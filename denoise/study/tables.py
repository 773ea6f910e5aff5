"""All tables about a set of runs: results, efficiency, the exam by format and rate, and what fine-tuning came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from denoise.study.efficiency import efficiency
from denoise.study.entries import mean_entries, name_entry
from denoise.study.exams import formats, rates, title_of
from denoise.study.intervals import Method
from denoise.study.measures import exact_spans_in, exam_bits, exam_bits_in, is_adapted, unadapted_bits_in
from denoise.study.results import results
from denoise.study.runs import Run
from denoise.study.statistics import Strategy, as_good_as_best, by_strategy, over_seeds
from denoise.study.table import Column, Entry, Table
from denoise.study.transfer_details import outside, questions
from denoise.study.transfer_tables import gained, transfer

ADAPTED = "†"


def tables(runs: Sequence[Run], threshold: float | None = None, method: Method = "t") -> list[Table]:
    """Those that have something to show, the results first; `threshold` as in `efficiency`."""
    found = [results(runs, method), matrix(runs), efficiency(runs, threshold), by_rate(runs)]
    found += [transfer(runs), gained(runs, method), outside(runs), questions(runs)]
    return [table for table in found if table is not None]


def matrix(runs: Sequence[Run]) -> Table | None:
    """What each strategy is left to guess in each input format; None where no run took the exam."""
    names = formats(runs)
    if not names:
        return None
    strategies = by_strategy(runs)
    columns = [[name_entry(s) for s in strategies]]
    for name in names:
        entries = mean_entries(strategies, exam_bits_in(name))
        columns.append([_with_before(s, name, entry) for s, entry in zip(strategies, entries, strict=True)])
    columns.append(mean_entries(strategies, exam_bits))
    return Table(
        name="matrix",
        title="Trained on × examined on",
        columns=(
            Column(title="Trained on", is_number=False, short="Trained on"),
            *(
                Column(title=title_of(name), unit="bits per hidden byte", short=title_of(name).replace(" ", "\n", 1))
                for name in names
            ),
            Column(title="Mean", unit="bits per hidden byte", short="Mean"),
        ),
        rows=tuple(zip(*columns, strict=True)),
        strategies=tuple(s.name for s in strategies),
        legend=_legend(runs, strategies, names),
    )


def by_rate(runs: Sequence[Run]) -> Table | None:
    """The matrix at each rate, with exact spans; None where no run took the exam at two rates."""
    names, every = formats(runs), rates(runs)
    if len(every) < 2:
        return None
    strategies = by_strategy(runs)
    at = {(name, rate): mean_entries(strategies, exam_bits_in(name, rate)) for name in names for rate in every}
    rows = []
    for place, strategy in enumerate(strategies):
        for name in names:
            adapted = any(is_adapted(run, name) for run in strategy.finished)
            entries = [_with_exact(strategy, at[name, rate][place], name, rate) for rate in every]
            format_ = Entry(text=title_of(name) + (f" {ADAPTED}" if adapted else ""), value=title_of(name))
            rows.append((replace(name_entry(strategy), note=""), format_, *entries))
    return Table(
        name="rates",
        title="The exam, rate by rate",
        columns=(
            Column(title="Trained on", is_number=False, short="Trained on"),
            Column(title="Examined on", is_number=False, short="Examined on"),
            *(Column(title=f"{rate:.0%} hidden", unit="bits per hidden byte", short=f"{rate:.0%}") for rate in every),
        ),
        rows=tuple(rows),
        strategies=tuple(s.name for s in strategies for _ in names),
        legend=_legend(runs, strategies, names),
    )


def _with_before(strategy: Strategy, name: str, entry: Entry) -> Entry:
    """Marked as adapted, with what it was before."""
    if entry.value is None or not any(is_adapted(run, name) for run in strategy.finished):
        return entry
    before = over_seeds(strategy.finished, unadapted_bits_in(name))
    note = f"before {before.mean:.3f}" if before is not None else ""
    return replace(entry, text=f"{entry.text} {ADAPTED}", note=note)


def _with_exact(strategy: Strategy, entry: Entry, name: str, rate: float) -> Entry:
    exact = over_seeds(strategy.finished, exact_spans_in(name, rate))
    return replace(entry, note=f"{100 * exact.mean:.1f} % exact") if exact is not None else entry


def _legend(runs: Sequence[Run], strategies: Sequence[Strategy], names: Sequence[str]) -> str:
    parts = ["★ baseline"] if any(s.is_baseline for s in strategies) else []
    if any(as_good_as_best(strategies, exam_bits_in(name)) for name in names):
        parts.append("bold within two sd of the best in its column")
    if any(is_adapted(run, name) for run in runs for name in names):
        parts.append(f"{ADAPTED} scored after a short adaptation, the same for all")
    return "; ".join(["bits left to guess per hidden byte, lower is better", *parts])
