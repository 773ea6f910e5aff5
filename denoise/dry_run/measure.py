"""What a run would be, before it is one: nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import torch

from denoise.dry_run.memory import EXACT_BYTES, MemoryEstimate, Sharing, memory_estimate, optimizer_bytes
from denoise.explore.config import Objective
from denoise.explore.drawing import Drawing, drawn
from denoise.explore.subject import Subject
from denoise.feed.counts import NoiseCounts
from denoise.feed.data import DenoisingData
from denoise.hub.checkpoint import read_checkpoint
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.assembly import build_data, spend, step_seconds
from denoise.train.budget import run_flops, step_flops
from denoise.train.config import RunConfig
from denoise.train.devices import check_processes
from denoise.train.execution import execution_of
from denoise.train.processes import Processes
from denoise.train.speed import Speed, measured_speed

_NUM_LOOKED_AT = 8


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What there is to know of a run that has not begun."""

    config: RunConfig
    data: DenoisingData
    """Its number of steps is set."""
    processes: Processes
    parameters: dict[str, int]
    """Of each part of the model."""
    step_flops: int
    """Floating-point operations of a step of all processes; with phases, of the last."""
    memory: MemoryEstimate
    """Of one process."""
    counts: NoiseCounts
    """Of the batches that were looked at."""
    drawing: Drawing
    """The first window of the run."""
    speed: Speed | None
    """None: not measured."""

    @property
    def num_parameters(self) -> int:
        """All of them."""
        return sum(self.parameters.values())

    @property
    def checkpoint_bytes(self) -> int:
        """Size of one checkpoint."""
        moments = self.config.optimized_by.moments_of_matrices
        vocab_size = self.parameters["embedding"] // self.config.model.d_model
        of_optimizer = optimizer_bytes(self.config.model, vocab_size, moments_of_matrices=moments)
        return self.num_parameters * EXACT_BYTES + of_optimizer

    @property
    def num_epochs(self) -> float:
        """How often the run reads its text."""
        return sum(phase.num_windows for phase in self.data.phases) / len(self.data.train_windows)

    @property
    def run_flops(self) -> int:
        """Floating-point operations of all steps."""
        return run_flops(self.config.model, self.data.vocab.size, self.data.phases)

    @property
    def run_s(self) -> float | None:
        """Seconds of all steps and evaluations: scoring a window is a third of training on it.

        Steps of earlier phases are taken to cost their share of operations.
        """
        if self.speed is None:
            return None
        held_out_steps = self.config.num_evaluations * self.data.num_held_out_windows / self.config.batch_size
        return self.speed.step_s * (self.run_flops / self.step_flops + held_out_steps / 3)


def dry_run(config: RunConfig, *, measure: bool) -> DryRun:
    """Look at a run. Raises whatever BadInput the run would raise before its first step."""
    processes = Processes.of(config.devices, config.num_nodes)
    check_processes(config, processes)
    data = build_data(config)
    spend(config, data, step_seconds(config, data))
    execution = execution_of(config)
    num_rows = config.batch_size // processes.num_all
    vocab_size = data.vocab.size if config.init is None else read_checkpoint(Path(config.init)).num_rows
    return DryRun(
        config=config,
        data=data,
        processes=processes,
        parameters=parameters_by_part(config, vocab_size),
        step_flops=step_flops(config.model, data.vocab.size, data.shape),
        memory=memory_estimate(
            config.model,
            vocab_size,
            data.lengths,
            num_rows,
            is_bf16=execution.dtype == torch.bfloat16,
            moments_of_matrices=config.optimized_by.moments_of_matrices,
            sharing=Sharing(processes.num_all, processes.num_all if config.strategy == "fsdp2" else 1),
        ),
        counts=_counts(data),
        drawing=_first_window(config, data),
        speed=measured_speed(config, data, execution, num_rows) if measure else None,
    )


def parameters_by_part(config: RunConfig, vocab_size: int) -> dict[str, int]:
    """How many weights each part of the model has; counted on a model that takes no memory."""
    with torch.device("meta"):
        model = EncoderDecoder(config.model, vocab_size)
    return {name: sum(weight.numel() for weight in part.parameters()) for name, part in model.named_children()}


def _counts(data: DenoisingData) -> NoiseCounts:
    """Of batches spread over the run."""
    steps = sorted({place * data.num_steps // _NUM_LOOKED_AT for place in range(_NUM_LOOKED_AT)})
    batches = data.batches()
    return reduce(add, filter(None, (batches[step].counts for step in steps)))


def _first_window(config: RunConfig, data: DenoisingData) -> Drawing:
    visit = data.batches_at(0).visit(0)
    tokenizer = data.store.tokenizer
    subject = Subject(window=visit.window, vocab=data.vocab, spelled=tokenizer.piece, unit="pieces", num_left_out=0)
    objective = Objective(type(visit.corruption).__name__, visit.corruption)
    return drawn(subject, objective, seed=config.seed, epoch=visit.epoch, window=visit.number)
