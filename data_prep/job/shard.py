"""What a task writes of the pages of its unit, and what later tasks read: no text leaves the shard it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_prep.cleaning.verdicts import LINE_REASONS, Document
from data_prep.pages import Page

DOCUMENTS_FILE, DROPPED_FILE = "documents.arrow", "dropped.arrow"
VERDICTS_FILE = "verdicts.npy"
COPIES_FILE, LINES_FILE, NEAR_FILE = "copies.keys", "lines.keys", "near.keys"

_BATCH_CHARS = 1 << 22
"""Rows are gathered until their texts have so many characters; memory does not grow with the unit."""

COMMON = (("url", pa.string()), ("time", pa.string()), ("text", pa.large_string()), ("source", pa.string()))
_FIELD_OF = {reason: reason.replace(" ", "_") for reason in LINE_REASONS}
CUT = pa.struct([(field, pa.int32()) for field in _FIELD_OF.values()])
"""How many lines, or sentences, were cut from a document, by reason."""

DOCUMENTS = pa.schema([("page", pa.uint32()), *COMMON, ("cut", CUT), ("keys", pa.list_(pa.uint64()))])
DROPPED = pa.schema([("page", pa.uint32()), *COMMON, ("reason", pa.string())])


class Rows:
    """Rows with a text on their way to a file, in batches."""

    def __init__(self, writer: Any, schema: pa.Schema) -> None:
        """`writer` is a writer of pyarrow's, for Arrow or for Parquet."""
        self._writer, self._schema = writer, schema
        self._rows: list[Mapping[str, Any]] = []
        self._num_chars = 0
        self.num_rows = 0

    @classmethod
    def arrow(cls, path: Path, schema: pa.Schema) -> Rows:
        """Into an Arrow stream, as it is; by this thread, for a task has one core."""
        options = pa.ipc.IpcWriteOptions(use_threads=False)
        return cls(pa.ipc.new_stream(path, schema, options=options), schema)

    @classmethod
    def parquet(cls, path: Path, schema: pa.Schema) -> Rows:
        """Into a Parquet file."""
        from pyarrow import parquet

        # No text comes twice, and none is looked up by its order.
        few = [name for name in schema.names if name in ("source", "language", "split", "reason")]
        writer = parquet.ParquetWriter(
            path, schema, compression="zstd", compression_level=1, use_dictionary=few, write_statistics=few
        )
        return cls(writer, schema)

    def add(self, **row: Any) -> None:
        """Append a row."""
        self._rows.append(row)
        self.num_rows += 1
        self._num_chars += len(row["text"])
        if self._num_chars > _BATCH_CHARS:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, self._schema))
        self._rows.clear()
        self._num_chars = 0


def batches_in(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of an Arrow stream, in the batches in which they were written."""
    with pa.ipc.open_stream(path, options=pa.ipc.IpcReadOptions(use_threads=False)) as batches:
        for batch in batches:
            yield batch.to_pylist()


def document_of(row: Mapping[str, Any]) -> Document:
    """A row of documents.arrow as what the rules left of a page."""
    return Document(url=row["url"], time=row["time"], text=row["text"])


def common(page: Page | Document, text: str, source: str) -> dict[str, str]:
    """What all rows say of a page."""
    return {"url": page.url, "time": page.time, "text": text, "source": source}


def cut_row(cut: Mapping[str, int], before: Mapping[str, int] | None = None) -> dict[str, int]:
    """Counts as a value of CUT, added to what was cut `before`, which is one already.

    >>> row = cut_row({"few words": 1}, before=cut_row({"few words": 2, "long word": 1}))
    >>> row["few_words"], row["long_word"], row["policy"]
    (3, 1, 0)
    """
    return {field: cut.get(reason, 0) + (before[field] if before else 0) for reason, field in _FIELD_OF.items()}
