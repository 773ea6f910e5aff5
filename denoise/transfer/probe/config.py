"""What a probe asks: its options, without torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from data_prep.errors import BadInput
from denoise.transfer.finetune.config import FinetuneConfig

WORD_LABELS = {"pos": "Parts of speech", "deprel": "Dependency relations"}
"""The label sets that stand upon words, and their titles."""


class BadProbe(BadInput):
    """Probes that cannot be made, or a run that cannot be probed."""


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """What every checkpoint is asked. Probes of runs can be compared where all of these are equal."""

    labels: str | list[str] = ""
    """What is probed for, with commas between: pos (the universal tag of each word), deprel (the relation of each word
    to its head, without its subtype), and names of tasks with one label a text, such as sst2. Left out: pos, deprel and
    sst2 as far as their files are there, and sotu_spoken in place of sst2."""
    num_train_words: int = 20_000
    """Words of the train split that a probe is fitted to, in whole sentences that the seed decides."""
    num_scored_words: int = 10_000
    """Words of the development split that it is scored on, likewise."""
    num_train_texts: int = 4_000
    """The same of label sets with one label a text."""
    num_scored_texts: int = 1_000
    """The same of what is scored."""
    source_len: int = 128
    """Tokens of the longest text, its end included; what is longer is cut behind, and words that are cut are counted
    and left out."""
    penalty: float = 0.001
    """Weight of half the squared coefficients beside the mean cross-entropy of a probe; above 0."""
    num_iterations: int = 100
    """Most iterations of a probe's L-BFGS, which sees all words each time."""
    seed: int = 0
    """Decides which texts are read, and the random labels of the control tasks."""
    task: str | None = None
    """A task that every checkpoint is fine-tuned on besides, for a downstream score beside the probes."""
    finetuning: FinetuneConfig = FinetuneConfig(num_steps=100, num_scored=500, num_evaluations=1)
    """The budget of each such fine-tuning."""

    def __post_init__(self) -> None:
        for name in ("num_train_words", "num_scored_words", "num_train_texts", "num_scored_texts", "num_iterations"):
            if getattr(self, name) < 1:
                raise BadProbe(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.source_len < 2:
            raise BadProbe(f"source_len is {self.source_len}; it must be at least 2: a token and the end")
        if not self.penalty > 0:
            raise BadProbe(f"penalty is {self.penalty}; it must be above 0, such as 0.001")
        if self.seed < 0:
            raise BadProbe(f"seed is {self.seed}; it must be at least 0")

    @property
    def label_sets(self) -> tuple[str, ...]:
        """The names given, each once; empty where the choice is left to what is there.

        >>> ProbeConfig(labels="pos, sst2").label_sets
        ('pos', 'sst2')
        """
        names = self.labels.split(",") if isinstance(self.labels, str) else self.labels
        return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))

    def settings(self) -> dict[str, Any]:
        """The options as JSON has them, without those that change nothing.

        >>> ProbeConfig(penalty=0.01).settings()["penalty"], "finetuning" in ProbeConfig().settings()
        (0.01, False)
        """
        plain: dict[str, Any] = json.loads(json.dumps({**dataclasses.asdict(self), "labels": self.label_sets}))
        if self.task is None:
            del plain["finetuning"]
        return plain
