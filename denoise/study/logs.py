"""The logs of a run: lines of measurements and of reconstructed windows, as far as they can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Pieces = list[list[str]]
"""Text cut in pieces, each with a tag: "", noise, mark, end, right or wrong."""


@dataclass(frozen=True, kw_only=True)
class TrainPoint:
    """One line about a training step."""

    step: int
    """Counted from 1; the loss of step 1 is that of the untrained model."""
    tokens: int
    """Encoder and decoder tokens read so far."""
    elapsed_s: float
    """Seconds of training so far."""
    loss: float
    """Nats per target token."""
    tokens_per_s: float | None
    """Encoder and decoder tokens a second since the last line."""
    noise: Mapping[str, float] = field(default_factory=dict)
    """What was done to the text since the last line: noise_rate, source_padding and the like, as far as it is told."""


@dataclass(frozen=True, kw_only=True)
class HeldOutPoint:
    """One line about the held-out windows."""

    step: int
    """Training steps done before it."""
    tokens: int
    """Encoder and decoder tokens trained on so far."""
    elapsed_s: float
    """Seconds of training so far."""
    loss: float
    """Nats per target token of the run's own objective."""
    noise_bits_per_byte: float | None
    """Bits left to guess per byte of hidden text; None where the objective hides nothing."""


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What the model made of one held-out window after some steps."""

    step: int
    """Training steps done before it."""
    window: str
    """Which held-out window; the same in every run of a grid."""
    original: Pieces
    """The window, with what is hidden tagged as noise."""
    source: Pieces
    """What the encoder read."""
    target: Pieces
    """What the decoder should say."""
    said: Pieces
    """What it said, tagged right or wrong place by place."""


_OF_THE_NOISE = ("noise_rate", "_padding", "spans_a_window", "span_length", "_share")
"""How the keys end that NoiseCounts.shares writes into a line about a training step."""

Point = TypeVar("Point", TrainPoint, HeldOutPoint, Reconstruction)


@dataclass(frozen=True, kw_only=True)
class Logs:
    """All that the two logs of a run hold."""

    train: tuple[TrainPoint, ...] = ()
    """In order of steps."""
    held_out: tuple[HeldOutPoint, ...] = ()
    """In order of steps."""
    reconstructions: tuple[Reconstruction, ...] = ()
    """In order of steps."""
    num_unreadable_lines: int = 0
    """Lines that were cut short or lack a key."""


def read_logs(folder: Path) -> Logs:
    """Read metrics.jsonl and samples.jsonl; absent logs are empty ones."""
    lines, num_torn = _lines(folder / "metrics.jsonl")
    train, num_bad_train = _points(
        [x for x in lines if x.get("kind") == "train" and x.get("loss", 0) is not None], _train_point
    )
    held_out, num_bad_held_out = _points([x for x in lines if x.get("kind") == "held_out"], _held_out_point)
    texts, num_torn_texts = _lines(folder / "samples.jsonl")
    said, num_bad_texts = _points(texts, _reconstruction)
    return Logs(
        train=train,
        held_out=held_out,
        reconstructions=said,
        num_unreadable_lines=num_torn + num_bad_train + num_bad_held_out + num_torn_texts + num_bad_texts,
    )


def _lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The lines that are JSON mappings, and how many are not: a killed run leaves its last line torn."""
    if not path.is_file():
        return [], 0
    good, num_bad = [], 0
    for line in path.read_bytes().decode("utf-8", errors="replace").split("\n"):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if isinstance(content, dict):
            good.append(content)
        else:
            num_bad += 1
    return good, num_bad


def _points(lines: list[dict[str, Any]], read: Callable[[Any], Point]) -> tuple[tuple[Point, ...], int]:
    """Lines as points; a run that resumed wrote some steps twice, and its second word counts."""
    points: list[Point] = []
    num_bad = 0
    for line in lines:
        try:
            point = read(line)
        except (KeyError, TypeError, ValueError):
            num_bad += 1
            continue
        while points and _is_replaced(points[-1], point):
            points.pop()
        points.append(point)
    return tuple(points), num_bad


def _is_replaced(old: Point, new: Point) -> bool:
    if isinstance(old, Reconstruction) and isinstance(new, Reconstruction):
        return old.step > new.step or (old.step == new.step and old.window == new.window)
    return old.step >= new.step


def _train_point(line: dict[str, Any]) -> TrainPoint:
    rate = line.get("tokens_per_s")
    noise = {key: float(value) for key, value in line.items() if key.endswith(_OF_THE_NOISE) and value is not None}
    return TrainPoint(
        **_place(line),
        loss=float(line["loss"]),
        tokens_per_s=float(rate) if rate is not None else None,
        noise=noise,
    )


def _held_out_point(line: dict[str, Any]) -> HeldOutPoint:
    bits = line.get("noise_bits_per_byte")
    return HeldOutPoint(
        **_place(line),
        loss=float(line["loss"]),
        noise_bits_per_byte=float(bits) if bits is not None else None,
    )


def _place(line: dict[str, Any]) -> dict[str, Any]:
    return {"step": int(line["step"]), "tokens": int(line["tokens"]), "elapsed_s": float(line["elapsed_s"])}


def _reconstruction(line: dict[str, Any]) -> Reconstruction:
    texts = {name: list(_pieces(line[name])) for name in ("original", "source", "target", "said")}
    return Reconstruction(step=int(line["step"]), window=str(line["window"]), **texts)


def _pieces(pieces: Any) -> Iterator[list[str]]:
    """Neighbours of one tag joined; marks stay apart, so each is drawn on its own."""
    last: list[str] | None = None
    for text, tag in pieces:
        if last is not None and tag == last[1] and tag not in ("mark", "end"):
            last[0] += str(text)
            continue
        if last is not None:
            yield last
        last = [str(text), str(tag)]
    if last is not None:
        yield last
