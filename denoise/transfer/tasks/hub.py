"""Rows out of data sets of the Hugging Face hub, for tasks whose files are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from denoise.train.tracking.server import answers
from denoise.transfer.tasks.rows import Row
from denoise.transfer.tasks.task import BadTask, Split


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A data set of the hub that has the same rows as the files."""

    name: str
    """Such as nyu-mll/glue."""
    config: str = ""
    """Its subset, such as cola."""
    splits: Mapping[Split, str] = field(default_factory=lambda: {"train": "train", "dev": "validation", "test": "test"})
    """What it calls our splits."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """What it calls columns that it does not call as we do."""

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return f"hub:{self.name}" + (f":{self.config}" if self.config else "")

    def rows(self, split: Split) -> Iterator[Row]:
        """The rows of a split, with our names for its columns and its own names for classes instead of numbers.

        Raises BadTask where it cannot be had.
        """
        called = {theirs: ours for ours, theirs in self.columns.items()}
        try:
            from datasets import load_dataset

            self._demand_reach()
            loaded = load_dataset(self.name, self.config or None, split=self.splits[split])
            classes = {column: _names(feature) for column, feature in (loaded.features or {}).items()}
            for number, values in enumerate(loaded, start=1):
                named = {called.get(each, each): _named(value, classes.get(each)) for each, value in values.items()}
                yield Row(f"{self.shown}:{number}", named)
        except Exception as error:  # the network and the hub fail in many ways
            why = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise BadTask(f"{self.shown} cannot be read ({why})") from None

    def _demand_reach(self) -> None:
        """Raise where there is no network and no copy: the library would try for half a minute."""
        from datasets.config import HF_DATASETS_CACHE

        server = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        is_here = (Path(HF_DATASETS_CACHE) / self.name.replace("/", "___")).is_dir()
        if not is_here and not answers(server):
            raise ConnectionError(f"{server} does not answer")


def _names(feature: Any) -> list[str] | None:
    """The names of a class label, alone or in a list; None for any other feature."""
    names: list[str] | None = getattr(feature, "names", None) or getattr(
        getattr(feature, "feature", None), "names", None
    )
    return names


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None:
        return value
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    # -1 is the hub's mark for a hidden label; as a place in a list it would be the last class.
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else str(value)
