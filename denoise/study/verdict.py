"""What the numbers allow to say in plain sentences, and what they do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from denoise.study.exams import MISSING, OTHER_SETTINGS, title_of
from denoise.study.intervals import Method
from denoise.study.measures import (
    Ranking,
    bits_saved_by_source,
    curve_fell,
    exam_bits,
    first_and_last_loss,
    flops,
    hidden_bits,
    ranking,
    tokens_read,
)
from denoise.study.runs import Run
from denoise.study.statistics import (
    Difference,
    Spread,
    Strategy,
    best,
    by_strategy,
    difference,
    of_one_objective,
    over_seeds,
)
from denoise.study.table import joined, short_count
from denoise.study.transfer_verdict import bought, transfer_caveats
from denoise.transfer.exam.papers import counted_papers

HARDLY = 0.05
"""A source that saves less than this fraction of what is left to guess is hardly read."""
UNEQUAL = 0.02
"""Budgets that differ by more than this fraction are called unequal; whole batches make small differences."""
FAR = 0.1
"""Far behind: the whole interval of the difference lies above this fraction of what the best leaves to guess."""
MANY = 3
"""Of more strategies than this in one group, only the nearest and the farthest are told with their numbers."""

Gaps = list[tuple[Difference, Strategy]]


def verdict(runs: Sequence[Run], method: Method = "t") -> str:
    """A few sentences that the finished runs support, by the exam where there is one."""
    finished = [strategy for strategy in by_strategy(runs) if strategy.finished]
    if not finished:
        return f"No run has finished yet ({states(runs)}), so there is nothing to compare."
    ranked = ranking(runs)
    spreads = [(over_seeds(s.finished, ranked.measure), s) for s in finished]
    known = sorted(
        ((spread, s) for spread, s in spreads if spread is not None and math.isfinite(spread.mean)),
        key=lambda pair: pair[0].mean,
    )
    sentences = [_learnt(finished)]
    if not known:
        sentences.append("Nothing was hidden in these runs, so there is no common measure to compare them by.")
    elif len(known) == 1:
        spread, strategy = known[0]
        sentences.append(f"{strategy.label} leaves to guess {with_sd(spread)} {ranked.unit}.")
    elif all(spread.num_seeds < 2 for spread, _ in known):
        others = ", ".join(f"{s.label} {with_sd(x)}" for x, s in known[1:])
        spread, strategy = known[0]
        sentences.append(f"{strategy.label} leaves the least to guess: {with_sd(spread)} {ranked.unit} ({others}).")
    else:
        sentences += _ranking([s for _, s in known], ranked, method)
    return " ".join([*sentences, *bought(finished)])


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
    is_exam = ranking(runs).is_exam
    if not is_exam and any(over_seeds(s.finished, hidden_bits) for s in finished) and not of_one_objective(finished):
        found.append(
            "Bits per hidden byte look at the hidden text only, but each objective hides its own share of "
            "it and shows it in its own format."
        )
    return found + _examined(finished) + transfer_caveats(finished) + _unfair(finished)


def states(runs: Sequence[Run]) -> str:
    """How many runs are in each state, in words.

    >>> states([])
    'no runs'
    """
    counts: Counter[str] = Counter(run.state for run in runs)
    order = ("finished", "running", "stopped", "failed", "missing", "replaced")
    return ", ".join(f"{counts[state]} {state}" for state in order if counts[state]) or "no runs"


def with_sd(spread: Spread) -> str:
    """A mean with its sd where there is one, with the digits that it asks for.

    >>> with_sd(Spread(mean=2.0, sd=0.125, num_seeds=3)), with_sd(Spread(mean=2.0, sd=0.004, num_seeds=3))
    ('2.00 ± 0.12', '2.000 ± 0.004')
    """
    digits = 3 if spread.sd is not None and 0 < spread.sd < 0.0095 else 2
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


def _ranking(known: Sequence[Strategy], ranked: Ranking, method: Method) -> list[str]:
    """Who leaves the least to guess, who cannot be told from it, who is behind it and who far behind."""
    first = best(known, ranked.measure)
    spread = over_seeds(first.finished, ranked.measure) if first else None
    assert first is not None and spread is not None
    gaps: Gaps = []
    unplaced = []
    for strategy in known:
        gap = difference(strategy, first, ranked.measure, method)
        if strategy is first:
            continue
        if gap is None or gap.low is None:
            unplaced.append(strategy)
        else:
            gaps.append((gap, strategy))
    # The seeds they share may say the contrary of all seeds; that is no difference either.
    behind = [(gap, s) for gap, s in gaps if gap.low is not None and gap.low > 0]
    equals = [s for gap, s in gaps if (gap, s) not in behind]
    far = [(gap, s) for gap, s in behind if gap.low is not None and gap.low > FAR * spread.mean]
    near = [pair for pair in behind if pair not in far]
    sentence = f"{first.label} leaves the least to guess: {with_sd(spread)} {ranked.unit}"
    if not gaps:
        sentence = f"{first.label} leaves to guess {with_sd(spread)} {ranked.unit}"
    if equals:
        sentence += f"; {_names(equals)} cannot be told from it"
    if unplaced:
        sentence += f"; {_names(unplaced)} cannot be placed with fewer than two seeds in common"
    return [f"{sentence}.", *_behind("Behind it", near), *_behind("Far behind it", far)]


def _behind(words: str, gaps: Gaps) -> list[str]:
    """How far some strategies are behind the best; of many, the nearest and the farthest."""
    if not gaps:
        return []
    gaps = sorted(gaps, key=lambda pair: pair[0].mean)
    if len(gaps) > MANY:
        labels = [s.label for _, s in gaps]
        return [f"{words}, from {_by(gaps[0][0])} to {_by(gaps[-1][0])}: {joined(labels)}."]
    return [f"{words}: {joined([f'{s.label} by {_by(gap)}' for gap, s in gaps])}."]


def _by(gap: Difference) -> str:
    """A gap with its interval.

    >>> _by(Difference(mean=0.25, low=0.2, high=0.3, num_seeds=3))
    '0.25 [0.20, 0.30]'
    """
    digits = 2 if min(abs(gap.mean), abs(gap.low or 1.0)) >= 0.01 else 3
    return f"{gap.mean:.{digits}f} [{gap.low:.{digits}f}, {gap.high:.{digits}f}]"


def _examined(finished: Sequence[Strategy]) -> list[str]:
    """What is to be known of the exam before its numbers are believed."""
    runs = [run for strategy in finished for run in strategy.finished]
    found = _hardly_read(runs)
    for note, words in (
        (MISSING, "have not taken the exam and are not in its numbers"),
        (OTHER_SETTINGS, "took the exam with other settings or other text and are not in its numbers"),
    ):
        labels = list(dict.fromkeys(run.label for run in runs if run.exam_note == note))
        if labels:
            count = sum(run.exam_note == note for run in runs)
            found.append(f"{count} of {len(runs)} finished runs {words}: {joined(labels)}.")
    papers = [(run, paper) for run in runs for paper in counted_papers(run.exam)]
    if any(paper.adapted for _, paper in papers):
        found.append(
            "Formats are scored after a short adaptation to them, so the exam also measures how fast they are learnt."
        )
    unseen = list(dict.fromkeys(title_of(p.format) for _, p in papers if not p.seen and not p.adapted))
    if unseen:
        found.append(f"Some strategies were examined as they are in formats new to them: {joined(unseen)}.")
    return found


def _hardly_read(runs: Sequence[Run]) -> list[str]:
    """Whether the models make so little of their sources that the exam compares language models."""
    saved = [bits for run in runs if (bits := bits_saved_by_source(run)) is not None]
    left = [bits for run in runs if (bits := exam_bits(run)) is not None]
    if not saved or max(saved) >= HARDLY * min(left):
        return []
    return [
        f"Every model hardly reads what it rebuilds the text from: another text's source would cost it at most "
        f"{max(saved):.3f} bits a hidden byte. At this size the exam compares language models more than denoisers."
    ]


def _unfair(finished: Sequence[Strategy]) -> list[str]:
    """Differences between runs that a comparison should not have."""
    runs = [run for strategy in finished for run in strategy.finished]
    found = []
    tokens = [count for run in runs if (count := tokens_read(run))]
    if tokens and max(tokens) > min(tokens) * (1 + UNEQUAL):
        found.append(f"The budgets are not equal: from {min(tokens):,.0f} to {max(tokens):,.0f} tokens a run.")
    work = [count for run in runs if (count := flops(run))]
    if work and max(work) > min(work) * (1 + UNEQUAL):
        found.append(
            f"The runs do not take equal work: from {short_count(min(work))} to {short_count(max(work))} FLOPs."
        )
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
    return joined([strategy.label for strategy in strategies])
