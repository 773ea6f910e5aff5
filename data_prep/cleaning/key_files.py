"""Columns on disk, sorted by a 64-bit key, of which a range of keys is read without the rest.

A file is, in little-endian numbers:

    header    magic 8 bytes · num_rows u64 · CRC-32 of the columns' names and types u32 · of the index u32
    index     for each block of 4,096 rows: its first key u64; then for each block: CRC-32 of its rows u32
    columns   one after the other, the key first, num_rows values each

So its length follows from num_rows; what is missing, and any bit that has changed, is found when it is read.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_prep.errors import BadInput
from data_prep.files import write_whole

Columns = tuple[tuple[str, str], ...]
"""Name and NumPy type of each column; the first is the key, `<u8`."""

_HEADER = struct.Struct("<8sQII")
_MAGIC = b"denoise\x01"
_BLOCK_ROWS = 4096
_INDEX_BYTES = 12


class BadKeyFile(BadInput):
    """A file of keys that is missing, cut short, changed or of another kind."""


def write_columns(path: Path, columns: Columns, values: Sequence[npt.ArrayLike]) -> None:
    """Write columns of equal length, sorted by the first of them; rows of one key stay in their order.

    >>> import tempfile
    >>> path, columns = Path(tempfile.mkdtemp()) / "keys", (("key", "<u8"), ("page", "<u4"))
    >>> write_columns(path, columns, [[30, 10, 20, 10], [0, 1, 2, 3]])
    >>> [column.tolist() for column in read_range(path, columns, 10, 30)]
    [[10, 10, 20], [1, 3, 2]]
    """
    arrays = [np.asarray(column, dtype=kind) for (_, kind), column in zip(columns, values, strict=True)]
    keys, num_rows = arrays[0], len(arrays[0])
    if any(array.shape != (num_rows,) for array in arrays):
        raise ValueError(f"columns of different lengths: {[array.shape for array in arrays]}")
    if np.any(keys[1:] < keys[:-1]):
        order = np.argsort(keys, kind="stable")
        arrays = [array[order] for array in arrays]
    arrays = [np.ascontiguousarray(array) for array in arrays]
    checksums = np.array([_checksum(arrays, at) for at in range(0, num_rows, _BLOCK_ROWS)], dtype="<u4")
    index = np.ascontiguousarray(arrays[0][::_BLOCK_ROWS]).tobytes() + checksums.tobytes()
    header = _HEADER.pack(_MAGIC, num_rows, _kind(columns), zlib.crc32(index))
    write_whole(path, b"".join([header, index, *(array.view(np.uint8).data for array in arrays)]))


def read_range(path: Path, columns: Columns, low: int, high: int) -> list[npt.NDArray]:
    """The columns of the rows with `low` <= key < `high`, which may be 2**64. Raises BadKeyFile.

    Nothing is mapped into memory: a process holds what it asked for and the index, 12 bytes for 4,096 rows.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            num_rows, first_keys, checksums = _opened(file, columns, path)
            first_block = max(first_at_least(first_keys, low) - 1, 0)
            end_block = max(first_at_least(first_keys, high), first_block)
            start, end = first_block * _BLOCK_ROWS, min(end_block * _BLOCK_ROWS, num_rows)
            arrays, at = [], _HEADER.size + len(first_keys) * _INDEX_BYTES
            for _, kind in columns:
                width = np.dtype(kind).itemsize
                file.seek(at + start * width)
                arrays.append(np.fromfile(file, kind, end - start))
                at += num_rows * width
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    if any(len(array) != end - start for array in arrays):
        raise _damaged(path, "it is shorter than it says")
    for number, at in enumerate(range(0, end - start, _BLOCK_ROWS), first_block):
        if _checksum(arrays, at) != checksums[number]:
            raise _damaged(path, f"rows from {number * _BLOCK_ROWS} on are not what was written")
    inside = slice(first_at_least(arrays[0], low), first_at_least(arrays[0], high))
    return [array[inside] for array in arrays]


def rows_in(path: Path, columns: Columns) -> int:
    """How many rows a file holds, by its header. Raises BadKeyFile."""
    try:
        with open(path, "rb", buffering=0) as file:
            return _opened(file, columns, path)[0]
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None


def first_at_least(sorted_keys: npt.NDArray, key: int) -> int:
    """Where in sorted keys the first stands that is not below `key`; their number if there is none.

    >>> [first_at_least(np.array([5, 5, 9], dtype=np.uint64), key) for key in (5, 6, 2**64)]
    [0, 2, 3]
    """
    return len(sorted_keys) if key >= 2**64 else int(np.searchsorted(sorted_keys, np.uint64(key)))


def _opened(file: FileIO, columns: Columns, path: Path) -> tuple[int, npt.NDArray, npt.NDArray]:
    """Rows, the first key and the checksum of each block."""
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise _damaged(path, "it is shorter than its header")
    magic, num_rows, kind, index_checksum = _HEADER.unpack(head)
    if (magic, kind) != (_MAGIC, _kind(columns)):
        raise _damaged(path, "it is a file of another kind")
    num_blocks = -(-num_rows // _BLOCK_ROWS)
    row_bytes = sum(np.dtype(kind).itemsize for _, kind in columns)
    expected_bytes = _HEADER.size + num_blocks * _INDEX_BYTES + num_rows * row_bytes
    found_bytes = os.fstat(file.fileno()).st_size
    if found_bytes != expected_bytes:
        raise _damaged(path, f"it has {found_bytes:,} bytes, not {expected_bytes:,}")
    index = file.read(num_blocks * _INDEX_BYTES)
    if zlib.crc32(index) != index_checksum:
        raise _damaged(path, "its index is not what was written")
    keys_bytes = 8 * num_blocks
    return num_rows, np.frombuffer(index[:keys_bytes], "<u8"), np.frombuffer(index[keys_bytes:], "<u4")


def _checksum(arrays: Sequence[npt.NDArray], at: int) -> int:
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(array[at : at + _BLOCK_ROWS].view(np.uint8).data, checksum)
    return checksum


def _kind(columns: Columns) -> int:
    return zlib.crc32(repr(columns).encode())


def _damaged(path: Path, what: str) -> BadKeyFile:
    return BadKeyFile(f"{path} cannot be used ({what}); delete it and run the same command again, which makes it anew")
