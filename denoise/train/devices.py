"""Lightning's trainer for one process or many: where they compute, who started them, how they share the work."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.strategies import DDPStrategy, Strategy

from denoise.train.checkpoint_files import WholeFiles
from denoise.train.config import BadRun, RunConfig
from denoise.train.execution import execution_of
from denoise.train.processes import BadProcesses, Processes
from denoise.train.sharding import Sharded

# Optimizers that look at each number by itself, and so need no whole matrices.
_OF_NUMBERS = ("AdamW",)


def build_trainer(
    config: RunConfig,
    processes: Processes,
    *,
    num_steps: int,
    evaluate_every: int,
    callbacks: list[Any],
    loggers: list[Any],
) -> lightning.Trainer:
    """A trainer that runs `num_steps` steps and nothing that was not asked for."""
    _quiet()
    # Denormal numbers make some CPU matrix products fifty times slower; on a GPU this does nothing.
    torch.set_flush_denormal(True)
    trainer = lightning.Trainer(
        accelerator=execution_of(config).device.type,
        devices=processes.num_here,
        num_nodes=processes.num_nodes,
        strategy=_strategy(config, processes),
        precision="32-true",  # of weights and optimizer; the model itself casts what it computes with
        max_steps=num_steps,
        max_epochs=1,
        val_check_interval=evaluate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        plugins=[WholeFiles(), _environment(processes)],
        logger=loggers or False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit_loop.epoch_loop = WithoutAgreeing(trainer, max_steps=num_steps)
    return trainer


def on_gpu(config: RunConfig) -> bool:
    """Whether the run computes on a GPU of NVIDIA or AMD. Raises BadRun for one that is not there."""
    return execution_of(config).device.type == "cuda"


def check_processes(config: RunConfig, processes: Processes) -> None:
    """Raises BadProcesses or BadRun for what no machine, or not this one, can do."""
    processes.check_batch(config.batch_size)
    if on_gpu(config) and processes.num_here > torch.cuda.device_count():
        raise BadProcesses(
            f"{processes.num_here} processes need as many GPUs, this machine has {torch.cuda.device_count()}; "
            "lower devices, or --device cpu"
        )
    if config.device == "mps" and processes.num_all > 1:
        raise BadProcesses("device is mps, which has one GPU; leave devices at auto")
    optimizer = type(config.optimized_by).__name__
    if config.strategy == "fsdp2" and config.ema is not None:
        raise BadRun(
            "strategy is fsdp2, under which weights are not averaged; choose the strategy ddp, or leave out ema"
        )
    if config.strategy == "fsdp2" and config.watch.on_nonfinite == "skip":
        raise BadRun("strategy is fsdp2, under which no step is skipped; choose the strategy ddp, or on_nonfinite stop")
    if config.strategy == "fsdp2" and optimizer not in _OF_NUMBERS:
        raise BadRun(
            f"strategy is fsdp2, which shards every matrix, and {optimizer} looks at whole ones; "
            "choose the strategy ddp, or the optimizer AdamW"
        )


def unused_gpus(config: RunConfig, processes: Processes) -> str | None:
    """One sentence for whoever leaves GPUs idle without having said so."""
    num_gpus = torch.cuda.device_count() if on_gpu(config) else 0
    if config.devices != "auto" or processes.launcher != "none" or num_gpus <= processes.num_here:
        return None
    return f"one of {num_gpus} GPUs is used; --devices {num_gpus} takes all of them"


class WithoutAgreeing(_TrainingEpochLoop):
    """Lightning's loop without its broadcast, before every batch, of whether the first process was told to end.

    It reads the answer, so that the CPU waits until the GPU has done the step before and can never run ahead. The
    callback StopBetweenSteps takes the signals, and agrees at every 20th step.
    """

    def _broadcast_sigterm_tensor(self) -> None:
        pass


def _strategy(config: RunConfig, processes: Processes) -> Strategy | str:
    if config.strategy == "fsdp2":
        return Sharded(processes.num_all)
    if processes.num_all == 1 and config.strategy == "auto":
        return "auto"
    # broadcast_buffers would send the table of token lengths around before every step. No static_graph: it gains
    # only where weights go unused, and torch.compile does not work with it (pytorch/pytorch#93672).
    return DDPStrategy(gradient_as_bucket_view=True, broadcast_buffers=False)


def _environment(processes: Processes) -> ClusterEnvironment:
    """Given by name, since Lightning takes any process under Slurm for one that srun started."""
    if processes.launcher == "torchrun":
        return TorchElasticEnvironment()
    if processes.launcher == "srun":
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment()


def _quiet() -> None:
    """Keep Lightning's banners away from the progress bar; none of them asks for an action here."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")  # the journal logs by itself
    # The next batch is a function of the step, so there is no state to save or resume.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated.*")
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")  # a machine with Slurm need not use it
    warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint.*")  # a replay needs few
    warnings.filterwarnings("ignore", message=".*WeightAveraging callback with a model.*")  # fsdp2 refuses averages
    # Its successor came with torch 2.13.
    warnings.filterwarnings("ignore", message=".*`broadcast_buffers` is deprecated.*")
