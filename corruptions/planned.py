"""Corruptions that say which tokens are hidden, and leave the rest to one renderer."""

from __future__ import annotations

from abc import abstractmethod

from corruptions.draws import REPLACEMENTS, Draws
from corruptions.noise import Noise, Suffix
from corruptions.plan import Counts, Plan
from corruptions.protocol import BadCorruption, Bools, Corruption, Example, Int32s, Lengths, Window, demand_rate
from corruptions.render import Said, Shown, can_restore, render, rendered_lengths, restored
from data_prep.vocab import Vocab


class PlannedCorruption(Corruption):
    """A corruption in three choices: which tokens are noise, what the encoder sees, what the decoder says.

    A subclass writes `plan` and `extremes` and sets `shown` and `said`; it gets `corrupt`, exact lengths,
    `hidden` and `restore`.

    >>> from corruptions.letters import LETTERS, letters, window_of
    >>> class HideFirstHalf(PlannedCorruption):
    ...     shown, said = Shown.MASK_A_SPAN, Said.WHOLE_TEXT
    ...     def extremes(self, window_len):
    ...         return (Counts(noise=window_len // 2, spans=1),)
    ...     def plan(self, window, draws):
    ...         window_len = len(window.tokens)
    ...         return Plan.of_spans([0], [window_len // 2], window_len=window_len)
    >>> letters(HideFirstHalf().corrupt(window_of("a b c d"), Draws(1, 0, 0), LETTERS).source)
    '_ c d .'
    >>> HideFirstHalf().longest(4)
    Lengths(source=4, target=5)
    """

    @property
    @abstractmethod
    def shown(self) -> Shown:
        """What the encoder sees of the noise."""

    @property
    @abstractmethod
    def said(self) -> Said:
        """What the decoder must say."""

    @abstractmethod
    def plan(self, window: Window, draws: Draws) -> Plan:
        """Decide what is hidden; protected tokens never are."""

    @abstractmethod
    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """The counts between which those of every window of this length lie; one, where they are exact.

        A window in which too few tokens may be hidden has fewer.
        """

    def replacements(self, plan: Plan, window: Window, draws: Draws, vocab: Vocab) -> Int32s | None:
        """What is shown for each hidden token or, under Shown.MASK_A_SPAN, for each span. None: the mask."""
        return None

    def corrupt(self, window: Window, draws: Draws, vocab: Vocab) -> Example:
        """Plan, then render. Raises OutOfSentinels."""
        plan = self.plan(window, draws)
        replacements = self.replacements(plan, window, draws.operator(REPLACEMENTS), vocab)
        return render(plan, window, vocab, self.shown, self.said, replacements=replacements)

    def longest(self, window_len: int) -> Lengths:
        """The exact lengths for a window without protected tokens, and for nearly every other.

        Protected tokens change them in two cases: where there are not enough other tokens to hide, an
        example may be of other lengths; and where documents are shorter than the spans, there may be
        more spans than were asked for, each one token more on the source, and on a target of spans.
        """
        lengths = [rendered_lengths(window_len, c, self.shown, self.said) for c in self.extremes(window_len)]
        return Lengths(max(length.source for length in lengths), max(length.target for length in lengths))

    @property
    def restores(self) -> bool:
        """Whether the text can be told from source and target."""
        return can_restore(self.shown, self.said)

    def restore(self, example: Example, vocab: Vocab) -> Int32s:
        """The tokens of the clean window, bit for bit. Raises BadCorruption unless `restores`."""
        if not self.restores:
            raise BadCorruption(
                f"{self.describe()} does not keep its text: source and target together do not tell it; "
                "use a corruption whose `restores` is true"
            )
        return restored(example, vocab, self.said)

    def hidden(self, window: Window, draws: Draws, vocab: Vocab) -> Bools:
        """bool[window]: the tokens that the encoder does not see."""
        return self.plan(window, draws).hidden()


class NoisyCorruption(PlannedCorruption):
    """A planned corruption whose first choice is one of the laws of noise.

    A subclass sets `shown` and `said` and makes `noise` of its options, whose laws say what they may be.
    """

    def __post_init__(self) -> None:
        if hasattr(self, "rate"):  # named after the class that was given it, and not after its noise
            demand_rate(self)
        self.noise  # noqa: B018, is made now, so that options that make none are refused at once

    @property
    @abstractmethod
    def noise(self) -> Noise:
        """Which tokens are hidden."""

    def plan(self, window: Window, draws: Draws) -> Plan:
        """What the noise hides."""
        return self.noise.plan(window, draws)

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        """Hidden tokens and spans."""
        return self.noise.extremes(window_len)

    @property
    def hides_protected(self) -> bool:  # type: ignore[override]
        """Where its noise does."""
        return self.noise.hides_protected

    @property
    def restores(self) -> bool:
        """Whether the text can be told from source and target; dropped tokens only where they are a suffix."""
        is_told = self.said is Said.NOISE and self.shown is Shown.NOTHING and isinstance(self.noise, Suffix)
        return is_told or can_restore(self.shown, self.said)
