"""Trained models in and out: folders that transformers opens, and checkpoints to go on from.

>>> from denoise.hub import load  # load("my_export").model, load("runs/first").tokenizer
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise.hub.trained import Trained


def load(path: str | Path) -> Trained:
    """The model and the tokenizer of a run, of an export, or of a T5 checkpoint of transformers.

    Raises BadCheckpoint, naming the file that is missing or damaged.
    """
    from denoise.hub.trained import load_trained  # torch is waited for only here

    return load_trained(Path(path))
