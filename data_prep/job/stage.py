"""A stage: tasks that need nothing of each other, those already done left out, told of while they are done."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_prep.job.engine import Engine
from data_prep.job.tasks import Outcome, Result, Task, done, pulses, sweep


class Progress(NamedTuple):
    """How far a stage has come."""

    stage: str
    """`cleaning`, `comparing`, `finishing`, `training the tokenizer`, `encoding`; or `already prepared`."""
    num_done: int
    """Of `num_total`: bytes of the sources or of the texts; of what is under way, about."""
    num_total: int | None
    """None: not known."""
    counts: Mapping[str, float] = {}
    """What was met so far: pages, kept, chars."""
    dropped: Mapping[str, int] = {}
    """Pages dropped so far, by reason."""


Report = Callable[[Progress], None]


@dataclass(kw_only=True)
class Stages:
    """Runs one stage after another in one folder."""

    engine: Engine
    report: Report
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each stage took this time."""

    def run(self, name: str, tasks: Sequence[Task], sizes: Sequence[int], counted: Mapping[str, str]) -> list[Result]:
        """Do the tasks of a stage; what each says, in their order.

        `sizes` are their bytes; `counted` says under which of a result's keys a count of the progress stands.
        A task that cannot be done stops no other one: all are tried, then the first error is raised.
        """
        if not tasks:
            return []
        started_at_s = time.monotonic()
        folder = tasks[0].folder.parent
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        size_of = {task.folder: size for task, size in zip(tasks, sizes, strict=True)}
        results: dict[Path, Result] = {}
        num_done, counts, dropped, total = 0, Counter[str](), Counter[str](), sum(sizes)
        errors: list[Outcome] = []

        def note(task: Task, result: Result) -> None:
            nonlocal num_done
            results[task.folder] = result
            num_done += size_of[task.folder]
            counts.update({shown: result.get(key, 0) for shown, key in counted.items()})
            for kind in ("dropped", "refused"):
                dropped.update(result.get(kind, {}))

        def now() -> Progress:
            so_far, counts_so_far, dropped_so_far = float(num_done), counts.copy(), dropped.copy()
            for pulse in pulses(folder):
                if pulse.task not in results:
                    so_far += pulse.share * size_of.get(pulse.task, 0)
                    counts_so_far.update(pulse.counts)
                    dropped_so_far.update(pulse.dropped)
            return Progress(name, int(so_far), total, counts_so_far, dropped_so_far)

        missing = []
        for task in tasks:
            if (result := done(task)) is None:
                missing.append(task)
            else:
                note(task, result)
        missing.sort(key=lambda task: -size_of[task.folder])  # the longest first, so that none ends alone
        with _told(self.report, now):
            for outcome in self.engine.run(missing) if missing else ():
                if outcome.error:
                    errors.append(outcome)
                else:
                    note(outcome.task, outcome.result)
        if errors:
            raise _together(sorted(errors, key=lambda outcome: outcome.task.folder))
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started_at_s, 3)
        return [results[task.folder] for task in tasks]


def _together(errors: Sequence[Outcome]) -> Exception:
    first = errors[0].error
    assert first is not None
    if len(errors) == 1:
        return first
    return type(first)(f"{first} (and {len(errors) - 1} more parts of the corpus failed)")


@contextmanager
def _told(report: Report, now: Callable[[], Progress]) -> Iterator[None]:
    """Report at once, every fifth of a second, and at the end."""
    is_over = threading.Event()

    def tell() -> None:
        while not is_over.wait(0.2):
            report(now())

    report(now())
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()
    report(now())
