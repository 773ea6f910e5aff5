"""What a model is given at each step: examples stacked into tensors of one shape.

Axes: B batch · S source tokens · T target tokens.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from corruptions.batch import IGNORED
from denoise.feed.counts import NoiseCounts

__all__ = ["IGNORED", "Batch"]


class Batch(NamedTuple):
    """B examples, sources padded to S tokens and targets to T."""

    source: Tensor
    """int32 [B, S]: what the encoder reads."""
    source_mask: Tensor | None
    """bool [B, S], true at tokens, false at padding. None: no row is padded, and attention needs no mask."""
    decoder_input: Tensor
    """int32 [B, T]: what the decoder reads; place t may be seen by the predictions of places t, t + 1, ..."""
    decoder_positions: Tensor
    """int32 or int64 [B, T]: the position of each place: 0, 1, 2, ... unless the objective keeps the window's."""
    target: Tensor
    """int64 [B, T]: what the decoder must say at each place; IGNORED at padding."""
    source_documents: Tensor | None = None
    """int32 [B, S]: the document of each place, counted in its row; padding is a document of its own. None: documents
    are joined, and every place sees all others."""
    target_documents: Tensor | None = None
    """int32 [B, T]: the document of each place of the decoder, by the same count."""
    target_is_noise: Tensor | None = None
    """bool [B, T], true where the target is a token that was hidden from the encoder. None: not known."""
    parts: Tensor | None = None
    """int64 [B]: the part of a mixture that corrupted each row. None: there is no mixture."""
    counts: NoiseCounts | None = None
    """What was done to the text; it stays on the CPU, so that to add it up is no synchronisation."""

    def for_model(self) -> Batch:
        """Without what the model does not read, which a compiled model would be compiled anew for."""
        return self._replace(target_is_noise=None, parts=None, counts=None)
