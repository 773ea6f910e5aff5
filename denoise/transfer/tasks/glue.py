"""Tasks of GLUE as text to text, from their original files."""

from __future__ import annotations

import csv
import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from denoise.transfer.tasks.task import BadTask, Question, Slot, Split, Task


@dataclass(frozen=True, kw_only=True)
class Sentences(Task):
    """One sentence or several with one label, from tables with tabs between their columns."""

    files: Mapping[Split, str] = field(default_factory=dict)
    texts: Mapping[str, int] = field(default_factory=dict)
    label: int = 1
    words: Mapping[str, str] = field(default_factory=dict)
    has_header: bool = True

    def questions(self, split: Split, folder: Path) -> list[Question]:
        """See `Task.questions`."""
        path = folder / self.files[split]
        try:
            opened = lzma.open if path.suffix == ".xz" else open
            with opened(path, "rt", encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        except OSError as error:
            raise BadTask(
                f"{path} cannot be read ({error.strerror}); name the folder of the tasks with --task_data"
            ) from None
        rows = rows[1:] if self.has_header else rows
        return [
            Question(
                source=" ".join([self.name, *(f"{name}: {row[place].strip()}" for name, place in self.texts.items())]),
                slots=(Slot("", self.words[row[self.label]]),),
            )
            for row in rows
        ]


COLA = Sentences(
    name="cola",
    title="CoLA",
    labels=("unacceptable", "acceptable"),
    measures=("matthews", "accuracy"),
    files={"train": "glue/CoLA/train.tsv", "dev": "glue/CoLA/dev.tsv"},
    texts={"sentence": 3},
    words={"0": "unacceptable", "1": "acceptable"},
    has_header=False,
)
SST2 = Sentences(
    name="sst2",
    title="SST-2",
    labels=("negative", "positive"),
    files={"train": "glue/SST-2/train.tsv.xz", "dev": "glue/SST-2/dev.tsv"},
    texts={"sentence": 0},
    words={"0": "negative", "1": "positive"},
)
