"""The windows of the exam and of its adaptations as batches: equal for every run of one store and vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch

from corruptions import Corruption
from data_prep.tokens import TokenStore
from denoise.feed.batch import Batch
from denoise.feed.batches import Batches, HeldOutBatches
from denoise.feed.room import Room
from denoise.feed.windows import Windows
from denoise.transfer.exam.config import BadExam, ExamConfig, Format
from denoise.transfer.exam.formats import behind, num_special, question

EXAM_SEED = 0xE8A3_0000_0000_0001
"""Of the exam's noise. A run's own seed decides what it trains on, 0 what it is evaluated on: neither comes up here."""
ADAPT_SEED = 0xE8A3_0000_0000_0002
"""Of the order and the noise of what models adapt on."""
_WINDOWS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Sheets:
    """What every run is asked: the same windows of the held-out split, hidden at the same places."""

    config: ExamConfig
    """The settings."""
    store: TokenStore
    """The train split, which models adapt on."""
    held_out: TokenStore
    """The held-out split, which they are examined on."""

    @property
    def stride(self) -> int:
        """Tokens from one window to the next: they are spread over all held-out text."""
        return max(self.config.window_len, self.held_out.num_tokens // self.config.num_windows)

    @property
    def num_windows(self) -> int:
        """Windows that are examined."""
        return min(self.config.num_windows, len(self._held_out_windows()))

    def examined(
        self, format: Format, rate: float, *, mode: str | None, is_apart: bool, windows_at_once: int = _WINDOWS_AT_ONCE
    ) -> Iterator[Batch]:
        """The batches of one paper. Raises BadExam, OutOfSentinels."""
        batches = HeldOutBatches(
            self._held_out_windows(),
            self.room(format, rate, mode=mode),
            batch_size=-(-self.num_windows // -(-self.num_windows // windows_at_once)),  # as good as equal
            num_windows=self.num_windows,
            keep_apart=is_apart,
        )
        for number in range(len(batches)):
            batch = batches[number]
            assert batch.counts is not None and not batch.counts.cut_tokens.any(), "formats would differ in their text"
            yield trimmed(batch)

    def adapted_on(self, format: Format, modes: Sequence[str | None], *, is_apart: bool) -> Iterator[Batch]:
        """Batches of the train split for as many tokens as adapt_tokens allows, at the exam's rates in turn.

        `modes` are the control words, one a rate. Raises BadExam where not even one batch at each rate is paid for.
        """
        config = self.config
        windows = Windows(self.store, config.window_len, seed=ADAPT_SEED, shuffle=True)
        of_rates = [
            Batches(
                windows,
                self.room(format, rate, mode=mode),
                batch_size=config.adapt_batch_size,
                num_batches=config.adapt_tokens,
                keep_apart=is_apart,
            )
            for rate, mode in zip(config.rates, modes, strict=True)
        ]
        left_tokens = config.adapt_tokens
        for step in count():
            batch = trimmed(of_rates[step % len(of_rates)][step])
            left_tokens -= batch.source.numel() + batch.target.numel()
            if left_tokens < 0:
                break
            yield batch
        if step < len(of_rates):
            raise BadExam(
                f"adapt_tokens is {config.adapt_tokens:,}, too few for one batch at each rate of {format}; "
                "give more, lower adapt_batch_size, or take adapt: none"
            )

    def room(self, format: Format, rate: float, *, mode: str | None = None) -> Room:
        """The shape of a paper's batches. Raises BadExam where the rate does not fit the format, OutOfSentinels."""
        asked: Corruption = behind(mode, question(format, rate, self.config, num_spare=self._num_spare))
        room = Room(asked, self.config.source_len + (mode is not None))
        room.check(self.store.vocab)
        return room

    @property
    def _num_spare(self) -> int:
        """Document ends in any window: each may cut one span in two."""
        windows = self._held_out_windows()
        starts = windows.at(np.arange(min(self.config.num_windows, len(windows)))).starts
        places = starts[:, None] + np.arange(self.config.window_len)
        return num_special(np.asarray(self.held_out.tokens)[places], self.held_out.vocab.is_special)

    def _held_out_windows(self) -> Windows:
        return Windows(self.held_out, self.stride, seed=EXAM_SEED, shuffle=False)


def with_other_sources(batch: Batch) -> Batch:
    """The same questions, each beside the source of the next row."""
    assert batch.source_documents is None, "a place sees its own document only, which another source does not have"
    mask = batch.source_mask
    return batch._replace(source=batch.source.roll(-1, 0), source_mask=None if mask is None else mask.roll(-1, 0))


def trimmed(batch: Batch) -> Batch:
    """The same without places that no row fills; where all rows are as long, without a mask too."""
    num_target = int((batch.target >= 0).any(0).nonzero().max()) + 1
    batch = batch._replace(
        decoder_input=batch.decoder_input[:, :num_target],
        decoder_positions=batch.decoder_positions[:, :num_target],
        target=batch.target[:, :num_target],
        target_is_noise=_cut(batch.target_is_noise, num_target),
        target_documents=_cut(batch.target_documents, num_target),
    )
    if batch.source_mask is None:
        return batch
    num_source = int(batch.source_mask.sum(1).max())
    mask = batch.source_mask[:, :num_source]
    return batch._replace(
        source=batch.source[:, :num_source],
        source_mask=None if bool(mask.all()) else mask,
        source_documents=_cut(batch.source_documents, num_source),
    )


def _cut(columns: torch.Tensor | None, num_places: int) -> torch.Tensor | None:
    return None if columns is None else columns[:, :num_places]
