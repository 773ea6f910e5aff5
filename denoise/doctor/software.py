"""What is installed."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from denoise.doctor.finding import Finding, State
from denoise.train.run_folder import environment
from denoise.train.tracking.server import ANSWER_WITHIN_S, answers, has_key

EXTRAS = {
    "crawl": "WET and WARC files, languages",
    "cluster": "cleaning and grids on many machines",
    "detectors": "other detectors of languages",
    "hub": "checkpoints to and from transformers",
    "tasks": "scores and baselines of labelled tasks",
    "tensorboard": "TensorBoard as a dashboard",
    "trackio": "trackio as a dashboard",
}
"""What each extra gives."""

_OF_EXTRA = re.compile(r"([\w.-]+).*extra == ['\"](\w+)['\"]")
_COMPROMISED = ("2.6.2", "2.6.3")


def python_and_denoise() -> Iterator[Finding]:
    """The interpreter and the code."""
    version = ".".join(map(str, sys.version_info[:3]))
    is_old = sys.version_info < (3, 11)
    yield Finding(
        name="python",
        value=f"{version}, {sys.executable}",
        state="broken" if is_old else "ok",
        advice="denoise needs Python 3.11 or newer" if is_old else "",
    )
    about = environment("", 0)
    commit = f", commit {about['git_commit'][:7]}" if about["git_commit"] else ""
    changed = ", changed since" if about["git_dirty"] else ""
    yield Finding(name="denoise", value=f"{about['denoise'] or 'not installed'}{commit}{changed}")
    lightning = about["lightning"]
    bad = lightning in _COMPROMISED
    yield Finding(
        name="lightning",
        value=str(lightning),
        state="broken" if bad or not lightning else "ok",
        advice="this release was compromised: pip install 'lightning>=2.6.4', and change your keys" if bad else "",
    )


def numba_cache() -> Iterator[Finding]:
    """Whether compiled loops can be kept, so that only the first run waits for them."""
    import corruptions.compiled

    given = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(corruptions.compiled.__file__).parent / "__pycache__"
    folder = Path(given) if given else beside
    there = next(path for path in (folder, *folder.parents) if path.exists())
    can_write = os.access(there, os.W_OK)
    version = metadata.version("numba")
    if can_write:
        yield Finding(name="numba", value=f"{version}, keeps compiled loops")
        return
    yield Finding(
        name="numba",
        value=f"{version}, {folder} cannot be written to",
        state="warning",
        advice="every run compiles for some 12 s: set NUMBA_CACHE_DIR to a folder that can be written to",
    )


def compiler() -> Iterator[Finding]:
    """What torch.compile needs beside torch."""
    name = os.environ.get("CXX") or next((name for name in ("g++", "clang++") if shutil.which(name)), "")
    path = shutil.which(name) if name else None
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    lacking = [*([] if path else ["a C++ compiler"]), *([] if headers.exists() else ["Python's headers"])]
    triton = "triton " + metadata.version("triton") if importlib.util.find_spec("triton") else "no triton"
    yield Finding(
        name="compiler",
        value=f"{path or 'none'}, {triton}" + (f", without {lacking[-1]}" if lacking and path else ""),
        state="warning" if lacking else "ok",
        advice=f"torch.compile wants {' and '.join(lacking)}: apt install g++ python3-dev" if lacking else "",
    )


def wandb() -> Iterator[Finding]:
    """Whether runs can be logged online; they never need to be."""
    version = metadata.version("wandb")
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        yield Finding(name="wandb", value=f"{version}, {os.environ['WANDB_MODE']} by WANDB_MODE")
        return
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    host = urlsplit(server).hostname
    if not has_key(server):
        advice = "runs are logged offline; `wandb login` stores a key, `wandb leet` looks without one"
        yield Finding(name="wandb", value=f"{version}, no key for {host}", advice=advice)
    elif not answers(server):
        advice = "runs are logged offline; `wandb sync` uploads them later"
        value = f"{version}, {host} gave no answer within {ANSWER_WITHIN_S:.0f} s"
        yield Finding(name="wandb", value=value, state="warning", advice=advice)
    else:
        yield Finding(name="wandb", value=f"{version}, {host} answers, there is a key")


def extras() -> Iterator[Finding]:
    """What can be installed besides, and what it gives."""
    wanted = [found.groups() for line in metadata.requires("denoise") or () if (found := _OF_EXTRA.match(line))]
    for extra, gives in EXTRAS.items():
        lacking = [package for package, of in wanted if of == extra and not _is_installed(package)]
        state: State = "missing" if lacking else "ok"
        advice = f"if you need it: pip install 'denoise[{extra}]'" if lacking else ""
        value = gives if not lacking else f"{gives}; not there: {', '.join(lacking)}"
        yield Finding(name=f"[{extra}]", value=value, state=state, advice=advice)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
