"""What fine-tuning allows to say of pretraining, and what not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from denoise.study.exams import MISSING, OTHER_SETTINGS
from denoise.study.gains import HUNDRED, Gain, gains, num_beyond, over_points
from denoise.study.statistics import Strategy
from denoise.study.table import joined
from denoise.study.transfers import Learnt, split_note_of, title_of

FEW = 500
"""With fewer scored answers than this, chance in the questions moves an accuracy by two hundredths or more."""


def bought(finished: Sequence[Strategy]) -> list[str]:
    """A sentence on what pretraining buys over the same models from scratch; none where there is nothing to say."""
    learnt = Learnt(finished)
    found = [(strategy, gains(learnt, strategy)) for strategy in finished]
    found = [(strategy, by_task) for strategy, by_task in found if by_task]
    if not found:
        return []
    known = [(s, told) for s, by_task in found if (told := {t: g for t, g in by_task.items() if g.two_sd is not None})]
    if not known:
        return ["Fine-tuned with one seed, so whether pretraining beats learning from scratch cannot be told."]
    return [_of_one(*known[0]) if len(known) == 1 else _of_many(known), *_worse(known)]


def _of_one(strategy: Strategy, found: dict[str, Gain]) -> str:
    above = [title_of(task) for task, each in found.items() if each.is_beyond]
    if not above:
        on = f"any of {len(found)} tasks" if len(found) > 1 else title_of(next(iter(found)))
        return f"Fine-tuned, {strategy.label} does not beat the same model from scratch by more than two sd on {on}."
    on = f"{len(above)} of {_tasks(len(found))}: {joined(above)}"
    return f"Fine-tuned, {strategy.label} beats the same model from scratch by more than two sd on {on}."


def _of_many(known: Sequence[tuple[Strategy, dict[str, Gain]]]) -> str:
    """How many strategies do better than scratch on how many tasks; who does most and least, where they differ."""
    ranked = sorted(known, key=lambda pair: -num_beyond(list(pair[1].values())))
    counts = [num_beyond(list(found.values())) for _, found in ranked]
    every = list(dict.fromkeys(task for _, found in known for task in found))
    is_same = all(len(found) == len(every) for _, found in known)
    of = _tasks(len(every)) if is_same else "the tasks that they have learnt"
    if counts[0] == 0:
        on = f"any of {of}" if len(every) > 1 else title_of(every[0])
        return f"Fine-tuned, no strategy beats the same model from scratch by more than two sd on {on}."
    start = "Fine-tuned, every strategy beats the same model from scratch by more than two sd on"
    if counts[0] == counts[-1]:
        return f"{start} {counts[0]} of {of}."
    most = [s.label for (s, _), count in zip(ranked, counts, strict=True) if count == counts[0]]
    least = [s.label for (s, _), count in zip(ranked, counts, strict=True) if count == counts[-1]]
    ends = [f"{word}: {joined(labels)}" for word, labels in (("most", most), ("fewest", least)) if len(labels) < 4]
    told = f" ({'; '.join(ends)})" if ends else ""
    start = start if counts[-1] else start.replace("every strategy beats", "strategies beat")
    return f"{start} {counts[-1]} to {counts[0]} of {of}{told}."


def _tasks(count: int) -> str:
    return f"{count} task{'s' if count != 1 else ''}"


def _worse(known: Sequence[tuple[Strategy, dict[str, Gain]]]) -> list[str]:
    tasks = dict.fromkeys(task for _, found in known for task, each in found.items() if each.is_loss)
    if not tasks:
        return []
    by_task = [
        f"{title_of(task)} ({joined([s.label for s, found in known if task in found and found[task].is_loss])})"
        for task in tasks
    ]
    return [f"Worse than from scratch by more than two sd: {joined(by_task)}."]


def transfer_caveats(finished: Sequence[Strategy]) -> list[str]:
    """What is to be known of fine-tuning before its numbers are believed."""
    learnt = Learnt(finished)
    tasks = learnt.tasks
    if not tasks:
        return []
    found = _left_out(finished, tasks) + _seeds(learnt) + _beside_baselines(learnt)
    few = {task: n for task in tasks if (n := learnt.any_of(task).num_answers) < FEW}
    if few:
        named = joined([f"{title_of(task)} ({n})" for task, n in few.items()])
        chance = sorted(HUNDRED * math.sqrt(0.25 / n) for n in few.values())
        moved = (
            f"{chance[0]:.0f}" if f"{chance[0]:.0f}" == f"{chance[-1]:.0f}" else f"{chance[0]:.0f} to {chance[-1]:.0f}"
        )
        found.append(
            f"Few answers are scored in {named}: other questions of the same kind would move an accuracy by some "
            f"{moved} hundredths, whatever the sd over seeds says."
        )
    found += [f"{title_of(task)}: {note.rstrip('.')}." for task in tasks if (note := split_note_of(task))]
    return found


def _left_out(finished: Sequence[Strategy], tasks: Sequence[str]) -> list[str]:
    runs = [run for strategy in finished for run in strategy.finished]
    found = []
    for note, words in (
        (MISSING, "have not learnt {} and are not in its numbers"),
        (OTHER_SETTINGS, "learnt {} with another budget, version or data, which is put aside"),
    ):
        for task in tasks:
            labels = [run.label for run in runs if run.transfer.notes.get(task) == note]
            if labels:
                said = words.format(title_of(task))
                found.append(
                    f"{len(labels)} of {len(runs)} finished runs {said}: {joined(list(dict.fromkeys(labels)))}."
                )
    return found


def _seeds(learnt: Learnt) -> list[str]:
    """Too few seeds to be sure, or nothing from scratch to compare with."""
    without = [title_of(task) for task in learnt.tasks if not any(learnt.scratch(s, task) for s in learnt.strategies)]
    found = []
    if without:
        found.append(f"What pretraining buys is not known of {joined(without)}: no model learnt it from scratch.")
    counts = [len(points) for s in learnt.strategies for task in learnt.tasks if (points := learnt.points(s, task))]
    if counts and max(counts) == 1:
        found.append("Every task was learnt with one seed, and one seed is one seed.")
    elif counts and min(counts) < 3:
        found.append("Some tasks were learnt with fewer than three seeds, so their sd is itself a rough guess.")
    alone = [s for s in learnt.strategies if len(s.finished) == 1]
    if counts and max(counts) > 1 and len(alone) == len(learnt.strategies):
        found.append("The seeds are of fine-tuning only: another pretraining may end elsewhere.")
    return found


def _beside_baselines(learnt: Learnt) -> list[str]:
    """Tasks on which no strategy does better than what needs no model."""
    found = []
    for name, words in (
        ("majority", "No strategy does better than always giving the commonest answer on {}."),
        ("bag_of_words", "No strategy does better than a bag of words on {}."),
        ("lead", "No strategy does better than the first sentences of the passage on {}."),
    ):
        tasks = []
        for task in learnt.tasks:
            means = [each.mean for s in learnt.strategies if (each := over_points(learnt.points(s, task))) is not None]
            least = learnt.baseline(task, name)
            if least is not None and means and max(means) <= HUNDRED * least:
                tasks.append(title_of(task))
        if tasks:
            found.append(words.format(joined(tasks)))
    return found
