"""How fast the corruptions are, in raw tokens a second of one core.

    python bench/corruptions.py
    python bench/corruptions.py --num_batches 400 --only t5_span bart_infill

Batches of 128 windows of 568 tokens, from a uint16 store of random ids into int64 rows, padded, with decoder
inputs and noise marks: all that a training step is given. Process CPU time, so that other work on the machine
counts as little as can be; medians over batches. Two stores: one of a single document, as the papers' figures
assume, and one with a document end every 400 tokens or so, as a crawl has, whose spans are kept off the ends.
The peer is transformers' BERT collator, on the same windows, if transformers is installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

# Python puts this folder first, and this file is named like the package that it times.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
if __name__ == "__main__" and "--compile" in sys.argv:
    # Before Numba is imported: an empty cache of its own, so that everything is compiled anew.
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()

import numpy as np

from corruptions import Corruption
from corruptions.batch import CorruptedRows, Rows, corrupt_rows
from corruptions.draws import Draws
from corruptions.run_compiled import prepared
from data_prep.vocab import SENTENCE_END, WORD_START, Vocab
from denoise.command_line import corruption_in
from denoise.config_files import configs

NUM_ROWS, WINDOW_LEN, STORE_TOKENS = 128, 568, 4_000_000
VOCAB = Vocab(
    size=32_400,
    pad=0,
    eos=1,
    unk=2,
    mask=32_300,
    sentinels=tuple(range(32_299, 32_000 - 1, -1)),
    text_ids=range(3, 32_000),
    controls=tuple(range(32_301, 32_307)),
)


def made_store(document_len: int) -> tuple[np.ndarray, np.ndarray]:
    """Random ids and marks: words of 1.4 tokens, sentences of 20; document_len 0: no document ends."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(VOCAB.text_ids.start, VOCAB.text_ids.stop, STORE_TOKENS).astype(np.uint16)
    if document_len:
        tokens[generator.random(STORE_TOKENS) < 1 / document_len] = VOCAB.eos
    starts = generator.random(STORE_TOKENS) < 1 / 1.4
    ends = (generator.random(STORE_TOKENS) < 1 / 20) | (tokens == VOCAB.eos)
    return tokens, (starts * WORD_START + ends * SENTENCE_END).astype(np.uint8)


def batches(store: tuple[np.ndarray, np.ndarray], lengths: list[int], parts: Callable, num_batches: int) -> list[Rows]:
    """Windows anywhere in the store, each of the length that its part fills an encoder with."""
    generator = np.random.default_rng(1)
    made = []
    for number in range(num_batches):
        windows = np.arange(number * NUM_ROWS, (number + 1) * NUM_ROWS, dtype=np.uint64)
        chosen = parts(windows)
        row_lengths = np.array(lengths)[chosen]
        starts = generator.integers(0, STORE_TOKENS - max(lengths), NUM_ROWS)
        made.append(Rows(*store, starts, row_lengths, np.zeros(NUM_ROWS, dtype=np.int64), windows, chosen))
    return made


def speed_of(corruption: Corruption, store: tuple[np.ndarray, np.ndarray], num_batches: int) -> tuple[float, float]:
    """M raw tokens a second and the share of the speed of copying as many uint16 to int64."""
    variants = corruption.variants()
    # A single corruption reads 568 tokens; the parts of a mixture read what fills the same encoder.
    lengths = [WINDOW_LEN] if len(variants) == 1 else [part.fit(512, 512) for part in variants]
    longest = [part.longest(length) for part, length in zip(variants, lengths, strict=True)]
    pad_to = type(longest[0])(max(n.source for n in longest), max(n.target for n in longest))
    picks = {int(w): variants.index(corruption.chosen(Draws(1, 0, int(w)))) for w in range(num_batches * NUM_ROWS)}
    rows = batches(store, lengths, lambda windows: np.array([picks[int(w)] for w in windows]), num_batches)
    out = CorruptedRows.empty(NUM_ROWS, pad_to, has_positions=prepared(variants).moves_positions)
    corrupt_rows(variants, rows[0], VOCAB, seed=1, pad_to=pad_to, out=out)
    speeds = []
    for batch in rows:
        num_tokens = int(batch.lengths.sum())
        begin = time.process_time()
        corrupt_rows(variants, batch, VOCAB, seed=1, pad_to=pad_to, out=out)
        speeds.append(num_tokens / (time.process_time() - begin))
    speed = statistics.median(speeds)
    return speed / 1e6, speed / copy_speed(NUM_ROWS * WINDOW_LEN)


