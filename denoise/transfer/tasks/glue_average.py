"""The average of GLUE over the tasks there are, with the names of those there are not."""

from __future__ import annotations

from collections.abc import Mapping

GLUE = {
    "cola": ("matthews",),
    "sst2": ("accuracy",),
    "mrpc": ("f1", "accuracy"),
    "stsb": ("pearson", "spearman"),
    "qqp": ("f1", "accuracy"),
    "mnli": ("accuracy",),
    "qnli": ("accuracy",),
    "rte": ("accuracy",),
    "wnli": ("accuracy",),
}
"""The nine tasks, and the measures of each whose mean is its score in the benchmark."""


def glue_average(scores: Mapping[str, float | Mapping[str, float]]) -> tuple[float, list[str]]:
    """The mean score, times 100, of the tasks of GLUE among `scores`, and the names of the nine that are missing.

    A task's score is one number, its main measure, or all its measures by name, of which those that the benchmark
    averages are taken. Averages over different tasks cannot be compared; nan where there is no task at all.

    >>> glue_average({"cola": 0.3, "sst2": 0.9, "mrpc": {"f1": 0.9, "accuracy": 0.8}, "pos": 0.7})
    (68.33333333333333, ['stsb', 'qqp', 'mnli', 'qnli', 'rte', 'wnli'])
    """
    there = [_score(scores[task], measures) for task, measures in GLUE.items() if task in scores]
    missing = [task for task in GLUE if task not in scores]
    return (100 * sum(there) / len(there) if there else float("nan")), missing


def _score(score: float | Mapping[str, float], measures: tuple[str, ...]) -> float:
    return sum(score[name] for name in measures) / len(measures) if isinstance(score, Mapping) else score
