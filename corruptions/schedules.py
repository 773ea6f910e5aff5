"""Options that change while a model trains: a number as a function of the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from data_prep.errors import BadInput

Options = TypeVar("Options")


class BadSchedule(BadInput):
    """A schedule that no step could be read off."""


class Schedule(ABC):
    """A number for each step. Subclasses are frozen dataclasses, so that equal schedules are one."""

    @abstractmethod
    def at(self, step: int) -> float:
        """The number at a step, counted from 0."""

    @abstractmethod
    def extremes(self) -> tuple[float, float]:
        """The least and the greatest number of any step; batches have room for both."""


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """From one number to another in a straight line, and then no further.

    >>> decay = Linear(start=0.3, end=0.15, num_steps=1000)
    >>> decay.at(0), decay.at(500), decay.at(9999)
    (0.3, 0.225, 0.15)

    Source: masking rates that fall from 0.3 to 0.15: Ankner et al.: Dynamic Masking Rate Schedules for MLM
    Pretraining (2023).
    """

    start: float
    """The number at step 0."""
    end: float
    """The number from step `num_steps` on."""
    num_steps: int
    """Steps from one to the other; 1 or more."""

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise BadSchedule(f"num_steps of Linear is {self.num_steps}; it must be 1 or more")

    def at(self, step: int) -> float:
        """The number at a step, to six decimals: rates are taken as the decimals that they are written as."""
        share = min(max(step, 0), self.num_steps) / self.num_steps
        return round(self.start + (self.end - self.start) * share, 6)

    def extremes(self) -> tuple[float, float]:
        """Both ends."""
        return min(self.start, self.end), max(self.start, self.end)


@dataclass(frozen=True, kw_only=True)
class Stairs(Schedule):
    """One number after another, each from its step on.

    >>> stairs = Stairs(values=(3.0, 8.0), steps=(0, 1000))
    >>> stairs.at(999), stairs.at(1000)
    (3.0, 8.0)
    """

    values: tuple[float, ...]
    """The numbers."""
    steps: tuple[int, ...]
    """The step from which on each holds: as many as numbers, ascending, the first 0."""

    def __post_init__(self) -> None:
        ascending = all(step < following for step, following in zip(self.steps, self.steps[1:], strict=False))
        if len(self.values) != len(self.steps) or self.steps[:1] != (0,) or not ascending:
            raise BadSchedule(
                f"Stairs has values {self.values} and steps {self.steps}; "
                "give as many steps as values, ascending, the first 0"
            )

    def at(self, step: int) -> float:
        """The number at a step."""
        return next(value for value, first in zip(self.values[::-1], self.steps[::-1], strict=True) if first <= step)

    def extremes(self) -> tuple[float, float]:
        """The least and the greatest."""
        return min(self.values), max(self.values)


def resolved(options: Options, read: Callable[[Schedule], float]) -> Options:
    """A dataclass whose schedules, at any depth, have become numbers; itself where it has none."""
    if not is_dataclass(options) or not schedules_in(options):
        return options

    def value_of(value: Any) -> Any:
        if isinstance(value, Schedule):
            return read(value)
        if isinstance(value, list | tuple):
            return type(value)(value_of(part) for part in value)
        return resolved(value, read)

    values = {field.name: value_of(getattr(options, field.name)) for field in fields(options)}
    return replace(options, **values)  # type: ignore[type-var]


def schedules_in(options: object) -> list[Schedule]:
    """The schedules among the fields of a dataclass, at any depth, each once."""
    found: dict[Schedule, None] = {}
    if is_dataclass(options):
        for field in fields(options):
            value = getattr(options, field.name)
            for part in value if isinstance(value, list | tuple) else (value,):
                found.update(dict.fromkeys([part] if isinstance(part, Schedule) else schedules_in(part)))
    return list(found)
