"""What dashboards are told when training is over: the exam, the tables of a grid, what did not get through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from data_prep.errors import BadInput
from denoise.train.config import dashboards_of
from denoise.train.run_folder import RunFolder
from denoise.train.tracking.server import why_offline
from denoise.train.tracking.tracker import About, project_name
from denoise.train.tracking.tracking import Tracking, in_words

_UPLOAD_WITHIN_S = 600.0
"""How long an upload that was asked for may take to hand over one run."""


def publish_scores(folder: Path, tell: Callable[[str], None] = lambda line: None) -> None:
    """Show the exam of a finished run, and what it has learnt by fine-tuning, in the same run of its dashboards."""
    with _damage_told(folder, tell):
        names = _dashboards(folder)
        if names:
            tracking = Tracking(About.of_stored(folder), names, _troubles_only(tell))
            tracking.go_on()
            tracking.log_scores()
            tracking.finish()


def publish_tables(folder: Path, files: Sequence[Path], tell: Callable[[str], None] = lambda line: None) -> None:
    """Keep the tables of a grid as an artifact in its project of Weights & Biases, if its cells are logged there."""
    with _damage_told(folder, tell):
        cells = [cell for cell in run_folders(folder) if "wandb" in _dashboards(cell)]
        if not cells or not files:
            return
        about = About(
            folder=folder,
            home=folder,
            project=project_name(folder.name),
            group="",
            name="tables",
            job_type="tables",
            tags=("tables",),
            config={},
            mode=About.of_stored(cells[0]).mode,
        )
        tracking = Tracking(about, ["wandb"], _troubles_only(tell))
        tracking.log_files(f"{about.project}-tables".replace(" ", "-"), list(files))
        tracking.finish()


def upload(folder: Path, tell: Callable[[str], None]) -> int:
    """Send the server what it lacks of every run in a folder, and return how many runs there were.

    Other than `wandb sync` this also mends runs whose server went away in mid-run: a sync would send the rows that
    arrived a second time. Raises BadInput without a key or a server.
    """
    reason = why_offline("auto")
    if reason is not None:
        raise BadInput(f"nothing can be uploaded: {reason}")
    runs = list(run_folders(folder))
    if not runs:
        raise BadInput(f"{folder} holds no runs; name the folder of a run or of a grid")
    for run in runs:
        tracking = Tracking(About.of_stored(run, mode="auto"), ["wandb"], tell)
        tracking.go_on()
        tracking.log_scores()
        tracking.finish(is_done=RunFolder(run).is_done, drain_within_s=_UPLOAD_WITHIN_S)
    return len(runs)


def run_folders(folder: Path) -> Iterator[Path]:
    """The run that a folder is, or the runs in it that have begun."""
    for path in (folder, *sorted(folder.glob("*/"))):
        if (path / "config.yaml").exists() and (path / "shapes.json").exists():
            yield path


@contextmanager
def _damage_told(folder: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Within it a damaged file of a run costs only its dashboards: what they would be told lies in the folder."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        tell(f"{folder}: the dashboards are not told of it, for a file of the run is damaged ({in_words(error)})")


def _dashboards(folder: Path) -> tuple[str, ...]:
    config = yaml.safe_load(RunFolder(folder).config_file.read_text())
    return dashboards_of(config.get("tracking", "auto"), config.get("trackers", "wandb"))


def _troubles_only(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Where to look was told when the run began."""
    return lambda line: tell(line) if "metrics.jsonl has everything" in line or "--upload" in line else None
