"""What runs have learnt by fine-tuning: which results may be compared, and with which learning from scratch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise.study.exams import MISSING, OTHER_SETTINGS, canonical
from denoise.transfer.finetune.results import Baselines, Finetuned, all_finetuned, compared, read_baselines

if TYPE_CHECKING:
    from denoise.study.runs import Run
    from denoise.study.statistics import Strategy

Points = Mapping[int, Finetuned]
"""Results of one task by the seed of the fine-tuning."""
FROM_SCRATCH = "From scratch"
_LONGEST_ACRONYM = 5
"""Names of tasks that are not denoise's own, such as qnli, are acronyms up to so many letters."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What lies in RUN/transfer."""

    results: tuple[Finetuned, ...] = ()
    """Of the run's final weights, and of its model from scratch."""
    baselines: Mapping[str, Baselines] = field(default_factory=dict)
    """By task, what needs no model."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """By task, what is not in `results` though others have it: missing, or put aside for its other settings."""


def read_transfer(folder: Path) -> Transfer:
    """The fine-tunings of a run folder. Raises BadFinetuning for a file that is none."""
    results = tuple(all_finetuned(folder))
    tasks = dict.fromkeys(each.task for each in results)
    found = {task: read_baselines(folder, task) for task in tasks}
    return Transfer(results=results, baselines={task: each for task, each in found.items() if each is not None})


def with_one_transfer(runs: Sequence[Run], asked: Mapping[str, Any] | None = None) -> list[Run]:
    """The same runs, where results of another budget, version or data than the rest are put aside, with a note.

    `asked` is the transfer of a grid's plan: its settings count if any result of a task has them, else those of the
    most. A finished run that lacks a task gets a note if the plan asks for it, or others have it where there is no
    plan.
    """
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for run in runs:
        for each in run.transfer.results:
            counts.setdefault(each.task, Counter())[_identity(each)] += 1
    wanted = canonical(asked.get("settings")) if asked else None
    # Of equally many the first by name, so that two reports of one folder agree.
    chosen = {
        task: max(sorted(found), key=lambda key: (key[0] == wanted, found[key])) for task, found in counts.items()
    }
    expected = set(asked.get("tasks") or ()) if asked else set(chosen)
    return [replace(run, transfer=_put_aside(run, chosen, expected)) for run in runs]


def _put_aside(run: Run, chosen: Mapping[str, tuple[str, str]], expected: set[str]) -> Transfer:
    found = run.transfer
    kept = tuple(each for each in found.results if _identity(each) == chosen[each.task])
    aside = {each.task for each in found.results if each not in kept}
    learnt = {each.task for each in kept if not each.from_scratch}
    notes = {}
    for task in chosen if run.state == "finished" else ():
        if task in aside:
            notes[task] = OTHER_SETTINGS
        elif task in expected - learnt:
            notes[task] = MISSING
    baselines = {task: each for task, each in found.baselines.items() if f" {each.data_fingerprint}" in chosen[task][1]}
    return Transfer(results=kept, baselines=baselines, notes=notes)


def _identity(result: Finetuned) -> tuple[str, str]:
    """The settings, and the version and data, that two results must share."""
    about = compared(result)
    return canonical(about["settings"]), f"{about['version']} {about['data']}"


@dataclass(frozen=True)
class Learnt:
    """The fine-tunings of a set of runs, by strategy and by start."""

    strategies: Sequence[Strategy]
    """Whose they are, in the order of the page."""

    @cached_property
    def tasks(self) -> list[str]:
        """Everything that any run has learnt, in the order of the tasks of denoise, a user's own last."""
        found = dict.fromkeys(each.task for run in self._finished() for each in run.transfer.results)
        known = list(_tasks())
        return sorted(found, key=lambda name: known.index(name) if name in known else len(known))

    def points(self, strategy: Strategy, task: str) -> Points:
        """One result a run, of the seed that the run has if there is one; of a single run all its seeds."""
        by_run = [
            (run, {each.seed: each for each in run.transfer.results if each.task == task and not each.from_scratch})
            for run in strategy.finished
        ]
        by_run = [(run, results) for run, results in by_run if results]
        if len(by_run) == 1:
            return by_run[0][1]
        found: dict[int, Finetuned] = {}
        for run, results in sorted(by_run, key=lambda pair: pair[0].seed not in pair[1]):
            own = results.get(run.seed) if run.seed is not None else None
            free = (each for seed, each in sorted(results.items()) if seed not in found)
            result = own if own is not None and own.seed not in found else next(free, None)
            if result is not None:
                found[result.seed] = result
        return dict(sorted(found.items()))

    def scratch(self, strategy: Strategy, task: str) -> Points:
        """The same task learnt by the strategy's model from fresh weights, whichever run holds the result."""
        return self.from_start(self._start_of[strategy.name], task)

    @cached_property
    def starts(self) -> dict[str, str]:
        """Each model that learnt from scratch, and what its row is called."""
        found = {}
        for strategy in self.strategies:
            start = self._start_of[strategy.name]
            if start not in found and any(self.from_start(start, task) for task in self.tasks):
                found[start] = strategy.label
        return {
            start: f"{FROM_SCRATCH}, the model of {label}" if len(found) > 1 else FROM_SCRATCH
            for start, label in found.items()
        }

    def from_start(self, start: str, task: str) -> Points:
        """All results of a task from fresh weights of one model; of two with one seed the first."""
        found: dict[int, Finetuned] = {}
        for strategy in self.strategies:
            for run in strategy.finished if self._start_of[strategy.name] == start else ():
                for each in run.transfer.results:
                    if each.task == task and each.from_scratch:
                        found.setdefault(each.seed, each)
        return dict(sorted(found.items()))

    def baseline(self, task: str, name: str) -> float | None:
        """What needs no model scores in a task's first measure: majority, bag_of_words or lead."""
        measure = self.any_of(task).measures[0]
        for run in self._finished():
            if task in run.transfer.baselines:
                return run.transfer.baselines[task].scores.get(name, {}).get(measure)
        return None

    def any_of(self, task: str) -> Finetuned:
        """Some result of a task, for what all have in common."""
        return next(each for run in self._finished() for each in run.transfer.results if each.task == task)

    @cached_property
    def _start_of(self) -> dict[str, str]:
        return {strategy.name: _start(strategy) for strategy in self.strategies}

    def _finished(self) -> Iterable[Run]:
        return (run for strategy in self.strategies for run in strategy.finished)


def _start(strategy: Strategy) -> str:
    """What decides the fresh weights of a model besides the seed."""
    config = next((run.config for run in strategy.runs if run.config), {})
    return canonical([config.get("model"), config.get("data")])


def title_of(task: str) -> str:
    """A task in words."""
    known = _tasks().get(task)
    if known is not None:
        return str(known.title or known.name)
    return task.upper() if len(task) <= _LONGEST_ACRONYM else task.replace("_", " ").capitalize()


def split_note_of(task: str) -> str:
    """What a reader of a task's scores should know of its splits; of a user's own task nothing is known here."""
    known = _tasks().get(task)
    return known.split_note.strip() if known else ""


def _tasks() -> Mapping[str, Any]:
    from denoise.transfer.tasks.registry import TASKS

    return TASKS
