"""Which document each place of a batch belongs to, so that attention can keep documents apart.

A document ends with eos, which is never noise and which no ordering moves: the documents of a source are counted by
its ends. Those of a target follow from what the decoder says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from corruptions import Corruption, Prefixed
from corruptions.batch import CorruptedRows
from corruptions.planned import PlannedCorruption
from corruptions.protocol import BadCorruption
from corruptions.render import Said
from data_prep.vocab import Vocab

PADDING = -1
"""The document of a source's padding: no place of another document sees it."""

_TOLD = (Said.WHOLE_TEXT, Said.SPANS, Said.FRAGMENT)


class Documents(NamedTuple):
    """The documents of the rows of a batch, each row counting from 0."""

    source: np.ndarray
    """int32 [B, S]; PADDING behind the end."""
    target: np.ndarray
    """int32 [B, T]: of each place of the decoder; that of the end behind it."""


def demand_apart(part: Corruption) -> None:
    """Raise BadCorruption unless the documents of its examples can be told."""
    inner = part.corruption if isinstance(part, Prefixed) else part
    if not isinstance(inner, PlannedCorruption):
        why = "makes whole examples, of which it does not say where a token comes from"
    elif inner.hides_protected:
        why = "hides the ends of documents, so that some would have nothing to read"
    elif inner.said not in _TOLD:
        why = "says hidden tokens one after another, which do not tell where they stood"
    else:
        return
    raise BadCorruption(f"documents cannot be kept apart under {part.describe()}: it {why}; give documents=joined")


def documents_of(out: CorruptedRows, parts: Sequence[Corruption], part_of: np.ndarray, vocab: Vocab) -> Documents:
    """The documents of corrupted rows, whose corruptions are parts[part_of] and pass `demand_apart`."""
    source = _ends_before(out.source == vocab.eos)
    rows = np.arange(len(source))
    last = source[rows, out.source_lengths - 1]  # of the end itself, behind the last document
    source[np.arange(source.shape[1]) >= out.source_lengths[:, None]] = PADDING
    target: np.ndarray = np.empty(out.target.shape, dtype=np.int32)
    for number, part in enumerate(parts):
        own = np.flatnonzero(part_of == number)
        if len(own):
            target[own] = _of_targets(part, out, source, own, vocab)
    is_behind = np.arange(target.shape[1]) >= out.target_lengths[:, None]
    np.minimum(target, last[:, None], out=target)
    np.copyto(target, last[:, None], where=is_behind)
    return Documents(source, target)


def start_anew(out: CorruptedRows, documents: Documents, pad: int) -> None:
    """Let the decoder start every document with pad, as it starts a row: what stood there is another document's."""
    starts = documents.target[:, 1:] != documents.target[:, :-1]
    out.decoder_input[:, 1:][starts] = pad


def _of_targets(part: Corruption, out: CorruptedRows, source: np.ndarray, rows: np.ndarray, vocab: Vocab) -> np.ndarray:
    """int32 [rows, T], anything at and behind a target's end."""
    inner = part.corruption if isinstance(part, Prefixed) else part
    assert isinstance(inner, PlannedCorruption)
    target, of_source = out.target[rows], source[rows]
    if inner.said is Said.WHOLE_TEXT:
        return _ends_before(target == vocab.eos)
    if inner.said is Said.FRAGMENT:
        assert out.positions is not None
        head = 1 if isinstance(part, Prefixed) else 0
        places = np.minimum(out.positions[rows] + head, source.shape[1] - 1)
        return np.take_along_axis(of_source, places.astype(np.int64), axis=1)
    # The k-th sentinel of the target is the k-th of the source; what is said belongs where the sentinel stands.
    spans = _counted(_is_sentinel(target, vocab))
    marks = _is_sentinel(out.source[rows], vocab)
    numbers = _counted(marks)
    most = max(int(spans.max(initial=0)), int(numbers.max(initial=0)))
    of_span = np.full((len(rows), most + 1), np.iinfo(np.int32).max, dtype=np.int32)
    row, place = np.nonzero(marks)
    of_span[row, numbers[row, place]] = of_source[row, place]
    of_targets = np.take_along_axis(of_span, spans, axis=1)
    ends = out.target_lengths[rows] - 1
    of_targets[np.arange(len(rows)), ends] = np.iinfo(np.int32).max  # the end of the row, not of the last span
    return of_targets


def _ends_before(is_end: np.ndarray) -> np.ndarray:
    """int32: how many ends stand before each place of a row."""
    counts = np.cumsum(is_end, axis=1, dtype=np.int32)
    counts -= is_end
    return counts


def _counted(is_mark: np.ndarray) -> np.ndarray:
    """int64: the number of the last mark up to each place, the first being 1; 0 before it."""
    return np.cumsum(is_mark, axis=1, dtype=np.int64)


def _is_sentinel(ids: np.ndarray, vocab: Vocab) -> np.ndarray:
    first, last = min(vocab.sentinels), max(vocab.sentinels)
    if last - first + 1 == len(vocab.sentinels):
        found: np.ndarray = (ids >= first) & (ids <= last)
        return found
    return np.isin(ids, vocab.sentinels)
