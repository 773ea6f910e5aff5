"""probe.json as `denoise probe` writes it, with numbers that tests can state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from denoise.transfer.probe.results import FILE, VERSION, LabelSet, LayerScore, Probing, Stage

LAYERS = ("embedding", "layer 1", "final norm")
STEPS = (0, 1, 2, 4, 8, 16)
RISING = (0.50, 0.50, 0.52, 0.60, 0.78, 0.80)
"""90 % of 0.3 is had at step 8 for the first time."""
FLAT = (0.30, 0.31, 0.29, 0.30, 0.30, 0.305)


def write_probe(
    run: Path,
    *,
    shift: float = 0.0,
    settings: dict[str, Any] | None = None,
    accuracies: Sequence[Sequence[float]] = (RISING, FLAT),
    num_stages: int = len(STEPS),
    measure: str = "",
) -> Probing:
    """Write the probes of a run; layer 1 is the best, the others are 0.05 and 0.1 below."""
    ended = json.loads((run / "done.json").read_text()) if (run / "done.json").exists() else {}
    probing = Probing(
        version=VERSION,
        settings={"seed": 0, "task": "sst2" if measure else None, "finetuning": {"num_steps": 5}, **(settings or {})},
        data_fingerprint="f",
        step=ended.get("step", STEPS[num_stages - 1]),
        trained_at=ended.get("finished_at"),
        layers=LAYERS,
        label_sets=(asked("pos", "Parts of speech"), asked("sst2", "SST-2", of_words=False)),
        missing={"deprel": "there is no treebank"},
        passed_over={},
        measure=measure,
        stages=tuple(_stage(place, accuracies, shift, measure) for place in range(num_stages)),
        finished_at="2026-01-01T00:00:00+00:00",
    )
    (run / FILE).write_text(json.dumps(probing.to_json()))
    return probing


def asked(name: str, title: str, *, of_words: bool = True) -> LabelSet:
    return LabelSet(
        name=name,
        title=title,
        of_words=of_words,
        split="dev",
        classes=("A", "B"),
        num_train=500,
        num_scored=400,
        num_unread={"train_parts": 0, "scored_parts": 0, "train_texts": 0, "scored_texts": 0},
        seen_share=0.8,
        baselines={"majority": 0.4, "type": 0.7 if of_words else 0.4},
        control_baselines={"majority": 0.4, "type": 0.8},
    )


def _stage(place: int, accuracies: Sequence[Sequence[float]], shift: float, measure: str) -> Stage:
    step = STEPS[place]
    scores = [
        LayerScore(
            labels=name,
            layer=layer,
            accuracy=of_set[place] + shift - below,
            control_accuracy=0.25,
            train_accuracy=0.9,
            control_train_accuracy=0.5,
        )
        for name, of_set in zip(("pos", "sst2"), accuracies, strict=True)
        for layer, below in enumerate((0.05, 0.0, 0.1))
    ]
    return Stage(
        step=step,
        tokens=step * 5000,
        flops_share=step / STEPS[-1],
        weights=str(step),
        loss=9.0 - place,
        noise_bits_per_byte=3.0 - place * 0.3,
        scores=tuple(scores),
        downstream=0.5 + 0.05 * place if measure else None,
    )
