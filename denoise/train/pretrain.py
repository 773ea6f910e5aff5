"""One run from its configuration to done.json, or on from where it stopped."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from rich.console import Console
from torch._dynamo.exc import TorchDynamoException

from data_prep.files import only_one
from denoise.feed.data import DenoisingData
from denoise.hub.start import init_fingerprint
from denoise.model.config import num_parameters
from denoise.stopping import ADVICE, Stopping
from denoise.train.assembly import average, build_data, build_module, evaluate_every, spend, step_seconds
from denoise.train.budget import run_flops, step_flops
from denoise.train.callbacks.checkpoints import Checkpoints
from denoise.train.callbacks.journal import Journal
from denoise.train.callbacks.signals import StopBetweenSteps
from denoise.train.callbacks.watch import Watch
from denoise.train.checkpoint_files import newest_usable, set_aside, step_of
from denoise.train.config import RunConfig
from denoise.train.denoiser import Denoiser
from denoise.train.devices import build_trainer, check_processes, unused_gpus
from denoise.train.execution import compiler_trouble, execution_of, peak_flops_per_s, shape_advice
from denoise.train.processes import Processes
from denoise.train.progress import Progress
from denoise.train.run_folder import Row, RunFolder
from denoise.train.tracking.tracker import About, check_installed
from denoise.train.tracking.tracking import Tracking

_TOO_EARLY = "stopped before training began"


def pretrain(
    config: RunConfig,
    folder: Path,
    *,
    resolved: Mapping[str, Any],
    console: Console | None = None,
    stopping: Stopping | None = None,
) -> None:
    """Train `config` into `folder`; go on if the folder holds a part of this run, return at once if it is done.

    `resolved` is the configuration as plain values, to be kept in config.yaml. Raises BadRun for a folder of
    another run, BadStore for unusable data, Diverged for a loss gone astray, and Stopped if a signal asked for it:
    those that `stopping` has held since before torch was imported, or those from now on.
    """
    processes = Processes.of(config.devices, config.num_nodes)
    # One process speaks and writes; the others compute the same things and keep them to themselves.
    console = (console or Console()) if processes.is_first else Console(file=io.StringIO())
    run = RunFolder(folder)
    held = contextlib.nullcontext(stopping) if stopping else Stopping(advice=ADVICE)
    with only_one(folder) if processes.is_first else contextlib.nullcontext(), held as stopping:
        run.check(resolved)
        if run.is_done:
            return
        stopping.check(_TOO_EARLY)
        check_processes(config, processes)
        check_installed(config.dashboards)
        data = build_data(config)
        run.check_data(data.store.fingerprint, config.data)
        init_fingerprint(config, folder)
        step_s = step_seconds(config, data, run)
        spend(config, data, step_s)
        execution = execution_of(config)
        # Only now: values that make no run must not keep the folder from the corrected ones.
        if processes.is_first:
            run.claim(resolved)
        module = build_module(config, data)
        tell = partial(console.print, highlight=False, soft_wrap=True, markup=False)
        size = num_parameters(module.model.config, module.model.vocab_size)
        about = About.of_run(folder, resolved, mode=config.tracked, num_parameters=size)
        tracking = Tracking(about, config.dashboards if processes.is_first else (), tell)
        advice = (data.advice, shape_advice(data.lengths, execution.device), unused_gpus(config, processes))
        for line in filter(None, (execution.describe(config), *advice)):
            tell(line)
        stopping.check(_TOO_EARLY)
        _Fit(
            config=config,
            run=run,
            data=data,
            module=module,
            tracking=tracking,
            progress=Progress(folder.name, data.num_steps, console),
            processes=processes,
            stopping=stopping,
            step_s=step_s,
        ).go_on()


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """A run that is ready to go on."""

    config: RunConfig
    run: RunFolder
    data: DenoisingData
    module: Denoiser
    tracking: Tracking
    progress: Progress
    processes: Processes
    stopping: Stopping
    step_s: float | None
    """What a step was taken to last, where the budget is minutes."""

    def go_on(self) -> None:
        """Train from the newest checkpoint to the end, and say so in done.json."""
        journal = Journal(self.run, self.tracking, self.progress, log_every=self.config.log_every)
        tell = partial(self.progress.console.print, highlight=False, soft_wrap=True, markup=False)
        trainer = self._trainer(journal, tell)
        if self.processes.is_first:
            self.run.describe(
                shapes=self._shapes(),
                device=str(trainer.strategy.root_device),
                num_processes=self.processes.num_all,
                num_threads=torch.get_num_threads(),
            )
        newest = self._starting_point(tell)
        self.tracking.go_on(peak_flops_per_s=peak_flops_per_s(execution_of(self.config), self.processes.num_all))
        try:
            self._fit(trainer, journal, newest)
        except BaseException:
            self.tracking.finish(is_done=False)
            raise
        self._finish(journal)

    def _fit(self, trainer: lightning.Trainer, journal: Journal, newest: Path | None) -> None:
        """Steps and evaluations up to the last, unless a signal or a loss gone astray ends them."""
        try:
            # Our own files hold nothing but tensors and numbers, so they load without unpickling code.
            trainer.fit(self.module, datamodule=self.data, ckpt_path=newest, weights_only=True)
            if journal.last_held_out.get("step") != self.data.num_steps:
                trainer.validate(self.module, datamodule=self.data, verbose=False)
        except TorchDynamoException as error:
            raise compiler_trouble(error) from error
        except SystemExit as left:
            if isinstance(left, SIGTERMException):  # a signal in the moment in which the handlers were Lightning's
                self.stopping.check("stopped at once")
            raise KeyboardInterrupt from None  # which Lightning turns into an exit of its own
        finally:
            self.stopping.is_working = False
            self.progress.stop()

    def _trainer(self, journal: Journal, tell: Callable[[str], None]) -> lightning.Trainer:
        config, every = self.config, evaluate_every(self.config, self.data)
        watch = Watch(self.run, config.watch, look_every=config.log_every, tell=tell)
        checkpoints = Checkpoints(
            self.run, watch, save_every=config.save_every, evaluate_every=every, keep=config.keep_steps
        )
        # In this order at each step: nothing is written of a step gone astray, and what was written is saved.
        stop = StopBetweenSteps(self.stopping, checkpoints, self.data.num_steps)
        callbacks = [*watch.left_out, watch, journal, *average(config), checkpoints, stop]
        return build_trainer(
            config,
            self.processes,
            num_steps=self.data.num_steps,
            evaluate_every=every,
            callbacks=callbacks,
            loggers=self.tracking.loggers,
        )

    def _starting_point(self, tell: Callable[[str], None]) -> Path | None:
        """The checkpoint to go on from, with the folder as it was when that was saved. Raises BadCheckpoint."""
        run, is_first = self.run, self.processes.is_first
        for unfinished in run.checkpoints.glob(".step-*.part") if is_first else ():
            unfinished.unlink(missing_ok=True)
        # The others find the same: what the first one puts aside meanwhile is damaged for them too.
        newest = newest_usable(run.checkpoints, run.config if is_first else None, tell=tell)
        step = step_of(newest)
        if is_first:
            set_aside(run.checkpoints, after=step)
            run.rewind(step)
            (run.path / "trouble.json").unlink(missing_ok=True)
        if newest is not None:
            tell(f"going on from step {step}")
        return newest

    def _finish(self, journal: Journal) -> None:
        num_steps = self.data.num_steps
        summary = {
            "step": num_steps,
            "tokens": self.data.tokens_before(num_steps),
            "elapsed_s": round(journal.elapsed_s, 3),
            "held_out": journal.last_held_out,
        }
        if self.processes.is_first:
            self.run.finish(summary)
        self.tracking.finish()

    def _shapes(self) -> Row:
        config, data, model = self.config, self.data, self.module.model
        return {
            "window_len": data.room.stride,
            "source_len": data.lengths.source,
            "target_len": data.lengths.target,
            "batch_size": config.batch_size,
            "num_steps": data.num_steps,
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
            "budget": str(config.budget),
            "step_s": self.step_s,
            "tokens": data.tokens_before(data.num_steps),
            "flops_per_step": step_flops(config.model, data.vocab.size, data.shape),
            "flops": run_flops(config.model, data.vocab.size, data.phases),
            "num_parameters": num_parameters(model.config, model.vocab_size),
            "vocab_size": data.vocab.size,
            "num_train_tokens": data.store.num_tokens,
            "num_skipped_tokens": data.num_skipped_tokens,
            "num_held_out_windows": data.num_held_out_windows,
            "corruption": data.corruption.describe(),
            "parts": data.room.described_parts(),
            "data_fingerprint": data.store.fingerprint,
            "init_fingerprint": init_fingerprint(config, self.run.path),
        }
