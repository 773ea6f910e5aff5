"""The cells of a grid learn tasks behind the exam: what the grid file asks for, what is left, and how it is told."""

from __future__ import annotations

import json
import signal
import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from denoise import cli
from denoise.ending import exit_code_of
from denoise.grid import cell
from denoise.grid.cells import BadGrid, Cell, cells_of, transfer_of
from denoise.grid.claim import Claim
from denoise.grid.estimate import _on_top
from denoise.grid.ledger import state_of
from denoise.grid.overview import left_s, line
from denoise.grid.plan import Plan, read_plan
from denoise.grid.progress import progress_of
from denoise.grid.stages import is_complete, is_transferred
from denoise.grid.status import look
from denoise.grid.transfer import Transfer, first_of_each_start
from denoise.stopping import REQUEUE, Stopped, Stopping
from denoise.train.tracking import after
from denoise.transfer.finetune.config import FinetuneConfig
from denoise.transfer.finetune.lessons import Lessons
from denoise.transfer.finetune.results import path_of, write_finetuned
from denoise.transfer.tasks import BadTask
from tests.grid.fake_cells import lay_out
from tests.grid.test_status import told
from tests.study.finetuned import result

SETTINGS = FinetuneConfig(num_steps=30).settings()


def asked(*tasks: str, scratch: Sequence[str] = (), **settings: Any) -> Transfer:
    return Transfer(
        tasks={task: task for task in tasks},
        task_data="data",
        settings={**SETTINGS, **settings},
        scratch=tuple(scratch),
    )


def planned(folder: Path, transfer: Transfer | None, num_cells: int = 2) -> Plan:
    """Cells that are trained and lack what the plan wants them to learn."""
    plan = replace(lay_out(folder, num_cells), transfer=transfer)
    plan.write(folder)
    for name in plan.cells:
        (folder / name / "done.json").write_text('{"step": 9, "finished_at": "noon", "tokens": 90, "elapsed_s": 2.0}')
    return plan


def write(run: Path, task: str, *, seed: int = 1, from_scratch: bool = False, **how: Any) -> None:
    about = {"settings": SETTINGS, "step": 9, "trained_at": "noon", "from_scratch": from_scratch, **how}
    write_finetuned(path_of(run, task, seed, from_scratch=from_scratch), result(task, seed, 0.5, **about))


