"""The batches of a run as a LightningDataModule."""

from __future__ import annotations

from collections.abc import Iterator

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


class DenoisingData(lightning.LightningDataModule):
    """Train and held-out batches of a token store under one corruption.

    The number of the next batch is the trainer's global step: nothing of the loader is saved or restored.
    Held-out batches are the first windows of the held-out split, in order.
    """

    def __init__(
        self,
        store: TokenStore,
        held_out: TokenStore,
        corruption: Corruption,
        *,
        source_len: int,
        target_len: int | None,
        batch_size: int,
        num_steps: int,
        num_held_out_windows: int,
        num_reconstructions: int = 0,
        seed: int,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.store = store
        self.corruption = corruption
        self.vocab = store.vocab
        self.window_len = corruption.fit(source_len, target_len)
        self.lengths = corruption.longest(self.window_len)
        self.batch_size = batch_size
        self.num_steps = num_steps
        self.num_workers = num_workers
        self.num_reconstructions = num_reconstructions
        self.train_windows = Windows(store, self.window_len, seed=seed, shuffle=True)
        self.held_out_windows = Windows(held_out, self.window_len, seed=HELD_OUT_SEED, shuffle=False)
        self.num_held_out_windows = min(num_held_out_windows, len(self.held_out_windows))

    @property
    def tokens_per_step(self) -> int:
        """Encoder and decoder tokens that one step costs, its padding included."""
        return self.batch_size * (self.lengths.source + self.lengths.target)

    def train_dataloader(self) -> DataLoader:
        """Batches from the trainer's global step on."""
        trainer = self.trainer
        batches = Batches(
            self.train_windows,
            self.corruption,
            batch_size=self.batch_size,
            num_batches=self.num_steps,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        first = trainer.global_step if trainer else 0
        return self._loader(batches, From(first, num_batches=self.num_steps), self.num_workers)

    def val_dataloader(self) -> DataLoader:
        """The held-out batches; the last one holds what remains."""
        return self._loader(self.held_out_batches(), None, 0)

    def held_out_batches(self) -> HeldOutBatches:
        """The held-out windows, corrupted once and for all."""
        return HeldOutBatches(
            self.held_out_windows, self.corruption, batch_size=self.batch_size, num_windows=self.num_held_out_windows
        )

    def _loader(self, batches: torch.utils.data.Dataset, sampler: Sampler | None, num_workers: int) -> DataLoader:
        return DataLoader(
            batches,
            sampler=sampler,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=torch.cuda.is_available(),
        )
