"""Run folders like those that training writes, with numbers that tests can state."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from denoise.study.logs import Logs, TrainPoint
from denoise.study.results import results
from denoise.study.runs import Run

VOCAB_SIZE = 8192
STEPS = 400
TEXTS = {
    "000012": "We hold that the peace of the world depends on the good faith of nations and their people",
    "000417": "The revenue of the year was greater than any before, and the debt is 减少了 一半 😀 today",
}
STRATEGIES = {
    "t5_span": ("T5 span corruption", "spans, 15 %, mean 3 → sentinels", (142, 128, 30), 2.62, 2.1),
    "bart_infill": (
        "BART text infilling",
        "spans, 30 %, Poisson 3.5 → one mask",
        (142, 110, 143),
        1.31,
        2.35,
    ),
    "mass": ("MASS fragment", "one fragment, 50 % → masks", (128, 129, 65), 4.9, 2.8),
}


def write_run(
    folder: Path,
    strategy: str = "t5_span",
    *,
    seed: int = 1,
    upto: float = 1.0,
    shift: float = 0.0,
    cell: bool = True,
) -> Path:
    """Write a run that came as far as `upto`; its last loss and bits are the strategy's plus `shift`."""
    label, corruption, lengths, loss, bits = STRATEGIES[strategy]
    folder.mkdir(parents=True)
    per_step = 32 * (lengths[1] + lengths[2])
    about = {
        "strategy": strategy,
        "label": label,
        "seed": seed,
        "grid": "demo",
        "baseline": strategy == "t5_span",
    }
    if cell:
        _json(folder / "cell.json", about)
    (folder / "config.yaml").write_text(yaml.safe_dump(_config(strategy, seed)))
    _json(folder / "environment.json", _environment(seed))
    _json(folder / "shapes.json", _shapes(lengths, per_step, corruption))
    last = _write_metrics(folder, per_step, (loss + shift, bits + shift), seed, upto)
    lines = [_said(step, window, upto) for step in (0, 100, 200, 300, 400) if step <= upto * STEPS for window in TEXTS]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    if upto == 1.0:
        done = {k: last[k] for k in ("step", "tokens", "elapsed_s")}
        _json(folder / "done.json", {**done, "finished_at": "2026-11-23T09:41:07+00:00", "held_out": last})
    return folder


def write_grid(folder: Path, seeds: tuple[int, ...] = (1,)) -> Path:
    """Three strategies, all finished."""
    for place, strategy in enumerate(STRATEGIES):
        for seed in seeds:
            write_run(folder / f"{strategy}-seed{seed}", strategy, seed=seed, shift=0.01 * (seed - 2) * (place + 1))
    return folder


def run_of(strategy: str, seed: int, bits: float | None, *, last: float = 2.0, tokens: int = 1000) -> Run:
    """A finished run of which only the numbers in question are told."""
    start = {"step": 1, "tokens": 8, "elapsed_s": 1.0, "tokens_per_s": None}
    train = tuple(TrainPoint(**{**start, "step": step}, loss=loss) for step, loss in ((1, 9.0), (2, last)))
    done = {
        "step": 2,
        "tokens": tokens,
        "elapsed_s": 60.0,
        "held_out": {"loss": last, "noise_bits_per_byte": bits},
    }
    return Run(
        folder=Path(f"{strategy}-{seed}"),
        strategy=strategy,
        label=strategy.upper(),
        seed=seed,
        grid="g",
        is_baseline=strategy == "a",
        state="finished",
        done=done,
        logs=Logs(train=train),
    )


def texts(runs: list[Run], title: str) -> list[str]:
    """What one column of the table of results says, from top to bottom."""
    return [entry.text for entry in results(runs).column(title)]


