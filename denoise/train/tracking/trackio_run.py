"""trackio, a dashboard in the browser that needs no account."""

from __future__ import annotations

import contextlib
import io
import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from denoise.train.tracking.points import Point
from denoise.train.tracking.tracker import About, Tracker


class TrackioLogger(Logger):
    """Lightning's door to a run of trackio; Lightning has none of its own."""

    def __init__(self, folder: Path, project: str, **about: Any) -> None:
        # Both are read when trackio is first imported: its database lies with the runs, and nothing asks the hub.
        os.environ.setdefault("TRACKIO_DIR", str(folder.resolve()))
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        self.project, self.about = project, about
        self._run: Any = None

    @property
    def name(self) -> str:
        """The project."""
        return self.project

    @property
    def version(self) -> str:
        """The run."""
        return str(self.about["name"])

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run, opened at the first call."""
        import trackio

        if self._run is None:
            with contextlib.redirect_stdout(io.StringIO()):  # it would break into the progress bar
                self._run = trackio.init(
                    self.project, resume="allow", embed=False, auto_log_gpu=False, auto_log_cpu=False, **self.about
                )
        return self._run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Numbers and tables of a step."""
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Options, which trackio takes when a run is opened."""


class TrackioRun(Tracker):
    """A run of trackio, whose steps are tokens."""

    def __init__(self, about: About) -> None:
        self.logger = TrackioLogger(
            about.home / "trackio", about.project, name=about.name, group=about.group, config=dict(about.config)
        )
        self.run = self.logger.experiment  # which opens it
        self.last_tokens = self._last_tokens(about)
        self.hint = f"trackio: denoise dashboard {about.home} --trackio"

    def log(self, point: Point) -> None:
        """One row; those that trackio has are passed over."""
        import trackio

        if point.tokens > self.last_tokens:
            tables = {
                name: trackio.Table(columns=table.columns, data=table.rows) for name, table in point.tables.items()
            }
            self.logger.log_metrics({**point.values, **tables}, step=point.tokens)

    def finish(self, *, is_done: bool) -> None:
        """Write what is left."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.run.finish()

    def _last_tokens(self, about: About) -> int:
        from trackio.sqlite_storage import SQLiteStorage

        last = SQLiteStorage.get_max_step_for_run(about.project, about.name)
        return -1 if last is None else int(last)
