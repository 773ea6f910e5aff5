"""One label a word, from CoNLL-U files: a slot a word, so that labels belong to words and never to pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from denoise.transfer.tasks.from_files import FromFiles
from denoise.transfer.tasks.hub import Hub
from denoise.transfer.tasks.rows import lines
from denoise.transfer.tasks.task import BadTask, Question, Slot, Split

UNIVERSAL = {
    "ADJ": "adjective",
    "ADP": "preposition",
    "ADV": "adverb",
    "AUX": "auxiliary",
    "CCONJ": "conjunction",
    "DET": "determiner",
    "INTJ": "interjection",
    "NOUN": "noun",
    "NUM": "number",
    "PART": "particle",
    "PRON": "pronoun",
    "PROPN": "name",
    "PUNCT": "mark",
    "SCONJ": "subordinator",
    "SYM": "symbol",
    "VERB": "verb",
    "X": "other",
}
"""The universal tags of Universal Dependencies in words."""

_NUM_COLUMNS = 10
_WORD_OF_SEVERAL = re.compile(r"\d+-\d+|\d+\.\d+")
"""The numbers of a multiword token, 1-2, whose words follow it, and of an empty node, 3.1, which is not in the text."""


class Word(NamedTuple):
    """A word of a sentence as the syntax has it: "didn't" is two of them."""

    form: str
    """As it is written."""
    tag: str
    """Its universal part of speech, such as NOUN."""
    place: str
    """File and line, for messages."""
    relation: str = ""
    """The relation to its head without its subtype: nsubj of nsubj:pass."""


@dataclass(frozen=True, kw_only=True)
class Tagging(FromFiles):
    """The universal part of speech of each word, from CoNLL-U files of any treebank.

    On the hub the columns are called `tokens`, `upos` and `deprel`.

    >>> words = [Word("It", "PRON", ""), Word("rains", "VERB", "")]
    >>> question = Tagging(name="pos").question(words)
    >>> question.source, question.slots[1]
    ('pos sentence: It rains', Slot(given='rains', said='verb'))
    """

    labels: tuple[str, ...] = tuple(UNIVERSAL.values())
    scored_on: Split = "test"
    words: Mapping[str, str] = field(default_factory=lambda: UNIVERSAL)
    """The label word of each tag."""

    def questions(self, split: Split, folder: Path) -> list[Question]:
        """See `Task.questions`."""
        return [self.question(words) for words in self.sentences(split, folder)]

    def sentences(self, split: Split, folder: Path) -> Iterable[list[Word]]:
        """The sentences of a split. Raises BadTask."""
        return self.read(split, folder, sentences, _of_hub)

    def question(self, words: list[Word]) -> Question:
        """One sentence as text to text."""
        for word in words:
            if word.tag not in self.words:
                raise BadTask(f"{word.place} has the tag {word.tag!r}; it must be one of {', '.join(self.words)}")
        sentence = " ".join(word.form for word in words)
        return Question(
            source=f"{self.name} sentence: {sentence}",
            slots=tuple(Slot(word.form, self.words[word.tag]) for word in words),
            texts=(sentence,),
        )


def sentences(path: Path) -> Iterator[list[Word]]:
    """The sentences of a CoNLL-U file, the words only: a multiword token is its words, and what is elided is left out.

    Raises BadTask for a line that is no word, and for a sentence with a word missing.
    """
    words: list[Word] = []
    for number, line in lines(path):
        place = f"{path}:{number}"
        if not line:
            if words:
                yield words
            words = []
        elif not line.startswith("#"):
            cells = line.split("\t")
            if len(cells) != _NUM_COLUMNS:
                raise BadTask(f"{place} has {len(cells)} columns and not {_NUM_COLUMNS}; it is cut or no CoNLL-U")
            if _WORD_OF_SEVERAL.fullmatch(cells[0]):
                continue
            if cells[0] != str(len(words) + 1):
                raise BadTask(f"{place} has the word number {cells[0]!r} where {len(words) + 1} comes next")
            words.append(Word(cells[1], cells[3], place, _without_subtype(cells[7])))
    if words:
        yield words


def _of_hub(hub: Hub, split: Split) -> Iterator[list[Word]]:
    for row in hub.rows(split):
        columns = zip(row.value("tokens"), row.value("upos"), row.value("deprel"), strict=True)
        # The hub keeps multiword tokens beside their words, and marks them so.
        yield [Word(form, tag, row.place, _without_subtype(name)) for form, tag, name in columns if tag != "_"]


def _without_subtype(relation: str) -> str:
    return relation.split(":")[0]


POS = Tagging(
    name="pos",
    title="POS (UD EWT)",
    files={split: f"pos/en_ewt-ud-{split}.conllu" for split in ("train", "dev", "test")},
    hub=Hub(name="universal-dependencies/universal_dependencies", config="en_ewt"),
    home="github.com/UniversalDependencies/UD_English-EWT",
)
