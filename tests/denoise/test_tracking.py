"""A dashboard is never in the way: without a key, a network or a server the run is logged offline."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from denoise.train.tracking import server, tracking
from denoise.train.tracking.points import Point
from denoise.train.tracking.server import answers, has_key, why_offline
from denoise.train.tracking.tracker import About, Tracker
from tests.denoise.tracked_runs import begin, losses, tracking_of, train_on


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """Answers everything with an error page."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    serving = HTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()


def test_without_a_key_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "answers", lambda server: pytest.fail("asked the network"))
    assert why_offline("auto") == "no API key; `wandb login` stores one"


def test_a_key_in_the_environment_or_in_netrc_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not has_key("https://wandb.example")
    (tmp_path / "netrc").write_text("machine wandb.example login user password 0123\n")
    assert has_key("https://wandb.example")
    assert not has_key("https://other.example")
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    assert has_key("https://other.example")


def test_a_server_that_says_nothing_is_not_waited_for(silent_server: str) -> None:
    started_s = time.monotonic()
    assert not answers(silent_server, within_s=0.3)
    assert time.monotonic() - started_s < 5


def test_no_server_is_offline_and_an_error_page_is_an_answer(refusing_server: str) -> None:
    assert not answers("http://127.0.0.1:9", within_s=2)
    assert not answers("no address at all", within_s=2)
    assert answers(refusing_server, within_s=2)


def test_a_key_and_a_silent_server_mean_offline(monkeypatch: pytest.MonkeyPatch, silent_server: str) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", silent_server)
    monkeypatch.setattr(server, "answers", lambda server: answers(server, within_s=0.3))
    assert why_offline("auto") == "no answer within 5 s from 127.0.0.1"


@pytest.mark.slow
def test_an_offline_run_holds_what_was_logged(tmp_path: Path) -> None:
    import json
    import subprocess

    run, told = begin(tmp_path / "run"), list[str]()
    tracked = tracking_of(run, told=told)
    assert "offline (no API key" in told[0]
    assert f"denoise dashboard {run}" in told[0]
    train_on(run, tracked, range(1, 6))
    tracked.finish()
    (found,) = (run / "wandb").glob("offline-run-*/*.wandb")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(found)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line)["history"]["item"] for line in shown.splitlines() if '"type":"history"' in line]
    assert [(row["tokens"], row["train/loss"]) for row in rows] == losses(range(1, 6))
    assert any("reconstructions" in key for row in rows for key in row)


class _Broken(Tracker):
    def log(self, point: Point) -> None:
        raise ConnectionError("gone")

    def finish(self, *, is_done: bool) -> None:
        pytest.fail("it was put away before")


def test_a_dashboard_that_breaks_is_only_the_dashboards_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tracking.tracker_named
    monkeypatch.setattr(
        tracking, "tracker_named", lambda name, about: _Broken() if name == "wandb" else opened(name, about)
    )
    run, told = begin(tmp_path / "run"), list[str]()
    tracked = tracking_of(run, ["wandb", "csv"], told)
    train_on(run, tracked, range(1, 4))
    tracked.finish()
    assert "_Broken: gone; metrics.jsonl has everything" in told
    assert len((run / "metrics.csv").read_text().splitlines()) == 4


def test_a_dashboard_that_cannot_be_opened_is_only_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, about: About) -> Tracker:
        raise OSError("the disk is full")

    monkeypatch.setattr(tracking, "tracker_named", refuse)
    run, told = begin(tmp_path / "run"), list[str]()
    tracked = tracking_of(run, told=told)
    assert tracked.loggers == []
    train_on(run, tracked, range(1, 4))
    tracked.finish()
    assert told == ["wandb: off, it could not be started (the disk is full); metrics.jsonl has everything"]


def test_the_end_does_not_wait_for_dashboards_that_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "tracker_named", lambda name, about: _Broken())
    run = begin(tmp_path / "run")
    tracked = tracking_of(run)
    train_on(run, tracked, range(1, 4))
    started_s = time.monotonic()
    tracked.finish()
    assert time.monotonic() - started_s < 2
