"""Several corruptions as one: the text is moved about first, then tokens are hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from corruptions.draws import Draws
from corruptions.ordering import Ordering
from corruptions.plan import Counts, Plan
from corruptions.planned import PlannedCorruption
from corruptions.protocol import BadCorruption, Corruption, Int32s, Window
from corruptions.render import Said, Shown
from data_prep.vocab import Vocab


@dataclass(frozen=True, kw_only=True)
class Chain(PlannedCorruption):
    """Orderings, and then at most one step that hides tokens of the moved text.

    >>> from corruptions import SentencePermutation, TextInfilling
    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> bart = Chain(steps=[SentencePermutation(), TextInfilling(rate=0.3)])
    >>> example = bart.corrupt(window_of("a b c, d e f, g h i,"), Draws(2, 0, 0), LETTERS)
    >>> letters(example.source), letters(example.target)
    ('g h i _ d e f .', 'a b c d e f g h i .')

    Orderings come first wherever they stand in the list, and each step draws from a stream of its own.
    A target of the whole text is the text in its own order. A target of spans or of a fragment follows
    the order that the encoder reads, positions included; then the text cannot be restored.
    """

    steps: list[Corruption]
    """One corruption or more; at most one may hide tokens, and a Chain is no step."""

    def __post_init__(self) -> None:
        if not self.steps:
            raise BadCorruption("steps of Chain is empty; give at least one corruption")
        unplanned = [step for step in self.steps if not isinstance(step, PlannedCorruption) or isinstance(step, Chain)]
        if unplanned:
            raise BadCorruption(
                f"steps of Chain holds {type(unplanned[0]).__name__}, which makes whole examples and cannot "
                "be one step of several; use corruptions that plan what they hide, and list the steps of an "
                "inner Chain in the outer one"
            )
        if len(self.noise_steps) > 1:
            names = " and ".join(type(step).__name__ for step in self.noise_steps)
            raise BadCorruption(
                f"steps of Chain holds {names}, which both hide tokens, and a text can be hidden only once; "
                "keep one of them"
            )

    @cached_property
    def noise_steps(self) -> list[PlannedCorruption]:
        """The step that hides tokens, if there is one."""
        return [s for s in self.steps if isinstance(s, PlannedCorruption) and not isinstance(s, Ordering)]

    @cached_property
    def orderings(self) -> list[Ordering]:
        """The steps that move the text."""
        return [step for step in self.steps if isinstance(step, Ordering)]

    @property
    def _last(self) -> PlannedCorruption:
        """The step that decides what is shown and said: the one that hides tokens, if there is one."""
        return self.noise_steps[0] if self.noise_steps else self.orderings[-1]

    @property
    def shown(self) -> Shown:
        """What the encoder sees of the noise."""
        return self._last.shown

    @property
    def said(self) -> Said:
        """What the decoder must say."""
        return self._last.said

    @property
    def restores(self) -> bool:
        """Whether the text can be told from source and target."""
        return self._last.restores and (self.said is Said.WHOLE_TEXT or not self.orderings)

    @property
    def hides_protected(self) -> bool:  # type: ignore[override]
        """Where the step that hides tokens does."""
        return self._last.hides_protected

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """Hidden tokens and spans: those of the step that hides tokens."""
        return self._last.extremes(window_len)

    def plan(self, window: Window, draws: Draws) -> Plan:
        """Move the text, then plan the noise on the moved text."""
        order = np.arange(len(window.tokens), dtype=np.int32)
        plan = Plan.of_spans([], [], window_len=len(window.tokens))
        for number, step in enumerate([*self.orderings, *self.noise_steps]):
            plan = step.plan(Window(*(column[order] for column in window)), draws.operator(number))
            order = order if plan.order is None else order[plan.order]
        return replace(plan, order=order)

    def replacements(self, plan: Plan, window: Window, draws: Draws, vocab: Vocab) -> Int32s | None:
        """Those of the step that hides tokens."""
        return self._last.replacements(plan, window, draws, vocab)

    def describe(self) -> str:
        """The names of the steps in the order in which they are done."""
        return " then ".join(step.describe() for step in [*self.orderings, *self.noise_steps])
