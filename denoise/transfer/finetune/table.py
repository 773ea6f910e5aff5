"""What runs have learnt, as a table for a terminal: fine-tuned beside from scratch, and beside what needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from denoise.study.intervals import interval
from denoise.study.statistics import spread
from denoise.transfer.finetune.lessons import Lesson
from denoise.transfer.finetune.results import VERSION, Baselines, Finetuned, all_finetuned, compared, read_baselines

if TYPE_CHECKING:
    from rich.table import Table

_CUT = {
    "train_sources": "sources of train",
    "train_targets": "targets of train",
    "scored_sources": "scored sources",
    "scored_targets": "right answers",
}


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What one folder of weights has learnt of one task, by seed."""

    lesson: Lesson
    baselines: Baselines | None
    scratch: Mapping[int, Finetuned]
    """From fresh weights."""
    tuned: Mapping[int, Finetuned]
    """From the weights of the folder."""

    @classmethod
    def of(cls, home: Path, lesson: Lesson, seeds: Sequence[int]) -> Learnt:
        """The results of these seeds that this budget gave on these questions."""
        wanted = {"version": VERSION, "settings": lesson.config.settings(), "data": lesson.fingerprint}
        there = [
            found
            for found in all_finetuned(home)
            if found.task == lesson.task.name and found.seed in seeds and compared(found) == wanted
        ]
        return cls(
            lesson=lesson,
            baselines=read_baselines(home, lesson.task.name),
            scratch={found.seed: found for found in there if found.from_scratch},
            tuned={found.seed: found for found in there if not found.from_scratch},
        )

    @property
    def measure(self) -> str:
        """The score that is shown."""
        return self.lesson.task.measures[0]

    @property
    def all(self) -> list[Finetuned]:
        """Every result, from scratch first."""
        return [*self.scratch.values(), *self.tuned.values()]

    @property
    def differences(self) -> list[float]:
        """Fine-tuned minus from scratch, for each seed that has both."""
        return [self.tuned[seed].score - self.scratch[seed].score for seed in self.tuned if seed in self.scratch]


def table(every: Sequence[Learnt]) -> Table:
    """A row a task, for a terminal of 80 columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    shown.add_column("Task\nmeasure", overflow="fold")
    for title in ("Majority\nbag of words", "From\nscratch", "Fine-\ntuned", "Difference\n95 % interval"):
        shown.add_column(title, justify="right", no_wrap=True)
    for learnt in every:
        task = learnt.lesson.task
        shown.add_row(
            Text(f"{task.title or task.name}\n{learnt.measure}"),
            "\n".join(_baseline(learnt, name) for name in _beside(learnt)),
            _scores(learnt.scratch),
            _scores(learnt.tuned),
            _difference(learnt.differences),
            end_section=True,
        )
    return shown


def notes(every: Sequence[Learnt]) -> list[str]:
    """Lines below the table: what its figures are, what they lack, and the mean over GLUE."""
    found = [each for learnt in every for each in learnt.all]
    seeds = sorted({each.seed for each in found})
    lines = [f"{_seeds(len(seeds)).capitalize()}: {', '.join(map(str, seeds))}."] if seeds else []
    if len(seeds) > 1:
        lines.append("±: standard deviation of one seed. Differences are paired by seed; their interval is Student's.")
    if any(each.generated for each in found):
        lines.append("out: answers, written freely, that are no label. Scores are of the likeliest label.")
    if any("lead" in _beside(each) for each in every):
        lines.append("lead: the first sentences of the passage.")
    lines += [line for learnt in every for line in _cut(learnt)]
    return lines + _glue(every)


def _beside(learnt: Learnt) -> tuple[str, ...]:
    """What needs no model and stands beside a task: of free text the first sentences of the passage."""
    return ("majority", "bag_of_words") if learnt.lesson.task.labels else ("lead",)


def _baseline(learnt: Learnt, name: str) -> str:
    scores = (learnt.baselines.scores if learnt.baselines else {}).get(name, {})
    shown = f"{scores[learnt.measure]:.3f}" if learnt.measure in scores else "–"
    return f"lead {shown}" if name == "lead" else shown


def _scores(found: Mapping[int, Finetuned]) -> str:
    """Mean, deviation over seeds, and the share of answers that are no label."""
    over = spread([each.score for each in found.values()])
    if over is None:
        return "–"
    lines = [f"{over.mean:.3f}", f"± {over.sd:.3f}" if over.sd is not None else _seeds(over.num_seeds)]
    if any(each.generated for each in found.values()):
        num_outside = sum(each.num_outside for each in found.values())
        lines.append(f"{num_outside / sum(each.num_answers for each in found.values()):.1%} out")
    return "\n".join(lines)


def _difference(differences: Sequence[float]) -> str:
    over = spread(differences)
    if over is None:
        return "–"
    ends = interval(differences)
    return f"{over.mean:+.3f}\n" + (f"{ends[0]:+.3f} to {ends[1]:+.3f}" if ends else _seeds(len(differences)))


def _seeds(number: int) -> str:
    return "one seed" if number == 1 else f"{number} seeds"


def _cut(learnt: Learnt) -> list[str]:
    """What was too long, of the seed that had most of it."""
    most = {name: max((each.num_cut.get(name, 0) for each in learnt.all), default=0) for name in _CUT}
    told = [f"{most[name]:,} {words}" for name, words in _CUT.items() if most[name]]
    return [f"{learnt.lesson.task.name}: too long and cut: {', '.join(told)}."] if told else []


def _glue(every: Sequence[Learnt]) -> list[str]:
    """The average of each start that has learnt some of GLUE's tasks."""
    from denoise.transfer.tasks.glue_average import GLUE, glue_average

    lines = []
    for words, start in (("from scratch", "scratch"), ("fine-tuned", "tuned")):
        learnt = {each.lesson.task.name: list(getattr(each, start).values()) for each in every}
        scores = {name: _means(found) for name, found in learnt.items() if name in GLUE and found}
        if scores:
            average, missing = glue_average(scores)
            lines.append(
                f"GLUE average, {words}: {average:.1f}" + (f", without {', '.join(missing)}" if missing else "")
            )
    return lines


def _means(found: Sequence[Finetuned]) -> dict[str, float]:
    return {name: fmean(each.scores[name] for each in found) for name in found[0].measures}
