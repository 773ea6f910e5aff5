"""The real client of Weights & Biases against a server on this machine: every row arrives, and arrives once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from denoise.train.tracking import wandb_run
from denoise.train.tracking.after import publish_scores, publish_tables, upload
from denoise.transfer.exam.papers import Exam, Paper
from tests.denoise.small_runs import NUM_STEPS, train
from tests.denoise.test_resume import CORRUPTION, kill_after, rows
from tests.denoise.tracked_runs import begin, kill_back_to, losses, tracking_of, train_on
from tests.denoise.wandb_server import StoredRun, WandbServer


@pytest.fixture(autouse=True)
def _with_a_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB__FILE_STREAM_TRANSMIT_INTERVAL", "1")  # seconds between two uploads; 15 otherwise
    yield
    wandb.teardown()  # or it would remember the address of this test's server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    serving = WandbServer()
    reach(serving, monkeypatch)
    yield serving
    serving.close()


def reach(serving: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client find this server and no other."""
    wandb.teardown()
    monkeypatch.setenv("WANDB_BASE_URL", serving.url)


def sync(*folders: Path) -> None:
    parts = [str(part) for folder in folders for part in sorted((folder / "wandb").glob("offline-run-*"))]
    command = [sys.executable, "-m", "wandb", "sync", *parts]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=folders[0])
    assert done.returncode == 0, done.stderr


def only(server: WandbServer) -> StoredRun:
    (run,) = server.runs.values()
    return run


def assert_once(run: StoredRun, steps: range) -> None:
    """Every step has one row, with its tokens."""
    assert run.values("train/loss") == [(tokens, pytest.approx(loss)) for tokens, loss in losses(steps)]
    assert [row["_step"] for row in run.history] == list(steps)


@pytest.mark.slow
def test_an_online_run_is_told_whole(prepared: Path, server: WandbServer, tmp_path: Path) -> None:
    run = tmp_path / "mine"
    train(prepared, run, "--tracking=auto", "--project=demo")
    told = only(server)
    assert told.project == "demo"
    assert told.about["displayName"] == "mine"
    assert (told.about["groupName"], told.about["jobType"]) == ("SpanCorruption", "pretrain")
    assert set(told.about["tags"]) == {"SpanCorruption", "0.051M"}
    assert told.config["noise_rate_asked"]["value"] == 0.15
    assert told.x_axis() == {"tokens"}
    written = {kind: [(row["tokens"], row["loss"]) for row in rows(run, kind)] for kind in ("train", "held_out")}
    assert {kind: told.values(f"{kind}/loss") for kind in written} == written
    assert len(told.history) == NUM_STEPS
    assert set(told.times_sent.values()) == {1}
    assert told.summary["held_out/loss"] == written["held_out"][-1][1]
    assert {"corruption/noise_rate", "corruption/target_padding", "speed/tokens_per_s", "speed/step_s"} <= {
        *told.summary
    }
    assert "speed/mfu" not in told.summary  # nobody knows the peak of this CPU
    assert told.table("reconstructions")["columns"] == ["window", "source", "said", "target"]
    assert told.exit_code == 0
    assert not list(run.glob("wandb/offline-run-*"))


