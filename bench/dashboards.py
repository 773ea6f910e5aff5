"""What a logged row and a table cost with each dashboard: python bench/dashboards.py wandb 3000."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ["WANDB_MODE"] = "offline"

from denoise.train.tracking.points import Point, Table
from tests.denoise.tracked_runs import begin, tracking_of

VALUES = ("loss", "z_loss", "learning_rate", "gradient_norm", "tokens_per_s", "elapsed_s", "cut_tokens", "noise_rate")
VALUES += ("source_padding", "target_padding", "spans_a_window", "span_length")
TABLE = Table(["window", "source", "said", "target"], [["w", "x" * 2000, "y" * 600, "z" * 600]] * 6)
NUM_TABLES = 20


def main(name: str, num_rows: int) -> None:
    tracking = tracking_of(begin(Path(tempfile.mkdtemp()) / "run", trackers=name), [name])
    rows = [
        {"kind": "train", "step": n, "tokens": 10 * n, **dict.fromkeys(VALUES, 0.1 * n)} for n in range(1, num_rows + 1)
    ]
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    for row in rows:
        tracking.log(row)
    waited_s = time.perf_counter() - started_s
    tracking.finish()
    cpu_s = time.process_time() - started_cpu_s
    if name == "wandb":
        import wandb

        wandb.teardown()  # its process is counted once it has ended
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    others_s = others.ru_utime + others.ru_stime
    print(
        f"{name}: {num_rows} rows, the training thread waits {1e6 * waited_s / num_rows:.1f} us a row, "
        f"this process computes {1e6 * cpu_s / num_rows:.0f} us, others {1e6 * others_s / num_rows:.0f} us"
    )
    tracking = tracking_of(begin(Path(tempfile.mkdtemp()) / "run", trackers=name), [name])
    (tracker,) = tracking._trackers
    started_cpu_s = time.process_time()
    for n in range(1, NUM_TABLES + 1):
        tracker.log(Point(step=n, tokens=n, values={"held_out/loss": 1.0}, tables={"reconstructions": TABLE}))
    print(f"{name}: a table of six windows {1e3 * (time.process_time() - started_cpu_s) / NUM_TABLES:.1f} ms")
    tracking.finish()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
