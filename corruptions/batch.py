"""A batch of windows corrupted at once: rows of one shape, padded, ready for a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from corruptions.compiled.space import MAX_LENGTH
from corruptions.draws import Draws
from corruptions.protocol import BadCorruption, Corruption, Example, Lengths, Window
from corruptions.rows import IGNORED, CorruptedRows, Rows, write_row
from corruptions.run_compiled import prepared, run_compiled
from data_prep.vocab import Vocab

__all__ = ["IGNORED", "CorruptedRows", "Rows", "corrupt_rows"]


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

    Compiled loops do it where they know the corruption and the window has at most MAX_LENGTH tokens; the rest
    runs row by row, with the same result. The arrays of `out` must be of one piece, as CorruptedRows.empty makes
    them.

    Raises OutOfSentinels; BadCorruption where an example is longer than `pad_to` though nothing in its window is
    protected; and ValueError for rows outside the store, or an `out` of other shapes.
    """
    ways = prepared(corruptions)
    num_rows = len(rows.starts)
    if out is None:
        out = CorruptedRows.empty(num_rows, pad_to, has_positions=ways.moves_positions)
    out.demand_shape(num_rows, pad_to)
    if ways.moves_positions and out.positions is None:
        raise ValueError("out has no positions, and one of the corruptions keeps those of the window")
    if num_rows and not 0 <= int(rows.parts.min()) <= int(rows.parts.max()) < len(corruptions):
        raise ValueError(
            f"parts of rows go from {rows.parts.min()} to {rows.parts.max()}; give 0 to {len(corruptions) - 1}"
        )
    is_plain = ways.is_plain[rows.parts] | (rows.lengths > MAX_LENGTH)
    if not is_plain.any():
        run_compiled(ways, rows, vocab, seed, out)
        return out
    compiled = np.flatnonzero(~is_plain)
    if len(compiled):
        chosen = Rows(rows.tokens, rows.marks, *(column[compiled] for column in rows[2:]))
        done = CorruptedRows.empty(len(compiled), pad_to, has_positions=out.positions is not None)
        run_compiled(ways, chosen, vocab, seed, done)
        for column, part in zip(out, done, strict=True):
            if column is not None:
                column[compiled] = part
    for row in np.flatnonzero(is_plain).tolist():
        start, length = int(rows.starts[row]), int(rows.lengths[row])
        if start < 0 or length < 0 or start + length > len(rows.tokens):
            raise ValueError(f"row {row} lies outside the tokens: {length} from {start} on of {len(rows.tokens)}")
        run_plain(corruptions[rows.parts[row]], rows, row, vocab, seed=seed, pad_to=pad_to, out=out)
    return out


def run_plain(
    corruption: Corruption, rows: Rows, row: int, vocab: Vocab, *, seed: int, pad_to: Lengths, out: CorruptedRows
) -> None:
    """One row without the compiled loops: plug-ins, and the oracle of the others."""
    draws = Draws(seed, int(rows.epochs[row]), int(rows.windows[row]))
    window, example = fitted(corruption, rows, row, vocab, draws, pad_to)
    out.used_lengths[row] = len(window.tokens)
    write_row(out, row, example, vocab)


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
        if not isinstance(example, Example):
            raise BadCorruption(
                f"{type(corruption).__name__}.corrupt gave {type(example).__name__}; it must give a corruptions.Example"
            )
        excess = max(len(example.source) - pad_to.source, len(example.target) - pad_to.target)
        if excess <= 0:
            return window, example
        if excess > length or not window.protected.any():
            raise BadCorruption(
                f"{type(corruption).__name__} made {len(example.source)} source and {len(example.target)} target "
                f"tokens of a window of {len(window.tokens)}, where its longest() promised at most {pad_to.source} "
                f"and {pad_to.target}; correct longest()"
            )
        length -= excess
