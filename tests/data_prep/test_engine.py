"""Tasks are done once, whole or not at all, by whatever engine; a process that is killed loses one task at most."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import BadInput
from data_prep.job import engine as engine_module
from data_prep.job.engine import BadEngine, Engine, end_processes
from data_prep.job.stage import Progress, Stages
from data_prep.job.tasks import BadPlace, Task, done, key_of, perform

ENGINES = [Engine(runner="loop"), Engine(runner="native", workers=2)]


@pytest.fixture(autouse=True)
def _workers_find_the_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]))
    yield
    end_processes()


def tasks_in(folder: Path, work: str, numbers: range = range(5), **given: Any) -> list[Task]:
    return [
        Task(folder=folder / str(n), key=key_of(n), work=f"engine_work.{work}", given={"number": n, **given})
        for n in numbers
    ]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.runner)
def test_every_task_is_done_and_never_again(engine: Engine, tmp_path: Path) -> None:
    tasks = tasks_in(tmp_path, "square")
    outcomes = {outcome.task.folder: outcome.result["square"] for outcome in engine.run(tasks)}
    assert outcomes == {tmp_path / str(n): n * n for n in range(5)}
    assert sorted(path.name for path in tmp_path.iterdir()) == list("01234")
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("square"))]
    assert all(outcome.result for outcome in engine.run(tasks))
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("square"))] == times


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.runner)
def test_a_task_that_fails_stops_no_other_and_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    outcomes = list(engine.run(tasks_in(tmp_path, "fails")))
    assert sorted(str(outcome.error) for outcome in outcomes if outcome.error) == [
        "1 is odd; give even numbers",
        "3 is odd; give even numbers",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2", "4"]


def test_a_killed_process_loses_its_task_alone(tmp_path: Path) -> None:
    tasks = tasks_in(tmp_path / "tasks", "dies_once", range(6), scar=tmp_path / "scar")
    results = [outcome.result["square"] for outcome in ENGINES[1].run(tasks)]
    assert sorted(results) == [n * n for n in range(6)]
    assert (tmp_path / "scar").exists()


def test_a_task_that_always_kills_its_process_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(BadEngine, match=r"tasks ended 3 times .* give more memory or fewer workers"):
        list(ENGINES[1].run(tasks_in(tmp_path, "dies", range(2))))


def test_a_stage_raises_the_first_error_and_says_how_many_more(tmp_path: Path) -> None:
    told: list[Progress] = []
    stages = Stages(engine=ENGINES[0], report=told.append)
    with pytest.raises(BadInput, match=r"1 is odd; give even numbers \(and 1 more parts"):
        stages.run("squares", tasks_in(tmp_path / "a", "fails"), [1] * 5, {})
    results = stages.run("squares", tasks_in(tmp_path / "b", "square"), [10] * 5, {"pages": "pages"})
    assert [result["square"] for result in results] == [0, 1, 4, 9, 16]
    assert (told[-1].num_done, told[-1].num_total, told[-1].counts) == (50, 50, {"pages": 10})


def test_what_is_under_way_is_told_of_in_part(tmp_path: Path) -> None:
    told: list[Progress] = []
    stages = Stages(engine=ENGINES[0], report=told.append)
    stages.run("halts", tasks_in(tmp_path, "halts_half_way", range(1)), [10], {"pages": "pages"})
    seen = list(dict.fromkeys((p.num_done, p.counts.get("pages", 0), p.dropped.get("too long", 0)) for p in told))
    assert seen == [(0, 0, 0), (5, 3, 2), (10, 6, 4)]


def test_what_killed_processes_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".0.77.part").mkdir()
    (tmp_path / ".0.pulse").write_text("{}")
    Stages(engine=ENGINES[0], report=lambda _: None).run("squares", tasks_in(tmp_path, "square", range(1)), [1], {})
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_another_key_makes_it_anew_and_damage_is_not_taken_for_done(tmp_path: Path) -> None:
    (task,) = tasks_in(tmp_path, "square", range(3, 4))
    perform(task)
    (task.folder / "left over").write_text("x")
    other = Task(folder=task.folder, key=key_of("other"), work=task.work, given={"number": 4})
    assert done(other) is None and perform(other).result["square"] == 16
    assert not (task.folder / "left over").exists()
    (task.folder / "done.json").write_text("{")
    assert done(other) is None


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    (outcome,) = ENGINES[0].run(tasks_in(tmp_path, "full", range(1)))
    assert isinstance(outcome.error, BadPlace)
    assert str(outcome.error).startswith("No space left on device while writing ")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_before_it_is_ready_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that reads its pipes alone waits for such a process forever."""
    end_processes()
    tasks = tasks_in(tmp_path, "square", range(4))
    killer = threading.Thread(target=kill_first_child, daemon=True)
    killer.start()
    assert len(list(ENGINES[1].run(tasks))) == 4
    killer.join()


def kill_first_child() -> None:
    while not (children := multiprocessing.active_children()):
        time.sleep(0.001)
    children[0].kill()


def test_no_process_outlives_the_one_that_waits(tmp_path: Path) -> None:
    program = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from data_prep.job.engine import Engine
from test_engine import tasks_in
import multiprocessing
if __name__ == "__main__":
    list(Engine(runner="native", workers=2).run(tasks_in(Path({str(tmp_path)!r}), "square")))
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    os.kill(os.getpid(), 9)
"""
    (tmp_path / "program.py").write_text(program)
    ran = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=False)
    children = [int(pid) for pid in ran.stdout.split()]
    assert len(children) == 2, ran.stderr
    for _ in range(100):
        left = [pid for pid in children if Path(f"/proc/{pid}").exists()]
        if not left:
            return
        time.sleep(0.05)
    raise AssertionError(f"{left} are still there")


def test_what_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "find_spec", lambda package: None)
    with pytest.raises(BadEngine, match=r"needs Ray; pip install 'denoise\[cluster\]'"):
        list(Engine(runner="ray").run(tasks_in(tmp_path, "square")))
    for options in ({"workers": -1}, {"ray_address": "a:1"}):
        with pytest.raises(BadEngine):
            Engine(**options)  # type: ignore[arg-type]


RAY = """
import sys
from pathlib import Path
from data_prep.job.clean import clean
from data_prep.job.engine import Engine
files = sorted(Path(sys.argv[1]).iterdir())
for runner, address in (("ray", sys.argv[3]), ("loop", "")):
    manifest = clean(files, Path(sys.argv[2], runner), engine=Engine(runner=runner, ray_address=address))
    print(manifest.fingerprint)
"""


@pytest.mark.slow
def test_a_ray_cluster_of_two_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the runner ray needs the extra `cluster`")
    from made_web import web_pages, write_web
    from ray.cluster_utils import Cluster

    write_web(tmp_path / "web", web_pages(120), 4)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        command = [sys.executable, "-c", RAY, str(tmp_path / "web"), str(tmp_path / "out"), cluster.address]
        # In a process of its own: one that knows a cluster does not take to another.
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    finally:
        cluster.shutdown()
    assert ran.returncode == 0, ran.stderr[-2000:]
    by_ray, by_loop = ran.stdout.split()
    assert by_ray == by_loop
    for path in (tmp_path / "out" / "ray" / "text").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / "loop" / "text" / path.name).read_bytes()
