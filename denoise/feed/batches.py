"""Batch number k of a run, as a pure function of (seed, k): corrupt the windows and stack the examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from corruptions import Corruption, Draws, Example, Window
from corruptions.batch import CorruptedRows, Rows, corrupt_rows, fitted
from data_prep.errors import BadInput
from data_prep.vocab import Vocab
from denoise.feed.batch import IGNORED, Batch
from denoise.feed.counts import counts_of
from denoise.feed.documents import documents_of, start_anew
from denoise.feed.phases import Phase, Pieces, phase_at
from denoise.feed.room import Room
from denoise.feed.windows import Places, Windows


class Visit(NamedTuple):
    """A window at its address and the example made of it."""

    epoch: int
    number: int
    corruption: Corruption
    """The part of a mixture, its schedules read off."""
    window: Window
    example: Example


class Share(NamedTuple):
    """Which rows of each batch are those of one process."""

    rank: int = 0
    """Its number, from 0."""
    world_size: int = 1
    """How many processes there are."""

    def rows_of(self, batch_size: int) -> tuple[int, int]:
        """The first row and the number of rows. Raises BadInput for a batch that does not divide.

        >>> Share(rank=1, world_size=2).rows_of(16)
        (8, 8)
        """
        if batch_size % self.world_size:
            raise BadInput(
                f"a batch of {batch_size} does not divide over {self.world_size} processes; "
                f"choose a batch_size that is a multiple of {self.world_size}"
            )
        num_rows = batch_size // self.world_size
        return self.rank * num_rows, num_rows


ALONE = Share()


class Batches(Dataset):
    """Every batch of a run by its number; rank, workers and the point of resumption change nothing.

    Batch k of the whole run holds visits k * B .. (k + 1) * B - 1, where B is the batch size over all ranks;
    each takes its share of them. Its corruption is that of step k. `num_batches` is the whole run's,
    also when iteration starts late: the training loop counts batches from the run's first. `first_batch` is the
    number of the batch that holds visit 0. With `keep_apart` the batch tells the document of each place.
    """

    def __init__(
        self,
        windows: Windows | Pieces,
        room: Room,
        *,
        batch_size: int,
        num_batches: int,
        first_batch: int = 0,
        share: Share = ALONE,
        keep_apart: bool = False,
    ) -> None:
        self.windows = windows
        self.room = room
        self.vocab: Vocab = windows.store.vocab
        self.batch_size = batch_size
        self.num_batches = num_batches
        self._first_batch = first_batch
        self.keep_apart = keep_apart
        self._first_row, self._num_rows = share.rows_of(batch_size)

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, batch_number: int) -> Batch:
        return self.of(self._visits(batch_number), self._step(batch_number))

    def of(self, visits: np.ndarray, step: int) -> Batch:
        """The batch of these visits, corrupted as at a step; its arrays belong to nobody else."""
        rows, parts = self._rows(visits, step)
        pad_to = self.room.pad_to
        out = corrupt_rows(parts, rows, self.vocab, seed=self.windows.seed, pad_to=pad_to)
        batch = self._batch(rows, out)
        if not self.keep_apart:
            return batch
        documents = documents_of(out, parts, rows.parts, self.vocab)
        start_anew(out, documents, self.vocab.pad)  # in place, in the memory of the batch
        source, target = map(torch.from_numpy, documents)
        return batch._replace(source_documents=source, target_documents=target)

    def places(self, batch_number: int) -> Places:
        """The windows of a whole batch, over all processes."""
        first = (batch_number - self._first_batch) * self.batch_size
        return self.windows.at(np.arange(first, first + self.batch_size))

    def row(self, batch_number: int, row: int) -> Visit:
        """One row of a whole batch, over all processes."""
        return self.visit((batch_number - self._first_batch) * self.batch_size + row, self._step(batch_number))

    def visit(self, visit: int, step: int = 0) -> Visit:
        """One window of the run and what becomes of it at a step: a row of its batch, as people look at it."""
        rows, parts = self._rows(np.array([visit]), step)
        part = parts[rows.parts[0]]
        epoch, number = int(rows.epochs[0]), int(rows.windows[0])
        draws = Draws(self.windows.seed, epoch, number)
        window, example = fitted(part, rows, 0, self.vocab, draws, self.room.pad_to)
        return Visit(epoch, number, part, window, example)

    def _visits(self, batch_number: int) -> np.ndarray:
        first = (batch_number - self._first_batch) * self.batch_size + self._first_row
        return np.arange(first, first + self._num_rows)

    def _step(self, batch_number: int) -> int:
        return batch_number

    def _rows(self, visits: np.ndarray, step: int) -> tuple[Rows, Sequence[Corruption]]:
        store, seed = self.windows.store, self.windows.seed
        places = self.windows.at(visits)
        given = self.room.assign(step, seed=seed, epochs=places.epochs, windows=places.numbers)
        rows = Rows(
            tokens=np.asarray(store.tokens),
            marks=np.asarray(store.marks),
            starts=places.starts,
            lengths=given.lengths,
            epochs=places.epochs,
            windows=places.numbers.astype(np.uint64),
            parts=given.numbers,
        )
        return rows, given.parts

    def _batch(self, rows: Rows, out: CorruptedRows) -> Batch:
        """Tensors on the memory of `out`; no source mask where no source is padded: attention is faster without."""
        source_len, num_parts = self.room.pad_to.source, len(self.room.parts)
        positions = out.positions
        if positions is None:  # whole rows, not one seen B times: pinned memory cannot be filled through such a view
            positions = np.tile(np.arange(out.target.shape[1]), (len(out.target), 1))
        mask = None
        if (out.source_lengths < source_len).any():
            mask = torch.from_numpy(np.arange(source_len) < out.source_lengths[:, None])
        return Batch(
            source=torch.from_numpy(out.source),
            source_mask=mask,
            decoder_input=torch.from_numpy(out.decoder_input),
            decoder_positions=torch.from_numpy(positions),
            target=torch.from_numpy(out.target),
            target_is_noise=torch.from_numpy(out.target_is_noise),
            parts=torch.from_numpy(rows.parts) if num_parts > 1 else None,
            counts=counts_of(rows, out, self.room.pad_to, num_parts),
        )


class PhasedBatches(Dataset):
    """Every batch of a run with phases by its number: batch k is that of the phase of step k."""

    def __init__(self, windows: Windows, phases: Sequence[Phase], **options: Any) -> None:
        self.phases = phases
        self._batches = [
            Batches(
                Pieces(windows, phase),
                phase.shape.room,
                batch_size=phase.shape.batch_size,
                num_batches=phase.first_step + phase.num_steps,
                first_batch=phase.first_step,
                **options,
            )
            for phase in phases
        ]

    def __len__(self) -> int:
        return self.phases[-1].first_step + self.phases[-1].num_steps

    def __getitem__(self, batch_number: int) -> Batch:
        return self.at(batch_number)[batch_number]

    def at(self, batch_number: int) -> Batches:
        """The batches of this one's phase."""
        return self._batches[self.phases.index(phase_at(self.phases, batch_number))]


class HeldOutBatches(Batches):
    """Batches over the first `num_windows` windows, in order; the last batch holds what remains.

    All are corrupted as at one step, so that scores of the same run can be compared. Ranks share each batch; one
    for which nothing remains gets a window without targets, which scores nothing: all ranks must take part in
    what they compute together.
    """

    def __init__(
        self, windows: Windows, room: Room, *, batch_size: int, num_windows: int, step: int = 0, **options: Any
    ) -> None:
        super().__init__(windows, room, batch_size=batch_size, num_batches=-(-num_windows // batch_size), **options)
        self.num_windows = num_windows
        self.step = step

    def __getitem__(self, batch_number: int) -> Batch:
        if len(self._visits(batch_number)):
            return super().__getitem__(batch_number)
        batch = self.of(np.array([0]), self.step)
        return batch._replace(target=torch.full_like(batch.target, IGNORED))

    def _visits(self, batch_number: int) -> np.ndarray:
        visits = super()._visits(batch_number)
        return visits[visits < self.num_windows]

    def _step(self, batch_number: int) -> int:
        return self.step
