"""The process of a cell does the stages that are missing, in order, and nothing twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import types
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from denoise import cli
from denoise.ending import exit_code_of
from denoise.grid import cell
from denoise.grid.cells import BadGrid, cells_of, exam_of
from denoise.grid.claim import Claim
from denoise.grid.ledger import state_of
from denoise.grid.plan import BadPlan, Plan
from denoise.stopping import REQUEUE, Stopped, Stopping
from denoise.train.tracking import after
from tests.grid.fake_cells import lay_out


@dataclass(frozen=True, kw_only=True)
class FakeExamConfig:
    rates: tuple[float, ...] = (0.15,)
    """Rates."""
    num_windows: int = 8
    """Windows."""

    def settings(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the stages did, of which neither trains or examines."""
    done: list[str] = []

    def train(arguments: list[str], stopping: Stopping) -> None:
        run = Path(arguments[3])
        assert arguments == ["-c", str(run / "config.yaml"), "--run", str(run)]
        done.append(f"train {run.name[:2]}")
        (run / "done.json").write_text("{}")

    def take(run: Path, config: FakeExamConfig, console: object) -> None:
        done.append(f"examine {run.name[:2]} in {config.num_windows}")
        (run / "exam.json").write_text(json.dumps({"settings": config.settings()}))

    def is_taken(run: Path, config: FakeExamConfig) -> bool:
        return bool(json.loads((run / "exam.json").read_text())["settings"] == config.settings())

    monkeypatch.setattr(cli, "train_unless_stopped", train)
    monkeypatch.setattr(after, "publish_scores", lambda run, tell: done.append(f"show {run.name[:2]}"))
    for name, content in {
        "denoise.transfer": {},
        "denoise.transfer.exam": {"take": take, "is_taken": is_taken},
        "denoise.transfer.exam.config": {"ExamConfig": FakeExamConfig},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return done


def main(folder: Path, plan: Plan) -> int:
    return exit_code_of(lambda: cell.main([str(folder / plan.cells[0])]))


def test_a_cell_is_trained_then_examined_then_complete(folder: Path, did: list[str]) -> None:
    plan = lay_out(folder, exam=FakeExamConfig().settings())
    assert main(folder, plan) == 0
    assert did == ["train a0", "examine a0 in 8", "show a0"]
    assert state_of(folder / plan.cells[0], plan) == "done"
    assert main(folder, plan) == 0
    assert len(did) == 3


def test_another_exam_is_taken_on_the_weights_that_are_there(folder: Path, did: list[str]) -> None:
    plan = lay_out(folder, exam=FakeExamConfig().settings())
    main(folder, plan)
    other = Plan(cells=plan.cells, exam=FakeExamConfig(num_windows=9).settings())
    other.write(folder)
    assert state_of(folder / plan.cells[0], other) != "done"
    main(folder, other)
    assert did == ["train a0", "examine a0 in 8", "show a0", "examine a0 in 9", "show a0"]


def test_an_exam_that_another_version_planned_is_one_sentence(folder: Path, did: list[str]) -> None:
    plan = lay_out(folder, exam={**FakeExamConfig().settings(), "num_pages": 3})
    assert main(folder, plan) == 2 and did == ["train a0"]
    (folder / plan.cells[0] / "exam.json").write_text("{}")
    with pytest.raises(BadPlan, match=r"an exam of another version .*num_pages"):
        state_of(folder / plan.cells[0], plan)


def test_a_grid_without_an_exam_ends_with_training(folder: Path, did: list[str]) -> None:
    plan = lay_out(folder)
    main(folder, plan)
    assert did == ["train a0"]
    assert state_of(folder / plan.cells[0], plan) == "done"


def test_an_exam_is_stopped_where_it_is(folder: Path, did: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    plan = lay_out(folder, exam=FakeExamConfig().settings())
    monkeypatch.setattr(sys.modules["denoise.transfer.exam"], "take", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert main(folder, plan) == REQUEUE
    assert did == ["train a0"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_behind_training_keeps_the_exam_from_beginning(folder: Path, did: list[str]) -> None:
    plan = lay_out(folder, exam=FakeExamConfig().settings())
    stopping = Stopping()
    stopping.asked = signal.SIGUSR1
    with pytest.raises(Stopped, match="stopped before the exam"):
        cell.complete(folder / plan.cells[0], plan, stopping)


def test_a_cell_started_by_hand_claims_itself(folder: Path, did: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    plan = lay_out(folder)
    with Claim.take(folder / plan.cells[0]) or pytest.fail("not taken"):
        assert main(folder, plan) == 2
    assert "is in work already" in capsys.readouterr().err
    assert did == []


def test_what_the_user_can_mend_is_one_sentence(tmp_path: Path) -> None:
    cell = tmp_path / "a-seed1-0"
    cell.mkdir()
    command = [sys.executable, "-P", "-m", "denoise.grid.cell", str(cell)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=os.getcwd())
    assert done.returncode == 2
    assert done.stderr.startswith("denoise: ") and "has no plan.json" in done.stderr
    assert done.stderr.count("\n") == 1


def exam_in(tmp_path: Path, exam: str) -> dict[str, Any] | None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"cells: [{{strategy: a}}]\n{exam}")
    return exam_of(path)


def test_the_exam_of_a_grid_file_is_given_whole_to_the_plan(tmp_path: Path, did: list[str]) -> None:
    assert exam_in(tmp_path, "") is None
    assert exam_in(tmp_path, "exam: false") is None
    assert exam_in(tmp_path, "exam: true") == {"rates": [0.15], "num_windows": 8}
    assert exam_in(tmp_path, "exam: {rates: [0.5, 0.2]}") == {"rates": [0.5, 0.2], "num_windows": 8}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("{strategy: a, 3: 4}", "a has the key 3, which is no option"),
        ("{strategy: a, vary: {on: [1]}}", "a has the key True, which is no option"),
        ("{strategy: ' '}", "the strategy of a cell is ' '; give it a name"),
        ("{strategy: [a]}", "the strategy of a cell is ['a']; give it a name"),
        ("{strategy: a, label: }", "the label of a cell is None; give it a name"),
    ],
)
def test_words_that_yaml_does_not_read_as_words_are_refused(tmp_path: Path, cell: str, words: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"budget: {{steps: 3}}\ncells: [{cell}]\n")
    with pytest.raises(BadGrid, match=re.escape(words)):
        cells_of(path, cli.resolved)


def test_an_exam_that_is_none_is_refused(tmp_path: Path, did: list[str]) -> None:
    with pytest.raises(BadGrid, match="exam is 3; give true, or a mapping of the exam's options"):
        exam_in(tmp_path, "exam: 3")
    with pytest.raises(ValueError, match="num_window; did you mean --num_windows"):
        exam_in(tmp_path, "exam: {num_window: 3}")
