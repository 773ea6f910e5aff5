"""Runs that begin with shorter texts or smaller batches: which batch belongs to which phase, and where it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

import numpy as np

from corruptions import Corruption
from data_prep.errors import BadInput
from data_prep.tokens import TokenStore
from denoise.feed.room import Room
from denoise.feed.windows import Places, Windows

_PIECE_SHIFT = 40
"""Where a piece's number stands in its address, above the numbers of windows."""


class BadPhases(BadInput):
    """Phases that do not fit into a run."""


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """A first part of a run, with lengths and a batch size of its own.

    A shorter source_len reads the windows of the longest one in pieces, as many as fit whole; what then remains of a
    window is not read in that epoch: 128 of 512 leaves 4 of 568 tokens, 256 none.
    """

    share: float = 0.1
    """Part of the budget that is spent in it; above 0, and below 1 for all phases together. What remains is
    spent at the run's own lengths and batch size."""
    source_len: int | None = None
    """Tokens the encoder reads. Left out: the run's."""
    target_len: int | None = None
    """Most tokens the decoder says. Left out: as many as the corruption needs, or the run's if source_len is."""
    batch_size: int | None = None
    """Rows a step, over all processes. Left out: the run's."""

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise BadPhases(f"share of a phase is {self.share}; it must be above 0 and below 1")
        for name in ("source_len", "target_len", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadPhases(f"{name} of a phase is {value}; it must be at least 1")


class Shape(NamedTuple):
    """The shape of a phase's batches: one, so that compiling makes one graph a phase."""

    room: Room
    batch_size: int
    share: float
    """Part of the budget; the last phase takes what remains."""

    @property
    def tokens_per_step(self) -> int:
        """Encoder and decoder tokens that one step costs, its padding included."""
        return self.batch_size * (self.room.pad_to.source + self.room.pad_to.target)


CostOfStep = Callable[[Shape], int]


def tokens_of_step(shape: Shape) -> int:
    """What a step costs where the budget is tokens."""
    return shape.tokens_per_step


class Phase(NamedTuple):
    """Some steps of a run in a row whose batches have one shape."""

    shape: Shape
    first_step: int
    num_steps: int
    first_token: int
    """Encoder and decoder tokens spent before it."""
    first_visit: int
    """Windows read before it."""
    num_windows: int
    """Windows read in it."""
    num_pieces: int
    """Into how many pieces each of them is cut."""


class Pieces:
    """The windows of one phase, cut into pieces as long as its batches need: row r of the phase at its address.

    All phases read one order of windows, so none is read twice or left out where one phase follows another. All
    first pieces come before all second ones: neighbours in a window do not share a batch.
    """

    def __init__(self, windows: Windows, phase: Phase) -> None:
        self.store: TokenStore = windows.store
        self.seed = windows.seed
        self._windows = windows
        self._phase = phase

    def at(self, visits: np.ndarray) -> Places:
        """The pieces seen at these rows of the phase. Each has an address, and noise, of its own."""
        pieces, visits = np.divmod(visits, self._phase.num_windows)
        places = self._windows.at(self._phase.first_visit + visits)
        starts = places.starts + pieces * self._phase.shape.room.stride
        return Places(places.epochs, places.numbers + (pieces << _PIECE_SHIFT), starts)


def shapes_of(
    corruption: Corruption, first: Sequence[PhaseConfig], last: PhaseConfig, *, pad_target_to: int = 1
) -> list[Shape]:
    """The shapes of a run's phases; what the first ones leave out is as in the last. Raises BadPhases."""
    shares = [phase.share for phase in first]
    if sum(shares) >= 1:
        raise BadPhases(
            f"shares of phases are {', '.join(map(str, shares))}; together they must be below 1, "
            "so that something remains for the run's own source_len and batch_size"
        )
    shapes = []
    for phase in (*first, last):
        # A target_len for the run's source_len is none for a shorter one.
        target_len = phase.target_len or (last.target_len if phase.source_len is None else None)
        source_len, batch_size = phase.source_len or last.source_len, phase.batch_size or last.batch_size
        assert source_len and batch_size, "the last phase leaves nothing out"
        room = Room(corruption, source_len, target_len, pad_target_to=pad_target_to)
        shapes.append(Shape(room, batch_size, phase.share))
    return shapes


def phases_of(shapes: Sequence[Shape], budget: int, cost: CostOfStep = tokens_of_step) -> tuple[Phase, ...]:
    """The phases of a run, in integers; the last spends what the others leave.

    `cost` is what a step of a shape takes from the budget. Phases end where no window is left half read. Raises
    BadPhases for one without a step.
    """
    stride = max(shape.room.stride for shape in shapes)
    phases: list[Phase] = []
    step = token = visit = spent = 0
    for place, shape in enumerate(shapes):
        is_last = place == len(shapes) - 1
        share = budget - spent if is_last else round(budget * shape.share)
        num_pieces = stride // shape.room.stride
        whole = 1 if is_last else num_pieces // gcd(num_pieces, shape.batch_size)
        num_steps = share // cost(shape) // whole * whole
        if num_steps < 1 and len(shapes) > 1:
            raise BadPhases(
                f"the share of phase {place + 1} pays for {max(share, 0) / cost(shape):.2g} steps, and it needs "
                f"{whole}; give it a larger share or a smaller batch_size"
            )
        num_windows = -(-num_steps * shape.batch_size // num_pieces)
        phases.append(Phase(shape, step, num_steps, token, visit, num_windows, num_pieces))
        spent += num_steps * cost(shape)
        step, token, visit = step + num_steps, token + num_steps * shape.tokens_per_step, visit + num_windows
    return tuple(phases)


def phase_at(phases: Sequence[Phase], step: int) -> Phase:
    """The phase of a step counted from 0; the last goes on for ever."""
    return next(phase for phase in reversed(phases) if phase.first_step <= step)


def tokens_before(phases: Sequence[Phase], step: int) -> int:
    """Encoder and decoder tokens spent in the steps before this one."""
    phase = phase_at(phases, step)
    return phase.first_token + (step - phase.first_step) * phase.shape.tokens_per_step