@pytest.mark.slow
def test_an_offline_grid_is_synced_row_by_row(
    prepared: Path, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = tmp_path / "rates"
    for strategy, rate in (("low", 0.15), ("high", 0.5)):
        for seed in (1, 2):
            cell = grid / f"{strategy}-seed{seed}"
            cell.mkdir(parents=True)
            about = {"strategy": strategy, "label": strategy, "seed": seed, "grid": "rates", "baseline": False}
            (cell / "cell.json").write_text(json.dumps(about))
            given = ["--corruption=SpanCorruption", f"--corruption.rate={rate}", f"--seed={seed}"]
            train(prepared, cell, "--tracking=offline", *given)
    assert not server.runs
    sync(grid)
    assert {run.project for run in server.runs.values()} == {"rates"}
    told = {(run.about["groupName"], run.about["displayName"]): run for run in server.runs.values()}
    assert set(told) == {(name, f"{name}-seed{seed}") for name in ("low", "high") for seed in (1, 2)}
    for (_, name), run in told.items():
        assert run.values("train/loss") == [(row["tokens"], row["loss"]) for row in rows(grid / name, "train")]
        assert set(run.times_sent.values()) == {1}
        assert run.about["jobType"] == "pretrain"
        assert len(run.table("reconstructions")["data"]) == 1


@pytest.mark.slow
def test_a_killed_run_goes_on_as_the_same_run(prepared: Path, server: WandbServer, tmp_path: Path) -> None:
    run = tmp_path / "run"
    more = ["--tracking=auto", "--budget_tokens=3200", "--num_evaluations=2"]
    kill_after(9, prepared, run, *more)
    train(prepared, run, "--tracking=auto", f"--corruption={json.dumps(CORRUPTION)}")
    told = only(server)
    assert told.values("train/loss") == [(row["tokens"], row["loss"]) for row in rows(run, "train")]
    assert told.values("held_out/loss") == [(row["tokens"], row["loss"]) for row in rows(run, "held_out")]
    assert set(told.times_sent.values()) == {1}
    assert told.exit_code == 0


def test_a_run_stopped_offline_is_one_part_that_holds_all(server: WandbServer, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", tracking="offline")
    tracked = tracking_of(run)
    train_on(run, tracked, range(1, 10))
    tracked.finish(is_done=False)
    kill_back_to(run, 8)
    again = tracking_of(run)
    train_on(run, again, range(9, 13))
    again.finish()
    assert len(list(run.glob("wandb/offline-run-*"))) == 1
    sync(run)
    assert_once(only(server), range(1, 13))
    assert only(server).values("held_out/loss") == [(10 * step, 8.0 / step) for step in (4, 8, 12)]
    assert only(server).table("reconstructions")["data"] == [["w12", "a⟨0⟩", "b", "c"]]


@pytest.mark.slow
def test_what_was_synced_in_mid_run_is_not_sent_again(server: WandbServer, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", tracking="offline")
    tracked = tracking_of(run)
    train_on(run, tracked, range(1, 10))
    tracked.finish(is_done=False)
    sync(run)
    kill_back_to(run, 8)
    again = tracking_of(run)
    train_on(run, again, range(9, 13))
    again.finish()
    sync(run)
    assert_once(only(server), range(1, 13))


@pytest.mark.slow
def test_a_part_torn_by_a_kill_is_replaced(server: WandbServer, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", tracking="offline")
    tracked = tracking_of(run)
    train_on(run, tracked, range(1, 10))
    tracked.finish(is_done=False)
    (log,) = run.glob("wandb/offline-run-*/*.wandb")
    log.write_bytes(log.read_bytes()[:-700])
    kill_back_to(run, 8)
    again = tracking_of(run)
    train_on(run, again, range(9, 13))
    again.finish()
    sync(run)
    assert_once(only(server), range(1, 13))


def test_a_run_begun_offline_goes_on_online(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(tmp_path / "run")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracked = tracking_of(run)
    train_on(run, tracked, range(1, 6))
    tracked.finish(is_done=False)
    reach(server, monkeypatch)
    monkeypatch.delenv("WANDB_MODE")
    again = tracking_of(run)
    train_on(run, again, range(6, 9))
    again.finish()
    assert_once(only(server), range(1, 9))
    assert not list(run.glob("wandb/offline-run-*"))


@pytest.mark.slow
def test_a_server_that_dies_costs_its_rows_only_until_the_next_upload(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "FINISH_WITHIN_S", 1.0)
    run, told = begin(tmp_path / "run"), list[str]()
    tracked = tracking_of(run, told=told)
    train_on(run, tracked, range(1, 6))
    server.wait_for_step(4)
    server.close()
    started_s = time.monotonic()
    train_on(run, tracked, range(6, 9))
    assert time.monotonic() - started_s < 1
    tracked.finish()
    assert time.monotonic() - started_s < 5
    assert f"denoise dashboard {run} --upload" in told[-1]
    (run / "done.json").write_text("{}")
    back = WandbServer()
    back.runs = server.runs
    reach(back, monkeypatch)
    assert upload(tmp_path, told.append) == 1
    assert_once(only(back), range(1, 9))
    assert only(back).exit_code == 0
    back.close()


_LIMITED = """
import sys, time
from pathlib import Path
from denoise.train.tracking import tracking, wandb_run
from tests.denoise.tracked_runs import begin, tracking_of, train_on

tracking.DRAIN_WITHIN_S = tracking.FINISH_WITHIN_S = wandb_run.FINISH_WITHIN_S = 1.0
told = []
run = begin(Path(sys.argv[1]))
tracked = tracking_of(run, told=told)
train_on(run, tracked, range(1, 6))
sys.stdin.readline()
started_s = time.monotonic()
train_on(run, tracked, range(6, 13))
print(time.monotonic() - started_s)
tracked.finish()
print(time.monotonic() - started_s)
print(told[-1])
"""
"""A process of its own, since what matters is also how long it takes to leave."""


@pytest.mark.slow
def test_a_server_that_hangs_is_waited_for_no_longer_than_is_said(server: WandbServer, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LIMITED, str(tmp_path / "run")]
    said = tmp_path / "said.txt"
    with said.open("w") as out:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, text=True)
        server.wait_for_step(4)
        server.hang()
        hung_at_s = time.monotonic()
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=60)
    assert time.monotonic() - hung_at_s < 20
    train_s, finish_s, told = said.read_text().splitlines()
    assert float(train_s) < 0.5, "training waited for the server"
    assert float(finish_s) < 4
    assert "--upload sends what it has not got" in told


@pytest.mark.slow
def test_a_server_that_opens_no_run_means_offline(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "START_WITHIN_S", 1.0)
    server.hang()
    run, told = begin(tmp_path / "run"), list[str]()
    started_s = time.monotonic()
    tracked = tracking_of(run, told=told)
    assert time.monotonic() - started_s < 8
    assert "offline (the server opened no run)" in told[0]
    train_on(run, tracked, range(1, 4))
    tracked.finish()
    server.answering.set()
    sync(run)
    assert_once(only(server), range(1, 4))


def paper(format: Any, *, adapted: bool, bits: float) -> Paper:
    counts = {"num_windows": 1, "num_hidden_tokens": 1, "num_hidden_bytes": 1, "num_spans": 1, "exact_spans": 0.25}
    about = {"rate": 0.15, "seen": format == "sentinels", "mode": None, "documents": "joined"}
    return Paper(
        format=format, adapted=adapted, bits_per_hidden_byte=bits, bits_saved_by_source=None, **counts, **about
    )  # type: ignore[arg-type]


def test_the_exam_comes_into_the_run_that_was_trained(server: WandbServer, tmp_path: Path) -> None:
    run = begin(tmp_path / "grid" / "cell", grid="rates")
    tracked = tracking_of(run)
    train_on(run, tracked, range(1, 6))
    tracked.finish()
    bits = [("sentinels", False, 8.0), ("sentinels", True, 2.0), ("one_mask", False, 9.0), ("one_mask", True, 3.0)]
    papers = tuple(paper(format, adapted=adapted, bits=left) for format, adapted, left in bits)
    about = {"version": 1, "settings": {}, "data_fingerprint": "", "step": 5, "trained_at": None, "cost": {}}
    exam = Exam(papers=papers, finished_at="", **about)  # type: ignore[arg-type]
    (run / "exam.json").write_text(json.dumps(exam.to_json()))
    publish_scores(run)
    told = only(server)
    assert_once_upto(told, range(1, 6))
    assert told.summary["exam/bits_per_hidden_byte"] == 2.5
    assert told.summary["exam/one_mask_0.15_adapted/bits_per_hidden_byte"] == 3.0
    assert [row[0] for row in told.table("exam/papers")["data"]] == ["sentinels"] * 2 + ["one_mask"] * 2
    assert (told.about["jobType"], told.about["groupName"]) == ("pretrain", "bart_infill")
    assert told.history[-1]["tokens"] == 50


def assert_once_upto(run: StoredRun, steps: range) -> None:
    assert run.values("train/loss") == [(tokens, pytest.approx(loss)) for tokens, loss in losses(steps)]


@pytest.mark.parametrize("tracking", ["auto", "offline"])
def test_the_tables_of_a_grid_are_an_artifact(server: WandbServer, tmp_path: Path, tracking: str) -> None:
    grid = tmp_path / "rates"
    begin(grid / "cell", grid="rates", tracking=tracking)
    table = grid / "table.md"
    table.write_text("| strategy | bits |\n")
    publish_tables(grid, [table])
    if tracking == "offline":
        sync(grid)
    assert server.artifacts["rates-tables"]["table.md"] == table.read_bytes()
    assert (only(server).project, only(server).about["jobType"]) == ("rates", "tables")


@pytest.mark.parametrize(("file", "damage"), [("config.yaml", ""), ("config.yaml", "{"), ("cell.json", "{")])
def test_a_damaged_run_costs_only_its_dashboards(tmp_path: Path, file: str, damage: str) -> None:
    run = begin(tmp_path / "grid" / "cell", grid="rates", tracking="offline")
    (run / "exam.json").write_text('{"papers": []}')
    (run / file).write_text(damage)
    said: list[str] = []
    publish_scores(run, said.append)
    publish_tables(run.parent, [run / "exam.json"], said.append)
    assert len(said) == 2 and all("for a file of the run is damaged" in line for line in said)


def test_runs_that_are_not_tracked_have_no_exam_and_no_tables_anywhere(server: WandbServer, tmp_path: Path) -> None:
    run = begin(tmp_path / "grid" / "cell", grid="rates", tracking="off")
    (run / "exam.json").write_text('{"papers": []}')
    publish_scores(run)
    publish_tables(run.parent, [run / "exam.json"])
    assert not server.runs
    assert not (run.parent / "wandb").exists()
