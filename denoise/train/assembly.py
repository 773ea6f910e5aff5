"""What a run is put together from: its batches, the steps that its budget pays for, its module."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from data_prep.tokens import TokenStore
from denoise.feed.data import DenoisingData, FeedConfig
from denoise.train.averaging import MovingAverage
from denoise.train.budget import amount_of, cost_of_step, in_integers, step_flops
from denoise.train.config import BadRun, RunConfig
from denoise.train.denoiser import Denoiser
from denoise.train.execution import execution_of
from denoise.train.processes import Processes
from denoise.train.run_folder import RunFolder
from denoise.train.speed import build_model, measured_speed

_STEPS_TO_MEASURE_BY = 1000
"""A length of run at which every phase has steps."""


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


def spend(config: RunConfig, data: DenoisingData, step_s: float | None = None) -> int:
    """Set and return the number of steps that the budget pays for. Raises BadRun for too few, BadPhases.

    A budget of minutes is counted in steps of `step_s` seconds, as `step_seconds` finds them.
    """
    budget = config.budget
    flops = partial(step_flops, config.model, data.vocab.size)
    cost = cost_of_step(budget.kind, flops, last=data.shape, step_ns=round(step_s * 1e9) if step_s else None)
    num_steps = data.spend(in_integers(budget), cost)
    if num_steps < config.num_evaluations:
        least = amount_of(budget.kind, config.num_evaluations * cost(data.shape))
        raise BadRun(
            f"budget_{budget.kind} is {budget.amount:,}, enough for {num_steps} steps of {data.tokens_per_step:,} "
            f"tokens; give at least {least:,}, or lower batch_size or num_evaluations"
        )
    return num_steps


def step_seconds(config: RunConfig, data: DenoisingData, run: RunFolder | None = None) -> float | None:
    """Seconds of a step, if the budget is minutes: those that `run` was begun with, or measured now. Raises BadRun."""
    if config.budget.kind != "minutes":
        return None
    if run is not None and (step_s := run.shapes.get("step_s")):
        return float(step_s)
    processes = Processes.of(config.devices, config.num_nodes)
    if processes.num_all > 1:
        raise BadRun(
            "budget_minutes counts the steps of one process, and this run has several, each of which would count "
            "others; let --dry-run tell the speed, and give budget_steps or budget_tokens"
        )
    data.spend(_STEPS_TO_MEASURE_BY, lambda shape: 1)
    speed = measured_speed(config, data, execution_of(config), config.batch_size)
    if speed is None:
        raise BadRun("a window of this model takes minutes on this machine; give budget_steps or budget_tokens")
    return speed.step_s


def build_module(config: RunConfig, data: DenoisingData) -> Denoiser:
    """The module before its first step; equal seeds give equal fresh weights whatever the corruption."""
    return Denoiser(
        build_model(config, data, execution_of(config)),
        optimizer=config.optimized_by,
        schedule=config.schedule,
        num_steps=data.num_steps,
        token_bytes=torch.from_numpy(data.store.tokenizer.token_bytes.astype("int64")),
        z_loss=config.z_loss,
    )


def evaluate_every(config: RunConfig, data: DenoisingData) -> int:
    """Steps between two evaluations."""
    return -(-data.num_steps // config.num_evaluations)


def average(config: RunConfig) -> list[MovingAverage]:
    """What averages the weights, if anything does; whoever reads a checkpoint of the run needs it."""
    return [MovingAverage(config.ema)] if config.ema is not None else []
