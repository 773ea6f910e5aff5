"""When a run has gone astray: what counts as a spike, and what is done then; no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from data_prep.errors import BadInput

MOST_SKIPPED_IN_A_ROW = 10
"""So many steps without a finite gradient are no accident: the weights themselves are broken."""
_MEMORY_STEPS = 50


class BadWatch(BadInput):
    """Options of the watch that make no sense."""


@dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """What is done when the loss or the gradient goes astray; a run that does not is the same under all of them."""

    on_nonfinite: Literal["stop", "skip"] = "stop"
    """If the loss or the gradient is inf or nan. stop: the run ends, and its last checkpoint is from before that
    step. skip: the gradient of the step counts as zero and the run goes on, up to ten such steps in a row."""
    on_spike: Literal["stop", "warn"] = "stop"
    """If the loss jumps. stop: the run ends. warn: one line, and it goes on."""
    spike_nats: float = 3.0
    """A jump is a loss so far above the lowest that its running mean over some 50 steps has been, in nats a
    token; above 0, and .inf for never."""

    def __post_init__(self) -> None:
        if self.on_nonfinite not in ("stop", "skip"):
            raise BadWatch(f"on_nonfinite is {self.on_nonfinite!r}; choose stop or skip")
        if self.on_spike not in ("stop", "warn"):
            raise BadWatch(f"on_spike is {self.on_spike!r}; choose stop or warn")
        if not self.spike_nats > 0:
            raise BadWatch(f"spike_nats is {self.spike_nats}; it must be above 0, and .inf for never")


class Trouble(NamedTuple):
    """A step at which a run went astray."""

    step: int
    """Counted from 1, as in metrics.jsonl."""
    loss: float
    """Nats a token."""
    gradient_norm: float
    """Before clipping."""
    usual_loss: float
    """The lowest that the running mean of the loss had been; inf before the first step."""
    stops: bool
    """Whether the run ends here."""
    are_weights_broken: bool = False
    """Whether it is not this step alone: so many were left out in a row that the weights must be broken."""

    @property
    def is_nonfinite(self) -> bool:
        """Whether a number was inf or nan."""
        return not (math.isfinite(self.loss) and math.isfinite(self.gradient_norm))

    @property
    def words(self) -> str:
        """What happened, in words."""
        if self.is_nonfinite:
            return (
                f"step {self.step}: the loss is {self.loss:.4g} and the norm of the gradient {self.gradient_norm:.4g}"
            )
        return (
            f"step {self.step}: the loss is {self.loss:.3f}, {self.loss - self.usual_loss:.2f} nats above the lowest "
            f"mean so far, {self.usual_loss:.3f} (norm of the gradient {self.gradient_norm:.4g})"
        )


class LossWatch:
    """Sees every step once, in order; what it says of a step depends on the steps before, not on when it is asked.

    >>> watch = LossWatch(WatchConfig(spike_nats=2.0))
    >>> [watch.see(step, loss, gradient_norm=1.0) for step, loss in enumerate([6.0, 5.0, 5.5], start=1)]
    [None, None, None]
    >>> print(watch.see(4, 8.5, 1.0).words)
    step 4: the loss is 8.500, 3.00 nats above the lowest mean so far, 5.500 (norm of the gradient 1)
    """

    def __init__(self, config: WatchConfig) -> None:
        self.config = config
        self.num_skipped = 0
        self._num_seen = 0
        self._mean = 0.0
        self._lowest = math.inf
        self._skipped_in_a_row = 0
        self._is_high = False  # one jump is told once, however long the loss stays up

    def see(self, step: int, loss: float, gradient_norm: float) -> Trouble | None:
        """The trouble that began at this step."""
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
            return self._nonfinite(step, loss, gradient_norm)
        self._skipped_in_a_row = 0
        was_high, self._is_high = self._is_high, loss > self._lowest + self.config.spike_nats
        if self._is_high:
            told = Trouble(step, loss, gradient_norm, self._lowest, stops=self.config.on_spike == "stop")
            return None if was_high else told
        self._num_seen += 1
        self._mean += (loss - self._mean) / min(self._num_seen, _MEMORY_STEPS)
        self._lowest = min(self._lowest, self._mean)
        return None

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to judge as the unbroken one does."""
        return {name: value for name, value in vars(self).items() if name != "config"}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        vars(self).update(state)

    def _nonfinite(self, step: int, loss: float, gradient_norm: float) -> Trouble:
        self._skipped_in_a_row += 1
        self.num_skipped += 1
        are_weights_broken = self._skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW
        stops = self.config.on_nonfinite == "stop" or are_weights_broken
        return Trouble(step, loss, gradient_norm, self._lowest, stops, are_weights_broken)
