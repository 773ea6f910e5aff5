"""The batches of a run as a LightningDataModule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import lightning
import torch
from torch.utils.data import DataLoader, Sampler

from corruptions import Corruption
from data_prep.tokens import TokenStore
from denoise.feed.batches import Batches, HeldOutBatches
from denoise.feed.windows import Windows

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
    """Tokens the encoder reads; windows are cut so that the corrupted text fills them."""
    target_len: int | None = None
    """Most tokens the decoder says; None: as many as the corruption needs."""
    batch_size: int = 32
    """Windows a step, over all processes."""
    num_held_out_windows: int = 256
    """Held-out windows to score; fewer if there are fewer."""
    num_reconstructions: int = 0
    """Held-out windows to write out at each evaluation."""
    seed: int = 1
    """Order of the windows, and noise."""
    num_workers: int = 0
    """Processes that corrupt ahead of the training step."""


class DenoisingData(lightning.LightningDataModule):
    """Train and held-out batches of a token store under one corruption.

    The number of the next batch is the trainer's global step: nothing of the loader is saved or restored.
    Held-out batches are the first windows of the held-out split, in order. `num_steps` is set by whoever knows
    the budget.
    """

    def __init__(self, store: TokenStore, held_out: TokenStore, corruption: Corruption, config: FeedConfig) -> None:
        super().__init__()
        self.store = store
        self.corruption = corruption
        self.config = config
        self.vocab = store.vocab
        self.num_steps = 0
        self.window_len = corruption.fit(config.source_len, config.target_len)
        self.lengths = corruption.longest(self.window_len)
        self.train_windows = Windows(store, self.window_len, seed=config.seed, shuffle=True)
        self.held_out_windows = Windows(held_out, self.window_len, seed=HELD_OUT_SEED, shuffle=False)
        self.num_held_out_windows = min(config.num_held_out_windows, len(self.held_out_windows))

    @property
    def tokens_per_step(self) -> int:
        """Encoder and decoder tokens that one step costs, its padding included."""
        return self.config.batch_size * (self.lengths.source + self.lengths.target)

    def train_dataloader(self) -> DataLoader:
        """Batches from the trainer's global step on."""
        trainer = self.trainer
        batches = Batches(
            self.train_windows,
            self.corruption,
            batch_size=self.config.batch_size,
            num_batches=self.num_steps,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        first = trainer.global_step if trainer else 0
        return self._loader(batches, From(first, num_batches=self.num_steps), self.config.num_workers)

    def val_dataloader(self) -> DataLoader:
        """The held-out batches; the last one holds what remains."""
        return self._loader(self.held_out_batches(), None, 0)

    def held_out_batches(self) -> HeldOutBatches:
        """The held-out windows, corrupted once and for all."""
        return HeldOutBatches(
            self.held_out_windows,
            self.corruption,
            batch_size=self.config.batch_size,
            num_windows=self.num_held_out_windows,
        )

    def _loader(self, batches: torch.utils.data.Dataset, sampler: Sampler | None, num_workers: int) -> DataLoader:
        return DataLoader(
            batches,
            sampler=sampler,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=torch.cuda.is_available(),
        )