@lru_cache
def copy_speed(num_tokens: int) -> float:
    """Tokens a second of numpy.copyto from uint16 to int64, from memory to memory that the processor has at hand."""
    source, target = np.ones(num_tokens, np.uint16), np.ones(num_tokens, np.int64)
    speeds = []
    for _ in range(100):
        begin = time.process_time()
        for _ in range(10):  # one is too short for the clock
            np.copyto(target, source)
        speeds.append(10 * num_tokens / (time.process_time() - begin))
    return statistics.median(speeds)


def peer_speed(store: tuple[np.ndarray, np.ndarray], num_batches: int) -> float | None:
    """M tokens a second of transformers' BERT collator; None where it cannot be had."""
    try:
        import torch
        from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast
    except ImportError:
        return None
    from tokenizers import Tokenizer, models

    words = {f"w{number}": number for number in range(32_000)} | {"[MASK]": 32_000, "[PAD]": 32_001}
    backend = Tokenizer(models.WordLevel(words, unk_token="w2"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, mask_token="[MASK]", pad_token="[PAD]")
    collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=0.15)
    torch.set_num_threads(1)
    windows = store[0][: NUM_ROWS * WINDOW_LEN].reshape(NUM_ROWS, WINDOW_LEN).astype(np.int64)
    examples = [{"input_ids": torch.from_numpy(row)} for row in windows]
    speeds = []
    for _ in range(num_batches):
        begin = time.process_time()
        collator(examples)
        speeds.append(NUM_ROWS * WINDOW_LEN / (time.process_time() - begin))
    return statistics.median(speeds) / 1e6


def compile_seconds() -> float:
    """CPU seconds of the first batch of this process; the cache is cold where --compile made it so."""
    rows = batches(made_store(0), [WINDOW_LEN], lambda windows: np.zeros(NUM_ROWS, dtype=np.int64), 1)[0]
    corruption = corruption_in(configs() / "corruptions" / "t5_span.yaml")
    begin = time.process_time()
    corrupt_rows([corruption], rows, VOCAB, seed=1, pad_to=corruption.longest(WINDOW_LEN))
    return time.process_time() - begin


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num_batches", type=int, default=200)
    parser.add_argument("--only", nargs="*", help="presets of configs/corruptions")
    parser.add_argument("--compile", action="store_true", help="compile anew first, into an empty cache")
    options = parser.parse_args()
    print(f"first batch, {'compiled anew' if options.compile else 'cache as it was'}: {compile_seconds():.2f} s of CPU")
    presets: list[Path] = sorted((configs() / "corruptions").glob("*.yaml"))
    whole, crawl = made_store(0), made_store(400)
    print(f"{'M raw tokens/s':16}{'one document':>14}{'of copyto':>11}{'documents of 400':>18}")
    for path in presets:
        if options.only and path.stem not in options.only:
            continue
        corruption = corruption_in(path)
        plain = prepared(corruption.variants()).is_plain.any()
        num_batches = 5 if plain else options.num_batches
        speed, share = speed_of(corruption, whole, num_batches)
        print(
            f"{path.stem:16}{speed:14.0f}{share:11.3f}{speed_of(corruption, crawl, num_batches)[0]:18.0f}"
            f"{'   plain NumPy' if plain else ''}"
        )
    peer = peer_speed(whole, 10)
    if peer is not None:
        print(f"transformers' DataCollatorForLanguageModeling: {peer:.2f} M tokens/s")


if __name__ == "__main__":
    main()
