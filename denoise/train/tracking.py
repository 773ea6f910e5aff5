"""Weights & Biases without conditions: online where it can be, offline where not, never in the way of a run."""

from __future__ import annotations

import contextlib
import hashlib
import io
import netrc
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Mode = Literal["auto", "offline", "off"]

ANSWER_WITHIN_S = 5.0
"""How long a server may take before a run is logged offline."""
_FINISH_WITHIN_S = 60.0
_DEFAULT_SERVER = "https://api.wandb.ai"


class Tracking:
    """One W&B run, or nothing at all; every call returns soon and none raises.

    `hint` is the line to show a person: how the run is logged, how to look at it, how to upload it.
    """

    def __init__(
        self, folder: Path, *, mode: Mode, project: str, config: Mapping[str, Any], cell: Mapping[str, Any]
    ) -> None:
        # The runs of a grid lie together, so that one look shows them all.
        self.home = folder.parent if cell.get("grid") else folder
        self.folder = folder
        self._logger: Any = None
        self.hint = "Weights & Biases: off"
        if mode == "off" or os.environ.get("WANDB_MODE") == "disabled":
            return
        reason = why_offline(mode)
        self._logger = self._started(reason is not None, project, config, cell)
        if self._logger is None and reason is None:
            reason = "the server refused the run"
            self._logger = self._started(True, project, config, cell)
        if self._logger is None:
            self.hint = "Weights & Biases: off, it could not be started; metrics.jsonl has everything"
        elif reason is not None:
            self.hint = (
                f"Weights & Biases: offline ({reason}); look: wandb leet {self.home / 'wandb'}; "
                f"upload later: wandb sync {self.home / 'wandb'}/offline-run-*"
            )
        else:
            self.hint = f"Weights & Biases: {self._logger.experiment.url}"

    @property
    def loggers(self) -> list[Any]:
        """What to hand to Lightning's Trainer."""
        return [self._logger] if self._logger is not None else []

    def log(self, row: Mapping[str, Any]) -> None:
        """Log one row of metrics.jsonl under its kind, against the tokens spent."""
        if self._logger is not None:
            kind = row["kind"]
            numbers = {key: value for key, value in row.items() if isinstance(value, (int, float))}
            values = {key if key in ("step", "tokens") else f"{kind}/{key}": number for key, number in numbers.items()}
            self._attempt(lambda: self._logger.experiment.log(values))

    def log_reconstructions(self, rows: list[dict[str, Any]]) -> None:
        """Log reconstructions of held-out text as a table, at most eight rows."""
        if self._logger is None or not rows:
            return
        columns = ["window", "source", "said", "target"]
        data = [[row["window"], *(_plain(row[column]) for column in columns[1:])] for row in rows[:8]]
        self._attempt(lambda: self._logger.log_table("reconstructions", columns=columns, data=data))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Close the run; a server that went away is waited for no longer than a minute."""
        if self._logger is None:
            return
        import wandb

        self._attempt(lambda: self._logger.experiment.summary.update(dict(summary)))
        _within(_FINISH_WITHIN_S, lambda: self._attempt(wandb.finish))

    def _started(self, offline: bool, project: str, config: Mapping[str, Any], cell: Mapping[str, Any]) -> Any:
        os.environ.setdefault("WANDB_SILENT", "true")  # its banners would break into the progress bar
        try:
            import wandb
            from lightning.pytorch.loggers import WandbLogger

            logger = WandbLogger(
                save_dir=str(self.home),
                project=project,
                offline=offline,
                id=hashlib.blake2b(str(self.folder.resolve()).encode(), digest_size=6).hexdigest(),
                name=f"{cell['strategy']}-seed{cell['seed']}",
                group=cell["strategy"],
                job_type="pretrain",
                tags=[cell["strategy"]],
                config=dict(config),
                settings=wandb.Settings(
                    init_timeout=15, console="off", silent=True, x_disable_stats=True, disable_git=True
                ),
            )
            # Lightning hands over a setting that W&B warns about; nobody who runs denoise can mend that.
            with contextlib.redirect_stderr(io.StringIO()):
                logger.experiment.define_metric("tokens")
            logger.experiment.define_metric("*", step_metric="tokens")
        except Exception:  # any failure of a dashboard is only the dashboard's
            return None
        return logger

    def _attempt(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception as error:  # the run goes on without its dashboard
            self.hint = f"Weights & Biases stopped answering ({type(error).__name__}); metrics.jsonl has everything"
            self._logger = None


def why_offline(mode: Mode) -> str | None:
    """The reason to log offline, or None if there is a key and the server answers.

    >>> why_offline("offline")
    'as asked'
    """
    if mode == "offline" or os.environ.get("WANDB_MODE") in ("offline", "dryrun"):
        return "as asked"
    server = os.environ.get("WANDB_BASE_URL", _DEFAULT_SERVER)
    if not has_key(server):
        return "no API key; `wandb login` stores one"
    if not answers(server):
        return f"no answer within {ANSWER_WITHIN_S:.0f} s from {urlsplit(server).hostname}"
    return None


def has_key(server: str) -> bool:
    """Whether an API key is in the environment or in the netrc file where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    path = os.environ.get("NETRC") or str(Path.home() / ".netrc")
    try:
        return netrc.netrc(path).authenticators(urlsplit(server).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def answers(server: str, within_s: float = ANSWER_WITHIN_S) -> bool:
    """Whether anything at all speaks HTTP at `server`; looking the name up counts in the time."""
    answered = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(server, timeout=within_s):
                answered.append(True)
        except urllib.error.HTTPError:  # an error page is an answer
            answered.append(True)
        except (OSError, ValueError):
            pass

    _within(within_s, ask)
    return bool(answered)


def _within(seconds: float, action: Callable[[], Any]) -> None:
    """Run `action` and stop waiting for it after `seconds`; name look-ups and uploads cannot be interrupted."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(seconds)


def _plain(pieces: list[list[str]]) -> str:
    return "".join(text for text, _ in pieces)
