"""Weights & Biases through Lightning's WandbLogger: online where it can be, offline where not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from denoise.train.tracking.points import Point
from denoise.train.tracking.server import why_offline
from denoise.train.tracking.tracker import About, Tracker

START_WITHIN_S = 15.0
"""How long a server that answered may take to open a run, before the run is logged offline."""
FINISH_WITHIN_S = 15.0
"""How long the end of a run waits for what is not uploaded yet."""


class WandbRun(Tracker):
    """A run of W&B. Its step is the training step, and tokens are the x axis of everything.

    W&B adds up what it gets: rows that come again in a later part of the same run are put behind the others under new
    steps, whether they come online or by `wandb sync`. So no two parts may have a step in common. Online the server
    says where it is. Offline, a part that nobody has uploaded yet is deleted and logged anew with all before it, and
    one that was uploaded is read for its last step.
    """

    def __init__(self, about: About) -> None:
        import wandb

        if wandb.run is not None:  # Lightning would log into it
            raise RuntimeError(f"the run {wandb.run.id} of W&B is still open in this process")
        self.about = about
        os.environ.setdefault("WANDB_SILENT", "true")  # its banners would break into the progress bar
        reason = why_offline(about.mode)
        if reason is None:
            try:
                self._open_online()
            except Exception:  # of whatever kind: a server that answers and then does not open a run
                reason = "the server opened no run"
                wandb.teardown()  # it holds the run's id until then
        if reason is not None:
            self._open_offline()
        self.is_online = reason is None
        self.hint = self._hint(reason)

    def log(self, point: Point) -> None:
        """One row of the history; a step comes once, so it is sent at once."""
        import wandb

        tables = {name: wandb.Table(columns=[*table.columns], data=table.rows) for name, table in point.tables.items()}
        self.run.log({"tokens": point.tokens, **point.values, **tables}, step=point.step, commit=True)

    def finish(self, *, is_done: bool) -> None:
        """Upload what is left, for FINISH_WITHIN_S at most. Raises ConnectionError if that was not enough."""
        try:
            self.run.finish(exit_code=0 if is_done else 1)
        except Exception as error:
            raise ConnectionError(
                f"not everything reached the server; denoise dashboard {self.about.home} --upload sends the rest"
            ) from error

    def log_files(self, name: str, files: list[Path]) -> None:
        """Keep files as an artifact."""
        import wandb

        artifact = wandb.Artifact(name, type="tables")
        for file in files:
            artifact.add_file(str(file))
        self.run.log_artifact(artifact)

    def _open_online(self) -> None:
        self._start("online")
        self.last_step = self.run.starting_step - 1  # that of the server, if it has the run
        for part in self._parts():  # all of it goes to the server now
            shutil.rmtree(part, ignore_errors=True)

    def _open_offline(self) -> None:
        for part in self._parts():
            if any(part.glob("*.wandb.sync*")):  # .synced, or .syncstate after a sync that ended early
                self.last_step = max(self.last_step, _last_step_in(part))
            if not any(part.glob("*.wandb.synced")):
                shutil.rmtree(part, ignore_errors=True)
        self._start("offline")

    def _parts(self) -> list[Path]:
        return sorted((self.about.home / "wandb").glob(f"offline-run-*-{self.about.id}"))

    def _start(self, mode: str) -> None:
        self.logger = self._logger(mode)
        # Lightning hands over settings that W&B warns about; nobody who runs denoise can mend that.
        with contextlib.redirect_stderr(io.StringIO()):
            self.run = self.logger.experiment
        self.run.define_metric("tokens")
        self.run.define_metric("*", step_metric="tokens")

    def _logger(self, mode: str) -> Any:
        import wandb
        from lightning.pytorch.loggers import WandbLogger

        about = self.about
        return WandbLogger(
            save_dir=str(about.home),
            project=about.project,
            id=about.id,
            name=about.name,
            group=about.group,
            job_type=about.job_type,
            tags=list(about.tags),
            config=dict(about.config),
            mode=mode,
            resume="allow",
            settings=wandb.Settings(
                init_timeout=START_WITHIN_S,
                finish_timeout=FINISH_WITHIN_S,
                finish_timeout_raises=True,
                console="off",
                silent=True,
                x_disable_stats=True,
                disable_git=True,
            ),
        )

    def _hint(self, reason: str | None) -> str:
        if reason is None:
            return f"Weights & Biases: {self.run.url}"
        home = self.about.home
        return (
            f"Weights & Biases: offline ({reason}); look: denoise dashboard {home}; "
            f"upload later: wandb sync {home / 'wandb'}/offline-run-*"
        )


def _last_step_in(part: Path) -> int:
    """The last step of an offline part of a run; W&B reads the log, whether whole or torn by a kill."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *map(str, part.glob("*.wandb"))]
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = (json.loads(line)["history"] for line in printed.splitlines() if '"type":"history"' in line)
    return max((int(row["step"]["num"]) for row in rows), default=-1)