def _write_metrics(folder: Path, per_step: int, ends: tuple[float, float], seed: int, upto: float) -> dict[str, Any]:
    """Curves that fall from ln V, noisy in training; returns the last held-out line."""
    noise = np.random.default_rng(seed)
    start, lines, last = math.log(VOCAB_SIZE), [], {}
    for step in range(1, int(upto * STEPS) + 1):
        left = math.exp(-step / 60)
        where = {"step": step, "tokens": step * per_step, "elapsed_s": step * 0.31 + seed}
        if step == 1 or step % 5 == 0:
            loss = start if step == 1 else ends[0] + (start - ends[0]) * left + float(noise.normal(0, 0.08))
            rates = {"learning_rate": 1e-3, "gradient_norm": 1.0, "tokens_per_s": per_step / 0.3}
            lines.append({"kind": "train", **where, "loss": loss, **rates})
        if step % 50 == 0:
            rest = left if step < STEPS else 0.0
            last = {"kind": "held_out", **where, "loss": ends[0] + (start - ends[0]) * rest}
            last |= {"noise_bits_per_byte": ends[1] + 2.0 * rest, "num_target_tokens": 7680}
            lines.append(last)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return last


def _said(step: int, window: str, upto: float) -> dict[str, Any]:
    words = [" " + word for word in TEXTS[window].split(" ")]
    hidden = [i for i in range(len(words)) if i in (3, 4, 5, 11, 12)]
    original = [[word, "noise" if i in hidden else ""] for i, word in enumerate(words)]
    source = [[w, ""] if i not in hidden else ["⟨0⟩" if i < 6 else "⟨1⟩", "mark"] for i, w in enumerate(words)]
    source = [piece for i, piece in enumerate(source) if i not in hidden or i in (3, 11)] + [["</s>", "end"]]
    target = [["⟨0⟩", "mark"], *original[3:6], ["⟨1⟩", "mark"], *original[11:13], ["</s>", "end"]]
    said = [
        [text, "right"] if tag != "noise" or step > 80 * place else [" the", "wrong"]
        for place, (text, tag) in enumerate(target)
    ]
    return {
        "step": step,
        "window": window,
        "original": original,
        "source": source,
        "target": target,
        "said": said,
    }


def _config(strategy: str, seed: int) -> dict[str, Any]:
    names = {"t5_span": "SpanCorruption", "bart_infill": "TextInfilling", "mass": "MaskedFragment"}
    options = {"t5_span": {"rate": 0.15, "mean_span": 3.0}, "bart_infill": {"rate": 0.3, "poisson_mean": 3.5}}
    corruption = {
        "class_path": f"corruptions.{names[strategy]}",
        "init_args": options.get(strategy, {"rate": 0.5}),
    }
    return {
        "seed": seed,
        "corruption": corruption,
        "optimizer": {"learning_rate": 1e-3},
        "model": {"width": 128},
    }


def _environment(seed: int) -> dict[str, Any]:
    versions = {
        "python": "3.11.2",
        "torch": "2.11.0",
        "lightning": "2.6.6",
        "numpy": "2.3.5",
        "denoise": "0.1.0",
    }
    machine = {"platform": "Linux-6.1-x86_64", "cpu": "AMD EPYC", "num_threads": 2, "device": "cpu"}
    code = {
        "git_commit": "3f2a9c1d7be04512",
        "git_dirty": False,
        "started_at": f"2026-11-23T09:{10 + seed}:00",
    }
    return {**versions, **machine, **code}


def _shapes(lengths: tuple[int, int, int], per_step: int, corruption: str) -> dict[str, Any]:
    names = ("window_len", "source_len", "target_len")
    sizes = {
        "batch_size": 32,
        "num_steps": STEPS,
        "tokens_per_step": per_step,
        "budget": f"{STEPS * per_step:,} tokens",
    }
    corpus = {"vocab_size": VOCAB_SIZE, "num_train_tokens": 2_345_678, "num_held_out_windows": 256}
    return {**dict(zip(names, lengths, strict=True)), **sizes, **corpus, "num_parameters": 3_456_789} | {
        "corruption": corruption
    }


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False))
