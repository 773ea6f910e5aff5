"""A run is probed: checkpoint by checkpoint, from its initial weights to probe.json."""

from __future__ import annotations

import dataclasses
import datetime
import io
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console

from data_prep.files import only_one, write_json
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.stopping import Stopping
from denoise.train.config import RunConfig
from denoise.train.execution import execution_of
from denoise.transfer.exam.papers import trained_to
from denoise.transfer.finetune.learning import Learning
from denoise.transfer.finetune.lessons import Lesson, Lessons
from denoise.transfer.finetune.watching import Watch
from denoise.transfer.probe.checkpoints import Checkpoints, digest_of
from denoise.transfer.probe.command import ADVICE
from denoise.transfer.probe.config import BadProbe, ProbeConfig
from denoise.transfer.probe.fitting import Sheet, sheet_of, timed
from denoise.transfer.probe.reading import Corpus, read_corpus
from denoise.transfer.probe.results import FILE, VERSION, Probing, Stage, read_probe
from denoise.transfer.probe.states import layer_names

PART_FILE = "probe.part.json"
"""Stages of a probe that was broken off; deleted once probe.json is there."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are."""

    task_data: Path
    """Folder of the tasks' files."""
    data: Path | None = None
    """Folder of the run's tokens, if it lies elsewhere than when it was trained."""


def take(
    folder: Path,
    config: ProbeConfig,
    console: Console,
    places: Places,
    *,
    unfinished: bool = False,
    stopping: Stopping | None = None,
) -> None:
    """Probe all checkpoints of a run and write its probe.json, whole and last; nothing else of it changes.

    `unfinished`: whether a run without done.json is probed too, as far as it has come. Stages done before a signal or
    a kill are kept, and the next call goes on. Raises BadProbe, BadTask, BadCheckpoint, and Stopped if a signal asked
    for it.
    """
    ended = _demand_checkpoints(folder, unfinished=unfinished)
    corpus = read_corpus(config, places.task_data)
    held = nullcontext(stopping) if stopping else Stopping(advice=ADVICE)
    # What trains holds the folder; checkpoints are whole or not there, so that reading them needs no leave.
    with only_one(folder) if ended else nullcontext(), held as stopping:
        if ended is not None and is_probed(folder, config, corpus):
            console.print(f"{folder} has been probed so", highlight=False, soft_wrap=True, markup=False)
            return
        stopping.check(f"stopped before the probes of {folder}")
        session = Session.of(folder, config, corpus, places, stopping)
        stopping.is_working = True
        for step in session.checkpoints.steps:
            stopping.check(f"stopped in the probes of {folder} with {len(session.done)} checkpoints done")
            session.probe(step)
            write_json(folder / PART_FILE, session.probing().to_json())
            console.print(session.told(), highlight=False, soft_wrap=True, markup=False)
        stopping.is_working = False
        write_json(folder / FILE, session.probing().to_json())
        (folder / PART_FILE).unlink(missing_ok=True)


def is_probed(folder: Path, config: ProbeConfig, corpus: Corpus) -> bool:
    """Whether a finished run was probed to its end with these settings and texts by this version.

    A file that cannot be read counts as none: it is written anew.
    """
    try:
        found = read_probe(folder)
    except BadProbe:
        return False
    return (
        found is not None
        and (found.version, found.settings) == (VERSION, config.settings())
        and found.data_fingerprint == corpus.fingerprint
        and (found.step, found.trained_at) == trained_to(folder)
    )


def _demand_checkpoints(folder: Path, *, unfinished: bool) -> tuple[int, str | None] | None:
    """The end of a finished run; None for one that is not, where that is allowed. Raises BadProbe."""
    if not (folder / "config.yaml").is_file():
        raise BadProbe(f"{folder} holds no run: it has no config.yaml; name the folder of a run")
    ended = trained_to(folder)
    if ended is None and not unfinished:
        raise BadProbe(
            f"{folder} is not finished: it has no done.json; train it to its end, or probe what there is with "
            "--unfinished"
        )
    return ended


