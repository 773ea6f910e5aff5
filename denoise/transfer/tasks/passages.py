"""Questions whose answer is a span of a passage, from files in SQuAD's format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from denoise.transfer.tasks.from_files import FromFiles
from denoise.transfer.tasks.hub import Hub
from denoise.transfer.tasks.rows import whole_json
from denoise.transfer.tasks.splitting import is_scored
from denoise.transfer.tasks.task import BadTask, Question, Slot, Split


class Asked(NamedTuple):
    """A question about a passage."""

    place: str
    """File and question, for messages."""
    title: str
    """Of the article that the passage is from; empty where it is not told."""
    passage: str
    question: str
    answers: tuple[str, ...]
    """All right answers, each once; each is a part of the passage."""


@dataclass(frozen=True, kw_only=True)
class Passages(FromFiles):
    """Extractive question answering; the question comes first, so that a source that is cut loses passage only.

    On the hub the columns are called `id`, `context`, `question`, `answers` and `title`.

    >>> asked = Asked("", "Rain", "It rained in Spain.", "Where did it rain?", ("Spain", "in Spain"))
    >>> Passages(name="squad").question(asked).source
    'squad question: Where did it rain? context: It rained in Spain.'
    """

    measures: tuple[str, ...] = ("token_f1", "exact_match", "in_passage")
    scored_fraction: float = 0.0
    """Above 0: all splits are one file, and about that fraction of its articles is scored, by the hash of their titles;
    no article is in two splits."""
    titles: Hub | None = None
    """A data set with `id` and `title` of the same questions, where `hub` has no titles."""

    def questions(self, split: Split, folder: Path) -> list[Question]:
        """See `Task.questions`."""
        asked = self.read(split, folder, squad, self._of_hub)
        if self.scored_fraction:
            asked = (each for each in asked if self._split_of(each) == split)
        return [self.question(each) for each in asked]

    def question(self, asked: Asked) -> Question:
        """One question as text to text."""
        return Question(
            source=f"{self.name} question: {asked.question} context: {asked.passage}",
            slots=(Slot("", asked.answers[0]),),
            golds=asked.answers,
            texts=(asked.question, asked.passage),
        )

    def _split_of(self, asked: Asked) -> Split:
        if not asked.title:
            raise BadTask(f"{asked.place} has no title, and {self.name} is split by the titles of articles")
        return self.scored_on if is_scored(asked.title, self.scored_fraction) else "train"

    def _of_hub(self, hub: Hub, split: Split) -> Iterator[Asked]:
        titles = {row.value("id"): row.value("title") for row in self.titles.rows(split)} if self.titles else {}
        for row in hub.rows(split):
            title = titles.get(row.value("id"), row.values.get("title", ""))
            answers = [{"text": text} for text in row.value("answers")["text"]]
            yield _checked(row.place, title, row.value("context"), row.value("question"), answers)


def squad(path: Path) -> Iterator[Asked]:
    """The questions of a file in SQuAD's format. Raises BadTask, naming article and question."""
    place = str(path)
    try:
        for number, article in enumerate(whole_json(path)["data"]):
            place = f"{path}, article {number + 1}"
            for paragraph in article["paragraphs"]:
                for asked in paragraph["qas"]:
                    place = f"{path}, question {asked.get('id', '?')}"
                    title, answers = article.get("title", ""), asked["answers"]
                    yield _checked(place, title, paragraph["context"], asked["question"], answers)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadTask(
            f"{place} is not as SQuAD's files are ({type(error).__name__}: {error}); fetch it again"
        ) from None


def _checked(place: str, title: str, passage: str, question: str, answers: list[dict[str, Any]]) -> Asked:
    texts = tuple(dict.fromkeys(answer["text"].strip() for answer in answers))
    if not texts or not all(texts):
        raise BadTask(f"{place} has no answer; leave out questions that cannot be answered")
    outside = [text for text in texts if text not in passage]
    if outside:
        raise BadTask(f"{place} has the answer {outside[0]!r:.60}, which is not in its passage; fetch the file again")
    return Asked(place, title, passage, question.strip(), texts)


_SPLIT_NOTE = (
    "XQuAD has no train split: 17 of its 48 articles, by the hash of their titles, are scored, and the "
    "others are trained on; the same articles in every language. Not comparable with published figures, which are "
    "of models trained on SQuAD"
)


def _xquad(name: str, title: str, language: str) -> Passages:
    every: dict[Split, str] = {"train": "validation", "dev": "validation"}
    return Passages(
        name=name,
        title=title,
        language=language,
        files=dict.fromkeys(("train", "dev"), f"qa/xquad.{language}.json"),
        scored_fraction=0.25,
        split_note=_SPLIT_NOTE,
        hub=Hub(name="google/xquad", config=f"xquad.{language}", splits=every),
        # Its questions are some of SQuAD's, under the same ids; the hub's copy of XQuAD leaves the titles out.
        titles=Hub(name="rajpurkar/squad", splits=every),
        home="github.com/google-deepmind/xquad",
    )


XQUAD = _xquad("xquad", "XQuAD en", "en")
XQUAD_ZH = _xquad("xquad_zh", "XQuAD zh", "zh")
