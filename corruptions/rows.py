"""Windows of a store by their addresses, and the arrays that their examples are written into.

Axes: B rows · S source tokens · T target tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from corruptions.protocol import Bools, Example, Lengths, Window, read_only
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
        return read_only(
            Window(tokens, (marks & SENTENCE_END) != 0, (marks & WORD_START) != 0, vocab.is_special[tokens])
        )


class CorruptedRows(NamedTuple):
    """What a model is given, and what was done to the text."""

    source: np.ndarray
    """int32 [B, S]: ids for the encoder, then pads."""
    target: np.ndarray
    """int64 [B, T]: ids that the decoder must say, then IGNORED."""
    decoder_input: np.ndarray
    """int32 [B, T]: ids that the decoder reads, then pads."""
    positions: np.ndarray | None
    """int32 [B, T]: the position of each place of the target. None: 0, 1, 2, ... in every row; only objectives that
    keep the window's positions, as MASS, give others."""
    target_is_noise: Bools
    """bool [B, T]: true where the target is a token that was hidden."""
    source_lengths: np.ndarray
    """int64 [B]: tokens of each source."""
    target_lengths: np.ndarray
    """int64 [B]: tokens of each target."""
    used_lengths: np.ndarray
    """int64 [B]: raw tokens of each window that were read; fewer than asked for where document ends left no
    room for the noise, and the window is read only as far as it fits."""

    @classmethod
    def empty(cls, num_rows: int, pad_to: Lengths, *, has_positions: bool = True) -> CorruptedRows:
        """Arrays to be filled.

        Ids are int32, which embeddings take and half the memory of; targets are int64, which losses ask for.
        """
        source, target = (num_rows, pad_to.source), (num_rows, pad_to.target)
        return cls(
            source=np.empty(source, dtype=np.int32),
            target=np.empty(target, dtype=np.int64),
            decoder_input=np.empty(target, dtype=np.int32),
            positions=np.empty(target, dtype=np.int32) if has_positions else None,
            target_is_noise=np.empty(target, dtype=bool),
            source_lengths=np.empty(num_rows, dtype=np.int64),
            target_lengths=np.empty(num_rows, dtype=np.int64),
            used_lengths=np.empty(num_rows, dtype=np.int64),
        )

    def demand_shape(self, num_rows: int, pad_to: Lengths) -> None:
        """Raise ValueError unless all arrays are of these lengths and of one piece, in which loops write them."""
        widths = {"source": (pad_to.source,), **dict.fromkeys(self._fields[1:5], (pad_to.target,))}
        for name, column in zip(self._fields, self, strict=True):
            shape = (num_rows, *widths.get(name, ()))
            if column is not None and (column.shape != shape or not column.flags.c_contiguous):
                piece = "" if column.flags.c_contiguous else ", not of one piece"
                raise ValueError(f"{name} of out is {list(column.shape)}{piece}; it must be {list(shape)} of one piece")


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
    if out.positions is not None:
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
