"""The door to the compiled loops: arrays of the types they were compiled for, and errors in words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from corruptions.compiled.codes import DONE, OUT_OF_SENTINELS, OUTSIDE
from corruptions.compiled.loop import Flat, Program
from corruptions.compiled.space import MAX_LENGTH, made_space
from corruptions.compiled.vectors import WIDTH
from corruptions.program import compiled_loop, is_compiled, moves_positions, program_of
from corruptions.protocol import BadCorruption, Corruption
from corruptions.rows import IGNORED, CorruptedRows, Rows
from data_prep.vocab import Vocab

_of_thread = threading.local()
_TYPES = (np.int64, np.int64, np.int64, np.uint64, np.int64)


class Ways(NamedTuple):
    """How each of a list of corruptions is run."""

    corruptions: tuple[Corruption, ...]
    """The corruptions."""
    is_plain: np.ndarray
    """bool [corruptions]: true for those that compiled loops do not know."""
    moves_positions: bool
    """Whether any may give positions other than 0, 1, 2, ..."""


def prepared(corruptions: Sequence[Corruption]) -> Ways:
    """How these are run; found out once for the same objects."""
    return _ways(_Same(corruptions))


@lru_cache(maxsize=64)
def _ways(same: _Same) -> Ways:
    corruptions: tuple[Any, ...] = same.objects
    is_plain = np.array([not is_compiled(corruption) for corruption in corruptions], dtype=bool)
    moves = any(moves_positions(c) for c, plain in zip(corruptions, is_plain, strict=True) if not plain)
    return Ways(corruptions, is_plain, bool(is_plain.any()) or moves)


def run_compiled(ways: Ways, rows: Rows, vocab: Vocab, seed: int, out: CorruptedRows) -> None:
    """Corrupt all rows in one loop without the interpreter, as corrupt_rows says."""
    if not len(rows.starts):
        return
    longest = int(rows.lengths.max())
    if longest > MAX_LENGTH:
        raise ValueError(f"a row has {longest} tokens; compiled loops have room for {MAX_LENGTH}")
    if len({len(column) for column in rows[2:]}) > 1:
        raise ValueError(f"the columns of rows are {[len(column) for column in rows[2:]]} long; they must be as long")
    # Tables for some lengths more than are needed serve the next batches too, whose longest row is another.
    program = _program(_Same(ways.corruptions), _Same([vocab]), longest | 127)
    lens = (out.source.shape[1], out.target.shape[1])
    space, spare = _space(rows.tokens.dtype, max(lens))
    store = Rows(_bare(rows.tokens), _bare(rows.marks), *map(_own, rows[2:], _TYPES))
    if store.marks.dtype != np.uint8 or len(store.marks) != len(store.tokens):
        raise ValueError("marks must be uint8, and as many as there are tokens")
    positions = out.positions.reshape(-1) if out.positions is not None else np.empty(0, np.int32)
    flat = Flat(
        out.source.reshape(-1),
        out.target.reshape(-1),
        out.decoder_input.reshape(-1),
        positions,
        out.target_is_noise.view(np.uint8).reshape(-1),
    )
    row, outcome = compiled_loop()(
        store,
        program,
        space,
        flat,
        spare,
        lens,
        np.uint64(seed),
        (out.used_lengths, out.source_lengths, out.target_lengths),
    )
    if outcome == OUTSIDE:
        raise ValueError(f"row {row} lies outside the tokens, its epoch outside 0 .. 2^24 - 1, or it has no corruption")
    if outcome != DONE:
        _refuse(ways.corruptions[rows.parts[row]], int(rows.lengths[row]), outcome, lens, vocab)


class _Same:
    """Objects as a key by which they are: corruptions hold lists, and a feed gives the same ones each time."""

    def __init__(self, objects: Sequence[object]) -> None:
        self.objects = tuple(objects)

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.objects)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and tuple(map(id, self.objects)) == tuple(map(id, other.objects))


@lru_cache(maxsize=64)
def _program(corruptions: Any, vocab: Any, longest: int) -> Program:
    return program_of(corruptions.objects, vocab.objects[0], longest, IGNORED)


def _space(tokens: np.dtype, width: int) -> tuple[np.ndarray, Flat]:
    """Room for the work, and for one row with places to spare; each thread has its own."""
    key = (tokens, width)
    if getattr(_of_thread, "key", None) != key:
        types = (np.int32, np.int64, np.int32, np.int32, np.uint8)
        columns = [np.empty(width + 2 * WIDTH, dtype=dtype) for dtype in types]
        _of_thread.key, _of_thread.space, _of_thread.spare = key, made_space(tokens), Flat(*columns)
    return _of_thread.space, _of_thread.spare


def _bare(array: np.ndarray) -> np.ndarray:
    """The array without its subclass and read only: of all stores, the one type that the loop is compiled for."""
    bare = np.ascontiguousarray(array).view(np.ndarray)
    bare.flags.writeable = False
    return bare


def _own(array: np.ndarray, dtype: Any) -> np.ndarray:
    """The array in this type, or a copy where it is another or may not be written to, which makes a type of its own."""
    own = np.ascontiguousarray(array, dtype=dtype)
    return own if own.flags.writeable else own.copy()


def _refuse(corruption: Corruption, length: int, outcome: int, lens: tuple[int, int], vocab: Vocab) -> None:
    """Say why the loop stopped. Raises OutOfSentinels or BadCorruption."""
    if outcome == OUT_OF_SENTINELS:
        vocab.sentinel(len(vocab.sentinels))  # raises OutOfSentinels
    raise BadCorruption(
        f"a window of {length} tokens makes a longer example under {corruption.describe()} than a source of {lens[0]} "
        f"and a target of {lens[1]} tokens; give rows of fit(...) tokens, or allow more"
    )
