"""kill -9 of workers, cells and `denoise grid` itself at random moments: is every cell done once, and bitwise right?

    python bench/drills_grid.py --rounds 50

Made text, tiny models, twelve cells and three workers, on a CPU. In each round one of the three is killed; the same
command is given again where it was the command. A grid that is done makes room for another until there were so many
rounds. Every done.json must have been written once, and weights, metrics without times and sampled text must be
bitwise those of the same cells trained one after another by nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from data_prep.pipeline import PrepareConfig, prepare
from denoise.grid.plan import read_plan
from tests.conftest import documents
from tests.grid.drill import Drill, differences, told, train_undisturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    home, draws = Path(tempfile.mkdtemp()), random.Random(args.seed)
    texts = home / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents(200)))
    prepare([str(texts)], home / "data", PrepareConfig(vocab_size=406, held_out_fraction=0.1))
    num_rounds, failures, num_grids = 0, list[str](), 0
    while num_rounds < args.rounds:
        started_s = time.monotonic()
        drill = Drill(home / f"grid{num_grids}", home / "data", draws, args.workers)
        drill.start()
        while drill.hits.total() < args.rounds - num_rounds and drill.is_begun_and_open:
            drill.disturb(draws.choice(["worker", "worker", "cell", "cell", "grid"]))
        drill.finish()
        plan = read_plan(drill.folder)
        if not num_grids:
            train_undisturbed(plan, drill.folder, home / "undisturbed")
        failures += [f"{name}: done {len(seen)} times" for name, seen in drill.finished.items() if len(seen) != 1]
        failures += [f"{name}: never done" for name in plan.cells if name not in drill.finished]
        failures += differences(drill.folder, home / "undisturbed")
        print(told(drill, time.monotonic() - started_s), flush=True)
        num_rounds, num_grids = num_rounds + drill.hits.total(), num_grids + 1
    print(f"{num_grids} grids, {num_rounds} rounds, {len(failures)} failures {failures[:5]}")
    if not failures:
        shutil.rmtree(home)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
