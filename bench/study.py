"""How long a report takes to read a large grid and to make its tables: `python bench/study.py [NUM_RUNS]`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from denoise.study.latex import as_latex
from denoise.study.runs import read_grid
from denoise.study.tables import tables
from denoise.study.verdict import caveats, verdict
from denoise.study.writers import as_csv, as_markdown

ROWS = 2_000
FORMATS = ("sentinels", "one_mask", "mask_each", "fragment", "continuation")


def write_grid(folder: Path, num_runs: int) -> None:
    """Finished runs, five seeds a strategy, with logs and exams as training and exam write them."""
    for place in range(num_runs):
        strategy, seed = f"s{place // 5:02d}", place % 5 + 1
        run = folder / f"{strategy}-seed{seed}"
        run.mkdir()
        lines = [_train(step) for step in range(1, ROWS + 1)]
        for step in range(ROWS // 10, ROWS + 1, ROWS // 10):
            bits = 2 + place / num_runs + 3 * (1 - step / ROWS) + 0.01 * seed
            lines.append(_at(step) | {"kind": "held_out", "loss": bits, "noise_bits_per_byte": bits})
        lines.sort(key=lambda line: line["step"])
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = _at(ROWS) | {"held_out": lines[-1], "finished_at": "2026-11-23T09:41:07+00:00"}
        about = {"strategy": strategy, "label": f"Strategy {strategy}", "seed": seed, "baseline": place < 5}
        papers = [_paper(name, rate, 2 + place / num_runs) for name in FORMATS for rate in (0.15, 0.5)]
        exam = {"version": 1, "settings": {}, "data_fingerprint": "", "step": ROWS, "cost": {}, "papers": papers}
        exam |= {"trained_at": done["finished_at"], "finished_at": done["finished_at"]}
        for name, content in (("done", done), ("cell", about), ("exam", exam), ("shapes", {"flops": 1e15})):
            (run / f"{name}.json").write_text(json.dumps(content))


def _at(step: int) -> dict[str, float]:
    return {"step": step, "tokens": 5000 * step, "elapsed_s": 0.25 * step}


def _train(step: int) -> dict[str, object]:
    measured = {"loss": 9.0 / step, "z_loss": 0.0083, "learning_rate": 0.0125, "gradient_norm": 2.51}
    noise = {"cut_tokens": 0, "noise_rate": 0.148936, "source_padding": 0.0, "target_padding": 0.0}
    spans = {"spans_a_window": 7.0, "span_length": 3.0}
    return {"kind": "train", **_at(step), **measured, "tokens_per_s": 11400.5, **noise, **spans}


def _paper(name: str, rate: float, bits: float) -> dict[str, object]:
    counts = {"num_windows": 64, "num_hidden_tokens": 1000, "num_hidden_bytes": 4000, "num_spans": 300}
    how = {"adapted": False, "seen": True, "mode": None, "documents": "joined"}
    return {"format": name, "rate": rate, "bits_per_hidden_byte": bits, "exact_spans": 0.2, **how, **counts}


if __name__ == "__main__":
    num_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as made:
        write_grid(Path(made), num_runs)
        began_s = time.process_time()
        runs = read_grid(Path(made))
        read_s = time.process_time() - began_s
        began_s = time.process_time()
        shown = tables(runs)
        words = [verdict(runs), *caveats(runs)]
        text = "".join(write(table) for table in shown for write in (as_markdown, as_latex, as_csv))
        made_s = time.process_time() - began_s
    print(f"{num_runs} runs x {ROWS:,} rows: read in {read_s:.1f} s, {len(shown)} tables in three forms", end=" ")
    print(f"({len(text):,} characters) and {len(words)} sentences in {made_s:.1f} s of CPU time")
