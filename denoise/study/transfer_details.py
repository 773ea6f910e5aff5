"""What lies behind the scores of fine-tuning: answers that are no label, the number of questions, what was cut."""

from __future__ import annotations

from collections.abc import Sequence

from denoise.study.gains import HUNDRED
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy, spread
from denoise.study.table import Column, Entry, Table
from denoise.study.transfer_tables import Row, names_of, rows_of, score_entry, why_not
from denoise.study.transfers import Learnt, title_of
from denoise.transfer.finetune.results import Finetuned


def outside(runs: Sequence[Run]) -> Table | None:
    """How many of the answers that a model wrote freely are none of the labels; None where no task has labels."""
    learnt = Learnt(by_strategy(runs))
    tasks = [task for task in learnt.tasks if learnt.any_of(task).generated]
    if not tasks:
        return None
    rows = rows_of(learnt)
    return Table(
        name="outside",
        title="Written, and none of the labels",
        columns=(
            Column(title="Fine-tuned", is_number=False, short="Fine-tuned"),
            *(Column(title=title_of(task), unit="% of answers", short=title_of(task)) for task in tasks),
        ),
        rows=tuple((row.name, *(_outside_entry(row, task) for task in tasks)) for row in rows),
        strategies=names_of(rows),
        legend="scores go by the likeliest label, so these answers cost nothing there; mean ± sd over n seeds",
    )


def questions(runs: Sequence[Run]) -> Table | None:
    """What every task is made of, and what was too long; None where nothing was fine-tuned."""
    learnt = Learnt(by_strategy(runs))
    if not learnt.tasks:
        return None
    every = {task: _all_results(learnt, task) for task in learnt.tasks}
    cuts = dict.fromkeys(name for found in every.values() for each in found for name, n in each.num_cut.items() if n)
    titles = ("Scored on", "To train on", "Scored", "Answers", *(f"Cut: {name.replace('_', ' ')}" for name in cuts))
    return Table(
        name="questions",
        title="Questions, and what was cut",
        columns=(
            Column(title="Task", is_number=False, short="Task"),
            *(
                Column(title=title, is_number=title != "Scored on", short=title.replace(" ", "\n", 1))
                for title in titles
            ),
        ),
        rows=tuple(_question_row(task, found, list(cuts)) for task, found in every.items()),
        strategies=("",) * len(every),
        legend="" if cuts else "nothing was too long",
    )


def _outside_entry(row: Row, task: str) -> Entry:
    shares = [HUNDRED * each.num_outside / each.num_answers for each in row.points[task].values() if each.num_answers]
    return score_entry(spread(shares), why_not(row.strategy, task) if row.strategy else "not learnt")


def _all_results(learnt: Learnt, task: str) -> list[Finetuned]:
    rows = [row.points[task] for row in rows_of(learnt)]
    return [each for points in rows for each in points.values()]


def _question_row(task: str, found: Sequence[Finetuned], cuts: Sequence[str]) -> tuple[Entry, ...]:
    """The numbers of a task; where vocabularies differ, what is cut differs, and the most is told."""
    numbers = [max(getattr(each, name) for each in found) for name in ("num_train", "num_scored", "num_answers")]
    numbers += [max(each.num_cut.get(name, 0) for each in found) for name in cuts]
    title = title_of(task)
    return (
        Entry(text=title, value=title),
        Entry(text=found[0].split, value=found[0].split),
        *(Entry(text=f"{number:,}", value=number) for number in numbers),
    )
