"""BERT's and BART's token masking: single tokens give way to a mask or to another token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from corruptions.draws import Draws
from corruptions.noise import Tokens, number
from corruptions.plan import Counts, Plan, exact, num_noise_tokens, rounded, rounded_share
from corruptions.planned import NoisyCorruption
from corruptions.protocol import BadCorruption, Int32s, Window, demand
from corruptions.render import Said, Shown
from corruptions.schedules import Schedule
from data_prep.vocab import Vocab


@dataclass(frozen=True, kw_only=True)
class TokenMasking(NoisyCorruption):
    """Single tokens are shown as a mask or as another token; the decoder says the whole text.

    >>> from corruptions import Draws
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> window = window_of("a b c d e f g h i j k l m n o p q r s t")
    >>> example = TokenMasking(rate=0.5).corrupt(window, Draws(1, 0, 0), LETTERS)
    >>> letters(example.source)
    'a b c d _ f g h _ j _ f _ n _ _ _ _ s t .'

    The numbers of masked, replaced and unchanged tokens are exact in every window. A chosen token that
    stays as it is is not hidden: it is not noise, so that the defaults hide 13.5 % of a text. Another
    token is a uniform one of the vocabulary's text ids, never the token itself and never a special id.

    Source: Devlin et al.: BERT (2019), 3.1, with the whole text as target, as in Raffel et al.: T5
    (2020), 3.3.1; Lewis et al.: BART (2020), 2.2, shows only masks: mask_fraction 1, random_fraction 0.
    """

    rate: float | Schedule = 0.15
    """Fraction of the tokens that are chosen; above 0 and below 1."""
    mask_fraction: float = 0.8
    """Fraction of the chosen tokens that are shown as the mask; 0 to 1."""
    random_fraction: float = 0.1
    """Fraction of the chosen tokens that are shown as another token; 0 to 1. The rest stays as it is."""
    whole_words: bool = False
    """Choose words and no parts of words, where the number of tokens can be kept."""

    shown = Shown.MASK_EACH
    said = Said.WHOLE_TEXT

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("mask_fraction", "random_fraction"):
            demand(self, field, lambda fraction: 0 <= fraction <= 1, "from 0 to 1")
        if not 0 < exact(self.mask_fraction) + exact(self.random_fraction) <= 1:
            raise BadCorruption(
                f"mask_fraction {self.mask_fraction} and random_fraction {self.random_fraction} of "
                "TokenMasking must add up to more than 0 and at most 1; lower or raise one of them"
            )

    @cached_property
    def noise(self) -> Tokens:
        """The chosen tokens, those that stay as they are among them."""
        return Tokens(rate=self.rate, whole_words=self.whole_words)

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """Masked and replaced tokens; each counts as a span."""
        num_noise = sum(self.masked_and_replaced(window_len))
        return (Counts(num_noise, num_noise),)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Hide tokens, each set of them equally likely."""
        return self.noise.of_tokens(self.extremes(len(window.tokens))[0].noise, window, draws)

    def replacements(self, plan: Plan, window: Window, draws: Draws, vocab: Vocab) -> Int32s:
        """Masks, and for a random few of the noise tokens another text id."""
        shown = np.full(plan.num_noise, vocab.mask, dtype=np.int32)
        num_masked, num_replaced = self.masked_and_replaced(len(window.tokens))
        if num_replaced == 0:
            return shown
        self.demand_other_ids(vocab)
        clean = window.tokens[plan.noise_positions()]
        first = vocab.text_ids.start
        for place in draws.choose(len(shown), max(len(shown) - num_masked, 0)).tolist():
            own = int(clean[place])
            if own in vocab.text_ids:
                other = first + draws.below(len(vocab.text_ids) - 1)
                shown[place] = other + (other >= own)
            else:
                shown[place] = first + draws.below(len(vocab.text_ids))
        return shown

    def demand_other_ids(self, vocab: Vocab) -> None:
        """Raise BadCorruption where another token is to be shown and the vocabulary has none."""
        if self.random_fraction and len(vocab.text_ids) < 2:
            raise BadCorruption(
                f"random_fraction of TokenMasking is {self.random_fraction}, but the vocabulary has "
                f"{len(vocab.text_ids)} text ids and no other token to show; set it to 0"
            )

    def masked_and_replaced(self, window_len: int) -> tuple[int, int]:
        """Tokens of a window that are shown as the mask, and as another token."""
        num_chosen = num_noise_tokens(window_len, number(self.rate))
        hidden = (exact(self.mask_fraction) + exact(self.random_fraction)) * num_chosen
        num_hidden = rounded(hidden.numerator, hidden.denominator)
        num_masked = min(rounded_share(self.mask_fraction, num_chosen), num_hidden)
        return num_masked, num_hidden - num_masked
