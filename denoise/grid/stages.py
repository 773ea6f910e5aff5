"""The stages of a cell, in order; each ends with a file of its own, written last and whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise.grid.plan import BadPlan, Plan
from denoise.grid.settings import all_settings

if TYPE_CHECKING:
    from denoise.transfer.exam.config import ExamConfig


def is_complete(cell: Path, plan: Plan) -> bool:
    """Whether a cell has finished every stage that the plan asks for."""
    return is_trained(cell) and is_examined(cell, plan) and is_transferred(cell, plan)


def is_trained(cell: Path) -> bool:
    """Whether its training is finished."""
    return (cell / "done.json").exists()


def is_examined(cell: Path, plan: Plan) -> bool:
    """Whether it has taken the exam that the plan asks for, if it asks for one; another exam does not count."""
    if plan.exam is None:
        return True
    if not (cell / "exam.json").exists():
        return False
    from denoise.transfer.exam import is_taken

    return is_taken(cell, exam_of(plan.exam))


def is_transferred(cell: Path, plan: Plan) -> bool:
    """Whether it has learnt all tasks that the plan asks for; with another budget, or other weights, does not count."""
    return plan.transfer is None or not plan.transfer.left(cell)


def exam_of(settings: Mapping[str, Any]) -> ExamConfig:
    """The exam of a plan, from all its settings. Raises BadPlan for those that only another version knows."""
    from denoise.transfer.exam.config import ExamConfig

    try:
        return ExamConfig(**settings)
    except TypeError as error:
        told = f"the plan asks for an exam of another version ({error})"
        raise BadPlan(f"{told}; `denoise grid FILE` writes it anew") from None


def exam_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the exam of which a grid file gives some. Raises BadInput for those that are none."""
    from denoise.transfer.exam.config import ExamConfig

    return all_settings(ExamConfig, "exam", given)
