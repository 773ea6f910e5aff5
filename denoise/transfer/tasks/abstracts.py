"""Generation: the abstract of a proposal, PEP or Rust RFC, from the rest of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from denoise.transfer.tasks.from_files import missing
from denoise.transfer.tasks.rows import Row, found, json_lines
from denoise.transfer.tasks.splitting import is_scored
from denoise.transfer.tasks.task import BadTask, Question, Slot, Split, Task

_START = re.compile(r"^(?:#+ )?(?:Abstract|Summary) *\n+", re.MULTILINE)
_ANCHOR = re.compile(r"^\[[^\]\n]*\]: *\S+ *$", re.MULTILINE)
"""The target of a link, such as [summary]: #summary."""
_LONGEST_HEADING = 60


@dataclass(frozen=True, kw_only=True)
class Abstracts(Task):
    """The abstract of a document, from what follows it."""

    measures: tuple[str, ...] = ("rouge1", "rouge2", "rougeL")
    files: tuple[str, ...] = ()
    """JSON lines with `id` and `text`, inside the folder of the tasks."""
    scored_fraction: float = 0.2
    """About how much of the documents is scored, by the hash of their ids."""
    fewest_words: int = 8
    """Of an abstract; documents with fewer, or with none, are left out."""
    most_words: int = 60
    """Of an abstract; documents with more are left out."""

    def questions(self, split: Split, folder: Path) -> list[Question]:
        """See `Task.questions`."""
        if split not in ("train", self.scored_on):
            raise BadTask(f"{self.name} has no {split} split; it has train, {self.scored_on}")
        kept = []
        for row in self._rows(folder):
            if is_scored(row.text("id"), self.scored_fraction) == (split == self.scored_on):
                abstract, body = parts(row.text("text"))
                if body and self.fewest_words <= len(abstract.split()) <= self.most_words:
                    kept.append(self.question(abstract, body))
        return kept

    def question(self, abstract: str, body: str) -> Question:
        """One document as text to text."""
        return Question(source=f"{self.name} body: {body}", slots=(Slot("", abstract),), texts=(body,))

    def _rows(self, folder: Path) -> Iterator[Row]:
        for name in self.files:
            path = found(folder, name)
            if path is None:
                raise missing(self, folder / name)
            yield from json_lines(path)


def parts(text: str) -> tuple[str, str]:
    r"""The abstract of a document on one line, and what follows it; two empty texts where there is no abstract.

    The abstract ends at the next heading: a line behind a #, or a paragraph of one short line that is no sentence.

    >>> parts("- RFC PR: 1\n\n## Summary\n[summary]: #summary\n\nAdd a\nthing.\n\n## Motivation\n\nIt is\nneeded.")
    ('Add a thing.', '## Motivation It is needed.')
    >>> parts("Abstract\n\nA PEP on spam.\n\nMore of it.\n\nRationale\n\nWhy not.")
    ('A PEP on spam. More of it.', 'Rationale Why not.')
    """
    start = _START.search(text)
    if start is None:
        return "", ""
    paragraphs = re.split(r"\n\s*\n", _ANCHOR.sub("", text[start.end() :]).strip())
    end = next((place for place, each in enumerate(paragraphs) if place and _is_heading(each)), len(paragraphs))
    abstract, body = paragraphs[:end], paragraphs[end:]
    return " ".join(" ".join(abstract).split()), " ".join(" ".join(body).split())


def _is_heading(paragraph: str) -> bool:
    line = paragraph.strip()
    if line.startswith("#"):
        return True
    return (
        "\n" not in line
        and len(line) <= _LONGEST_HEADING
        and line[:1].isupper()
        and not line.endswith((".", ":", ",", ";", "!", "?", "`"))
    )


ABSTRACTS = Abstracts(
    name="abstracts",
    title="Abstracts",
    files=("corpus/peps.jsonl", "corpus/rust-rfcs.jsonl"),
    split_note="no official split: a fifth of the documents, by the hash of their ids, is scored. Documents without an "
    "abstract, or with one of fewer than 8 or more than 60 words, are left out. Their text may have been read in "
    "pretraining",
    home="github.com/python/peps and github.com/rust-lang/rfcs",
)
