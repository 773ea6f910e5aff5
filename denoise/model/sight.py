"""What queries may look at, worked out once for all layers of a stack, in the form that its attention kernel takes.

Plain attention (PyTorch's scaled_dot_product_attention) is fastest where nothing but the order of places limits it:
rope in rows without padding. Everything else needs a mask or a bias, which sends plain attention to slow kernels and
keeps [B, H, T, S] numbers in memory. FlexAttention computes them inside the kernel; it is taken on a GPU, compiled.

Axes: B batch · T queries · S keys · H heads · K head width.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from denoise.model.positions import Rotation, laid_out


class View(NamedTuple):
    """Which places there are, and what is between them."""

    num_queries: int
    num_keys: int
    first_query: int = 0
    """The place among the keys at which the queries start."""
    looks_ahead: bool = True
    """Whether a query sees keys behind its own place."""
    key_mask: Tensor | None = None
    """bool [B, S], true at keys that are tokens. None: all are."""
    documents: tuple[Tensor, Tensor] | None = None
    """int32 [B, T] and [B, S]: a query sees only keys of its own document. None: it sees those of all."""
    by_distance: Tensor | None = None
    """[H, T + S - 1]: what is added to scores, from the farthest key before its query to the farthest behind it."""


class Flexible(NamedTuple):
    """What FlexAttention is told."""

    block_mask: Any
    """Its BlockMask, or None where all keys are seen."""
    by_distance: Tensor | None
    """As in View."""


class Sight(NamedTuple):
    """What the queries of a stack may look at, and how far away it is; made once for all its layers."""

    mask: Tensor | None = None
    """[B or 1, H or 1, T or 1, S]: bool, true where a query may look, or float, added to the scores."""
    is_causal: bool = False
    """Query t sees keys 0 .. t; never together with a mask, which would keep the fast kernels away."""
    rotation: Rotation | None = None
    """Turns queries, and keys with them unless the keys come from another stack."""
    flexible: Flexible | None = None
    """FlexAttention instead, of which mask and is_causal know nothing."""


def sight_of(view: View, device: torch.device, *, rotation: Rotation | None = None, dropout: float = 0.0) -> Sight:
    """A view as the kernel for this device takes it; FlexAttention has no dropout."""
    if is_plain(view):
        return Sight(is_causal=not view.looks_ahead and view.num_queries > 1, rotation=rotation)
    if flex_is_fast_on(device) and not dropout:
        return Sight(rotation=rotation, flexible=Flexible(_block_mask(view, device), view.by_distance))
    return Sight(mask=_mask(view, device), rotation=rotation)


def is_plain(view: View) -> bool:
    """Whether nothing but the order of places limits what is seen."""
    sees_the_past = not view.looks_ahead and view.first_query > 0 and view.num_queries > 1
    return view.key_mask is None and view.documents is None and view.by_distance is None and not sees_the_past


def flex_is_fast_on(device: torch.device) -> bool:
    """Only compiled it is a kernel of its own, and only a GPU has the backward pass of it."""
    return device.type == "cuda" and torch.compiler.is_compiling()


def attend_flexibly(q: Tensor, k: Tensor, v: Tensor, flexible: Flexible, scale: float) -> Tensor:
    """Mix values [B, H, S, K] by the likeness of queries [B, H, T, K] and keys, into [B, H, T, K]."""
    by_distance = flexible.by_distance
    nearest = q.shape[2] - 1  # where distance 0 - first_query stands in by_distance, for the last query

    def biased(score: Tensor, row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        assert by_distance is not None
        return score + by_distance[head, key - query + nearest]

    mixed = flex_attention(
        q, k, v, score_mod=biased if by_distance is not None else None, block_mask=flexible.block_mask, scale=scale
    )
    assert isinstance(mixed, Tensor)
    return mixed


def _block_mask(view: View, device: torch.device) -> Any:
    """Blocks of 128 × 128 that are seen whole, in part or not at all; None where all are."""
    if view.looks_ahead and view.key_mask is None and view.documents is None:
        return None

    def visible(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = key >= 0
        if not view.looks_ahead:
            seen = seen & (key <= query + view.first_query)
        if view.key_mask is not None:
            seen = seen & view.key_mask[row, key]
        if view.documents is not None:
            queries, keys = view.documents
            seen = seen & (queries[row, query] == keys[row, key])
        return seen

    num_rows = next((len(of_rows) for of_rows in (view.key_mask, *(view.documents or ())) if of_rows is not None), None)
    return create_block_mask(visible, num_rows, None, view.num_queries, view.num_keys, device=str(device))


def _mask(view: View, device: torch.device) -> Tensor | None:
    """The same as numbers for plain attention: bool, or float where there is a bias."""
    visible = None
    if view.documents is not None:
        queries, keys = view.documents
        visible = (queries[:, :, None] == keys[:, None, :])[:, None]
    if view.key_mask is not None:
        mask = view.key_mask[:, None, None, :]
        visible = mask if visible is None else visible & mask
    if not view.looks_ahead and view.num_queries > 1:  # a single token is the last and may look at all there is
        order = no_looking_ahead(view.num_queries, view.num_keys, device)
        visible = order if visible is None else visible & order
    if view.by_distance is None:
        return visible
    bias = laid_out(view.by_distance, view.num_keys)
    return bias if visible is None else bias.masked_fill(~visible, -torch.inf)


def no_looking_ahead(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """bool [T, S] for the last T of S places: true where they may look.

    >>> no_looking_ahead(2, 3, torch.device("cpu"))
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(num_keys - num_queries)
