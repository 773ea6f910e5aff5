"""What a trained model answers to a text with marks: told by the corruption it was trained with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from corruptions import Corruption, Prefixed, SpanCorruption
from corruptions.noise import Suffix
from corruptions.render import Said
from data_prep.errors import BadInput

Answer = Literal["spans", "text", "continuation", "fragment", "words"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What the decoder says, and what the encoder must be told first."""

    answer: Answer = "spans"
    """spans: each sentinel and what it hides. text: the whole text. continuation: what follows. fragment: the
    tokens under the masks, without an end. words: something else, shown as it is said."""
    mode: str | None = None
    """A control word that stood before every source; None: none, or, in a mixture, one or another."""
    num_target_tokens: int = 128
    """The most tokens that a target had, its end included."""
    description: str = "T5 span corruption"
    """The corruption in words."""


def objective_of(corruption: Corruption, num_target_tokens: int) -> Objective:
    """What a model trained with this corruption answers.

    >>> from corruptions import MaskedFragment
    >>> objective_of(MaskedFragment(), 64).answer, objective_of(SpanCorruption(), 64).answer
    ('fragment', 'spans')
    """
    description = corruption.describe()
    mode = None
    if isinstance(corruption, Prefixed):
        mode, corruption = corruption.mode, corruption.corruption
    answers: dict[Any, Answer] = {Said.SPANS: "spans", Said.WHOLE_TEXT: "text", Said.FRAGMENT: "fragment"}
    answer = answers.get(getattr(corruption, "said", None), "words")
    if getattr(corruption, "said", None) is Said.NOISE and isinstance(getattr(corruption, "noise", None), Suffix):
        answer = "continuation"
    return Objective(answer=answer, mode=mode, num_target_tokens=num_target_tokens, description=description)


def objective_in(words: Mapping[str, Any]) -> Objective:
    """The objective that `objective_words` described; T5's where nothing is said."""
    return Objective(**words) if words else Objective()


def objective_words(objective: Objective) -> dict[str, Any]:
    """An objective as JSON has it."""
    return asdict(objective)


def corruption_from(values: object) -> Corruption:
    """The corruption that config.yaml of a run tells; T5's where it names none. Raises BadInput."""
    from denoise.command_line import corruption_named

    if values is None:
        return SpanCorruption()
    try:
        return corruption_named(values if isinstance(values, str) else json.dumps(values), "config.yaml")
    except BadInput:
        raise
    except Exception as error:  # a user's own class may fail in any way where its files are gone
        raise BadInput(f"the corruption of the run cannot be built ({error})") from error


def objective_of_run(config: Mapping[str, Any], shapes: Mapping[str, Any], folder: Path) -> Objective:
    """The objective of a run folder; of a corruption that cannot be built here only what shapes.json says."""
    num_target_tokens = int(shapes.get("target_len") or 128)
    try:
        return objective_of(corruption_from(config.get("corruption")), num_target_tokens)
    except BadInput:
        described = str(shapes.get("corruption") or folder.name)
        return Objective(answer="words", num_target_tokens=num_target_tokens, description=described)
