"""The same held-out windows through every strategy, at the same stages of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from denoise.study.chart_specs import colour
from denoise.study.logs import Pieces, Reconstruction
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy

NUM_STAGES = 12
"""Most stages of training the page offers; the first and the last are always among them."""
NUM_WINDOWS = 8
"""Most windows the page offers."""
MOST_TEXTS = 72
"""Most windows of all strategies together: of many strategies fewer windows are shown, and the page stays light."""


def reconstructions(runs: Sequence[Run]) -> dict[str, Any]:
    """What the page draws: stages as fractions of training, windows, and one run a strategy.

    Strategies of equal budgets take different numbers of steps, so a stage is a fraction of the run's own
    steps, and each strategy shows its last text up to there. Empty when no run wrote any.
    """
    chosen = []
    for number, strategy in enumerate(by_strategy(runs)):
        told = [run for run in (*strategy.finished, *strategy.runs) if run.logs.reconstructions]
        if told:
            chosen.append((told[0], number))
    if not chosen:
        return {}
    stages = _spread_out(sorted({_stage(run, said) for run, _ in chosen for said in run.logs.reconstructions}))
    windows = list(dict.fromkeys(said.window for run, _ in chosen for said in run.logs.reconstructions))
    windows = windows[: max(1, min(NUM_WINDOWS, MOST_TEXTS // len(chosen)))]
    return {
        "stages": stages,
        "windows": windows,
        "strategies": [_strategy(run, number, stages, windows) for run, number in chosen],
    }


def fraction_right(said: Pieces) -> float | None:
    """The part of a said text that is right, in characters, since pieces are joined tokens.

    >>> fraction_right([["abc", "right"], ["d", "wrong"]])
    0.75
    >>> fraction_right([["abc", ""]]) is None
    True
    """
    right = sum(len(text) for text, tag in said if tag == "right")
    judged = right + sum(len(text) for text, tag in said if tag == "wrong")
    return right / judged if judged else None


def _strategy(run: Run, number: int, stages: list[float], windows: list[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for window in windows:
        said = [x for x in run.logs.reconstructions if x.window == window]
        if not said:
            continue
        kept: list[Reconstruction] = []
        at: list[int] = []
        for stage in stages:
            before = [x for x in said if _stage(run, x) <= stage] or said[:1]
            if not kept or kept[-1] is not before[-1]:
                kept.append(before[-1])
            at.append(len(kept) - 1)
        shown[window] = {
            "original": said[-1].original,
            "source": said[-1].source,
            "target": said[-1].target,
            "said": [{"step": x.step, "pieces": x.said, "right": fraction_right(x.said)} for x in kept],
            "at": at,
        }
    seed = "" if run.seed is None else f"seed {run.seed}"
    return {"label": run.label, "seed": seed, "number": number + 1, "colour": colour(number), "windows": shown}


def _stage(run: Run, said: Reconstruction) -> float:
    num_steps = run.shapes.get("num_steps") or run.logs.reconstructions[-1].step
    return min(1.0, round(said.step / num_steps, 3)) if num_steps else 1.0


def _spread_out(stages: list[float]) -> list[float]:
    if len(stages) <= NUM_STAGES:
        return stages
    last = len(stages) - 1
    return [stages[round(i * last / (NUM_STAGES - 1))] for i in range(NUM_STAGES)]
