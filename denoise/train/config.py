"""What a run is: every value that `denoise train` takes, from a YAML file or the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from corruptions import Corruption, SpanCorruption
from data_prep.errors import BadInput
from denoise.feed.phases import PhaseConfig
from denoise.model.config import ModelConfig
from denoise.train.budget import DEFAULT, KINDS, Budget
from denoise.train.divergence import WatchConfig
from denoise.train.optim.config import Muon, OptimizerConfig
from denoise.train.optim.schedule import ScheduleConfig

WITHOUT_EFFECT_ON_THE_RESULT = (
    *("num_workers", "log_every", "save_every", "keep_steps", "watch", "tracking", "trackers", "project"),
    *("device", "devices", "num_nodes", "strategy", "compile"),
)
"""Fields of RunConfig that may differ between a run and its continuation, and between equal cells of a grid.

Those of the second line change the order in which numbers are added: the result is the same to rounding.
"""


TRACKERS = {"wandb": "", "tensorboard": "tensorboard", "csv": "", "trackio": "trackio"}
"""Dashboards, and the package that each needs besides those that denoise brings; its extra has the same name."""


class BadRun(BadInput):
    """Values that make no run, or a folder that holds another one."""


class BadCheckpoint(BadRun):
    """Weights on disk that are missing, damaged, of another version or shape, or another run's."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One pretraining run. Two runs of equal configuration end with the same weights, bit for bit on a CPU."""

    data: str = "data/sotu"
    """Folder that `denoise prepare` wrote."""
    corruption: Corruption | None = None
    """How text is corrupted: a name such as TextInfilling, the dotted path of your own class, or a file such as
    configs/corruptions/mass.yaml. Left out: T5's span corruption."""
    source_len: int = 512
    """Tokens the encoder reads; windows are as long as fills it."""
    target_len: int | None = None
    """Most tokens the decoder says. Left out: as many as the corruption needs; in a mixture, as many as the part
    that says most, and the targets of the others are padded."""
    pad_target_to: int = 1
    """Places of a target are a multiple of this; those behind its end cost compute and budget and are not scored. 128
    is what the fastest attention kernels of GPUs want: 114 become 128. Sources are made by source_len."""
    documents: Literal["joined", "apart"] = "joined"
    """Whether documents that share a window see each other. joined: windows are cut from one long text, and nothing
    stands in the way of the fastest kernels. apart: a place sees its own document only, in encoder, decoder and
    between them, and every document's decoder starts from pad; at the same number of tokens a step it is slower."""
    batch_size: int = 32
    """Windows a step, over all processes."""
    budget_tokens: int | None = None
    """Encoder and decoder tokens to spend; with the lengths they decide the number of steps. One budget counts: this
    one, or one of the next three; 100 million tokens where none is given."""
    budget_flops: float | None = None
    """Operations of the matrix products to spend instead, forward and backward: 1e15."""
    budget_steps: int | None = None
    """Steps to take instead."""
    budget_minutes: float | None = None
    """Minutes of training steps instead, counted at the speed measured on this machine when the run begins;
    evaluations and checkpoints come on top, and the number of steps is another on another machine."""
    phases: list[PhaseConfig] = field(default_factory=list)
    """Shorter texts or smaller batches to begin with, one after another, each for its share of the budget."""
    model: ModelConfig = ModelConfig()
    """Shape of the encoder-decoder."""
    init: str | None = None
    """Start from the weights in this folder: a T5 or T5 v1.1 checkpoint of transformers, or what `denoise export`
    wrote. The shape is then that of the checkpoint, and the text must be prepared with its vocabulary."""
    optimizer: OptimizerConfig | None = Muon()
    """What moves the weights: Muon, AdamW, ScaledAdamW, or the dotted path of your own class."""
    schedule: ScheduleConfig = ScheduleConfig()
    """Learning rate over the steps."""
    ema: float | None = None
    """Decay of an exponential moving average of the weights, such as 0.999, which is then what is scored and
    exported. Above 0 and below 1; left out: none."""
    z_loss: float = 1e-4
    """Weight of the squared log partition function, which keeps logits from drifting; 0: none. The loss that is
    logged is without it. Not negative."""
    seed: int = 1
    """Decides initial weights, order of windows and noise."""
    num_evaluations: int = 10
    """Times the held-out text is scored, at equal distances; the last is at the end."""
    num_held_out_windows: int = 256
    """Held-out windows to score; fewer if there are fewer."""
    num_reconstructions: int = 6
    """Held-out windows written out at each evaluation: corrupted, rebuilt, original."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Number format of the arithmetic. 32-true: float32. bf16-mixed: the model computes in bfloat16; weights, their
    gradients and the optimizer stay in float32, and so does the loss. auto: bf16-mixed on a GPU, 32-true elsewhere.
    float16 is not offered: the activations of T5 leave its range."""
    compile: Literal["auto"] | bool = "auto"
    """Whether torch.compile makes one kernel of many. It takes a minute at the start, and rounds differently. auto: on
    a GPU only."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes the first accelerator there is."""
    devices: int | Literal["auto"] = "auto"
    """Processes on each machine, a GPU each. auto: as many as torchrun or srun started, and one without them."""
    num_nodes: int | Literal["auto"] = "auto"
    """Machines. auto: as many as torchrun or srun spans, and one without them."""
    strategy: Literal["auto", "ddp", "fsdp2"] = "auto"
    """How processes share the work. ddp: each holds the whole model, gradients are added up. fsdp2: each holds a
    share of weights and optimizer, and layers are put together while they compute. auto: ddp, if there are several."""
    num_workers: int = 0
    """Processes that corrupt ahead of the training step; 0: a thread does, which is enough but for plug-ins in plain
    Python. The batches are the same with any number."""
    log_every: int = 10
    """Steps between two lines of metrics.jsonl."""
    save_every: int = 200
    """Steps between two checkpoints; the last two are kept."""
    keep_steps: Literal["none", "powers_of_two"] | tuple[int, ...] = "none"
    """Steps whose checkpoints are saved whatever save_every is, and stay: none, powers_of_two (1, 2, 4, 8, ...), or
    a list of them. Each is as large as any other, three times the weights for AdamW."""
    watch: WatchConfig = WatchConfig()
    """When a run whose loss goes astray is ended."""
    tracking: Literal["auto", "offline", "off"] | bool = "auto"
    """Whether dashboards are fed. auto: Weights & Biases online if there is a key and the server answers within 5 s,
    otherwise offline. offline: nothing is asked of the network. off: none of them."""
    trackers: str | list[str] = "wandb"
    """Dashboards, one or several with commas between: wandb, tensorboard, csv, trackio."""
    project: str = "denoise"
    """Project in Weights & Biases and trackio of a run of its own; a grid's cells have the grid's name."""

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "32-true", "bf16-mixed"):
            raise BadRun(
                f"precision is {self.precision!r}; choose auto, 32-true or bf16-mixed (float16 is not offered: the "
                "activations of T5 leave its range)"
            )
        for name in ("source_len", "batch_size", "num_evaluations", "num_held_out_windows"):
            _require(self, name, at_least=1)
        _require_one_budget(self)
        for name in ("log_every", "save_every", "pad_target_to"):
            _require(self, name, at_least=1)
        for name in ("num_workers", "num_reconstructions", "seed", "z_loss"):
            _require(self, name, at_least=0)
        for name in ("devices", "num_nodes"):
            if getattr(self, name) != "auto":
                _require(self, name, at_least=1)
        if self.target_len is not None:
            _require(self, "target_len", at_least=1)
        if self.ema is not None and not 0 < self.ema < 1:
            raise BadRun(f"ema is {self.ema}; it must be above 0 and below 1, such as 0.999")
        if self.keep_steps not in ("none", "powers_of_two") and not all(
            isinstance(step, int) and step > 0 for step in self.keep_steps
        ):
            raise BadRun(f"keep_steps is {self.keep_steps}; choose none, powers_of_two or a list of steps from 1 on")
        for name in dashboards_of("auto", self.trackers):
            if name not in TRACKERS:
                raise BadRun(f"trackers names {name!r}; choose among {', '.join(TRACKERS)}, or --tracking off for none")

    @property
    def budget(self) -> Budget:
        """The one that counts."""
        given = ((kind, getattr(self, f"budget_{kind}")) for kind in KINDS)
        return next((Budget(kind, amount) for kind, amount in given if amount is not None), Budget(*DEFAULT))

    @property
    def tracked(self) -> Literal["auto", "offline", "off"]:
        """How the run is tracked."""
        return mode_of(self.tracking)

    @property
    def dashboards(self) -> tuple[str, ...]:
        """What the run is logged to besides its own folder."""
        return dashboards_of(self.tracking, self.trackers)

    @property
    def optimized_by(self) -> OptimizerConfig:
        """The optimizer, or Muon where none was named."""
        return self.optimizer if self.optimizer is not None else Muon()

    @property
    def corrupted_by(self) -> Corruption:
        """The corruption, or the default one where none was named."""
        return self.corruption if self.corruption is not None else SpanCorruption()


