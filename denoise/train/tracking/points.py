"""The lines of a run folder as points of a curve: one a step, with tokens along the x axis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from denoise.train.run_folder import Row, rows_of

MOST_RECONSTRUCTIONS = 8

_WHERE = ("kind", "step", "tokens")
_OF_SPEED = ("tokens_per_s", "elapsed_s")
_OF_TEXT = ("noise_rate", "source_padding", "target_padding", "spans_a_window", "span_length", "cut_tokens")


class Table(NamedTuple):
    """Text and numbers in rows."""

    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, kw_only=True)
class Point:
    """What is known of one step."""

    step: int
    tokens: int
    """Encoder and decoder tokens spent so far."""
    values: dict[str, float] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


class Points:
    """Puts the lines of one step together; a point is whole when a line of a later step comes.

    >>> points = Points()
    >>> points.take({"kind": "train", "step": 1, "tokens": 10, "loss": 9.0})
    >>> points.take({"kind": "held_out", "step": 1, "tokens": 10, "loss": 8.0})
    >>> points.take({"kind": "train", "step": 2, "tokens": 20, "loss": 7.0})
    Point(step=1, tokens=10, values={'train/loss': 9.0, 'held_out/loss': 8.0}, tables={})

    `flops_per_token` are operations of the matrix products a token; with `peak_flops_per_s`, of all devices, they
    make the share of the peak that is used.
    """

    def __init__(self, *, flops_per_token: float = 0.0, peak_flops_per_s: float | None = None) -> None:
        self.flops_per_token = flops_per_token
        self.peak_flops_per_s = peak_flops_per_s
        self._open: Point | None = None
        self._last_train = (0, 0)  # step and tokens of the last line of training

    def take(self, line: Mapping[str, Any]) -> Point | None:
        """Add a line of metrics.jsonl; the point before, if that is whole now."""
        whole = None
        if self._open is None or self._open.step != line["step"]:
            whole, self._open = self._open, Point(step=line["step"], tokens=line["tokens"])
        self._open.values.update(values_of(line))
        if line["kind"] == "train":
            self._open.values.update(self._speed(line))
        return whole

    def take_reconstructions(self, rows: list[Row]) -> None:
        """Add lines of samples.jsonl, of the step of the line before."""
        if self._open is not None and rows:
            self._open.tables["reconstructions"] = reconstructions(rows)

    def rest(self) -> Point | None:
        """The point that no later line has made whole."""
        rest, self._open = self._open, None
        return rest

    def _speed(self, line: Mapping[str, Any]) -> dict[str, float]:
        step, tokens = self._last_train
        self._last_train = line["step"], line["tokens"]
        tokens_per_s = line.get("tokens_per_s")
        if not tokens_per_s or line["step"] <= step:
            return {}
        speed = {"speed/step_s": (line["tokens"] - tokens) / tokens_per_s / (line["step"] - step)}
        if self.peak_flops_per_s and self.flops_per_token:
            speed["speed/mfu"] = tokens_per_s * self.flops_per_token / self.peak_flops_per_s
        return speed


def values_of(line: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a line of metrics.jsonl under the names that dashboards have: what it is of, a slash, the name.

    >>> values_of({"kind": "train", "step": 3, "tokens": 30, "loss": 2.5, "noise_rate": 0.15, "z_loss": None})
    {'train/loss': 2.5, 'corruption/noise_rate': 0.15}
    """
    numbers = {
        name: value
        for name, value in line.items()
        if name not in _WHERE and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    if line["kind"] != "train":
        return {f"{line['kind']}/{name}": value for name, value in numbers.items() if name not in _OF_SPEED}
    return {f"{_group_of(name)}/{name}": value for name, value in numbers.items()}


def _group_of(name: str) -> str:
    if name in _OF_SPEED:
        return "speed"
    return "corruption" if name in _OF_TEXT or name.startswith("part_") else "train"


def reconstructions(rows: list[Row]) -> Table:
    """Held-out text as it was corrupted, as the model said it, and as it should be; at most eight windows."""
    texts = ("source", "said", "target")
    data = [[row["window"], *("".join(piece for piece, _ in row[text]) for text in texts)]
            for row in rows[:MOST_RECONSTRUCTIONS]]  # fmt: skip
    return Table(["window", *texts], data)


def stored_points(folder: Path, points: Points) -> Iterator[Point]:
    """The points of a run folder; the last stays open in `points`, for the lines that a run going on may add."""
    metrics, samples = folder / "metrics.jsonl", folder / "samples.jsonl"
    rebuilt: dict[int, list[Row]] = {}
    for row in rows_of(samples) if samples.exists() else ():
        rebuilt.setdefault(row["step"], []).append(row)
    for line in rows_of(metrics) if metrics.exists() else ():
        whole = points.take(line)
        if whole is not None:
            yield whole
        if line["kind"] == "held_out":
            points.take_reconstructions(rebuilt.get(line["step"], []))


def exam_point(folder: Path, after: Point) -> Point | None:
    """The papers of the exam as a point behind the last of training; None where none was taken."""
    file = folder / "exam.json"
    if not file.exists():
        return None
    exam = json.loads(file.read_text())
    papers = exam["papers"]
    columns = list(dict.fromkeys(name for paper in papers for name in paper))
    table = Table(columns, [[paper.get(name) for name in columns] for paper in papers])
    values = {
        f"exam/{_name_of(paper)}/{score}": float(paper[score])
        for paper in papers
        for score in ("bits_per_hidden_byte", "exact_spans")
        if paper.get(score) is not None
    }
    if "bits_per_hidden_byte" in exam:
        values["exam/bits_per_hidden_byte"] = exam["bits_per_hidden_byte"]
    return Point(step=after.step + 1, tokens=after.tokens, values=values, tables={"exam/papers": table})


def after_training(folder: Path, last: Point) -> Point | None:
    """All that was found out since the last point of training, as one more; None where there is nothing.

    Whatever comes to it moves it a step on, since dashboards take no point twice.
    """
    exam, learnt = exam_point(folder, last), _finetuned(folder)
    if exam is None and not learnt:
        return None
    values: dict[str, list[float]] = {}
    for each in learnt:
        start = "scratch/" if each["from_scratch"] else ""
        for name, value in (("score", each["score"]), *each["scores"].items()):
            values.setdefault(f"transfer/{each['task']}/{start}{name}", []).append(value)
    means = {name: sum(over_seeds) / len(over_seeds) for name, over_seeds in values.items()}
    return Point(
        step=last.step + (exam is not None) + len(learnt),
        tokens=last.tokens,
        values={**(exam.values if exam else {}), **means},
        tables=exam.tables if exam else {},
    )


def _finetuned(folder: Path) -> list[Row]:
    """What the run's last weights, and its model from scratch, have learnt by fine-tuning."""
    done = json.loads((folder / "done.json").read_text()) if (folder / "done.json").exists() else {}
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("transfer/*/*seed*.json"))]
    return [each for each in found if (each["step"], each["trained_at"]) == (done.get("step"), done.get("finished_at"))]


def _name_of(paper: Row) -> str:
    return f"{paper['format']}_{paper['rate']:g}" + ("_adapted" if paper["adapted"] else "")
