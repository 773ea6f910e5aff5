"""What fine-tuning is given: its options, without torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from data_prep.errors import BadInput


class BadFinetuning(BadInput):
    """Fine-tuning that cannot be done, or a run that cannot be fine-tuned."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What is learnt, and from where."""

    task: str
    """Name of the task, or its dotted path."""
    seed: int
    """Decides the order of the questions and, from scratch, the first weights."""
    from_scratch: bool
    """Whether to begin from fresh weights of the run's model."""

    @property
    def words(self) -> str:
        """How it began."""
        return "from scratch" if self.from_scratch else "fine-tuned"


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """The budget of one fine-tuning. Scores of runs can be compared where all of these are equal."""

    num_steps: int = 600
    """Steps of each fine-tuning."""
    batch_size: int = 32
    """Questions a step."""
    learning_rate: float = 1e-2
    """Highest rate of ScaledAdamW, the share of each matrix's own size that a step moves it by; reached after `warmup`
    and falling in a line to 0; above 0."""
    warmup: float = 0.1
    """Fraction of the steps in which the rate rises in a line; from 0 to less than 1."""
    source_len: int = 128
    """Tokens of the longest source, its end included; what is longer is cut behind, and counted."""
    target_len: int = 128
    """Tokens of the longest target, its end included; what is longer is cut in training, and counted. Free text is
    written up to so many; labels of words are asked for to the last word."""
    num_train: int | None = None
    """Questions to train on: the first in an order that the seed decides. Left out: all."""
    num_scored: int | None = None
    """Questions to score, at equal distances over the split. Left out: all."""
    num_evaluations: int = 8
    """Times that the loss on the scored split is measured, at equal distances; the last is at the end."""
    num_curve_questions: int = 256
    """Scored questions, at equal distances, whose loss is measured: a curve costs less than the training it shows. The
    scores are always of all of them."""

    def __post_init__(self) -> None:
        for name, least in (
            ("num_steps", 1),
            ("batch_size", 1),
            ("source_len", 2),
            ("target_len", 2),
            ("num_train", 1),
            ("num_scored", 1),
            ("num_evaluations", 1),
            ("num_curve_questions", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise BadFinetuning(f"{name} is {value}; it must be at least {least}")
        if not self.learning_rate > 0:
            raise BadFinetuning(f"learning_rate is {self.learning_rate}; it must be above 0, such as 0.01")
        if not 0 <= self.warmup < 1:
            raise BadFinetuning(f"warmup is {self.warmup}; it is a fraction of the steps: at least 0 and less than 1")

    def settings(self) -> dict[str, Any]:
        """The options as JSON has them.

        >>> FinetuneConfig(num_steps=10).settings()["num_steps"]
        10
        """
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain
