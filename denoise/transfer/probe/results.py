"""probe.json of a run folder: what it holds, how it is read; no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from denoise.transfer.probe.config import BadProbe
from denoise.transfer.stored import stored

FILE = "probe.json"
VERSION = 1
"""Of what is probed and how it is scored; raised when figures can no longer be compared with earlier ones."""


@dataclass(frozen=True, kw_only=True)
class LayerScore:
    """A probe and its control task at one layer of one checkpoint. All accuracies are from 0 to 1."""

    labels: str
    """The label set."""
    layer: int
    """Place in `Probing.layers`."""
    accuracy: float
    """Of the probe, on what is scored."""
    control_accuracy: float
    """Of the same probe, fitted and scored the same way, on random labels."""
    train_accuracy: float
    """Of the probe, on what it was fitted to."""
    control_train_accuracy: float
    """The same of the control task: how much the probe can learn by heart."""

    @property
    def selectivity(self) -> float:
        """How much more right the probe is than on random labels."""
        return self.accuracy - self.control_accuracy


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One checkpoint."""

    step: int
    """Training steps done; 0: the initial weights."""
    tokens: int
    """Encoder and decoder tokens read until then."""
    flops_share: float
    """Share of the run's operations spent until then, from 0 to 1."""
    weights: str
    """SHA-256 of the weights: a stage is probed again where they are others."""
    loss: float
    """Held-out nats a target token, on the windows of the run's own evaluations."""
    noise_bits_per_byte: float | None
    """Bits left to guess per byte of hidden held-out text; None where the objective hides nothing."""
    scores: tuple[LayerScore, ...]
    """Of every label set and layer."""
    downstream: float | None = None
    """The main measure of `Probing.task` after fine-tuning from here; None where none was asked for."""
    cost: dict[str, float] = field(default_factory=dict)
    """encoding_s, probing_s, scoring_s and finetuning_s: seconds of CPU time."""

    def of(self, labels: str) -> tuple[LayerScore, ...]:
        """The scores of one label set, layer by layer."""
        return tuple(score for score in self.scores if score.labels == labels)

    def best(self, labels: str) -> LayerScore:
        """The layer at which a label set is told most rightly; the lowest of equals."""
        return max(self.of(labels), key=lambda score: (score.accuracy, -score.layer))


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """A label set as it was put to all checkpoints."""

    name: str
    """pos, deprel or the name of a task."""
    title: str
    """In words."""
    of_words: bool
    """Whether words have labels, or whole texts."""
    split: str
    """The split that is scored."""
    classes: tuple[str, ...]
    """The labels of the train split, the most frequent first."""
    num_train: int
    """Words or texts that a probe is fitted to."""
    num_scored: int
    """Words or texts that it is scored on."""
    num_unread: dict[str, int]
    """Words that were left out because their text was too long or the vocabulary has nothing for them, and texts that
    were cut: train_parts, scored_parts, train_texts, scored_texts."""
    seen_share: float
    """Share of what is scored that stands in the train split too, word by word or text by text."""
    baselines: dict[str, float]
    """Accuracy without a model: majority, type."""
    control_baselines: dict[str, float]
    """The same of the control task: type is what learning the train split by heart brings."""


@dataclass(frozen=True, kw_only=True)
class Probing:
    """What probe.json holds."""

    version: int
    """VERSION of the code that wrote it."""
    settings: dict[str, Any]
    """Every option of ProbeConfig. Runs are comparable where settings, version and data_fingerprint are equal."""
    data_fingerprint: str
    """SHA-256 of all texts and labels."""
    step: int
    """The run's last step when it was probed."""
    trained_at: str | None
    """finished_at of the run's done.json; None for a run that was not finished."""
    layers: tuple[str, ...]
    """The layers in words."""
    label_sets: tuple[LabelSet, ...]
    """What was asked."""
    missing: dict[str, str]
    """Label sets that were left out, and why."""
    passed_over: dict[str, str]
    """Steps whose checkpoints cannot be read, and why."""
    measure: str
    """What `Stage.downstream` is; empty where nothing was fine-tuned."""
    stages: tuple[Stage, ...]
    """By step; the first is step 0."""
    finished_at: str = ""
    """When it was written."""

    def __post_init__(self) -> None:
        asked = [(each.name, layer) for each in self.label_sets for layer in range(len(self.layers))]
        for stage in self.stages:
            if sorted((score.labels, score.layer) for score in stage.scores) != sorted(asked):
                raise ValueError(f"step {stage.step} has not one score for each label set and layer")

    @property
    def task(self) -> str | None:
        """What was fine-tuned from every checkpoint."""
        return self.settings.get("task")

    def to_json(self) -> dict[str, Any]:
        """As probe.json has it."""
        return dataclasses.asdict(self)


def read_probe(run: Path, name: str = FILE) -> Probing | None:
    """The probes of a run folder; None where there are none. Raises BadProbe for a file that is not one."""
    path = run / name
    try:
        return stored(Probing, path)
    except (OSError, ValueError) as error:
        raise BadProbe(f"{path} cannot be read ({error}); delete it, and probe the run again") from None
