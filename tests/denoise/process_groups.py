"""Several processes that train together, forked from this one: as torchrun would start them, without its seconds."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from corruptions import PrefixLM
from denoise.model.config import ModelConfig
from denoise.train.config import RunConfig
from denoise.train.optim.config import AdamW

# What an sbatch script leaves to whatever it starts.
UNDER_SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
UNDER_SLURM |= {"SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NODELIST": "here", "SLURM_NTASKS_PER_NODE": "1"}


class Struck(Exception):
    """Ends a run in the middle of a step, as a kill would."""


def together(count: int, work: Callable[..., None], *arguments: object, environ: dict[str, str] | None = None) -> None:
    """Call work(*arguments) in `count` processes with torchrun's variables; each must end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **(environ or {})}
    shared |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    context = multiprocessing.get_context("fork")
    processes = []
    for rank in range(count):
        own = {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {}
        processes.append(context.Process(target=_in_child, args=(own, work, arguments)))
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    ended = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert ended == [0] * count, "a process failed; its error is above"


def _in_child(environ: dict[str, str], work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    os.environ.update(environ)
    torch.set_num_threads(1)
    try:
        work(*arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # what pytest would do at its end is not for a child


def small_run(prepared: Path) -> RunConfig:
    """Twelve steps; a prefix LM's targets differ in length, so that processes have different numbers of them."""
    shape = ModelConfig(d_model=32, num_encoder_layers=1, num_decoder_layers=1, num_heads=2, head_dim=16, d_ff=64)
    config = RunConfig(
        data=str(prepared),
        corruption=PrefixLM(),
        source_len=24,
        batch_size=4,
        model=shape,
        optimizer=AdamW(),  # Muon's products in bfloat16 turn rounding into steps, and fsdp2 refuses it
        num_evaluations=2,
        num_held_out_windows=9,
        num_reconstructions=1,
        log_every=3,
        save_every=4,
        tracking="off",
        device="cpu",
    )
    from denoise.train.assembly import build_data

    return replace(config, budget_tokens=12 * build_data(config).tokens_per_step)


def train_until(struck_at: int | None, config: RunConfig, folder: Path) -> None:
    """Train into a folder; a process that comes to the step given is struck."""
    from denoise.train.denoiser import Denoiser
    from denoise.train.pretrain import pretrain

    step_of = Denoiser.training_step

    def struck(self: Denoiser, batch: object, batch_number: int) -> torch.Tensor:
        if self.trainer.global_step == struck_at:
            raise Struck
        return step_of(self, batch, batch_number)  # type: ignore[arg-type]

    Denoiser.training_step = struck  # type: ignore[method-assign]
    try:
        with (folder.parent / "said").open("a") as said:
            pretrain(config, folder, resolved={"seed": config.seed}, console=Console(file=said, width=120))
        assert struck_at is None, "it went on to the end"
    except Struck:
        pass
