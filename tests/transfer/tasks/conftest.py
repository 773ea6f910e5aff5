"""Where the real files of tasks are, and a stand-in for the hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from denoise.transfer.tasks import hub


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
    if not (folder / "glue").is_dir():
        pytest.skip("no real data here; DENOISE_DATA names its folder")
    return folder


@dataclass
class Feature:
    """What a data set says of a column: names of classes, its own or its parts'."""

    names: Sequence[str] | None = None
    feature: Any = None


@dataclass
class Loaded:
    """What `load_dataset` gives, as far as it is used."""

    rows: Sequence[Mapping[str, Any]]
    features: Mapping[str, Feature] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)


StandIn = Callable[[Mapping[tuple[str, str | None, str], Loaded]], None]


@pytest.fixture
def hub_holds(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Puts data sets, by name, config and split, where the hub would be."""
    import datasets

    def put(held: Mapping[tuple[str, str | None, str], Loaded]) -> None:
        def load_dataset(name: str, config: str | None, *, split: str) -> Loaded:
            if (name, config, split) not in held:
                raise ValueError(f"no {name} {config} {split}\non the hub")
            return held[name, config, split]

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        monkeypatch.setattr(hub, "answers", lambda server: True)

    return put
