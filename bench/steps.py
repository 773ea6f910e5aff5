"""What a step of training costs besides its arithmetic: Lightning, our callbacks, the feed.

    python bench/steps.py --data data/sotu

A model so small that its arithmetic is next to nothing, one row a step. CPU time of this process a step, one thread:
first a bare loop over batches that are there already, then `denoise train` as it is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Python puts this folder first, and a file in it is named like a package of ours.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import torch
from rich.console import Console

from denoise.model.config import ModelConfig
from denoise.train.assembly import build_data, build_module, spend
from denoise.train.config import RunConfig
from denoise.train.pretrain import pretrain

SMALLEST = ModelConfig(d_model=8, num_heads=1, head_dim=8, d_ff=8, num_encoder_layers=1, num_decoder_layers=1)


def config_of(data: str, num_steps: int) -> RunConfig:
    config = RunConfig(
        data=data,
        source_len=16,
        batch_size=1,
        model=SMALLEST,
        num_evaluations=1,
        num_held_out_windows=1,
        num_reconstructions=0,
        log_every=10,
        save_every=10**9,
        tracking="off",
        device="cpu",
    )
    budget = num_steps * build_data(config).tokens_per_step
    return RunConfig(**{**vars(config), "budget_tokens": budget})


def bare(config: RunConfig) -> None:
    """The same steps without anything around them."""
    data = build_data(config)
    module = build_module(config, data) if spend(config, data) else None
    assert module is not None
    batch = data.batches()[0].for_model()
    optimizer = config.optimized_by.build(module.model)
    for _ in range(data.num_steps):
        optimizer.zero_grad()
        module.model(batch, config.z_loss).objective.backward()
        torch.nn.utils.clip_grad_norm_(module.model.parameters(), 1.0, foreach=True)
        optimizer.step()


def whole(config: RunConfig) -> None:
    """`denoise train`."""
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w") as nowhere:
        pretrain(config, Path(folder) / "run", resolved={"seed": config.seed}, console=Console(file=nowhere))


def cpu_s(work: Callable[[RunConfig], None], config: RunConfig) -> float:
    begin_s = time.process_time()
    work(config)
    return time.process_time() - begin_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data/sotu")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    few, many = (config_of(options.data, num) for num in (options.steps // 5, options.steps))
    for work in (bare, whole):
        cpu_s(work, few)  # imports, caches
        # The difference of two runs is free of what they begin and end with.
        microseconds = [
            (cpu_s(work, many) - cpu_s(work, few)) / (options.steps - options.steps // 5) * 1e6
            for _ in range(options.repeats)
        ]
        median = statistics.median(microseconds)
        print(f"{work.__name__:<8}{median:8.0f} µs a step ({', '.join(f'{each:.0f}' for each in microseconds)})")


if __name__ == "__main__":
    main()
