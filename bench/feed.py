"""How fast batches are made, from the store to what a step is given, in raw tokens a second of one core.

    python bench/feed.py
    python bench/feed.py --data data/web --batch_sizes 128 --apart

Process CPU time, medians over batches; the order of windows, corruption, counts and tensors are in it and, with a GPU,
pinned memory and the copy. `ahead` is the same through the thread that a run uses, its hand-over included. Run
`denoise prepare --out data/sotu --num_sentinels 128` first: UL2 at a source of 512 needs more than 100 sentinels.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# Python puts this folder first, and a file in it is named like a package of ours.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import torch

from data_prep.errors import BadInput
from data_prep.tokens import TokenStore
from denoise.command_line import corruption_in
from denoise.config_files import configs
from denoise.feed.ahead import Ahead
from denoise.feed.batch import Batch
from denoise.feed.batches import Batches
from denoise.feed.room import Room
from denoise.feed.windows import Windows

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def made_by(store: TokenStore, preset: str, batch_size: int, num_batches: int, *, apart: bool) -> Batches:
    room = Room(corruption_in(configs() / "corruptions" / f"{preset}.yaml"), 512, pad_target_to=128)
    windows = Windows(store, room.stride, seed=1, shuffle=True, period=room.period)
    return Batches(windows, room, batch_size=batch_size, num_batches=num_batches, keep_apart=apart)


def speed(made: Iterator[Batch]) -> float:
    """M raw tokens a second, the first five batches left out."""
    speeds = []
    begin = time.process_time()
    for number, batch in enumerate(made):
        end = time.process_time()
        if number >= 5 and batch.counts is not None:
            speeds.append(int(batch.counts.raw_tokens.sum()) / (end - begin))
        begin = time.process_time()
    return statistics.median(speeds) / 1e6


def sent(batches: Batches) -> Iterator[Batch]:
    """Each batch where the model is, without a thread."""
    for number in range(len(batches)):
        batch = batches[number]
        if DEVICE.type == "cuda":
            fields = batch.for_model()._asdict().items()
            moved = {name: x.pin_memory().to(DEVICE, non_blocking=True) for name, x in fields if x is not None}
            batch = batch._replace(**moved)
        yield batch


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="data/sotu")
    parser.add_argument("--presets", nargs="+", default=["t5_span", "bart_infill", "mass", "ul2"])
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[128, 512])
    parser.add_argument("--num_batches", type=int, default=105)
    parser.add_argument("--apart", action="store_true", help="documents kept apart")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = TokenStore.open(Path(options.data), split="train")
    print(f"{'M raw tokens/s':16}{'batch':>8}{'alone':>10}{'ahead':>10}   masked batches   to {DEVICE}")
    for preset in options.presets:
        for size in options.batch_sizes:
            batches = made_by(store, preset, size, options.num_batches, apart=options.apart)
            try:
                alone = speed(sent(batches))
            except BadInput as error:
                print(f"{preset:16}{size:8}  {error}")
                continue
            ahead = speed(iter(Ahead(batches, 0, DEVICE)))
            num_masked = sum(batches[number].source_mask is not None for number in range(20))
            print(f"{preset:16}{size:8}{alone:10.1f}{ahead:10.1f}{num_masked:10} of 20")


if __name__ == "__main__":
    main()
