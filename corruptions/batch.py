"""A batch of windows corrupted at once: rows of one shape, padded, ready for a model.

Axes: B rows · S source tokens · T target tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from corruptions.draws import Draws
from corruptions.protocol import BadCorruption, Bools, Corruption, Example, Lengths, Window
from data_prep.vocab import SENTENCE_END, WORD_START, Vocab

IGNORED = -100
"""The target id of a place where nothing is to be predicted: the padded end of a short target."""


class Rows(NamedTuple):
    """Windows of a token store, each with its address and its corruption."""

    tokens: np.ndarray
    """uint16, uint32 or int32 [tokens of the store]: ids."""
    marks: np.ndarray
    """uint8 [tokens of the store]: bits WORD_START and SENTENCE_END."""
    starts: np.ndarray
    """int64 [B]: where in the store each window starts."""
    lengths: np.ndarray
    """int64 [B]: its raw tokens."""
    epochs: np.ndarray
    """int64 [B]: how often the text was read before."""
    windows: np.ndarray
    """uint64 [B]: the window's number."""
    parts: np.ndarray
    """int64 [B]: which of the corruptions is its."""

    def window(self, row: int, vocab: Vocab, *, length: int | None = None) -> Window:
        """One of the windows, or its first tokens, with arrays that refuse to be written to."""
        start = int(self.starts[row])
        stop = start + (int(self.lengths[row]) if length is None else length)
        tokens = np.asarray(self.tokens[start:stop]).astype(np.int32)
        marks = np.asarray(self.marks[start:stop])
        window = Window(tokens, (marks & SENTENCE_END) != 0, (marks & WORD_START) != 0, vocab.is_special[tokens])
        for column in window:
            column.flags.writeable = False
        return window


class CorruptedRows(NamedTuple):
    """What a model is given, and what was done to the text."""

    source: np.ndarray
    """[B, S]: ids for the encoder, then pads."""
    target: np.ndarray
    """[B, T]: ids that the decoder must say, then IGNORED."""
    decoder_input: np.ndarray
    """[B, T]: ids that the decoder reads, then pads."""
    positions: np.ndarray
    """[B, T]: the position of each place of the target: 0, 1, 2, ... unless the objective keeps the window's."""
    target_is_noise: Bools
    """[B, T]: true where the target is a token that was hidden."""
    source_lengths: np.ndarray
    """int64 [B]: tokens of each source."""
    target_lengths: np.ndarray
    """int64 [B]: tokens of each target."""
    used_lengths: np.ndarray
    """int64 [B]: raw tokens of each window that were read; fewer than asked for where document ends left no
    room for the noise, and the window is read only as far as it fits."""

    @classmethod
    def empty(cls, num_rows: int, pad_to: Lengths, dtype: np.dtype | type = np.int64) -> CorruptedRows:
        """Arrays to be filled."""
        source, target = (num_rows, pad_to.source), (num_rows, pad_to.target)
        return cls(
            source=np.empty(source, dtype=dtype),
            target=np.empty(target, dtype=dtype),
            decoder_input=np.empty(target, dtype=dtype),
            positions=np.empty(target, dtype=dtype),
            target_is_noise=np.empty(target, dtype=bool),
            source_lengths=np.empty(num_rows, dtype=np.int64),
            target_lengths=np.empty(num_rows, dtype=np.int64),
            used_lengths=np.empty(num_rows, dtype=np.int64),
        )


def corrupt_rows(
    corruptions: Sequence[Corruption],
    rows: Rows,
    vocab: Vocab,
    *,
    seed: int,
    pad_to: Lengths,
    out: CorruptedRows | None = None,
) -> CorruptedRows:
    """Corrupt each row by its corruption at its address, and pad it; `out` is written into and returned.

    Raises OutOfSentinels, and BadCorruption where an example is longer than `pad_to` though nothing in its
    window is protected.
    """
    out = out if out is not None else CorruptedRows.empty(len(rows.starts), pad_to)
    for row in range(len(rows.starts)):
        corruption = corruptions[rows.parts[row]]
        draws = Draws(seed, int(rows.epochs[row]), int(rows.windows[row]))
        window, example = fitted(corruption, rows, row, vocab, draws, pad_to)
        out.used_lengths[row] = len(window.tokens)
        write_row(out, row, example, vocab)
    return out


def fitted(
    corruption: Corruption, rows: Rows, row: int, vocab: Vocab, draws: Draws, pad_to: Lengths
) -> tuple[Window, Example]:
    """A window and its example; the window is read only as far as the example fits.

    Document ends are never noise, so where documents are shorter than the spans that should hide them an
    example can come out longer than the batch is wide.
    """
    length = int(rows.lengths[row])
    while True:
        window = rows.window(row, vocab, length=length)
        example = corruption.corrupt(window, Draws(*draws.address), vocab)
        excess = max(len(example.source) - pad_to.source, len(example.target) - pad_to.target)
        if excess <= 0:
            return window, example
        if not window.protected.any():
            raise BadCorruption(
                f"{type(corruption).__name__} made {len(example.source)} source and {len(example.target)} target "
                f"tokens of a window of {len(window.tokens)}, where its longest() promised at most {pad_to.source} "
                f"and {pad_to.target}; correct longest()"
            )
        length -= excess


def write_row(out: CorruptedRows, row: int, example: Example, vocab: Vocab) -> None:
    """An example into its row, padded."""
    num_source, num_target = len(example.source), len(example.target)
    out.source_lengths[row], out.target_lengths[row] = num_source, num_target
    out.source[row, :num_source] = example.source
    out.source[row, num_source:] = vocab.pad
    out.target[row, :num_target] = example.target
    out.target[row, num_target:] = IGNORED
    out.decoder_input[row, :num_target] = decoder_input_of(example, vocab)
    out.decoder_input[row, num_target:] = vocab.pad
    out.positions[row] = np.arange(out.positions.shape[1])
    if example.target_positions is not None:
        out.positions[row, :num_target] = example.target_positions
    out.target_is_noise[row] = False
    if example.target_is_noise is not None:
        out.target_is_noise[row, :num_target] = example.target_is_noise


def decoder_input_of(example: Example, vocab: Vocab) -> np.ndarray:
    """What the decoder reads: its own field, or the target moved one place to the right behind a pad.

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
