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

from denoise.train import tracking
from denoise.train.tracking import Tracking, answers, has_key, why_offline


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

    server = HTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_without_a_key_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "answers", lambda server: pytest.fail("asked the network"))
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
    monkeypatch.setattr(tracking, "answers", lambda server: answers(server, within_s=0.3))
    assert why_offline("auto") == "no answer within 5 s from 127.0.0.1"


@pytest.mark.slow
def test_an_offline_run_holds_what_was_logged(tmp_path: Path) -> None:
    import json
    import subprocess

    cell = {"strategy": "t5_span", "seed": 1}
    tracked = Tracking(tmp_path, mode="auto", project="demo", config={"seed": 1}, cell=cell)
    assert "offline" in tracked.hint
    assert "wandb leet" in tracked.hint
    for step in (1, 2):
        tracked.log({"kind": "train", "step": step, "tokens": 10 * step, "loss": 9.0 / step})
    tracked.log_reconstructions([{"window": 3, "source": [["a", ""]], "said": [["b", "right"]], "target": [["b", ""]]}])
    tracked.finish({"loss": 4.5})
    (found,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    shown = subprocess.run(
        [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json", str(found)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [json.loads(line)["history"]["item"] for line in shown.splitlines() if '"type":"history"' in line]
    assert [(row["tokens"], row["train/loss"]) for row in rows if "train/loss" in row] == [(10, 9.0), (20, 4.5)]
    assert any("reconstructions" in key for row in rows for key in row)


def test_a_dashboard_that_breaks_is_only_the_dashboards_trouble(tmp_path: Path) -> None:
    class Broken:
        @property
        def experiment(self) -> None:
            raise ConnectionError("gone")

    tracked = Tracking(tmp_path, mode="off", project="demo", config={}, cell={"strategy": "x", "seed": 1})
    assert tracked.loggers == []
    tracked._logger = Broken()
    tracked.log({"kind": "train", "step": 1, "tokens": 10, "loss": 9.0})
    assert tracked.loggers == []
    assert "stopped answering (ConnectionError)" in tracked.hint
