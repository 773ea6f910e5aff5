"""One text or several with one label, from tables or JSON lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from denoise.transfer.tasks.from_files import FromFiles
from denoise.transfer.tasks.hub import Hub
from denoise.transfer.tasks.rows import Row, rows_of
from denoise.transfer.tasks.task import BadTask, Question, Slot, Split


@dataclass(frozen=True, kw_only=True)
class Sentences(FromFiles):
    """One text or several with one label: a class, by default.

    On the hub the columns are called as the texts are in the source, and `label`.

    >>> task = Sentences(name="mood", labels=("sad", "glad"), words={"0": "sad", "1": "glad"})
    >>> question = task.question(Row("mood.tsv:2", {"sentence": "What a day!", "label": "1"}))
    >>> question.source, question.said
    ('mood sentence: What a day!', ('glad',))
    """

    header: tuple[str, ...] = ()
    """The names of the columns where a table does not name them in its first line."""
    texts: Mapping[str, str] = field(default_factory=lambda: {"sentence": "sentence"})
    """What the source calls each text, and the column that has it, in the order of the source."""
    label: str = "label"
    """The column that has the label."""
    words: Mapping[str, str] = field(default_factory=dict)
    """The label word that a value of that column stands for; a value that is a label word stands for itself."""

    def questions(self, split: Split, folder: Path) -> list[Question]:
        """See `Task.questions`."""
        rows = self.read(split, folder, lambda path: rows_of(path, self.header), self._of_hub)
        return [self.question(row) for row in rows]

    def question(self, row: Row) -> Question:
        """One row as text to text."""
        texts = {name: row.text(column) for name, column in self.texts.items()}
        said, golds = self.answer(row)
        return Question(
            source=" ".join([self.name, *(f"{name}: {text}" for name, text in texts.items())]),
            slots=(Slot("", said),),
            golds=golds,
            texts=tuple(texts.values()),
        )

    def answer(self, row: Row) -> tuple[str, tuple[str, ...]]:
        """What is said to a row, and what answers are held against if that is another."""
        given = row.text(self.label)
        said = self.words.get(given, given)
        if said not in self.labels:
            raise BadTask(
                f"{row.place} has the label {given!r}; it must be one of {', '.join(self.words or self.labels)}"
            )
        return said, ()

    def _of_hub(self, hub: Hub, split: Split) -> Iterator[Row]:
        """Its rows, with the columns called as in the files."""
        columns = {**self.texts, "label": self.label}
        for row in hub.rows(split):
            yield Row(row.place, {columns.get(name, name): value for name, value in row.values.items()})


@dataclass(frozen=True, kw_only=True)
class Scored(Sentences):
    """Texts with a score from 0 to `highest`, said as the nearest of the labels, as T5 says STS-B.

    >>> task = Scored(name="alike", highest=1.0, steps_per_point=5)
    >>> task.labels
    ('0.0', '0.2', '0.4', '0.6', '0.8', '1.0')
    >>> task.question(Row("alike.tsv:2", {"sentence": "A bird.", "label": "0.71"})).slots
    (Slot(given='', said='0.8'),)
    """

    measures: tuple[str, ...] = ("pearson", "spearman")
    highest: float = 5.0
    """The highest score; the lowest is 0."""
    steps_per_point: int = 5
    """Labels a point: 5 gives 0.0, 0.2, 0.4."""

    def __post_init__(self) -> None:
        steps = range(round(self.highest * self.steps_per_point) + 1)
        object.__setattr__(self, "labels", tuple(f"{step / self.steps_per_point:.1f}" for step in steps))

    def answer(self, row: Row) -> tuple[str, tuple[str, ...]]:
        """The nearest label, and the score itself, which answers are held against."""
        given = row.text(self.label)
        try:
            score = float(given)
        except ValueError:
            score = math.nan
        if not 0 <= score <= self.highest:
            raise BadTask(f"{row.place} has the score {given!r}; it must be a number from 0 to {self.highest:g}")
        return self.labels[round(score * self.steps_per_point)], (given,)
