"""The batches of a run as a LightningDataModule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from corruptions import Corruption
from data_prep.tokens import TokenStore
from denoise.feed.ahead import Ahead
from denoise.feed.batch import Batch
from denoise.feed.batches import ALONE, Batches, HeldOutBatches, PhasedBatches, Share
from denoise.feed.documents import demand_apart
from denoise.feed.phases import (
    CostOfStep,
    Phase,
    PhaseConfig,
    Shape,
    phases_of,
    shapes_of,
    tokens_before,
    tokens_of_step,
)
from denoise.feed.windows import Windows
from denoise.stopping import leave_to_the_run

# Held-out windows are corrupted by the same noise at every evaluation of every run of a grid.
HELD_OUT_SEED = 0


class From(Sampler[int]):
    """Batch numbers from `first` to the run's last; its length is the whole run's.

    Lightning adds the batches done before a resume to those it fetches and ends when the sum reaches the
    length: a sampler that gave only what remains would make it stop early.

    >>> sampler = From(7, num_batches=10)
    >>> list(sampler), len(sampler)
    ([7, 8, 9], 10)
    """

    def __init__(self, first: int, *, num_batches: int) -> None:
        self.first = first
        self.num_batches = num_batches

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.num_batches))

    def __len__(self) -> int:
        return self.num_batches


@dataclass(frozen=True, kw_only=True)
class FeedConfig:
    """How much text goes into a step and into an evaluation."""

    source_len: int
    """Tokens the encoder reads; windows are as long as fills it."""
    target_len: int | None = None
    """Most tokens the decoder says; None: as many as the corruption needs.

    Batches have one shape, so a mixture makes room for the part that says most, and the targets of the others
    are padded: UL2 at a source of 512 leaves 44 % of the decoder's places empty, which are paid for in compute
    and counted in the budget (target_padding in metrics.jsonl). With a smaller number, parts that say more get
    shorter windows instead, and pad their sources: 36 % of the encoder's places at a target of 128.
    """
    pad_target_to: int = 1
    """Places of a target are a multiple of this."""
    documents: Literal["joined", "apart"] = "joined"
    """Whether documents that share a window see each other."""
    batch_size: int = 32
    """Windows a step, over all processes."""
    num_held_out_windows: int = 256
    """Held-out windows to score; fewer if there are fewer."""
    num_reconstructions: int = 0
    """Held-out windows to write out at each evaluation."""
    seed: int = 1
    """Order of the windows, and noise."""
    num_workers: int = 0
    """Processes that corrupt ahead of the training step; 0: a thread does, which is enough but for plug-ins in plain
    Python."""
    phases: tuple[PhaseConfig, ...] = ()
    """What comes before source_len and batch_size are these."""


class DenoisingData(lightning.LightningDataModule):
    """Train and held-out batches of a token store under one corruption.

    The number of the next batch is the trainer's global step: nothing of the loader is saved or restored.
    Held-out batches are the first windows of the held-out split, in order. Where options change with the step,
    they are corrupted as at the end of the run at every evaluation: scores along a run then differ by the model
    alone, and the last are of the noise that it was trained on last. A mixture is scored whole and by its parts.
    `spend` sets `num_steps` from the budget. With phases, lengths and room are those of the last one, which the
    held-out windows have at every evaluation.
    """

    def __init__(self, store: TokenStore, held_out: TokenStore, corruption: Corruption, config: FeedConfig) -> None:
        super().__init__()
        self.store = store
        self.corruption = corruption
        self.config = config
        self.vocab = store.vocab
        self.num_steps = 0
        last = PhaseConfig(source_len=config.source_len, target_len=config.target_len, batch_size=config.batch_size)
        self._shapes = shapes_of(corruption, config.phases, last, pad_target_to=config.pad_target_to)
        self.phases: tuple[Phase, ...] = ()
        self.room = self._shapes[-1].room
        self.lengths = self.room.pad_to
        stride = max(shape.room.stride for shape in self._shapes)
        self.train_windows = Windows(store, stride, seed=config.seed, shuffle=True, period=self.room.period)
        self.held_out_windows = Windows(held_out, self.room.stride, seed=HELD_OUT_SEED, shuffle=False)
        self.num_held_out_windows = min(config.num_held_out_windows, len(self.held_out_windows))
        for shape in self._shapes:
            shape.room.check(self.vocab)
        self.keep_apart = config.documents == "apart"
        for part in self.room.parts if self.keep_apart else ():
            demand_apart(part)

    def spend(self, budget: int, cost: CostOfStep = tokens_of_step) -> int:
        """Set and return the number of steps, the most that together cost no more than the budget."""
        self.phases = phases_of(self._shapes, budget, cost)
        self.num_steps = self.phases[-1].first_step + self.phases[-1].num_steps
        return self.num_steps

    @property
    def shape(self) -> Shape:
        """Of the batches of the last phase."""
        return self._shapes[-1]

    @property
    def tokens_per_step(self) -> int:
        """Encoder and decoder tokens that one step costs, its padding included; of the last phase."""
        return self.shape.tokens_per_step

    def tokens_before(self, step: int) -> int:
        """Encoder and decoder tokens that the first `step` steps cost."""
        return tokens_before(self.phases, step)

    @property
    def num_skipped_tokens(self) -> int:
        """Tokens of the train split that an epoch does not visit, expected over the run.

        Windows of a mixture's parts differ in length: those of the first 7,000 or so of an epoch are looked at, at
        eleven steps of the run where options change.
        """
        num_windows = min(len(self.train_windows), 7000)
        windows = np.arange(num_windows - num_windows % self.room.period or num_windows)
        steps = {self.num_steps * tenth // 10 for tenth in range(11)} if self.room.has_schedules else {0}
        lengths = [
            self.room.assign(step, seed=self.config.seed, epochs=np.zeros_like(windows), windows=windows).lengths.mean()
            for step in steps
        ]
        return self.train_windows.num_skipped_tokens(float(np.mean(lengths)))

    @property
    def advice(self) -> str | None:
        """One sentence for whoever chose the batch size, if batches cannot hold the exact shares of a mixture."""
        period, batch_size = self.room.period, self.config.batch_size
        if batch_size % period == 0:
            return None
        return (
            f"batch_size is {batch_size}, so the parts of the mixture have their exact shares over several batches "
            f"only; a multiple of {period} gives every batch its share"
        )

    def train_dataloader(self) -> Ahead | DataLoader:
        """Batches from the trainer's global step on."""
        first = self.trainer.global_step if self.trainer else 0
        if self.config.num_workers:
            return self._loader(self.batches(), From(first, num_batches=self.num_steps), self.config.num_workers)
        has_gpu = torch.cuda.is_available()
        device = self.trainer.strategy.root_device if has_gpu and self.trainer else torch.device("cpu")
        return Ahead(self.batches(), first, device)

    def batches(self) -> Batches | PhasedBatches:
        """This process's batches of the run."""
        if len(self.phases) > 1:
            return PhasedBatches(self.train_windows, self.phases, **self._options())
        return Batches(
            self.train_windows,
            self.room,
            batch_size=self.config.batch_size,
            num_batches=self.num_steps,
            **self._options(),
        )

    def batches_at(self, step: int) -> Batches:
        """This process's batches of the phase that a step is in."""
        batches = self.batches()
        return batches.at(step) if isinstance(batches, PhasedBatches) else batches

    def val_dataloader(self) -> DataLoader:
        """The held-out batches; the last one holds what remains."""
        return self._loader(self.held_out_batches(), None, 0)

    def held_out_batches(self) -> HeldOutBatches:
        """The held-out windows, corrupted once and for all."""
        return HeldOutBatches(
            self.held_out_windows,
            self.room,
            batch_size=self.config.batch_size,
            num_windows=self.num_held_out_windows,
            step=self.num_steps,
            **self._options(),
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Batches that were made ahead are there already; Lightning would look through all their fields to see it."""
        if batch.source.device == device:
            return batch
        moved: Batch = super().transfer_batch_to_device(batch, device, dataloader_idx)
        return moved

    def _options(self) -> dict[str, Any]:
        """What all batches of this process have in common."""
        share = Share(self.trainer.global_rank, self.trainer.world_size) if self.trainer else ALONE
        return {"share": share, "keep_apart": self.keep_apart}

    def _loader(self, batches: torch.utils.data.Dataset, sampler: Sampler | None, num_workers: int) -> DataLoader:
        return DataLoader(
            batches,
            sampler=sampler,
            batch_size=None,
            num_workers=num_workers,
            collate_fn=_as_made,
            worker_init_fn=leave_to_the_run,
            pin_memory=torch.cuda.is_available(),
        )


def _as_made(batch: Any) -> Any:
    """The loader's own way would turn the counts into tensors and send them to the GPU."""
    return batch
