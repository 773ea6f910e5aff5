"""Weights that learn tasks, of a run or a checkpoint folder, and where what comes of it is kept; no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path

from data_prep.files import write_json
from denoise.transfer.exam.papers import trained_to
from denoise.transfer.finetune.config import BadFinetuning
from denoise.transfer.finetune.results import CHECKPOINT_FILE, FOLDER, Weights, weights_of

_PARTS = (".safetensors", ".bin", ".json", ".model")
"""Files of a checkpoint folder that decide what its model says."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """One folder of weights."""

    folder: Path
    """A finished run, or a checkpoint folder."""
    home: Path
    """Where transfer/ is: the run itself, or the folder of --out."""
    data: Path | None = None
    """Where the run's tokens are now."""

    @classmethod
    def of(cls, folder: Path, out: Path | None = None, data: Path | None = None) -> Learner:
        """Look at a folder before torch is waited for. Raises BadFinetuning."""
        if (folder / "config.yaml").is_file():
            if trained_to(folder) is None:
                raise BadFinetuning(
                    f"{folder} is not finished: it has no done.json; train it to its end, then fine-tune it"
                )
            if out is not None:
                raise BadFinetuning(f"{folder} is a run, which keeps its results itself; leave out --out")
            return cls(folder=folder, home=folder, data=data)
        if not (folder / "config.json").is_file():
            raise BadFinetuning(
                f"{folder} is neither a run (no config.yaml) nor a checkpoint folder (no config.json); name one of them"
            )
        if out is None:
            raise BadFinetuning(
                f"{folder} is a checkpoint folder, beside which nothing is written; name a folder: --out"
            )
        learner = cls(folder=folder, home=out, data=data)
        before = weights_of(out)
        if before is not None and before != learner.weights:
            raise BadFinetuning(f"{out} has the results of other weights than those of {folder}; choose another --out")
        return learner

    @cached_property
    def weights(self) -> Weights:
        """What results are known by."""
        finished = trained_to(self.folder) if self.folder == self.home else None
        return finished or (_step(self.folder), _digest(self.folder))

    def claim(self) -> None:
        """Say in the folder of --out whose results it holds; a run says so itself."""
        if self.home != self.folder:
            step, digest = self.weights
            (self.home / FOLDER).mkdir(parents=True, exist_ok=True)
            about = {"folder": str(self.folder), "step": step, "weights": digest}
            write_json(self.home / FOLDER / CHECKPOINT_FILE, about)


def learners_in(folders: Sequence[Path], out: Path | None, data: Path | None) -> list[Learner]:
    """The folders' own, or those of the finished runs of a grid. Raises BadFinetuning."""
    if out is not None and len(folders) > 1:
        raise BadFinetuning("--out is for one checkpoint folder at a time; name one")
    learners = []
    for folder in folders:
        finished = sorted(path.parent for path in folder.glob("*/done.json"))
        is_grid = finished and not (folder / "config.yaml").is_file()
        learners += [Learner.of(each, out, data) for each in (finished if is_grid else [folder])]
    return learners


def _step(folder: Path) -> int:
    """The step that an export says it is of; 0 where none is told."""
    try:
        return int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["denoise"]["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _digest(folder: Path) -> str:
    """SHA-256, in hex, of the files that a checkpoint is made of."""
    digest = sha256()
    for path in sorted(each for each in folder.iterdir() if each.suffix in _PARTS):
        with open(path, "rb") as file:
            digest.update(f"{path.name} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
