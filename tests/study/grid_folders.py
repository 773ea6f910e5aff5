"""Grids like those that `denoise grid` leaves: nine strategies, two options against each other, one half finished."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

VOCAB_SIZE = 8192
STEPS = 800
SEEDS = (1, 2, 3)
FORMATS = ("sentinels", "one_mask", "mask_each", "continuation")
RATES = (0.15, 0.3, 0.5)
EVIL = '</script><script>document.title="run"</script><img src=x onerror=alert(1)>'

# label, class, options, (window, source, target), last loss, last bits, formats it is trained on
Strategy = tuple[str, str, Mapping[str, Any], tuple[int, int, int], float, float, tuple[str, ...]]
NINE: dict[str, Strategy] = {
    "t5_span": (
        "T5 span corruption",
        "SpanCorruption",
        {"rate": 0.15, "mean_span_length": 3.0},
        (142, 128, 30),
        3.62,
        2.04,
        ("sentinels",),
    ),
    "t5_iid": ("T5 i.i.d.", "IidSentinels", {"rate": 0.15}, (137, 128, 38), 3.51, 1.99, ("sentinels",)),
    "bart_mask": ("BART token masking", "TokenMasking", {"rate": 0.3}, (128, 129, 129), 1.62, 2.09, ("mask_each",)),
    "bart_delete": ("BART token deletion", "TokenDeletion", {"rate": 0.3}, (182, 128, 183), 1.41, 2.20, ()),
    "bart_infill": (
        "BART text infilling",
        "TextInfilling",
        {"rate": 0.3, "mean_span_length": 3.0},
        (160, 128, 161),
        1.71,
        2.12,
        ("one_mask",),
    ),
    "mass": ("MASS fragment", "MaskedFragment", {"rate": 0.5}, (128, 129, 65), 4.43, 2.0, ("mask_each", "fragment")),
    "prefix_lm": ("Prefix language model", "PrefixLM", {"rate": 0.5}, (256, 128, 129), 4.61, 2.31, ("continuation",)),
    "bart_permute": ("Sentence permutation", "SentencePermutation", {}, (128, 129, 129), 0.92, 3.02, ()),
    "bart_rotate": ("Document rotation", "DocumentRotation", {}, (128, 129, 129), 0.31, 3.31, ()),
}
TEXT = (
    "We hold that the peace of the world depends on the good faith of nations and on the patience of their people; "
    "the revenue of the year was greater than any before, and the debt 减少了 一半 😀 by the payments of the Treasury, "
    "so that the Congress may consider whether the duties upon imports should be lowered in the coming session."
)


def write_nine(folder: Path, seeds: tuple[int, ...] = SEEDS) -> Path:
    """Nine strategies, every cell finished and examined."""
    for strategy in NINE:
        for seed in seeds:
            write_cell(folder, strategy, seed)
    _plan(folder, {name: about[0] for name, about in NINE.items()}, seeds)
    return folder


def write_plane(folder: Path, seeds: tuple[int, ...] = (1, 2)) -> Path:
    """Span corruption at four rates and four mean lengths; one cell has one seed, one none, one was not planned."""
    labels = {}
    for rate in (0.1, 0.15, 0.25, 0.5):
        for length in (2.0, 3.0, 5.0, 10.0):
            if (rate, length) == (0.5, 10.0):
                continue
            strategy = f"span-rate={rate}-mean_span_length={length}"
            label = f"Span corruption, rate {rate}, mean span length {length:g}"
            labels[strategy] = label
            bits = 2.05 + 2.2 * (rate - 0.17) ** 2 + 0.05 * abs(math.log(length / 3))
            about = (label, "SpanCorruption", {"rate": rate, "mean_span_length": length}, (142, 128, 30), 3.6, bits, ())
            for seed in seeds[:1] if (rate, length) == (0.1, 5.0) else seeds:
                upto = 0.4 if (rate, length) == (0.25, 10.0) else 1.0
                write_cell(
                    folder,
                    strategy,
                    seed,
                    about=about,
                    upto=upto,
                    exam=False,
                    baseline="span-rate=0.15-mean_span_length=3.0",
                )
    _plan(folder, labels, seeds)
    return folder


def write_half(folder: Path) -> Path:
    """A grid in mid-course: finished, stopped, failed and missing cells, and labels that try to be markup."""
    for seed in SEEDS:
        write_cell(folder, "t5_span", seed)
    write_cell(folder, "bart_infill", 1)
    write_cell(folder, "bart_infill", 2, upto=0.55)
    write_cell(folder, "mass", 1, exam=False)
    broken = write_cell(folder, "bart_mask", 1, upto=0.1)
    error = f"RuntimeError: the loss is not finite at step 81\n  batch 81 of {EVIL}\nsee docs/training.md"
    write_json(broken / "failed.json", {"error": error, "exit_code": 1, "tries": 3})
    about = (f"改写语序 {EVIL}", *NINE["bart_permute"][1:])
    write_cell(folder, "evil", 1, about=about)
    _plan(
        folder,
        {**{name: NINE[name][0] for name in ("t5_span", "bart_infill", "mass", "bart_mask", "bart_rotate")}},
        SEEDS,
    )
    return folder


def write_cell(
    grid: Path,
    strategy: str,
    seed: int,
    *,
    about: Strategy | None = None,
    upto: float = 1.0,
    exam: bool = True,
    baseline: str = "t5_span",
) -> Path:
    """One cell that came as far as `upto`."""
    label, name, options, lengths, loss, bits, formats = about or NINE[strategy]
    run = grid / f"{strategy}-seed{seed}-0123456789"
    run.mkdir(parents=True)
    told = {"strategy": strategy, "label": label, "seed": seed, "grid": grid.name, "baseline": strategy == baseline}
    write_json(run / "cell.json", told)
    corruption = {"class_path": f"corruptions.{name}", "init_args": dict(options)}
    config = {"data": "data/sotu", "corruption": corruption, "batch_size": 32, "seed": seed, "model": {"d_model": 64}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    write_json(run / "environment.json", _environment(seed))
    per_step = 32 * (lengths[1] + lengths[2])
    num_steps = round(STEPS * 158 / (lengths[1] + lengths[2]))
    write_json(run / "shapes.json", _shapes(lengths, per_step, num_steps, f"{name} {dict(options)}"))
    rng = np.random.default_rng([seed, *strategy.encode()])
    off = 0.012 * (seed - 2) + float(rng.normal(0, 0.012))
    last = _metrics(run, (per_step, num_steps), (loss, bits + off), options, (rng, upto))
    _said(run, num_steps, upto, bits)
    if upto == 1.0:
        done = {key: last[key] for key in ("step", "tokens", "elapsed_s")}
        finished_at = f"2026-11-23T1{seed}:41:07+00:00"
        write_json(run / "done.json", {**done, "finished_at": finished_at, "held_out": last})
        if exam:
            of = {"step": last["step"], "trained_at": finished_at}
            write_json(run / "exam.json", {**_exam(bits + off, formats, rng), **of})
    return run


def _metrics(
    run: Path,
    sizes: tuple[int, int],
    ends: tuple[float, float],
    options: Mapping[str, Any],
    noise: tuple[np.random.Generator, float],
) -> dict[str, Any]:
    (per_step, num_steps), (rng, upto), start = sizes, noise, math.log(VOCAB_SIZE)
    lines: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for step in range(1, int(upto * num_steps) + 1):
        left = 0.75 * math.exp(-9 * step / num_steps) + 0.25 * math.exp(-2.5 * step / num_steps)
        where = {"step": step, "tokens": step * per_step, "elapsed_s": round(step * 0.02 * per_step / 1000 + 3, 2)}
        if step == 1 or step % 10 == 0:
            loss = start if step == 1 else ends[0] + (start - ends[0]) * left + float(rng.normal(0, 0.08))
            got = {
                "noise_rate": round(float(options.get("rate", 0.0)) * 0.993, 6),
                "source_padding": 0.0,
                "target_padding": 0.01,
            }
            if "mean_span_length" in options:
                got |= {"spans_a_window": 7.0, "span_length": options["mean_span_length"] * 1.01}
            lines.append({"kind": "train", **where, "loss": loss, "tokens_per_s": 50_000.0, **got})
        if step % (num_steps // 10) == 0:
            last = {"kind": "held_out", **where, "loss": ends[0] + (start - ends[0]) * left}
            last |= {"noise_bits_per_byte": ends[1] + 2.2 * left, "num_target_tokens": 7680}
            lines.append(last)
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return last


def _exam(bits: float, formats: tuple[str, ...], rng: np.random.Generator) -> dict[str, Any]:
    papers = []
    for place, format_ in enumerate(FORMATS):
        seen = format_ in formats
        for rate in RATES:
            at = bits + 0.5 * (rate - 0.15) + 0.06 * place + float(rng.normal(0, 0.01)) + (0 if seen else 0.12)
            for adapted in (False,) if seen else (False, True):
                paper = {"format": format_, "rate": rate, "adapted": adapted, "seen": seen, "num_windows": 64}
                paper |= {"mode": None, "documents": "joined"}
                paper |= {"num_hidden_tokens": 1400, "num_hidden_bytes": 6200, "num_spans": 460}
                paper |= {
                    "bits_per_hidden_byte": at + (0 if adapted or seen else 1.9),
                    "bits_saved_by_source": 0.2 if adapted or seen else None,
                    "exact_spans": max(0.0, 0.4 - at / 9),
                }
                papers.append(paper)
    settings = {"formats": list(FORMATS), "rates": list(RATES), "num_windows": 64, "adapt_tokens": 50_000}
    about = {"version": 1, "settings": settings, "data_fingerprint": "6145", "finished_at": "2026-11-23T14:00:00+00:00"}
    return {**about, "cost": {"scoring_s": 4.0, "adapting_s": 9.0}, "papers": papers}


def _said(run: Path, num_steps: int, upto: float, bits: float) -> None:
    words = [" " + word for word in TEXT.split(" ")]
    hidden = {i for i in range(len(words)) if i % 9 in (3, 4, 5)}
    lines = []
    for tenth in range(0, int(upto * 10) + 1, 2):
        for window in range(4):
            turned = words[window:] + words[:window]
            said = [
                [w, "right" if i not in hidden or (i * 7 + window) % 10 < tenth * 1.6 - bits else "wrong"]
                for i, w in enumerate(turned)
            ]
            original = [[w, "noise" if i in hidden else ""] for i, w in enumerate(turned)]
            source = [[w, ""] for i, w in enumerate(turned) if i not in hidden] + [["</s>", "end"]]
            target = [["<extra_id_0>", "mark"], *original, ["</s>", "end"]]
            line = {"step": tenth * num_steps // 10, "window": window, "original": original, "source": source}
            lines.append({**line, "target": target, "said": [["<extra_id_0>", "mark"], *said]})
    (run / "samples.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _environment(seed: int) -> dict[str, Any]:
    versions = {"python": "3.11.7", "torch": "2.13.0+cpu", "lightning": "2.6.6", "numpy": "2.4.6", "denoise": "0.1.0"}
    machine = {"platform": "Linux-6.18-x86_64", "cpu": "AMD EPYC x 2", "num_threads": 1, "device": "cpu"}
    code = {"git_commit": "3f2a9c1d7be04512", "git_dirty": seed == 3, "started_at": f"2026-11-23T0{seed}:10:00"}
    return {**versions, **machine, **code}


def _shapes(lengths: tuple[int, int, int], per_step: int, num_steps: int, corruption: str) -> dict[str, Any]:
    tokens = per_step * num_steps
    flops = tokens * (11.0e6 + 4e4 * lengths[2])
    return {
        **dict(zip(("window_len", "source_len", "target_len"), lengths, strict=True)),
        "batch_size": 32,
        "num_steps": num_steps,
        "tokens_per_step": per_step,
        "tokens": tokens,
        "flops": flops,
        "flops_per_step": flops / num_steps,
        "vocab_size": VOCAB_SIZE,
        "num_parameters": 1_831_000,
        "corruption": corruption,
        "parts": {},
    }


def _plan(folder: Path, labels: Mapping[str, str], seeds: tuple[int, ...]) -> None:
    cells = [{"strategy": name, "label": label} for name, label in labels.items()]
    plan = {"baseline": next(iter(labels)), "seeds": list(seeds), "cells": cells}
    (folder / "grid.yaml").write_text(yaml.safe_dump(plan, allow_unicode=True, sort_keys=False))
    (folder / "command.txt").write_text("denoise grid configs/grids/strategies.yaml --out runs/strategies\n")


def write_json(path: Path, content: Any) -> None:
    """One JSON file."""
    path.write_text(json.dumps(content, ensure_ascii=False))
