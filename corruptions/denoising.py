"""Any noise, shown and said in any way that makes sense: the objective algebra, free."""

from __future__ import annotations

from dataclasses import dataclass

from corruptions.noise import Noise, Suffix
from corruptions.planned import NoisyCorruption
from corruptions.protocol import BadCorruption
from corruptions.render import Said, Shown
from corruptions.spans import Spans


@dataclass(frozen=True, kw_only=True)
class Denoising(NoisyCorruption):
    """Three choices freely combined; those that make no sense are refused.

    >>> from corruptions import Draws, Tokens
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> drop = Denoising(noise=Tokens(rate=0.4), shown=Shown.NOTHING, said=Said.NOISE)
    >>> example = drop.corrupt(window_of("a b c d e f g h i j"), Draws(1, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target), drop.restores
    ('a b c d e i .', 'f g h j .', False)

    Whether the text can be told from source and target stands in `restores`.

    Source: Raffel et al.: T5 (2020), 3.3, compares objectives in these terms.
    """

    noise: Noise = Spans()
    """Which tokens are hidden: Tokens, Spans, Fragment or Suffix."""
    shown: Shown = Shown.SENTINEL_A_SPAN
    """What the encoder sees in their place."""
    said: Said = Said.SPANS
    """What the decoder must say."""

    def __post_init__(self) -> None:
        demand_sense(self)


def demand_sense(corruption: NoisyCorruption) -> None:
    """Raise BadCorruption for choices that contradict each other."""
    noise, shown, said = corruption.noise, corruption.shown, corruption.said
    name = type(corruption).__name__
    if said is Said.SPANS and shown is not Shown.SENTINEL_A_SPAN:
        raise BadCorruption(
            f"{name} says spans, each behind its sentinel, but shows {shown.value}, so that no sentinel tells where "
            "they belong; show SENTINEL_A_SPAN, or say NOISE"
        )
    if said is Said.FRAGMENT and shown is not Shown.MASK_EACH:
        raise BadCorruption(
            f"{name} says a fragment at its own positions, but shows {shown.value}, so that the source has other "
            "positions; show MASK_EACH"
        )
    has_empty_spans = isinstance(noise, Spans) and noise.law.has_empty_spans
    if has_empty_spans and shown in (Shown.MASK_EACH, Shown.NOTHING):
        raise BadCorruption(
            f"{name} has spans of no tokens, which nothing shows under {shown.value}; "
            "show MASK_A_SPAN, or take another law of lengths"
        )
    if said is Said.FRAGMENT and isinstance(noise, Suffix):
        raise BadCorruption(
            f"{name} masks a suffix, document ends and all, where a fragment has none; say NOISE, or take Fragment"
        )
