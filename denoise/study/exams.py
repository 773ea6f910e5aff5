"""The common exam over runs: its formats and rates, and which runs sat the same one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoise.study.runs import Run

FORMAT_TITLES = {
    "sentinels": "Sentinels",
    "one_mask": "One mask a span",
    "mask_each": "Mask each token",
    "fragment": "Fragment",
    "continuation": "Continuation",
}
"""The input formats in words, in the order of the tables."""
MISSING, OTHER_SETTINGS = "missing", "other settings"


def formats(runs: Iterable[Run]) -> list[str]:
    """The input formats that any run was examined in, in the order of the tables."""
    found = dict.fromkeys(paper.format for run in runs for paper in run.exam)
    known = list(FORMAT_TITLES)
    return sorted(found, key=lambda name: known.index(name) if name in known else len(known))


def rates(runs: Iterable[Run]) -> list[float]:
    """The rates that any run was examined at."""
    return sorted({paper.rate for run in runs for paper in run.exam})


def title_of(name: str) -> str:
    """A format in words.

    >>> title_of("one_mask"), title_of("two_masks")
    ('One mask a span', 'Two masks')
    """
    return FORMAT_TITLES.get(name) or name.replace("_", " ").capitalize()


def with_one_exam(runs: Sequence[Run], wanted: Mapping[str, Any] | None = None) -> list[Run]:
    """The same runs, where papers of another exam than the rest took are put aside, with a note.

    One exam is one set of settings, one version and one text: `wanted` settings if any run has them, else those of the
    most runs. Finished runs without an exam get a note where others have one, or one is wanted.
    """
    keys = {id(run): _identity(run) for run in runs if run.exam}
    asked = canonical(wanted) if wanted else None
    counts = Counter(keys.values())
    # Of equally many the first by name, so that two reports of one folder agree.
    chosen = max(sorted(counts), key=lambda key: (key[0] == asked, counts[key]), default=None)
    if chosen is None and asked is None:
        return list(runs)
    noted = []
    for run in runs:
        if not run.exam:
            noted.append(replace(run, exam_note=run.exam_note or (MISSING if run.state == "finished" else "")))
        elif keys[id(run)] != chosen:
            noted.append(replace(run, exam=(), exam_note=OTHER_SETTINGS))
        else:
            noted.append(run)
    return noted


def _identity(run: Run) -> tuple[str, str]:
    return canonical(run.exam_settings), run.exam_text


def canonical(value: Any) -> str:
    """Plain values as one text, the same for equal ones."""
    return json.dumps(value, sort_keys=True, default=str)
