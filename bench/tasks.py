"""The table of docs/tasks.md, from real data: `python bench/tasks.py [--task_data FOLDER] [--task a,b] [--rouge]`.

Split sizes, how many scored questions stand in train too, labels, and what needs no model; the last column is CPU time,
which varies. With --rouge instead: torchmetrics' ROUGE beside that of the package rouge-score, which must be there.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from denoise.transfer.tasks.baselines import baselines, lead
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.registry import TASKS, task_named
from denoise.transfer.tasks.task import Task

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def row(task: Task, folder: Path) -> str:
    """One line of the table."""
    train, scored = questions_of(task, "train", folder), questions_of(task, task.scored_on, folder)
    started_s = time.process_time()
    found = baselines(task, train, scored)
    trained = {question.texts for question in train}
    taken_s = time.process_time() - started_s
    num_slots = sum(len(question.slots) for question in scored)
    words = f" ({num_slots:,} words)" if num_slots > len(scored) else ""
    cells = [
        f"`{task.name}`",
        f"{len(train):,}",
        f"{len(scored):,} {task.scored_on}{words}",
        str(sum(question.texts in trained for question in scored)),
        str(len(task.labels) or "text"),
        ", ".join(f"`{name}`" for name in task.measures),
        *(_figures(found.get(name)) for name in ("majority", "bag_of_words", "lead")),
        f"{taken_s:.0f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def _figures(scores: dict[str, float] | None) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in scores.values()) if scores else ""


def rouge(task: Task, folder: Path) -> str:
    """What two libraries say of the same leads."""
    from rouge_score.rouge_scorer import RougeScorer

    train, scored = questions_of(task, "train", folder), questions_of(task, task.scored_on, folder)
    given = lead(task, train, scored)
    theirs = RougeScorer(task.measures, use_stemmer=False)
    pairs = [theirs.score(question.said[0], text) for question, (text,) in zip(scored, given, strict=True)]
    lines = []
    for name, ours in task.scores(scored, given).items():
        mean = sum(pair[name].fmeasure for pair in pairs) / len(pairs)
        lines.append(f"{name}: torchmetrics {ours:.6f}, rouge-score {mean:.6f}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task_data", type=Path, default=DATA)
    parser.add_argument("--task", default=",".join(TASKS))
    parser.add_argument("--rouge", action="store_true")
    given = parser.parse_args()
    if given.rouge:
        print(rouge(TASKS["abstracts"], given.task_data))
        raise SystemExit
    print("| task | train | scored | in train too | labels | measures | majority | bag of words | lead | CPU |")
    print("|---|--:|--:|--:|--:|---|--:|--:|--:|--:|")
    for name in given.task.split(","):
        print(row(task_named(name), given.task_data), flush=True)