def mode_of(tracking: str | bool) -> Literal["auto", "offline", "off"]:
    """How a run is tracked; YAML reads an `off` without quotes as false."""
    return ("auto" if tracking else "off") if isinstance(tracking, bool) else tracking  # type: ignore[return-value]


def dashboards_of(tracking: str | bool, trackers: str | list[str]) -> tuple[str, ...]:
    """The dashboards that these options of a run name, each once.

    >>> dashboards_of("auto", "wandb, csv"), dashboards_of("off", ["wandb"])
    (('wandb', 'csv'), ())
    """
    if tracking in ("off", False):
        return ()
    names = trackers.split(",") if isinstance(trackers, str) else trackers
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between the plain values of two runs, in words, but for what has no effect on the result.

    >>> differences({"seed": 1, "log_every": 1}, {"seed": 2, "log_every": 5})
    ['seed: 1 there, 2 given']
    """
    keys = [key for key in {**old, **new} if key not in WITHOUT_EFFECT_ON_THE_RESULT]
    return [f"{key}: {old.get(key)!r} there, {new.get(key)!r} given" for key in keys if old.get(key) != new.get(key)]


def _require_one_budget(config: RunConfig) -> None:
    given = {f"budget_{kind}": getattr(config, f"budget_{kind}") for kind in KINDS}
    given = {name: amount for name, amount in given.items() if amount is not None}
    if len(given) > 1:
        what = " and ".join(f"{name} is {amount:,}" for name, amount in given.items())
        spare = " or ".join(f"--{name}=null" for name in given)
        raise BadRun(f"{what}; a run has one budget: drop one with {spare}")
    for name, amount in given.items():
        if not 0 < amount < float("inf"):
            raise BadRun(f"{name} is {amount}; it must be above 0")


def _require(config: RunConfig, name: str, *, at_least: int) -> None:
    value = getattr(config, name)
    if value < at_least:
        raise BadRun(f"{name} is {value}; it must be at least {at_least}")
