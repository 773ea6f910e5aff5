"""Batch number k of a run, as a pure function of (seed, k): corrupt the windows and stack the examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from corruptions import Corruption, Draws, Example, Lengths, Window
from corruptions.protocol import BadCorruption
from data_prep.errors import BadInput
from data_prep.vocab import Vocab
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.windows import Windows, shortened


class Visit(NamedTuple):
    """A window at its address and the example made of it."""

    epoch: int
    number: int
    window: Window
    example: Example


class Batches(Dataset):
    """Every batch of a run by its number; rank, workers and the point of resumption change nothing.

    Batch k of the whole run holds visits k * B .. (k + 1) * B - 1, where B is the batch size over all ranks;
    rank r of W takes the r-th part of them. `num_batches` is the whole run's, also when iteration starts late:
    the training loop counts batches from the run's first.
    """

    def __init__(
        self,
        windows: Windows,
        corruption: Corruption,
        *,
        batch_size: int,
        num_batches: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size % world_size:
            raise BadInput(
                f"a batch of {batch_size} does not divide over {world_size} processes; "
                f"choose a batch_size that is a multiple of {world_size}"
            )
        self.windows = windows
        self.corruption = corruption
        self.vocab: Vocab = windows.store.vocab
        self.pad_to = corruption.longest(windows.window_len)
        self.batch_size = batch_size
        self.num_batches = num_batches
        self._first_row = rank * (batch_size // world_size)
        self._num_rows = batch_size // world_size

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, batch_number: int) -> Batch:
        examples = []
        num_cut_tokens = 0
        for visit in self._visits(batch_number):
            visited = self.visit(visit)
            examples.append(visited.example)
            num_cut_tokens += self.windows.window_len - len(visited.window.tokens)
        return stack(examples, self.pad_to, self.vocab, num_cut_tokens=num_cut_tokens)

    def _visits(self, batch_number: int) -> range:
        first = batch_number * self.batch_size + self._first_row
        return range(first, first + self._num_rows)

    def visit(self, visit: int) -> Visit:
        """One window of the run and what became of it.

        Document ends are never noise, so where documents are shorter than the spans that should hide them a
        window can come out longer than the batch is wide. Such a window is read only as far as it fits.
        """
        epoch, number, window = self.windows.at(visit)
        while True:
            draws = Draws(seed=self.windows.seed, epoch=epoch, window=number)
            example = self.corruption.corrupt(window, draws, self.vocab)
            excess = max(
                len(example.source) - self.pad_to.source,
                len(example.target) - self.pad_to.target,
            )
            if excess <= 0:
                return Visit(epoch, number, window, example)
            if not window.protected.any():
                raise BadCorruption(
                    f"{type(self.corruption).__name__} made {len(example.source)} source and "
                    f"{len(example.target)} target tokens of a window of {len(window.tokens)}, but its longest() "
                    f"promised at most {self.pad_to.source} and {self.pad_to.target}; correct longest()"
                )
            window = shortened(window, len(window.tokens) - excess)


class HeldOutBatches(Batches):
    """Batches over the first `num_windows` windows, in order; the last batch holds what remains."""

    def __init__(self, windows: Windows, corruption: Corruption, *, batch_size: int, num_windows: int) -> None:
        super().__init__(windows, corruption, batch_size=batch_size, num_batches=-(-num_windows // batch_size))
        self.num_windows = num_windows

    def _visits(self, batch_number: int) -> range:
        visits = super()._visits(batch_number)
        return range(visits.start, min(visits.stop, self.num_windows))


def stack(examples: Sequence[Example], pad_to: Lengths, vocab: Vocab, *, num_cut_tokens: int = 0) -> Batch:
    """Rows of one shape from examples, padded on the right to `pad_to`.

    The batch has no source mask when no source is padded: attention without a mask is faster.
    """
    shape = (len(examples), pad_to.target)
    source = np.full((len(examples), pad_to.source), vocab.pad, dtype=np.int64)
    target = np.full(shape, IGNORED, dtype=np.int64)
    decoder_input = np.full(shape, vocab.pad, dtype=np.int64)
    positions = np.tile(np.arange(pad_to.target, dtype=np.int64), (len(examples), 1))
    is_noise = np.zeros(shape, dtype=bool)
    for row, example in enumerate(examples):
        length = len(example.target)
        source[row, : len(example.source)] = example.source
        target[row, :length] = example.target
        decoder_input[row, :length] = decoder_input_of(example, vocab)
        if example.target_positions is not None:
            positions[row, :length] = example.target_positions
        if example.target_is_noise is not None:
            is_noise[row, :length] = example.target_is_noise
    source_lengths = np.array([len(example.source) for example in examples])
    is_padded = bool((source_lengths < pad_to.source).any())
    source_mask = np.arange(pad_to.source) < source_lengths[:, None]
    return Batch(
        source=torch.from_numpy(source),
        source_mask=torch.from_numpy(source_mask) if is_padded else None,
        decoder_input=torch.from_numpy(decoder_input),
        decoder_positions=torch.from_numpy(positions),
        target=torch.from_numpy(target),
        target_is_noise=torch.from_numpy(is_noise),
        num_cut_tokens=num_cut_tokens,
    )


def decoder_input_of(example: Example, vocab: Vocab) -> np.ndarray:
    """What the decoder reads: its own field, or the target moved one place to the right behind a pad.

    >>> import numpy as np
    >>> vocab = Vocab(size=9, pad=0, eos=1, unk=2, mask=8, sentinels=(7,), text_ids=range(3, 7))
    >>> decoder_input_of(Example(np.array([3, 1]), np.array([7, 4, 1])), vocab)
    array([0, 7, 4])
    """
    if example.decoder_input is not None:
        return example.decoder_input
    shifted = np.empty_like(example.target)
    shifted[:1] = vocab.pad
    shifted[1:] = example.target[:-1]
    return shifted
