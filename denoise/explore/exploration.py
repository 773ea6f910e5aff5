"""All that is told about some objectives and one text: what the terminal, the page and the picture are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_prep.errors import BadInput
from denoise.explore.config import ExploreConfig, Objective
from denoise.explore.drawing import Drawing, drawn
from denoise.explore.figures import Figures, figures_of, measured_windows
from denoise.explore.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Explored:
    """What is told about one objective."""

    name: str
    """What it is called."""
    drawing: Drawing | None = None
    """What it makes of the text; None if it cannot."""
    figures: Figures | None = None
    """What it does to many windows; None if that is not asked for, or it cannot."""
    complaints: tuple[str, ...] = ()
    """What went wrong, a sentence each."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What is told about all of them."""

    subject: Subject
    """The text."""
    explored: Sequence[Explored]
    """One an objective, in the order in which they were named."""
    measured_on: str
    """What the figures were measured on; empty if there are none."""
    seed: int
    """Of the noise."""

    @property
    def drawings(self) -> list[Drawing]:
        """Of those objectives that can be drawn."""
        return [one.drawing for one in self.explored if one.drawing is not None]


def explore(subject: Subject, asked: Sequence[Objective], config: ExploreConfig) -> Exploration:
    """Ask each objective. One that fails is told of; BadInput is raised if all do."""
    windows, vocab, measured_on = measured_windows(config) if config.stats else ([], subject.vocab, "")
    explored = []
    for objective in asked:
        drawing, figures, complaints = None, None, []
        try:
            drawing = drawn(subject, objective, seed=config.seed, step=config.step)
        except BadInput as error:
            complaints.append(str(error))
        try:
            figures = figures_of(objective, windows, vocab, config) if config.stats else None
        except BadInput as error:
            complaints.append(str(error))
        told = tuple(dict.fromkeys(complaints))
        explored.append(Explored(name=objective.name, drawing=drawing, figures=figures, complaints=told))
    if all(one.drawing is None and one.figures is None for one in explored):
        raise BadInput(f"{explored[0].name}: {explored[0].complaints[0]}")
    return Exploration(subject=subject, explored=explored, measured_on=measured_on, seed=config.seed)
