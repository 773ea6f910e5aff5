"""What a dry run found, as a page in the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from denoise.doctor.finding import in_bytes
from denoise.doctor.limits import memory_allowed_bytes
from denoise.dry_run.measure import DryRun
from denoise.explore.drawing import Tokens
from denoise.explore.terminal import style_of
from denoise.train.checkpoint_files import steps_in
from denoise.train.devices import on_gpu, unused_gpus
from denoise.train.run_folder import RunFolder

_SHOWN_CHARACTERS = 320
_CHECKPOINTS_AT_ONCE = 3  # two are kept while the next is written


def print_dry_run(found: DryRun, folder: Path, changed: Mapping[str, tuple[Any, Any]], console: Console) -> None:
    """Print all of it; `changed` are options that are not at their defaults, with value and default."""
    for title, rows in (
        ("Run", _run(found, folder)),
        ("Model", _model(found)),
        ("Text", _text(found)),
        ("What it takes", _costs(found, folder)),
        ("The first window of the first batch", _example(found)),
        ("Options that are not at their defaults", _options(changed)),
    ):
        console.print(Text(title, "bold"))
        table = Table.grid(padding=(0, 2), pad_edge=False)
        table.add_column(min_width=13)
        table.add_column(overflow="fold")
        for name, told in rows:
            table.add_row(Text(f"  {name}"), told if isinstance(told, Text) else Text(told))
        console.print(table)
    console.print()
    console.print("Nothing was written. Without --dry-run the same command trains.", highlight=False)


def _run(found: DryRun, folder: Path) -> Iterator[tuple[str, str | Text]]:
    run, processes = RunFolder(folder), found.processes
    newest = max(steps_in(run.checkpoints), default=0)
    state = "done already" if run.is_done else f"goes on from step {newest}" if newest else "new"
    yield "folder", f"{folder} ({state})"
    yield "corruption", found.data.corruption.describe()
    tokens = found.data.tokens_before(found.data.num_steps)
    yield "steps", f"{found.data.num_steps:,} of {found.data.tokens_per_step:,} tokens, {tokens:,} in all"
    lengths = found.data.lengths
    yield "batch", f"{found.config.batch_size} windows, {lengths.source} encoder + {lengths.target} decoder places each"
    if processes.num_all > 1:
        share = found.config.batch_size // processes.num_all
        yield "processes", f"{processes.num_here} on each of {processes.num_nodes} machines, {share} windows each"
    for advice in filter(None, (found.data.advice, unused_gpus(found.config, processes))):
        yield "", Text(f"→ {advice}", "yellow")


def _model(found: DryRun) -> Iterator[tuple[str, str]]:
    parts = ", ".join(f"{name} {_short(number)}" for name, number in found.parameters.items())
    yield "parameters", f"{found.num_parameters:,}: {parts}"
    yield "work", f"{_short(found.step_flops)}FLOP a step, {_short(found.run_flops)}FLOP in all (matrix products)"


def _text(found: DryRun) -> Iterator[tuple[str, str]]:
    data = found.data
    yield "tokens", f"{data.store.num_tokens:,} to train on, {data.held_out_windows.store.num_tokens:,} held out"
    windows = len(data.train_windows)
    yield "windows", f"{windows:,} of {data.room.stride} tokens; {found.num_epochs:.2f} times through the text"
    shares = found.counts.shares(data.room.parts)
    yield "noise", f"{shares['noise_rate']:.1%} of the text is hidden"
    yield (
        "padding",
        f"{shares['source_padding']:.1%} of the encoder's places, {shares['target_padding']:.1%} of the decoder's",
    )
    if cut := int(found.counts.cut_tokens.sum()):
        yield "cut", f"{cut / found.counts.raw_tokens.sum():.2%} of the text of a window finds no room"


def _costs(found: DryRun, folder: Path) -> Iterator[tuple[str, str | Text]]:
    memory, there = found.memory, _memory_bytes(found)
    names = ("weights", "gradients", "optimizer", "activations", "logits")
    parts = {name: in_bytes(getattr(memory, name)) for name in names}
    each = " of each process" if found.processes.num_all > 1 else ""
    told = Text(f"about {in_bytes(memory.peak)}{each}, not compiled; {in_bytes(there)} there")
    told.stylize("bold red" if memory.peak > 0.9 * there else "")
    told.append("\n" + ", ".join(f"{name} {size}" for name, size in parts.items()), "dim")
    yield "memory", told
    free = shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.exists())).free
    needed = _CHECKPOINTS_AT_ONCE * found.checkpoint_bytes
    told = Text(f"{in_bytes(needed)} for checkpoints of {in_bytes(found.checkpoint_bytes)}; {in_bytes(free)} free")
    told.stylize("bold red" if needed > 0.9 * free else "")
    yield "disk", told
    yield "time", _time(found)


def _time(found: DryRun) -> str:
    speed, run_s = found.speed, found.run_s
    if speed is None or run_s is None:
        return "not measured: --measure true times two steps, if a window does not take minutes here"
    share = found.config.batch_size // found.processes.num_all
    how = "two real steps" if speed.num_rows == share else f"two real steps of {speed.num_rows} of {share} windows"
    where = "this machine's GPU" if speed.device == "cuda" else "this machine's CPU"
    rate = found.data.tokens_per_step / speed.step_s
    return f"about {_duration(run_s)} on {where}: {_duration(speed.step_s)} a step, {_short(rate)}tokens/s ({how})"


def _example(found: DryRun) -> Iterator[tuple[str, Text]]:
    yield "text", _flowing(found.drawing.text)
    yield "encoder reads", _flowing(found.drawing.source)
    yield "decoder says", _flowing(found.drawing.target)


def _flowing(tokens: Tokens) -> Text:
    text = Text()
    for token in tokens:
        if len(text) > _SHOWN_CHARACTERS:
            text.append(" …", "dim")
            break
        text.append(" " if token.has_space and len(text) else "")
        text.append(token.flowing, style_of(token))
    return text


def _options(changed: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, Text]]:
    for name, (value, default) in changed.items():
        yield name, Text.assemble(str(value), (f"  instead of {default}", "dim") if default is not None else "")


def _memory_bytes(found: DryRun) -> int:
    if on_gpu(found.config):
        import torch

        return torch.cuda.get_device_properties(0).total_memory
    return memory_allowed_bytes()


def _short(number: float) -> str:
    """A number with three digits and the letter for its thousands, and a space where there is none.

    >>> _short(950), _short(1_572_864), _short(4.25e11)
    ('950 ', '1.57 M', '425 G')
    """
    for letter in ("", "k", "M", "G", "T", "P", "E"):
        if number < 999.5 or letter == "E":
            break
        number /= 1000
    digits = f"{number:.3g}" if number < 99.95 else f"{number:.0f}"
    return f"{digits} {letter}"


def _duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> _duration(0.25), _duration(42), _duration(125), _duration(90_000)
    ('0.25 s', '42 s', '2.1 min', '25 h')
    """
    for unit, in_seconds in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * in_seconds or unit == "s":
            break
    number = seconds / in_seconds
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"


def differing(values: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Options whose values differ from their defaults, those inside of others by their dotted names.

    >>> differing({"seed": 2, "model": {"d_ff": 8, "dropout": 0.0}}, {"seed": 1, "model": {"d_ff": 4, "dropout": 0.0}})
    {'seed': (2, 1), 'model.d_ff': (8, 4)}
    """
    found: dict[str, tuple[Any, Any]] = {}
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, Mapping):
            found |= differing(value, default if isinstance(default, Mapping) else {}, f"{prefix}{name}.")
        elif value != default:
            found[prefix + name] = (value, default)
    return found
