"""Splits where there is no official one: by the hash of a name, so that order and other rows change nothing."""

from __future__ import annotations

from collections.abc import Iterable

from data_prep.split import NUM_RANKS, text_rank


def is_scored(name: str, fraction: float) -> bool:
    """Whether what has this name is scored; else it is trained on. About `fraction` of all names are.

    >>> sum(is_scored(f"article {number}", 0.25) for number in range(1000))
    247
    """
    return text_rank(name) < fraction * NUM_RANKS


def scored_among(names: Iterable[str], fraction: float) -> frozenset[str]:
    """The names that are scored where there are few: that fraction of them, rounded, those of the lowest hashes.

    >>> sorted(scored_among(["Hoover", "Ford", "Taft", "Hayes"], 0.25))
    ['Hayes']
    """
    in_order = sorted(set(names), key=text_rank)
    return frozenset(in_order[: round(fraction * len(in_order))])