@pytest.fixture
def took(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> list[str]:
    """What was learnt, by an engine that only writes results."""
    done: list[str] = []

    def take(run: Path, start: Any, lessons: Lessons, console: object, **_: object) -> None:
        config, begun = lessons.config, "scratch " if start["from_scratch"] else ""
        done.append(f"{run.name[:2]} {begun}{start['task']} in {config.num_steps} of {lessons.folder}")
        write(run, start["task"], seed=start["seed"], from_scratch=start["from_scratch"], settings=config.settings())

    engine = types.ModuleType("denoise.transfer.finetune.taking")
    vars(engine).update(take=take, Start=dict)
    monkeypatch.setitem(sys.modules, engine.__name__, engine)

    def train(arguments: list[str], stopping: Stopping) -> None:
        done.append(f"train {Path(arguments[3]).name[:2]}")

    monkeypatch.setattr(cli, "train_unless_stopped", train)
    monkeypatch.setattr(after, "publish_scores", lambda run, tell: shown.append(run.name[:2]))
    return done


@pytest.fixture
def shown() -> list[str]:
    """The cells whose scores were brought to their dashboards."""
    return []


def main(folder: Path, plan: Plan, place: int = 0) -> int:
    return exit_code_of(lambda: cell.main([str(folder / plan.cells[place])]))


def test_a_trained_cell_learns_every_task_once_and_only_the_first_from_scratch(
    folder: Path, took: list[str], shown: list[str]
) -> None:
    plan = planned(folder, asked("cola", "sst2", scratch=["a0-seed1-0000000000"]))
    assert [main(folder, plan), main(folder, plan, 1)] == [0, 0]
    first = ["a0 cola in 30 of data", "a0 scratch cola in 30 of data"]
    first += [said.replace("cola", "sst2") for said in first]
    assert took == [*first, "a1 cola in 30 of data", "a1 sst2 in 30 of data"]
    assert all(state_of(folder / name, plan) == "done" for name in plan.cells)
    assert [main(folder, plan), len(took)] == [0, 6]
    assert shown == ["a0", "a1"]


def test_an_added_task_and_another_budget_are_learnt_on_the_weights_that_are_there(
    folder: Path, took: list[str]
) -> None:
    plan = planned(folder, asked("cola"), 1)
    main(folder, plan)
    more = replace(plan, transfer=asked("cola", "sst2"))
    more.write(folder)
    assert state_of(folder / plan.cells[0], more) != "done"
    main(folder, more)
    longer = replace(plan, transfer=asked("cola", num_steps=40))
    longer.write(folder)
    main(folder, longer)
    assert took == [f"a0 {task} of data" for task in ("cola in 30", "sst2 in 30", "cola in 40")]
    assert (folder / plan.cells[0] / "transfer" / "sst2" / "seed1.json").exists(), "a removed task was not left"


def test_only_a_result_of_these_weights_this_seed_and_this_budget_counts(folder: Path) -> None:
    plan = planned(folder, asked("cola"), 1)
    run = folder / plan.cells[0]
    for about in ({"trained_at": "eve"}, {"step": 8}, {"settings": {**SETTINGS, "num_steps": 31}}, {"version": -1}):
        write(run, "cola", **about)
        assert not is_transferred(run, plan), about
    write(run, "cola", seed=2)
    write(run, "cola", from_scratch=True)
    path_of(run, "cola", 1, from_scratch=False).write_text('{"task": "cola"')
    assert not is_transferred(run, plan)
    write(run, "cola")
    assert is_transferred(run, plan)


def test_a_plan_of_the_time_before_transfer_is_read(folder: Path) -> None:
    plan = planned(folder, asked("cola", scratch=["a0-seed1-0"]))
    assert read_plan(folder) == plan
    (folder / "plan.json").write_text(json.dumps({"cells": list(plan.cells), "exam": None, "tries": 3}))
    old = read_plan(folder)
    assert old.transfer is None and is_complete(folder / plan.cells[0], old)


def test_a_signal_ends_learning_at_once_and_what_is_learnt_stays(
    folder: Path, took: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(folder, asked("cola", "sst2"), 1)
    engine = sys.modules["denoise.transfer.finetune.taking"]
    take = engine.take

    def stopped_in_the_second(*given: Any, **more: Any) -> None:
        if took:
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("it went on")
        take(*given, **more)

    monkeypatch.setattr(engine, "take", stopped_in_the_second)
    before = signal.getsignal(signal.SIGTERM)
    assert main(folder, plan) == REQUEUE
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setattr(engine, "take", take)
    assert main(folder, plan) == 0
    assert took == ["a0 cola in 30 of data", "a0 sst2 in 30 of data"]


def test_a_signal_before_learning_keeps_it_from_beginning(folder: Path, took: list[str]) -> None:
    plan = planned(folder, asked("cola"), 1)
    stopping = Stopping()
    stopping.asked = signal.SIGUSR1
    with pytest.raises(Stopped, match="stopped before the transfer"):
        cell.complete(folder / plan.cells[0], plan, stopping)
    assert took == []


def test_who_looks_on_is_told_what_is_being_learnt(folder: Path) -> None:
    plan = planned(folder, asked("cola", "sst2", scratch=["a0-seed1-0000000000"]))
    first, second = (folder / name for name in plan.cells)
    claim = Claim.take(first)
    assert progress_of(first, plan).past_training == "transfer (cola, 1 of 4)"
    write(first, "cola")
    found = progress_of(first, plan)
    assert line(found) == "a0-seed1: transfer (cola from scratch, 2 of 4)"
    assert "running, transfer (cola from scratch, 2 of 4)" in told(folder, plan)
    for task in ("cola", "sst2"):
        write(second, task)
    assert progress_of(second, plan).state == "done" and progress_of(second, plan).past_training == ""
    assert left_s(look(folder, plan), 1) == 0.0
    assert claim is not None


def test_a_dry_run_counts_what_is_left_to_learn(folder: Path) -> None:
    plan = planned(folder, asked("cola", "sst2", scratch=["a0-seed1-0000000000"]))
    cells = [fake(name.rpartition("-seed")[0], name) for name in plan.cells]
    assert _on_top(cells, folder, plan) == "; 6 fine-tunings come on top"
    write(folder / plan.cells[1], "cola")
    assert _on_top(cells, folder, replace(plan, exam={})) == "; the exams and 5 fine-tunings come on top"
    assert _on_top(cells[1:], folder, plan) == "; 1 fine-tuning comes on top"


class fake(Cell):
    """A cell of which only its folder counts."""

    def __init__(self, strategy: str, folder_name: str) -> None:
        super().__init__(strategy=strategy, label="", seed=1, is_baseline=False, config={})
        object.__setattr__(self, "where", folder_name)

    @property
    def folder_name(self) -> str:
        return str(vars(self)["where"])


def test_cells_that_begin_with_the_same_weights_learn_from_scratch_once() -> None:
    def made(strategy: str, seed: int, **config: Any) -> Cell:
        return Cell(strategy=strategy, label="", seed=seed, is_baseline=False, config={"seed": seed, **config})

    same = {"model": {"d_model": 8}, "data": "x"}
    cells = [made("a", 1, **same), made("a", 2, **same), made("b", 1, **same, ema=0.9), made("b", 2, **same)]
    cells += [made("c", 1, model={"d_model": 9}, data="x"), made("d", 1, model={"d_model": 8}, data="y")]
    assert [name[: len("a-seed1")] for name in first_of_each_start(cells)] == [
        "a-seed1",
        "a-seed2",
        "c-seed1",
        "d-seed1",
    ]


def asked_in(tmp_path: Path, transfer: str) -> Transfer | None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"seeds: [1, 2]\ncells: [{{strategy: a}}, {{strategy: b, ema: 0.9}}]\n{transfer}")
    return transfer_of(path, cells_of(path, cli.resolved))


def test_the_transfer_of_a_grid_file_is_given_whole_to_the_plan(tmp_path: Path) -> None:
    assert asked_in(tmp_path, "") is None and asked_in(tmp_path, "transfer: false") is None
    found = asked_in(tmp_path, "transfer: {tasks: [sst2, cola], num_steps: 5, learning_rate: 1e-4, task_data: there}")
    assert found is not None
    assert list(found.tasks) == ["sst2", "cola"] and found.task_data == "there"
    assert found.settings == FinetuneConfig(num_steps=5, learning_rate=1e-4).settings() and found.config.num_steps == 5
    assert [name.rpartition("-")[0] for name in found.scratch] == ["a-seed1", "a-seed2"]
    without = asked_in(tmp_path, "transfer: {tasks: [cola], from_scratch: false}")
    assert without is not None and without.scratch == ()


@pytest.mark.parametrize(
    ("transfer", "part"),
    [
        ("true", "transfer is true; give a mapping with its tasks"),
        ("[cola]", 'transfer is ["cola"]; give a mapping'),
        ("{num_steps: 3}", "tasks is null; give a list of names, such as"),
        ("{tasks: cola}", 'tasks is "cola"; give a list'),
        ("{tasks: []}", "tasks is []; give a list"),
        ("{tasks: [cola, cola]}", "tasks has cola twice"),
        ("{tasks: [kola]}", "kola"),
        ("{task: [cola]}", "transfer has no use for task; did you mean tasks?"),
        ("{tasks: [cola], num_step: 3}", "transfer has no use for num_step; did you mean num_steps?"),
        ("{tasks: [cola], seeds: [1]}", "every cell learns with its own seed; name them in the grid's seeds"),
        ("{tasks: [cola], from_scratch: 3}", "from_scratch is 3; give true or false"),
        ("{tasks: [cola], task_data: [a]}", "give the folder of the tasks' files"),
        ("{tasks: [cola], num_steps: many}", "num_steps: a whole number is expected, 'many' was given"),
        ("{tasks: [cola], num_steps: 0}", "num_steps is 0; it must be at least 1"),
    ],
)
def test_a_transfer_that_is_none_is_one_sentence_with_the_file(tmp_path: Path, transfer: str, part: str) -> None:
    with pytest.raises(BadGrid) as error:
        asked_in(tmp_path, f"transfer: {transfer}")
    said = str(error.value)
    assert part in said and said.startswith(str(tmp_path / "grid.yaml")) and "\n" not in said


def test_tasks_without_their_data_are_told_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("cells: [{strategy: a}]\ntransfer: {tasks: [cola], task_data: nowhere}")
    with pytest.raises(BadTask, match="nowhere"):
        cli.grid([str(path), "--out", str(tmp_path / "grid")])
    assert not (tmp_path / "grid").exists()
