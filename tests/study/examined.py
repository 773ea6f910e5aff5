"""Runs and run folders that have taken the exam, with numbers that tests can state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from denoise.study.runs import Run
from denoise.transfer.exam.papers import Exam, Paper
from tests.denoise.run_folders import run_of, write_run

SETTINGS: dict[str, Any] = {"rates": [0.15, 0.5], "num_windows": 64}
BEFORE = 2.0
"""Bits that adaptation takes away."""


def papers(bits: Mapping[str, float], *, unseen: Sequence[str] = (), adapted: bool = True) -> tuple[Paper, ...]:
    """For each format one paper at 15 and one at 50 %, a tenth of a bit under and over `bits`."""
    found = []
    for name, mean in bits.items():
        for rate, shift in ((0.15, -0.1), (0.5, 0.1)):
            ways = [(False, mean)] if name not in unseen or not adapted else [(False, mean + BEFORE), (True, mean)]
            found += [_paper(name, rate, x + shift, is_adapted, name not in unseen) for is_adapted, x in ways]
    return tuple(found)


def _paper(name: Any, rate: float, bits: float, adapted: bool, seen: bool) -> Paper:
    counts = {"num_windows": 64, "num_hidden_tokens": 1000, "num_hidden_bytes": 4000, "num_spans": 300}
    how = {"adapted": adapted, "seen": seen, "mode": None, "documents": "joined"}
    return Paper(
        format=name,
        rate=rate,
        bits_per_hidden_byte=bits,
        bits_saved_by_source=0.1 if adapted or seen else None,
        exact_spans=0.25 if rate < 0.3 else 0.05,
        **how,
        **counts,
    )


def examined(strategy: str, seed: int, bits: float, **how: Any) -> Run:
    """A finished run whose own hidden text says the contrary of its exam."""
    names = how.pop("formats", ("sentinels", "one_mask"))
    run = run_of(strategy, seed, 10.0 - bits, **{key: how.pop(key) for key in ("tokens",) if key in how})
    exam = papers(dict.fromkeys(names, bits), **how)
    return replace(run, exam=exam, exam_settings=SETTINGS, exam_text="1 abc")


def write_exam(folder: Path, bits: Mapping[str, float], *, settings: Mapping[str, Any] = SETTINGS, **how: Any) -> Path:
    """Put an exam into the folder of a finished run."""
    done = json.loads((folder / "done.json").read_text())
    exam = Exam(
        version=1,
        settings=dict(settings),
        data_fingerprint="abc",
        step=done["step"],
        trained_at=done["finished_at"],
        papers=papers(bits, **how),
        cost={},
        finished_at="2026-11-23T10:00:00+00:00",
    )
    (folder / "exam.json").write_text(json.dumps(asdict(exam)))
    return folder


def write_examined_grid(folder: Path, seeds: Sequence[int] = (1, 2, 3)) -> Path:
    """T5 at 2.0 ± 0.01 bits in every format, BART at 2.1, MASS at 2.6 and new to one mask."""
    for strategy, bits in (("t5_span", 2.0), ("bart_infill", 2.1), ("mass", 2.6)):
        for seed in seeds:
            shift = 0.01 * (seed - 2)
            run = write_run(folder / f"{strategy}-seed{seed}", strategy, seed=seed, shift=shift)
            both = {"sentinels": bits + shift, "one_mask": bits + shift + 0.2}
            write_exam(run, both, unseen=("one_mask",) if strategy == "mass" else ())
    return folder
