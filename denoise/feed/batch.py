"""What a model is given at each step: examples stacked into tensors of one shape.

Axes: B batch · S source tokens · T target tokens.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

IGNORED = -100
"""The target id of a place where nothing is to be predicted: the padded end of a short target."""


class Batch(NamedTuple):
    """B examples, sources padded to S tokens and targets to T."""

    source: Tensor
    """int64 [B, S]: what the encoder reads."""
    source_mask: Tensor | None
    """bool [B, S], true at tokens, false at padding. None: no row is padded, and attention needs no mask."""
    decoder_input: Tensor
    """int64 [B, T]: what the decoder reads; place t may be seen by the predictions of places t, t + 1, ..."""
    decoder_positions: Tensor
    """int64 [B, T]: the position of each place: 0, 1, 2, ... unless the objective keeps the window's."""
    target: Tensor
    """int64 [B, T]: what the decoder must say at each place; IGNORED at padding."""
    target_is_noise: Tensor | None = None
    """bool [B, T], true where the target is a token that was hidden from the encoder. None: not known."""
    num_cut_tokens: int = 0
    """Window tokens left out of the batch, where document ends left no room for the noise that was asked for."""
