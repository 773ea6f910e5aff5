"""denoise replay: what happened at one step of a run, in words and in a file."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.errors import BadInput

if TYPE_CHECKING:
    from denoise.feed.data import DenoisingData
    from denoise.replay.step import Replayed


def replay(arguments: Sequence[str]) -> None:
    """One step of a run once more: its loss row by row, its text, its gradients; nothing of the run is changed."""
    from denoise.command_line import PlainParser

    parser = PlainParser(prog="denoise replay", description=replay.__doc__)
    parser.add_argument("run", help="Folder of the run, finished or not.")
    parser.add_argument("step", type=int, help="Step to look at, counted from 1 as in metrics.jsonl.")
    parser.add_argument("--rows", type=int, default=3, help="Rows of the batch to show, the worst first (default: 3).")
    parser.add_argument("--save", help="File for the batch and the state before the step; torch.load reads it.")
    parser.add_argument("--device", help="Where to compute (default: as the run's config.yaml says).")
    values = parser.parse_args(arguments)
    _show(Path(values.run), values.step, values.rows, values.save, values.device)


def _show(folder: Path, step: int, num_rows: int, save: str | None, device: str | None) -> None:
    from rich.console import Console

    from denoise.cli import run_options
    from denoise.command_line import parsed, value_of
    from denoise.train.config import RunConfig

    if not (folder / "config.yaml").is_file():
        raise BadInput(f"{folder} holds no run: it has no config.yaml; name the folder of a run")
    options = ["-c", str(folder / "config.yaml"), *([f"--device={device}"] if device else [])]
    config = value_of(RunConfig, parsed(run_options(), options)[1])
    from denoise.replay.step import replay_step

    tell = partial(Console().print, highlight=False, soft_wrap=True, markup=False)
    found, data = replay_step(config, folder, step, keeps_state=save is not None, tell=tell)
    for line in _in_words(found, data, _logged(folder, step), num_rows):
        tell(line)
    if save is not None:
        _write(Path(save), found, data, folder)
        tell(f"saved: {save}")


def _in_words(found: Replayed, data: DenoisingData, logged: dict[str, Any] | None, num_rows: int) -> list[str]:
    lines = [
        f"step {found.step}: loss {found.loss:.6f} nats a token, norm of the gradient {found.gradient_norm:.6g}, "
        f"learning rate {found.learning_rate:.4g}",
        _compared(found, logged),
    ]
    if found.broken_weights:
        lines.append(f"not finite before the step: {_some(found.broken_weights)}; look at an earlier step")
    finite = {name: norm for name, norm in found.gradient_norms.items() if math.isfinite(norm)}
    largest = sorted(finite.items(), key=lambda pair: -pair[1])[:3]
    if largest:
        lines.append("largest gradients: " + ", ".join(f"{name} {norm:.4g}" for name, norm in largest))
    if len(finite) < len(found.gradient_norms):
        broken = [name for name in found.gradient_norms if name not in finite]
        lines.append(f"gradients that are not finite, the first going backward first: {_some(broken)}")
    for row in found.worst_rows[:num_rows]:
        lines += _row_in_words(found, data, row)
    return lines


def _row_in_words(found: Replayed, data: DenoisingData, row: int) -> list[str]:
    tokenizer = data.store.tokenizer
    visit = data.batches_at(found.step - 1).row(found.step - 1, row)
    return [
        f"row {row}: {found.row_losses[row]:.4f} nats a token; window {visit.number} of epoch {visit.epoch}, "
        f"seed {data.config.seed}; {visit.corruption.describe()}",
        f"  source: {tokenizer.text_of(visit.example.source)}",
        f"  target: {tokenizer.text_of(visit.example.target)}",
    ]


def _compared(found: Replayed, logged: dict[str, Any] | None) -> str:
    if logged is None:
        return "the run's own log does not have this step (log_every), so that the two cannot be compared"
    there = float(logged["loss"])
    if there == found.loss or (math.isnan(there) and math.isnan(found.loss)):
        return "the run's own log has the same loss, bit for bit"
    return (
        f"the run's own log has {there:.6f}: this machine, its number of processes or its torch rounds otherwise "
        "than the run's (environment.json), or the state was changed"
    )


def _logged(folder: Path, step: int) -> dict[str, Any] | None:
    """What the run said of a step, in metrics.jsonl or as its last word."""
    from denoise.train.run_folder import RunFolder, rows_of

    metrics = RunFolder(folder).metrics_file
    for row in rows_of(metrics) if metrics.exists() else ():
        if row["kind"] == "train" and row["step"] == step and row["loss"] is not None:
            return row
    path = folder / "trouble.json"
    trouble: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return trouble if trouble.get("step") == step and "loss" in trouble else None


def _write(path: Path, found: Replayed, data: DenoisingData, folder: Path) -> None:
    """Tensors and plain values only, so that it loads with weights_only."""
    import torch

    from denoise.train.callbacks.watch import addresses
    from denoise.train.checkpoint_files import write_tensors
    from denoise.train.run_folder import RunFolder

    assert found.batch is not None
    epochs, windows = addresses(data, found.step)
    content = {
        **{each.name: getattr(found, each.name) for each in dataclasses.fields(found) if each.name != "batch"},
        "batch": {name: value for name, value in found.batch._asdict().items() if isinstance(value, torch.Tensor)},
        "epochs": epochs,
        "windows": windows,
        "seed": data.config.seed,
        "config": RunFolder(folder).config,
    }
    write_tensors(content, path)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
