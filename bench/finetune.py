"""What a step of fine-tuning costs with the head everywhere, and where there is a target only.

    python bench/finetune.py RUN [--task pos] [--task_data FOLDER] [--data FOLDER]

Forward and backward of the same batches of 32 questions, in turn; medians of CPU time on one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

# Python puts this folder first, and a file in it is named like a package of ours.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import torch

from denoise.hub.trained import load_trained
from denoise.transfer.finetune.asking import Asker
from denoise.transfer.tasks.checks import questions_of
from denoise.transfer.tasks.registry import task_named
from denoise.transfer.training import target_places

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
NUM_BATCHES, BATCH_SIZE, MOST_TOKENS = 6, 32, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--task", default="pos")
    parser.add_argument("--task_data", type=Path, default=DATA)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    trained, task = load_trained(given.run, given.data), task_named(given.task)
    asker = Asker(tokenizer=trained.tokenizer, labels=task.labels, source_len=MOST_TOKENS, target_len=MOST_TOKENS)
    asked = asker.ask(questions_of(task, "train", given.task_data)[: NUM_BATCHES * BATCH_SIZE])
    model = trained.model.train()
    took_s: dict[str, list[float]] = {"everywhere": [], "at targets": []}
    num_places = num_targets = 0
    for first in range(0, len(asked), BATCH_SIZE):
        batch = asker.batch(asked[first : first + BATCH_SIZE])
        places = target_places(batch)
        num_places, num_targets = num_places + batch.target.numel(), num_targets + len(places)
        for name, times in took_s.items():
            started_s = time.process_time()
            loss = model(batch) if name == "everywhere" else model.loss_at(batch, places)
            loss.objective.backward()
            times.append(time.process_time() - started_s)
            model.zero_grad()
    everywhere, at_targets = (statistics.median(times) for times in took_s.values())
    print(f"{given.task}: {num_targets / num_places:.0%} of {num_places:,} places have a target")
    print(
        f"head everywhere {everywhere:.3f} s, at targets {at_targets:.3f} s a step: {everywhere / at_targets:.2f} times"
    )


if __name__ == "__main__":
    main()
