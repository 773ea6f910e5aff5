"""denoise dashboard: look at what runs have logged, without an account."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep.errors import BadInput


def dashboard(arguments: Sequence[str]) -> int:
    """The curves of a run or a grid in the terminal (wandb leet), or in the browser with --tensorboard, --trackio."""
    from denoise.command_line import PlainParser
    from denoise.train.tracking.tracker import check_installed

    parser = PlainParser(prog="denoise dashboard", description=dashboard.__doc__)
    parser.add_argument("folder", nargs="?", help="Folder of a run or a grid (default: the newest in runs).")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--tensorboard", action="store_true", help="Runs logged with --trackers tensorboard.")
    choice.add_argument("--trackio", action="store_true", help="Runs logged with --trackers trackio.")
    choice.add_argument("--upload", action="store_true", help="Send Weights & Biases what it lacks of these runs.")
    given = parser.parse_args(arguments)
    if given.upload:
        from denoise.train.tracking.after import upload

        num_runs = upload(Path(given.folder or "runs"), tell=print)
        print(f"{num_runs} runs are uploaded")
        return 0
    tracker = "tensorboard" if given.tensorboard else "trackio" if given.trackio else "wandb"
    check_installed([tracker])
    shown = newest(Path(given.folder or "runs"), tracker)
    return _opened(tracker, shown)


def newest(folder: Path, tracker: str) -> Path:
    """The folder of a dashboard's files that was written to last, in a run, a grid or a folder of these.

    Raises BadInput where there is none.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}; name the folder of a run or a grid: denoise dashboard FOLDER")
    if folder.name == tracker:
        return folder
    found = [place for depth in ("", "*/", "*/*/") for place in folder.glob(f"{depth}{tracker}") if place.is_dir()]
    if not found:
        raise BadInput(
            f"{folder} has nothing that {tracker} logged; runs log to it with "
            f"--trackers {tracker}" + (", unless --tracking is off" if tracker == "wandb" else "")
        )
    return max(found, key=lambda place: max((path.stat().st_mtime for path in place.iterdir()), default=0.0))


def _opened(tracker: str, shown: Path) -> int:
    """Hand the terminal to the dashboard until it is left; without a terminal, say how to open it."""
    command = {
        "wandb": ["wandb", "leet", str(shown)],
        # All runs of a grid, which lie beside one another.
        "tensorboard": ["tensorboard.main", "--logdir", str(_all_of(shown))],
        "trackio": ["trackio.cli", "show"],
    }[tracker]
    environment = {**os.environ, "TRACKIO_DIR": str(shown.resolve()), "HF_HUB_OFFLINE": "1"}
    if not sys.stdout.isatty():
        prefix = f"TRACKIO_DIR={shlex.quote(str(shown.resolve()))} " if tracker == "trackio" else ""
        print(prefix + shlex.join([sys.executable, "-m", *command]))
        return 0
    try:
        return subprocess.run([sys.executable, "-m", *command], env=environment, check=False).returncode
    except KeyboardInterrupt:  # as one leaves the servers of the other two
        return 0


def _all_of(shown: Path) -> Path:
    run = shown.parent
    return run.parent if (run / "cell.json").exists() else run
