"""Whatever is killed, every cell is done once, and its results are those of a grid that nobody disturbed."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from denoise.grid.plan import read_plan
from tests.grid.drill import Drill, differences, told, train_undisturbed


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_grid_survives_five_rounds_of_kill_9(prepared: Path, tmp_path: Path) -> None:
    """`python bench/drills_grid.py --rounds 50` is the long form."""
    started_s = time.monotonic()
    drill = Drill(tmp_path / "grid", prepared, random.Random(5))
    drill.start()
    for targets in (["cell", "worker"], ["worker"], ["grid", "cell"], ["cell", "worker"], ["worker", "cell"]):
        for what in targets:
            drill.disturb(what)
    drill.finish()
    print(told(drill, time.monotonic() - started_s))
    plan = read_plan(drill.folder)
    assert len(plan.cells) == 12
    assert {name: len(seen) for name, seen in drill.finished.items()} == dict.fromkeys(plan.cells, 1)
    assert drill.hits.total() >= 7, "too little was killed"
    train_undisturbed(plan, drill.folder, tmp_path / "undisturbed")
    assert differences(drill.folder, tmp_path / "undisturbed") == []
