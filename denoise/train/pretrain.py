"""One run from its configuration to done.json, or on from where it stopped."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from data_prep.files import only_one
from data_prep.tokens import TokenStore
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.model.config import num_parameters
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.averaging import MovingAverage
from denoise.train.callbacks import Checkpoints, Journal, WholeFiles
from denoise.train.config import BadRun, RunConfig
from denoise.train.denoiser import Denoiser
from denoise.train.devices import build_trainer, check_processes, unused_gpus
from denoise.train.execution import execution_of, set_up, shape_advice
from denoise.train.processes import Processes
from denoise.train.progress import Progress
from denoise.train.run_folder import RunFolder
from denoise.train.tracking import Tracking


def pretrain(
    config: RunConfig,
    folder: Path,
    *,
    resolved: Mapping[str, Any],
    console: Console | None = None,
) -> None:
    """Train `config` into `folder`; go on if the folder holds a part of this run, return at once if it is done.

    `resolved` is the configuration as plain values, to be kept in config.yaml. Raises BadRun for a folder of
    another run, BadStore for unusable data.
    """
    processes = Processes.of(config.devices, config.num_nodes)
    # One process speaks and writes; the others compute the same things and keep them to themselves.
    console = (console or Console()) if processes.is_first else Console(file=io.StringIO())
    run = RunFolder(folder)
    with only_one(folder) if processes.is_first else contextlib.nullcontext():
        run.check(resolved)
        if run.is_done:
            return
        check_processes(config, processes)
        data = build_data(config)
        run.check_data(data.store.fingerprint, config.data)
        spend(config, data)
        execution = execution_of(config)
        # Only now: values that make no run must not keep the folder from the corrected ones.
        if processes.is_first:
            run.claim(resolved)
        module = build_module(config, data, data.num_steps)
        set_up(module.model, execution)
        tracking = Tracking(
            folder,
            mode=config.tracking if processes.is_first else "off",
            project=config.project,
            config=resolved,
            cell=run.cell(config.seed),
        )
        advice = (data.advice, shape_advice(data.lengths, execution.device), unused_gpus(config, processes))
        for line in filter(None, (tracking.hint, execution.describe(config), *advice)):
            console.print(line, highlight=False, soft_wrap=True)
        progress = Progress(folder.name, data.num_steps, console)
        _fit(config, run, data, module, tracking, progress, processes)


def spend(config: RunConfig, data: DenoisingData) -> int:
    """Set and return the number of steps that the budget pays for. Raises BadRun for too few, BadPhases."""
    num_steps = data.spend(config.budget_tokens)
    if num_steps < config.num_evaluations:
        raise BadRun(
            f"budget_tokens is {config.budget_tokens:,}, enough for {num_steps} steps of "
            f"{data.tokens_per_step:,} tokens; give at least {config.num_evaluations * data.tokens_per_step:,}, "
            "or lower batch_size or num_evaluations"
        )
    return num_steps


def build_data(config: RunConfig) -> DenoisingData:
    """The batches of a run; the number of steps is set once the lengths are known."""
    folder = Path(config.data)
    return DenoisingData(
        TokenStore.open(folder, split="train"),
        TokenStore.open(folder, split="held_out"),
        config.corrupted_by,
        FeedConfig(
            source_len=config.source_len,
            target_len=config.target_len,
            pad_target_to=config.pad_target_to,
            documents=config.documents,
            batch_size=config.batch_size,
            num_held_out_windows=config.num_held_out_windows,
            num_reconstructions=config.num_reconstructions,
            seed=config.seed,
            num_workers=config.num_workers,
            phases=tuple(config.phases),
        ),
    )


def build_module(config: RunConfig, data: DenoisingData, num_steps: int) -> Denoiser:
    """The untrained module; equal seeds give equal weights whatever the corruption."""
    model = EncoderDecoder(config.model, data.vocab.size, seed=config.seed)
    token_bytes = torch.from_numpy(data.store.tokenizer.token_bytes.astype("int64"))
    return Denoiser(
        model,
        optimizer=config.optimized_by,
        schedule=config.schedule,
        num_steps=num_steps,
        token_bytes=token_bytes,
        z_loss=config.z_loss,
    )


def _fit(
    config: RunConfig,
    run: RunFolder,
    data: DenoisingData,
    module: Denoiser,
    tracking: Tracking,
    progress: Progress,
    processes: Processes,
) -> None:
    num_steps = module.num_steps
    evaluate_every = -(-num_steps // config.num_evaluations)
    journal = Journal(run, tracking, progress, log_every=config.log_every)
    checkpoints = Checkpoints(run, save_every=config.save_every, evaluate_every=evaluate_every)
    average = [MovingAverage(config.ema)] if config.ema is not None else []
    trainer = build_trainer(
        config,
        processes,
        num_steps=num_steps,
        evaluate_every=evaluate_every,
        callbacks=[journal, *average, checkpoints],
        checkpoint_io=WholeFiles(),
        loggers=tracking.loggers,
    )
    newest = run.newest_checkpoint()
    if processes.is_first:
        run.describe(
            shapes=_shapes(config, data, num_steps),
            device=str(trainer.strategy.root_device),
            num_processes=processes.num_all,
            num_threads=torch.get_num_threads(),
        )
        run.rewind(_step_of(newest))
    try:
        # Our own files hold nothing but tensors and numbers, so they load without unpickling code.
        trainer.fit(module, datamodule=data, ckpt_path=newest, weights_only=True)
        if trainer.global_step < num_steps:  # Lightning turns Ctrl-C into a quiet end
            raise KeyboardInterrupt
        if journal.last_held_out.get("step") != num_steps:
            trainer.validate(module, datamodule=data, verbose=False)
    finally:
        progress.stop()
    summary = {
        "step": num_steps,
        "tokens": data.tokens_before(num_steps),
        "elapsed_s": round(journal.elapsed_s, 3),
        "held_out": journal.last_held_out,
    }
    tracking.finish({"held_out/loss": journal.last_held_out["loss"], "tokens": summary["tokens"]})
    if processes.is_first:
        run.finish(summary)


def _shapes(config: RunConfig, data: DenoisingData, num_steps: int) -> dict[str, Any]:
    return {
        "window_len": data.room.stride,
        "source_len": data.lengths.source,
        "target_len": data.lengths.target,
        "batch_size": config.batch_size,
        "num_steps": num_steps,
        "tokens_per_step": data.tokens_per_step,
        "phases": [
            {
                "first_step": phase.first_step,
                "source_len": phase.shape.room.pad_to.source,
                "target_len": phase.shape.room.pad_to.target,
                "batch_size": phase.shape.batch_size,
            }
            for phase in data.phases
        ],
        "budget_tokens": config.budget_tokens,
        "num_parameters": num_parameters(config.model, data.vocab.size),
        "vocab_size": data.vocab.size,
        "num_train_tokens": data.store.num_tokens,
        "num_skipped_tokens": data.num_skipped_tokens,
        "num_held_out_windows": data.num_held_out_windows,
        "corruption": data.corruption.describe(),
        "parts": data.room.described_parts(),
        "data_fingerprint": data.store.fingerprint,
    }


def _step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.stem.split("-")[1]) if checkpoint is not None else 0
