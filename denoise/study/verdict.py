"""What the numbers allow to say in plain sentences, and what they do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from denoise.study.runs import Run
from denoise.study.statistics import (
    Spread,
    Strategy,
    as_good_as_best,
    by_strategy,
    curve_fell,
    first_and_last_loss,
    hidden_bits,
    of_one_objective,
    over_seeds,
    paired_difference,
    tokens_read,
)

UNEQUAL = 0.02
"""Budgets that differ by more than this fraction are called unequal; whole batches make small differences."""


def verdict(runs: Sequence[Run]) -> str:
    """One to three sentences that the finished runs support."""
    strategies = by_strategy(runs)
    finished = [strategy for strategy in strategies if strategy.finished]
    if not finished:
        return f"No run has finished yet ({states(runs)}), so there is nothing to compare."
    sentences = [_learnt(finished)]
    measured = [(over_seeds(s.finished, hidden_bits), s) for s in finished]
    known = sorted(
        ((spread, s) for spread, s in measured if spread is not None and math.isfinite(spread.mean)),
        key=lambda pair: pair[0].mean,
    )
    if not known:
        sentences.append("Nothing was hidden in these runs, so there is no common measure to compare them by.")
    elif len(known) == 1:
        spread, strategy = known[0]
        sentences.append(f"{strategy.label} leaves {with_sd(spread)} bits to guess per byte of hidden text.")
    else:
        sentences.append(_ranking(known, [s for _, s in known]))
    return " ".join(sentences)


def caveats(runs: Sequence[Run]) -> list[str]:
    """Sentences that keep a reader from taking the verdict for more than it is."""
    strategies = by_strategy(runs)
    finished = [strategy for strategy in strategies if strategy.finished]
    found = []
    if len(finished) < len(strategies) or any(len(s.finished) < len(s.runs) for s in strategies):
        found.append(f"The grid is not complete: {states(runs)}. Only finished runs are in the numbers.")
    if finished and max(len(s.finished) for s in finished) == 1:
        again = "another seed may turn the order round" if len(finished) > 1 else "another will end elsewhere"
        found.append(f"One seed is one seed: {again}.")
    elif finished and any(len(s.finished) < 3 for s in finished):
        found.append("Some strategies have fewer than three seeds, so their sd is itself a rough guess.")
    if len(finished) > 1 and not of_one_objective(finished):
        found.append(
            "The losses do not rank the objectives: each is taken over its own targets, and copying is "
            "easier than guessing."
        )
    if any(over_seeds(s.finished, hidden_bits) for s in finished) and not of_one_objective(finished):
        found.append(
            "Bits per hidden byte look at the hidden text only, but each objective hides its own share of "
            "it and shows it in its own format."
        )
    return found + _unfair(finished)


def states(runs: Sequence[Run]) -> str:
    """How many runs are in each state, in words.

    >>> states([])
    'no runs'
    """
    counts: Counter[str] = Counter(run.state for run in runs)
    order = ("finished", "running", "stopped", "failed", "missing", "replaced")
    return ", ".join(f"{counts[state]} {state}" for state in order if counts[state]) or "no runs"


def with_sd(spread: Spread, digits: int = 2) -> str:
    """A mean with its sd where there is one.

    >>> with_sd(Spread(mean=2.0, sd=0.125, num_seeds=3), 3)
    '2.000 ± 0.125'
    """
    return f"{spread.mean:.{digits}f}" + ("" if spread.sd is None else f" ± {spread.sd:.{digits}f}")


def _learnt(finished: Sequence[Strategy]) -> str:
    """Whether the losses of finished runs fell."""
    runs = [run for strategy in finished for run in strategy.finished]
    flat = [strategy for strategy in finished if not all(curve_fell(run) for run in strategy.finished)]
    if flat:
        return f"{_names(flat)} did not learn: the held-out loss did not fall in every run."
    if len(runs) > 1:
        return f"Every finished run learnt: all {len(runs)} losses fell."
    first, last = first_and_last_loss(runs[0]) or (math.nan, math.nan)
    return (
        f"{finished[0].label} learnt: its loss fell from {first:.2f} to {last:.2f} nats per target token "
        f"in {runs[0].done.get('step', 0):,} steps."
    )


def _ranking(known: Sequence[tuple[Spread, Strategy]], strategies: Sequence[Strategy]) -> str:
    """Who leaves the least to guess, who cannot be told from it, and how far the others are."""
    repeated = [(spread, s) for spread, s in known if spread.num_seeds > 1]
    spread, best = repeated[0] if repeated else known[0]
    bits = f"{with_sd(spread)} bits per byte of hidden text"
    if not repeated:
        others = ", ".join(f"{s.label} {with_sd(x)}" for x, s in known[1:])
        return f"{best.label} leaves the least to guess: {bits} ({others})."
    single = [s for x, s in known if x.num_seeds == 1]
    unplaced = f"{_names(single)} cannot be placed with one seed" if single else ""
    if len(repeated) == 1:
        return f"{best.label} leaves {bits} to guess; {unplaced}."
    good = as_good_as_best(strategies, hidden_bits)
    parts = [f"{best.label} leaves the least to guess: {bits}"]
    equals = [s for s in good if s is not best]
    if equals:
        parts.append(f"{_names(equals)} {'is' if len(equals) == 1 else 'are'} within two sd of it")
    parts += [_behind(best, s) for _, s in repeated if s not in good]
    return "; ".join([*parts, unplaced] if unplaced else parts) + "."


def _behind(best: Strategy, other: Strategy) -> str:
    gap = paired_difference(other, best, hidden_bits)
    if gap is None:
        return f"{other.label} leaves more"
    return f"{other.label} leaves {with_sd(gap)} more" + (" (paired by seed)" if gap.num_seeds > 1 else "")


def _unfair(finished: Sequence[Strategy]) -> list[str]:
    """Differences between runs that a comparison should not have."""
    runs = [run for strategy in finished for run in strategy.finished]
    found = []
    tokens = [count for run in runs if (count := tokens_read(run))]
    if tokens and max(tokens) > min(tokens) * (1 + UNEQUAL):
        found.append(f"The budgets are not equal: from {min(tokens):,.0f} to {max(tokens):,.0f} tokens a run.")
    for key, what in (
        ("git_commit", "commits of the code"),
        ("device", "devices"),
        ("torch", "torch versions"),
    ):
        values = sorted({str(run.environment[key]) for run in runs if run.environment.get(key)})
        if len(values) > 1:
            found.append(f"The runs come from different {what}: {', '.join(value[:12] for value in values)}.")
    return found


def _names(strategies: Sequence[Strategy]) -> str:
    labels = [strategy.label for strategy in strategies]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
