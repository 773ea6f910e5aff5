"""One run sits the exam: paper by paper, from its finished weights to exam.json."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from corruptions import Corruption
from data_prep.files import only_one, write_json
from data_prep.tokens import TokenStore
from denoise.feed.batch import Batch
from denoise.hub.trained import load_trained, run_config_of
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.stopping import Stopping
from denoise.train.execution import execution_of
from denoise.transfer.exam.adapting import adapt
from denoise.transfer.exam.command import ADVICE
from denoise.transfer.exam.config import BadExam, ExamConfig, Format
from denoise.transfer.exam.formats import mode_of, question, seen_as
from denoise.transfer.exam.papers import FILE, VERSION, Exam, Paper, is_taken, trained_to
from denoise.transfer.exam.scoring import mark
from denoise.transfer.exam.sheets import Sheets, with_other_sources

PART_FILE = "exam.part.json"
"""Papers of an exam that was broken off; deleted once exam.json is there."""


def take_exam(
    folder: Path, config: ExamConfig, console: Console, *, data: Path | None = None, stopping: Stopping | None = None
) -> None:
    """See `denoise.transfer.exam.take`."""
    demand_finished(folder)
    held = nullcontext(stopping) if stopping else Stopping(advice=ADVICE)
    with only_one(folder), held as stopping:
        if is_taken(folder, config):
            console.print(f"{folder} has taken this exam", highlight=False, soft_wrap=True, markup=False)
            return
        stopping.check(f"stopped before the exam of {folder}")
        sitting = Sitting.of(folder, config, data)
        stopping.is_working = True
        for format, is_adapted in sitting.left():
            stopping.check(f"stopped in the exam of {folder} with {len(sitting.done)} papers done")
            sitting.examine(format, is_adapted=is_adapted)
            write_json(folder / PART_FILE, sitting.exam().to_json())
        stopping.is_working = False
        exam = sitting.exam()
        write_json(folder / FILE, exam.to_json())
        (folder / PART_FILE).unlink(missing_ok=True)
    console.print(sitting.told(exam), highlight=False, soft_wrap=True, markup=False)


def demand_finished(folder: Path) -> int:
    """The last step of a finished run. Raises BadExam for anything else."""
    if not (folder / "config.yaml").is_file():
        raise BadExam(f"{folder} holds no run: it has no config.yaml; name the folder of a run")
    trained = trained_to(folder)
    if trained is None:
        raise BadExam(f"{folder} is not finished: it has no done.json; train it to its end, then examine it")
    return trained[0]


@dataclass(kw_only=True)
class Sitting:
    """A run's weights, what it has seen, what it is asked, and the papers done so far."""

    folder: Path
    config: ExamConfig
    sheets: Sheets
    model: EncoderDecoder
    weights: dict[str, torch.Tensor]
    """As the run left them; every adaptation begins with them."""
    corruption: Corruption
    is_apart: bool
    device: torch.device
    done: list[Paper] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, config: ExamConfig, data: Path | None) -> Sitting:
        """Read all that is needed. Raises BadExam, BadCheckpoint or BadStore before anything is computed."""
        trained = load_trained(folder, data)
        last_step = demand_finished(folder)
        if trained.step != last_step:
            raise BadExam(
                f"{folder} was trained to step {last_step:,}, and its last checkpoint that can be read is of step "
                f"{trained.step:,}; bring the last one back, or train the run again"
            )
        run = run_config_of(folder)
        where = Path(data or run.data)
        sheets = Sheets(config=config, store=TokenStore.open(where), held_out=TokenStore.open(where, split="held_out"))
        # What float32 gives is the same on every device to rounding, and no compiler is worth its wait here.
        device = execution_of(dataclasses.replace(run, compile=False, precision="32-true")).device
        model = trained.model.to(device)
        sitting = cls(
            folder=folder,
            config=config,
            sheets=sheets,
            model=model,
            weights={name: weight.clone() for name, weight in model.state_dict().items()},
            corruption=run.corrupted_by,
            is_apart=run.documents == "apart",
            device=device,
        )
        sitting._check()
        sitting._go_on()
        return sitting

    def left(self) -> list[tuple[Format, bool]]:
        """What is still to be examined: formats, before and after an adaptation."""
        parts = [(format, is_adapted) for format in self.config.formats for is_adapted in self._ways(format)]
        there = {(paper.format, paper.adapted) for paper in self.done}
        return [part for part in parts if part not in there]

    def examine(self, format: Format, *, is_adapted: bool) -> None:
        """Add the papers of a format, one a rate."""
        try:
            if is_adapted:
                self._adapt(format)
            self.done += [self._paper(format, rate, is_adapted) for rate in self.config.rates]
        finally:
            if is_adapted:
                self.model.load_state_dict(self.weights)

    def exam(self) -> Exam:
        """The papers done so far as exam.json has them."""
        trained = trained_to(self.folder)
        assert trained is not None
        return Exam(
            version=VERSION,
            settings=self.config.settings(),
            data_fingerprint=self.sheets.held_out.fingerprint,
            step=trained[0],
            trained_at=trained[1],
            papers=tuple(self.done),
            cost=self.cost,
            finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    def told(self, exam: Exam) -> str:
        """One line for whoever waited."""
        parts = [f"{len(exam.papers)} papers", f"scoring {exam.cost['scoring_s']:.1f} s"]
        if "adapting_s" in exam.cost:
            num_tokens = int(exam.cost["adapting_tokens"])
            parts.append(f"adapting {exam.cost['adapting_s']:.1f} s on {num_tokens:,} tokens")
        return f"{self.folder}: {exam.bits_per_hidden_byte:.3f} bits per hidden byte ({', '.join(parts)} of CPU time)"

    def _paper(self, format: Format, rate: float, is_adapted: bool) -> Paper:
        started_s = time.process_time()
        sheets, mode, is_apart = self.sheets, self._mode(format, rate), self._keeps_apart(format)
        token_bytes = torch.from_numpy(sheets.held_out.tokenizer.token_bytes.astype("int64")).to(self.device)
        batches = list(sheets.examined(format, rate, mode=mode, is_apart=is_apart))
        marks = mark(self.model, batches, token_bytes)
        bits = marks.scores.noise_bits_per_byte
        if bits is None:
            raise BadExam(f"{format} at a rate of {rate} hides no text in {sheets.num_windows} windows; raise the rate")
        saved = None
        if sheets.num_windows > 1 and not is_apart and is_adapted is self._ways(format)[-1]:
            elsewhere = mark(self.model, map(with_other_sources, batches), token_bytes).scores.noise_bits_per_byte
            saved = elsewhere - bits if elsewhere is not None else None
        self._count("scoring_s", time.process_time() - started_s)
        return Paper(
            format=format,
            rate=rate,
            adapted=is_adapted,
            seen=bool(seen_as(self.corruption, format)),
            mode=mode,
            documents="apart" if is_apart else "joined",
            num_windows=sheets.num_windows,
            num_hidden_tokens=int(marks.scores.num_noise_tokens),
            num_hidden_bytes=int(marks.scores.noise_bytes),
            num_spans=marks.num_spans,
            bits_per_hidden_byte=bits,
            bits_saved_by_source=saved,
            exact_spans=marks.num_exact_spans / marks.num_spans,
        )

    def _adapt(self, format: Format) -> None:
        started_s = time.process_time()
        batches = list(self._adapted_on(format))
        adapt(self.model, batches, self.config.adapt_learning_rate)
        self._count("adapting_s", time.process_time() - started_s)
        self._count("adapting_tokens", sum(batch.source.numel() + batch.target.numel() for batch in batches))

    def _adapted_on(self, format: Format) -> Iterator[Batch]:
        modes = [self._mode(format, rate) for rate in self.config.rates]
        return self.sheets.adapted_on(format, modes, is_apart=self._keeps_apart(format))

    def _ways(self, format: Format) -> tuple[bool, ...]:
        """As the run left it and, where it is asked for, adapted."""
        adapts = {"all": True, "none": False, "unseen": not seen_as(self.corruption, format)}[self.config.adapt]
        return (False, True) if adapts else (False,)

    def _mode(self, format: Format, rate: float) -> str | None:
        return mode_of(self.corruption, question(format, rate, self.config), format)

    def _keeps_apart(self, format: Format) -> bool:
        return self.is_apart and format != "continuation"

    def _count(self, name: str, number: float) -> None:
        self.cost[name] = round(self.cost.get(name, 0.0) + number, 3)

    def _check(self) -> None:
        """Set every paper and adaptation before the first is begun, so that what does not fit is told at once."""
        for format in self.config.formats:
            for rate in self.config.rates:
                self.sheets.room(format, rate, mode=self._mode(format, rate))
            if True in self._ways(format):
                list(islice(self._adapted_on(format), len(self.config.rates)))

    def _go_on(self) -> None:
        """Take over the papers of an exam of these weights and settings that was broken off."""
        try:
            content = json.loads((self.folder / PART_FILE).read_text(encoding="utf-8"))
            papers, cost = [Paper(**paper) for paper in content["papers"]], dict(content["cost"])
            before: Any = {**content, "papers": [], "cost": {}, "finished_at": ""}
            before.pop("bits_per_hidden_byte", None)  # of the papers, which are put aside here
        except (OSError, ValueError, TypeError, KeyError):
            return
        if before == json.loads(json.dumps({**self.exam().to_json(), "papers": [], "cost": {}, "finished_at": ""})):
            self.done, self.cost = papers, cost
