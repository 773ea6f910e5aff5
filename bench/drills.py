"""kill -9 at random moments of each stage of `denoise prepare`, then the same command again: is anything lost?

    python bench/drills.py --kills 40
    python bench/drills.py --runner ray --kills 10      # on a Ray cluster that runs already
    python bench/drills.py --victim worker --kills 20   # one of the processes that work, not the one that waits

For every kill the command is run a second time to its end. Then the fingerprints of texts and tokens must be
those of a run that nobody disturbed, tasks that were done before the kill must not have been done again, and of
the others at most one a worker can have been under way. A row a stage: kills, how many hit the stage, failures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data_prep"))

STAGES = {
    "cleaning": "clean",
    "comparing": "lines",
    "finishing": "finish",
    "tokenizer": "tokenizer",
    "encoding": "tokens",
}


def command(files: list[Path], out: Path, runner: str) -> list[str]:
    options = ["--runner", runner, "--workers", "2", "--vocab_size", "500", "--tokenizer_training_bytes", "400000"]
    return [sys.executable, "-m", "denoise.cli", "prepare", *map(str, files), "--out", str(out), *options]


def fingerprint(out: Path) -> tuple[str, str]:
    from data_prep.manifest import Manifest

    manifest = Manifest.read(out)
    return manifest.texts["fingerprint"], manifest.fingerprint


def done(out: Path) -> dict[Path, int]:
    """The tasks that are done, by the time at which they were."""
    found = {}
    for folder, _, names in os.walk(out):  # which passes over what is deleted meanwhile
        if "done.json" in names:
            with contextlib.suppress(OSError):
                found[Path(folder)] = (Path(folder) / "done.json").stat().st_mtime_ns
    return found


def folder_of(stage: str, out: Path) -> Path:
    home = out if stage in ("tokenizer", "encoding") else out / "clean"
    return home / ".partial" / STAGES[stage]


def workers_of(process: int) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(process), "-f", "spawn_main"], capture_output=True, text=True, check=False
    )
    return [int(line) for line in found.stdout.split()]


def drill(files: list[Path], out: Path, args: argparse.Namespace, stage: str, delay_s: float) -> tuple[bool, str]:
    """Whether the kill hit the stage, and what went wrong; empty: nothing."""
    shutil.rmtree(out, ignore_errors=True)
    job = subprocess.Popen(
        command(files, out, args.runner), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    folder = folder_of(stage, out)
    while not folder.is_dir() and job.poll() is None:
        time.sleep(0.001)
    time.sleep(delay_s)
    victims = [job.pid] if args.victim == "job" else workers_of(job.pid)[:1]
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    _, error = job.communicate()
    if args.victim == "worker":
        if job.returncode:
            return True, f"exit code {job.returncode}: {error[-300:]}"
        return bool(victims), ""
    was_hit = folder.is_dir()
    before = done(out)
    again = subprocess.Popen(
        command(files, out, args.runner), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    redone = 0
    while again.poll() is None:
        now = done(out)
        redone = max(redone, sum(path in now and now[path] != at for path, at in before.items()))
        time.sleep(0.02)
    if again.returncode:
        return was_hit, f"exit code {again.returncode}: {again.communicate()[1][-300:]}"
    return was_hit, f"{redone} tasks were done again" if redone else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40, help="a stage")
    parser.add_argument("--runner", default="native")
    parser.add_argument("--victim", choices=["job", "worker"], default="job")
    parser.add_argument("--pages", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    args = parser.parse_args()
    from made_web import web_pages, write_web

    home = Path(tempfile.mkdtemp())
    files = write_web(home / "web", web_pages(args.pages), 6)
    subprocess.run(command(files, home / "whole", args.runner), check=True, stdout=subprocess.DEVNULL)
    expected = fingerprint(home / "whole")
    seconds = json.loads((home / "whole" / "manifest.json").read_text())["seconds"]
    draws, num_failed = random.Random(args.seed), 0
    print(
        f"{args.pages} pages in {len(files)} files, runner {args.runner}, killed: {args.victim}; stages took {seconds}"
    )
    for stage in args.stages:
        long_s = seconds.get({"tokenizer": "training the tokenizer"}.get(stage, stage), 0.3)
        num_hit, wrong = 0, []
        for _ in range(args.kills):
            was_hit, error = drill(files, home / "out", args, stage, draws.random() * long_s)
            num_hit += was_hit
            if error or fingerprint(home / "out") != expected:
                wrong.append(error or f"fingerprint {fingerprint(home / 'out')}")
        num_failed += len(wrong)
        print(
            f"{stage:<10} {args.kills} kills, {num_hit} within the stage, {len(wrong)} failures {wrong[:3]}", flush=True
        )
    shutil.rmtree(home)
    sys.exit(num_failed > 0)


if __name__ == "__main__":
    main()
