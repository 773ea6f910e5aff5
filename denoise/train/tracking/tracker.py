"""What a dashboard is to a run, and what it is told of the run."""

from __future__ import annotations

import importlib.util
import json
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from corruptions import SpanCorruption
from data_prep.errors import BadInput
from data_prep.files import write_json
from denoise.train.config import TRACKERS, mode_of
from denoise.train.run_folder import RunFolder
from denoise.train.tracking.points import Point
from denoise.train.tracking.server import Mode


@dataclass(frozen=True, kw_only=True)
class About:
    """A run as dashboards name and sort it."""

    folder: Path
    """Of the run, or of the grid whose tables these are."""
    home: Path
    """Where the dashboards' own files are: the folder of the grid, so that one look shows all runs, or of the run."""
    project: str
    group: str
    """The strategy without the seed: seeds fold into one curve."""
    name: str
    job_type: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    """Every value of the run, plain."""
    mode: Mode

    @classmethod
    def of_run(cls, folder: Path, config: Mapping[str, Any], *, mode: Mode, num_parameters: int) -> About:
        """A run by its configuration and the cell that a grid made it."""
        cell = RunFolder(folder).cell(config.get("seed", 0))
        grid = cell.get("grid")
        corruption = corruption_name(config)
        size = in_millions(num_parameters)
        return cls(
            folder=folder,
            home=folder.parent if grid else folder,
            project=project_name(grid or config.get("project", "denoise")),
            group=(cell["strategy"] if grid else corruption)[:128],
            name=f"{cell['strategy']}-seed{cell['seed']}" if grid else folder.name,
            job_type="pretrain",
            tags=tuple(tag[:64] for tag in dict.fromkeys([*([cell["strategy"]] if grid else []), corruption, size])),
            config={
                **config,
                "num_parameters": num_parameters,
                "noise_rate_asked": rate_asked(config.get("corruption")),
            },
            mode=mode,
        )

    @classmethod
    def of_stored(cls, folder: Path, *, mode: Mode | None = None) -> About:
        """A run by what it left in its folder, logged as it was unless a mode is given."""
        run = RunFolder(folder)
        config = yaml.safe_load(run.config_file.read_text())
        found = cls.of_run(
            folder,
            config,
            mode=mode or mode_of(config.get("tracking", "auto")),
            num_parameters=run.shapes.get("num_parameters", 0),
        )
        return found

    @property
    def id(self) -> str:
        """What a dashboard knows the run by, whatever it is called and wherever it lies; made at the first call."""
        path = self.folder / "tracking.json"
        if not path.exists():
            write_json(path, {"id": secrets.token_hex(6)})
        found: str = json.loads(path.read_text())["id"]
        return found


class Tracker(ABC):
    """One dashboard of one run. Any of these may raise: the run then goes on without it."""

    hint: str = ""
    """A line for a person: where to look."""
    last_step: int = -1
    """The last step that the dashboard has; points up to it are not for it."""
    logger: Any = None
    """What Lightning's trainer may be handed, so that a user's own callbacks find it."""

    @abstractmethod
    def log(self, point: Point) -> None:
        """Show one more point."""

    @abstractmethod
    def finish(self, *, is_done: bool) -> None:
        """Close; `is_done` tells a run that ended from one that stopped and will go on."""


def check_installed(names: Sequence[str]) -> None:
    """Raises BadInput for a dashboard that is asked for and not installed."""
    for name in names:
        package = TRACKERS[name]
        if package and importlib.util.find_spec(package) is None:
            raise BadInput(
                f"trackers names {name}, which is not installed; pip install 'denoise[{package}]' gives it, "
                f"or leave {name} out of --trackers"
            )


def project_name(given: str) -> str:
    """A name that Weights & Biases takes.

    >>> project_name("t5/rates: 10 %")
    't5-rates- 10 -'
    """
    return re.sub(r"[/\\#?%:]", "-", given)[:128]


def in_millions(num_parameters: int) -> str:
    """The size of a model as one says it.

    >>> in_millions(247_577_856), in_millions(3_456_789), in_millions(51_200)
    ('248M', '3.5M', '0.051M')
    """
    millions = num_parameters / 1e6
    return f"{millions:.0f}M" if millions >= 10 else f"{millions:.2g}M"


def corruption_name(config: Mapping[str, Any]) -> str:
    """The class of the corruption, without its path."""
    corruption = config.get("corruption")
    return str(corruption["class_path"]).rsplit(".", 1)[-1] if corruption else SpanCorruption.__name__


def rate_asked(corruption: Any) -> float | None:
    """The fraction of tokens that plain options ask to hide; None where it changes or each part has its own.

    >>> rate_asked({"init_args": {"noise": {"init_args": {"rate": 0.3}}}})
    0.3
    """
    if corruption is None:
        return rate_asked({"init_args": {"rate": SpanCorruption().rate}})
    options = corruption.get("init_args", {}) if isinstance(corruption, dict) else {}
    if isinstance(options.get("rate"), (int, float)):
        return float(options["rate"])
    inner = (rate_asked(options[name]) for name in ("noise", "corruption") if name in options)
    return next((rate for rate in inner if rate is not None), None)
