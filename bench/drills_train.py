"""Signals at random moments of `denoise train`, then the same command again: does it end as if nothing had been?

    python bench/drills_train.py --kills 40                   # kill -9
    python bench/drills_train.py --kills 20 --signal TERM     # or USR1: saved at the end of the step, exit code 75
    python bench/drills_train.py --kills 20 --flip            # besides, a bit of the newest checkpoint is flipped

Made text and a tiny model, on a CPU. A run is disturbed until it is done, then another one is begun, until so many
signals were sent. At its end each must have bitwise the weights of a run that nobody disturbed, the same
samples.jsonl, and the same metrics.jsonl but for times. Runs are forked from a process that has torch already.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import denoise.train.pretrain  # noqa: F401  what every run imports, once for all of them
from data_prep.pipeline import PrepareConfig, prepare
from denoise import cli
from denoise.stopping import REQUEUE, Stopped
from denoise.train.checkpoint_files import steps_in
from tests.conftest import documents
from tests.denoise.test_resume import TINY, last_weights, rows, untimed


def train(data: Path, run: Path, more: list[str]) -> int:
    """Fork a run; its process id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        for stream in (1, 2):
            os.dup2(os.open(f"{run}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        cli.run(["train", f"--data={data}", f"--run={run}", *TINY, *more])
        code = 0
    except Stopped as stopped:
        code = stopped.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(process: int, within_s: float) -> int | None:
    """The exit code of a process, or minus its signal; None if it has not ended by then."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def began(run: Path) -> int:
    """When training last began; 0 for never."""
    path = run / "shapes.json"
    return path.stat().st_mtime_ns if path.exists() else 0


def flip_a_bit(path: Path, draws: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    path.write_bytes(content)


def differences(run: Path, whole: Path) -> list[str]:
    expected, found = last_weights(whole), last_weights(run)
    wrong = [name for name in expected if not torch.equal(expected[name], found[name])]
    for kind in ("train", "held_out"):
        if [untimed(row) for row in rows(run, kind)] != [untimed(row) for row in rows(whole, kind)]:
            wrong.append(f"metrics.jsonl ({kind})")
    if (run / "samples.jsonl").read_bytes() != (whole / "samples.jsonl").read_bytes():
        wrong.append("samples.jsonl")
    return wrong


def disturb(run: Path, args: argparse.Namespace, draws: random.Random, data: Path, took_s: float) -> Counter[str]:
    """Send signals until the run is done or there were enough; what they hit."""
    number, hits = getattr(signal, f"SIG{args.signal}"), Counter[str]()
    more = args.more
    while hits.total() < args.kills and not (run / "done.json").exists():
        began_at_ns = began(run)
        process = train(data, run, more)
        if ended(process, draws.random() * took_s) is not None:
            continue
        os.kill(process, number)
        code = ended(process, 60)
        checkpoints = run / "checkpoints"
        saved = list(steps_in(checkpoints)) if checkpoints.is_dir() else []
        if code == 0:
            hits["after the last step"] += 1
        elif code == -number != -signal.SIGKILL and began(run) == began_at_ns:
            hits["before it could listen"] += 1
        elif code not in (-signal.SIGKILL, REQUEUE):
            hits[f"FAILED: exit code {code}"] += 1
        elif any(checkpoints.glob(".*.part")):
            hits["while a checkpoint was written"] += 1
        else:
            hits["between checkpoints" if saved else "before the first checkpoint"] += 1
        if args.flip and len(saved) > 1:
            flip_a_bit(steps_in(checkpoints)[saved[-1]], draws)
            hits["bit flipped"] += 0
    code = ended(train(data, run, more), 120)
    if code:
        hits[f"FAILED: exit code {code}, see {run}.log"] += 1
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--signal", choices=["KILL", "TERM", "USR1"], default="KILL")
    parser.add_argument("--flip", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=30_000)
    parser.add_argument("more", nargs="*", help="further options of denoise train, behind --")
    args = parser.parse_args()
    args.more = [f"--budget_tokens={args.tokens}", *args.more]
    home = Path(tempfile.mkdtemp())
    texts = home / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents(200)))
    prepare([str(texts)], home / "data", PrepareConfig(vocab_size=406, held_out_fraction=0.1))
    whole, draws = home / "whole", random.Random(args.seed)
    ended(train(home / "data", home / "warm", args.more), 300)  # compiles the loops
    started_s = time.monotonic()
    assert ended(train(home / "data", whole, args.more), 300) == 0, f"see {whole}.log"
    took_s = time.monotonic() - started_s
    hits, failures, num_runs = Counter[str](), list[str](), 0
    while hits.total() < args.kills:
        run = home / f"run{num_runs}"
        hits += disturb(run, args, draws, home / "data", took_s)
        failures += [f"{run.name}: {name}" for name in differences(run, whole)]
        num_runs += 1
    num_steps = json.loads((whole / "done.json").read_text())["step"]
    print(f"{num_runs} runs of {num_steps} steps, {took_s:.1f} s undisturbed; SIG{args.signal}: {hits.total()}")
    for what, count in hits.most_common():
        print(f"  {count:>3} {what}")
    failures += [what for what in hits if what.startswith("FAILED")]
    print(f"{len(failures)} failures {failures[:5]}")
    if not failures:
        shutil.rmtree(home)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
