"""What a step of each optimizer costs beside the forward and backward pass of the same step.

    python bench/optimizers.py --model configs/models/mini.yaml --source_len 128 --batch_size 16

Process CPU time on a CPU, synchronised time on a GPU; medians of interleaved repeats.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]

import torch

from denoise.cli import resolved
from denoise.feed.batch import Batch
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import AdamW, Muon, OptimizerConfig, ScaledAdamW
from denoise.train.optim.groups import matrices_of, parameter_groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="configs/models/mini.yaml")
    parser.add_argument("--source_len", type=int, default=128)
    parser.add_argument("--target_len", type=int, default=29)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--vocab_size", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    config = ModelConfig(**resolved(["--model", given.model])["model"])
    batch = random_batch(given, device)
    kinds: list[OptimizerConfig] = [AdamW(), ScaledAdamW(), Muon()]
    models = [EncoderDecoder(config, given.vocab_size).to(device) for _ in kinds]
    steps: dict[str, Callable[[], Any]] = {"forward and backward": lambda: models[0](batch, 1e-4).objective.backward()}
    for kind, model in zip(kinds, models, strict=True):
        model(batch).objective.backward()
        steps[type(kind).__name__] = kind.build(model).step
    steps["torch.optim.Muon's loop, hidden only"] = loop_over_matrices(models[2])
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(given.repeats + 1):
        for name, step in steps.items():
            taken_s = seconds(step, device)
            if repeat:  # the first makes the states
                times[name].append(taken_s)
    pass_s = statistics.median(times["forward and backward"])
    print(f"{given.model} on {device.type}, {given.batch_size} x ({given.source_len} + {given.target_len}) tokens")
    for name, taken in times.items():
        median_s = statistics.median(taken)
        print(f"{name:<40}{median_s * 1e3:10.1f} ms {median_s / pass_s:8.1%} of forward and backward")


def random_batch(given: argparse.Namespace, device: torch.device) -> Batch:
    generator = torch.Generator().manual_seed(0)
    source, target = (
        torch.randint(3, given.vocab_size, (given.batch_size, length), generator=generator).to(device)
        for length in (given.source_len, given.target_len)
    )
    positions = torch.arange(given.target_len, device=device).expand(given.batch_size, -1)
    return Batch(source, None, target, positions, target)


def loop_over_matrices(model: EncoderDecoder) -> Callable[[], Any]:
    """torch.optim.Muon on the same matrices, one after the other."""
    hidden = next(group for group in parameter_groups(model, Muon()) if group["name"] == "hidden")
    matrices = [torch.nn.Parameter(m.detach().clone()) for m in matrices_of(hidden["params"], hidden["parts"])]
    gradients = matrices_of([weight.grad for weight in hidden["params"]], hidden["parts"])
    for matrix, gradient in zip(matrices, gradients, strict=True):
        matrix.grad = gradient.clone()
    return torch.optim.Muon(matrices, lr=2e-3, adjust_lr_fn="match_rms_adamw").step


def seconds(step: Callable[[], Any], device: torch.device) -> float:
    """Time of a call: of this process on a CPU, between synchronisations on a GPU."""
    if device.type == "cpu":
        start_s = time.process_time()
        step()
        return time.process_time() - start_s
    torch.cuda.synchronize()
    start_s = time.perf_counter()
    step()
    torch.cuda.synchronize()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main()
