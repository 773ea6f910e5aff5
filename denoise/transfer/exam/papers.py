"""exam.json of a run folder: what it holds, how it is read; no torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from denoise.transfer.exam.config import BadExam, ExamConfig, Format
from denoise.transfer.stored import stored

FILE = "exam.json"
VERSION = 1
"""Of what is asked and how it is scored; raised when figures can no longer be compared with earlier ones."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One format at one rate: what a model was asked, and how it did."""

    format: Format
    """How the task was put."""
    rate: float
    """Fraction of the tokens that was to be hidden."""
    adapted: bool
    """Whether the model was trained in this format for adapt_tokens first. Both papers exist for a format that the
    run had not seen; what it costs and what it blurs is told in docs/fairness.md."""
    seen: bool
    """Whether the run's objective, or a part of its mixture, trains in this format; its rate may have been another."""
    mode: str | None
    """The control word that stood before every source, as in the run's own training; None: none."""
    documents: str
    """joined or apart: whether documents that share a window saw each other. As in the run's training, but that
    continuations are always joined: the end of a text does not tell where its documents begin."""
    num_windows: int
    """Held-out windows."""
    num_hidden_tokens: int
    """Tokens that were hidden, the only ones that are scored: no sentinel, mask, eos or other special token, and no
    token that the encoder could read."""
    num_hidden_bytes: int
    """UTF-8 bytes of their text."""
    num_spans: int
    """Unbroken runs of them."""
    bits_per_hidden_byte: float
    """Bits that were left to guess, by the cross-entropy of each hidden token behind the true ones before it."""
    bits_saved_by_source: float | None
    """Bits a hidden byte that would be left to guess besides if every window were given another window's source: what
    the model makes of what it reads, apart from how good a language model its decoder is. None where it is not asked:
    of papers that an adapted one stands behind, of documents apart, of a single window."""
    exact_spans: float
    """Share of the spans, 0 to 1, each of whose tokens was the likeliest behind the true ones before it: the spans that
    greedy writing gets right when it starts behind the true text."""


@dataclass(frozen=True, kw_only=True)
class Exam:
    """What exam.json holds."""

    version: int
    """VERSION of the code that wrote it."""
    settings: dict[str, Any]
    """Every option of ExamConfig. Runs are comparable where settings, version and data_fingerprint are equal."""
    data_fingerprint: str
    """SHA-256 of the held-out tokens and their tokenizer."""
    step: int
    """The run's step whose weights were examined: its last one."""
    trained_at: str | None
    """finished_at of the run's done.json: weights trained anew are examined anew."""
    papers: tuple[Paper, ...]
    """By format and rate in the order of the settings; the adapted one stands behind the other."""
    cost: dict[str, float]
    """scoring_s and adapting_s, seconds of CPU time; adapting_tokens, read by all adaptations together."""
    finished_at: str
    """When it was written."""

    def to_json(self) -> dict[str, Any]:
        """As exam.json has it: the fields, and the score, for readers who do not know which papers count."""
        score = {"bits_per_hidden_byte": self.bits_per_hidden_byte} if self.papers else {}
        return {**dataclasses.asdict(self), **score}

    @property
    def bits_per_hidden_byte(self) -> float:
        """The mean over formats and rates, by which strategies are compared."""
        return mean_bits(self.papers)

    @property
    def bits_saved_by_source(self) -> float | None:
        """The same mean of what the source saves; None where a paper that counts does not tell."""
        saved = [paper.bits_saved_by_source for paper in counted_papers(self.papers)]
        known = [bits for bits in saved if bits is not None]
        return sum(known) / len(known) if known and len(known) == len(saved) else None

    @property
    def by_format(self) -> dict[Format, float]:
        """The mean over rates of each format: a row of trained-on × examined-on."""
        counted = counted_papers(self.papers)
        formats = dict.fromkeys(paper.format for paper in counted)
        return {name: mean_bits([paper for paper in counted if paper.format == name]) for name in formats}


def counted_papers(papers: Sequence[Paper]) -> list[Paper]:
    """One paper a format and rate: the adapted one where there is one."""
    counted: dict[tuple[str, float], Paper] = {}
    for paper in papers:
        key = (paper.format, paper.rate)
        if key not in counted or paper.adapted:
            counted[key] = paper
    return list(counted.values())


def mean_bits(papers: Sequence[Paper]) -> float:
    """The mean of bits_per_hidden_byte, each format and rate counting once.

    >>> mean_bits([])
    Traceback (most recent call last):
        ...
    denoise.transfer.exam.config.BadExam: there are no papers to take the mean of
    """
    counted = counted_papers(papers)
    if not counted:
        raise BadExam("there are no papers to take the mean of")
    return sum(paper.bits_per_hidden_byte for paper in counted) / len(counted)


def read_exam(run: Path) -> Exam | None:
    """The exam of a run folder; None where it was not taken. Raises BadExam for a file that is not one."""
    path = run / FILE
    try:
        return stored(Exam, path)
    except (OSError, ValueError) as error:
        raise BadExam(f"{path} is no exam of this version ({error}); delete it, and examine the run again") from None


def is_taken(run: Path, config: ExamConfig) -> bool:
    """Whether a run's final weights have been examined with these settings by this version.

    A file that cannot be read counts as none: it is written anew.
    """
    try:
        exam = read_exam(run)
    except BadExam:
        return False
    return (
        exam is not None
        and exam.version == VERSION
        and exam.settings == config.settings()
        and (exam.step, exam.trained_at) == trained_to(run)
    )


def trained_to(run: Path) -> tuple[int, str | None] | None:
    """The last step of a finished run and when it ended, by its done.json; None for one that is not finished."""
    try:
        done = json.loads((run / "done.json").read_text(encoding="utf-8"))
        return int(done["step"]), done.get("finished_at")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
