"""Checkpoints on disk: written whole, checked, and passed over where they are damaged or another run's."""

from __future__ import annotations

import errno
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from data_prep.files import sync_folder
from denoise import __version__
from denoise.train.config import BadCheckpoint, differences

FORMAT = 1
"""Of what a checkpoint holds; raised when an older one can no longer be gone on with."""
_NAME = re.compile(r"step-(\d{9})\.ckpt")


class WholeFiles(TorchCheckpointIO):
    """Checkpoints that are whole or not there: written to another name, flushed, read again, then renamed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write `checkpoint` to `path` in one visible step."""
        write_tensors(checkpoint, Path(path))


def write_tensors(content: dict[str, Any], final: Path) -> None:
    """Write a file that torch.load reads so that it is whole or not there. Raises OSError with its name."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.part")
    try:
        with open(temporary, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        if (damage := damage_of(temporary)) is not None:
            raise OSError(errno.EIO, f"what was written cannot be read again ({damage})", str(final))
        os.replace(temporary, final)
    except (OSError, RuntimeError) as error:
        # torch hides the error of a full disk behind one about its own zip file.
        trouble = error.__context__ if isinstance(error, RuntimeError) else error
        if not isinstance(trouble, OSError):
            raise
        raise OSError(trouble.errno, trouble.strerror, str(final)) from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(final.parent)


def mark(step: int, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of itself under the key "denoise"; `config` are the values of its run."""
    return {"format": FORMAT, "version": __version__, "step": step, "config": dict(config)}


def name_of(step: int) -> str:
    """The file of a step.

    >>> name_of(200)
    'step-000000200.ckpt'
    """
    return f"step-{step:09d}.ckpt"


def steps_in(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by their step, in order; other files are not looked at."""
    found = {int(match[1]): path for path in folder.glob("step-*.ckpt") if (match := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items()))


def newest_usable(
    folder: Path, config: Mapping[str, Any] | None, *, below: int | None = None, tell: Callable[[str], None]
) -> Path | None:
    """The last checkpoint that a run with these values can go on from, before step `below`; None if there is none.

    Without values it is not asked whose a checkpoint is. Every later one is named to `tell`, with what is wrong with
    it. Raises BadCheckpoint if there are checkpoints and none can be used: a run is not silently begun anew.
    """
    wrong: list[str] = []
    for path in reversed(steps_in(folder).values()):
        if below is not None and step_of(path) >= below:
            continue
        reason = why_unusable(path, config)
        if reason is None:
            for sentence in wrong:
                tell(f"{sentence}; going on from the one before, {path.name}")
            return path
        wrong.append(f"{path.name} {reason}")
    if wrong:
        raise BadCheckpoint(
            f"no checkpoint in {folder} can be used: {'; '.join(wrong)}; bring a whole one back, or delete that "
            "folder to begin the run anew"
        )
    return None


def set_aside(folder: Path, after: int) -> None:
    """Rename the checkpoints after a step, which could not be used: they count for nothing, and nothing is lost."""
    for step, path in steps_in(folder).items():
        if step > after:
            os.replace(path, path.with_name(f"{path.name}.damaged"))


def why_unusable(path: Path, config: Mapping[str, Any] | None) -> str | None:
    """What is wrong with a checkpoint, to stand behind its name; None if a run with these values can go on from it."""
    if (damage := damage_of(path)) is not None:
        return f"is damaged ({damage})"
    try:
        # Nothing but tensors and plain values is unpickled, and only what is looked at is read.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch has a kind for each way in which a zip file is not its own
        return f"is no checkpoint that can be read safely ({type(error).__name__})"
    about = content.get("denoise") if isinstance(content, dict) else None
    if not isinstance(about, dict):
        return "is not a checkpoint of denoise, or of a version before 0.1.0"
    if about["format"] != FORMAT:
        return f"was written by denoise {about['version']} (format {about['format']}; {__version__} has {FORMAT})"
    if config is not None and (differing := differences(about["config"], config)):
        return f"is of another run ({'; '.join(differing)})"
    if about["step"] != step_of(path):
        return f"holds step {about['step']}, and its name says otherwise"
    return None


def damage_of(path: Path) -> str | None:
    """What is damaged in a checkpoint; None if each of its parts has the check sum that was written with it.

    torch.load would not see a flipped bit: it is built to pass over the check sums of its zip files.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            broken = parts.testzip()
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        return str(error) or type(error).__name__
    return f"the check sum of {broken} does not hold" if broken is not None else None


def step_of(path: Path | None) -> int:
    """The step of a checkpoint; 0 for none."""
    match = _NAME.fullmatch(path.name) if path is not None else None
    return int(match[1]) if match else 0