@dataclass(kw_only=True)
class Session:
    """A run's checkpoints, what they are asked, and the stages done so far."""

    folder: Path
    config: ProbeConfig
    corpus: Corpus
    checkpoints: Checkpoints
    sheets: tuple[Sheet, ...]
    lesson: Lesson | None
    stopping: Stopping
    device: torch.device
    before: dict[tuple[int, str], Stage]
    """Stages of an earlier probe with these settings, by step and weights."""
    done: list[Stage] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, config: ProbeConfig, corpus: Corpus, places: Places, stopping: Stopping) -> Session:
        """Read all that is needed. Raises BadProbe, BadTask or BadCheckpoint before anything is computed."""
        checkpoints = Checkpoints.of(folder, places.data)
        ended = trained_to(folder)
        if ended is not None and ended[0] not in checkpoints.files:
            raise BadProbe(
                f"{folder} was trained to step {ended[0]:,}, and that checkpoint is not there or cannot be read; bring "
                "it back, or train the run again"
            )
        session = cls(
            folder=folder,
            config=config,
            corpus=corpus,
            checkpoints=checkpoints,
            sheets=tuple(sheet_of(reading, checkpoints.trained.tokenizer, config) for reading in corpus.readings),
            lesson=_lesson(config, places),
            stopping=stopping,
            # What float32 gives is the same on every device to rounding.
            device=execution_of(RunConfig(compile=False, precision="32-true")).device,
            before={},
        )
        session.before = session._before()
        return session

    def probe(self, step: int) -> None:
        """Add the stage of a checkpoint, unless an earlier probe has it."""
        try:
            weights = self.checkpoints.weights(step)
        except FileNotFoundError:
            # Of a run that trains meanwhile.
            self.checkpoints.passed_over[str(step)] = "is there no more, as training keeps its last two"
            return
        digest = digest_of(weights)
        self.done.append(self.before.get((step, digest)) or self._stage(step, digest, weights))

    def probing(self) -> Probing:
        """What is done so far, as probe.json has it."""
        step, trained_at = trained_to(self.folder) or (self.checkpoints.steps[-1], None)
        return Probing(
            version=VERSION,
            settings=self.config.settings(),
            data_fingerprint=self.corpus.fingerprint,
            step=step,
            trained_at=trained_at,
            layers=layer_names(self.checkpoints.trained.model.config),
            label_sets=tuple(asked for sheet in self.sheets for asked in sheet.asked),
            missing=self.corpus.missing,
            passed_over=self.checkpoints.passed_over,
            measure=self.lesson.task.measures[0] if self.lesson else "",
            stages=tuple(self.done),
            finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    def told(self) -> str:
        """One line about the last stage."""
        stage = self.done[-1]
        found = [
            f"{asked.name} {stage.best(asked.name).accuracy:.3f}" for sheet in self.sheets for asked in sheet.asked
        ]
        return f"step {stage.step:,}: {', '.join(found)} ({sum(stage.cost.values()):.1f} s of CPU time)"

    def _stage(self, step: int, digest: str, weights: dict[str, torch.Tensor]) -> Stage:
        model = self.checkpoints.trained.model
        model.load_state_dict(weights)
        model.to(self.device).eval()
        cost: dict[str, float] = {}
        with timed(cost, "scoring_s"):
            held_out = self.checkpoints.held_out(model)
        scores = [found for sheet in self.sheets for found in sheet.scores(model, cost)]
        # Last, as it moves the weights; the next checkpoint's are loaded over them.
        with timed(cost, "finetuning_s") if self.lesson else nullcontext():
            downstream = self._downstream(model, step)
        return Stage(
            step=step,
            tokens=self.checkpoints.tokens(step),
            flops_share=self.checkpoints.flops_share(step),
            weights=digest,
            loss=held_out.loss,
            noise_bits_per_byte=held_out.noise_bits_per_byte,
            scores=tuple(scores),
            downstream=downstream,
            cost=cost,
        )

    def _downstream(self, model: EncoderDecoder, step: int) -> float | None:
        if self.lesson is None:
            return None
        silent = Console(file=io.StringIO())
        watch = Watch(self.lesson.task.name, self.config.finetuning.num_steps, silent, self.stopping)
        learning = Learning(
            lesson=self.lesson,
            model=model,
            tokenizer=self.checkpoints.trained.tokenizer,
            device=self.device,
            seed=self.config.seed,
            watch=watch,
        )
        learning.learn()
        return learning.result((step, None), from_scratch=step == 0).score

    def _before(self) -> dict[tuple[int, str], Stage]:
        now = _without_stages(self.probing())
        found: dict[tuple[int, str], Stage] = {}
        for name in (FILE, PART_FILE):
            try:
                earlier = read_probe(self.folder, name)
            except BadProbe:
                continue
            if earlier is not None and _without_stages(earlier) == now:
                found |= {(stage.step, stage.weights): stage for stage in earlier.stages}
        return found


def _without_stages(probing: Probing) -> Probing:
    """What two probes must share for the stages of one to be stages of the other."""
    return dataclasses.replace(probing, stages=(), finished_at="", step=0, trained_at=None, passed_over={}, missing={})


def _lesson(config: ProbeConfig, places: Places) -> Lesson | None:
    if config.task is None:
        return None
    return Lessons(config=config.finetuning, folder=places.task_data).of(config.task)
