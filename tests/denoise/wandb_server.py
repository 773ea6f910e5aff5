"""A server on this machine that speaks as much of W&B's protocol as the real client asks for, and keeps what came.

wandb-core tells the server about a run by GraphQL (`UpsertBucket`), streams the rows of its history with the number
of the first one (`file_stream`), and puts files where the server tells it to. A row sent again with its number takes
the place of the one before, as at W&B; `times_sent` counts how often each came, so that a test can tell the two apart.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
ENTITY = "somebody"


@dataclass
class StoredRun:
    """One run as the server has it."""

    project: str
    about: Json = field(default_factory=dict)
    """groupName, jobType, displayName, tags: what the client said last and was not null."""
    config: Json = field(default_factory=dict)
    lines: dict[int, Json] = field(default_factory=dict)
    """Rows of the history by their number."""
    times_sent: Counter[int] = field(default_factory=Counter)
    """How often a row with each `_step` came, whatever its number."""
    summary: Json = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def history(self) -> list[Json]:
        """The rows in the order of their numbers."""
        return [self.lines[number] for number in sorted(self.lines)]

    def values(self, name: str) -> list[tuple[Any, Any]]:
        """(tokens, value) of every row that has this value."""
        return [(row["tokens"], row[name]) for row in self.history if name in row]

    def table(self, name: str) -> Json:
        """The table that a row of the history refers to, the last of this name."""
        paths = [row[name]["path"] for row in self.history if name in row]
        return json.loads(self.files[paths[-1]])

    def x_axis(self) -> set[str]:
        """What is drawn along x for `*`, as define_metric put it into the configuration."""
        metrics = dict(enumerate(self.config["_wandb"]["value"]["m"], start=1))
        # Protobuf by field numbers: 1 is the name of a metric, 2 its glob, 5 the number of that along x.
        return {metrics[metric["5"]]["1"] for metric in metrics.values() if metric.get("2") == "*" and "5" in metric}


class WandbServer:
    """Serves until `close`; `hang` keeps every request waiting from then on."""

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.artifacts: dict[str, dict[str, bytes]] = {}
        """Files of each artifact."""
        self.came = threading.Condition(threading.RLock())
        self.answering = threading.Event()
        self.answering.set()
        self._artifact_names: dict[str, str] = {}
        server = self

        class Handler(_Handler):
            wandb = server

        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Be gone: connections are refused."""
        self.answering.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait_for_step(self, step: int, within_s: float = 60.0) -> None:
        """Until some run has a row of this step or a later one."""
        with self.came:
            assert self.came.wait_for(
                lambda: any(max(run.times_sent, default=-1) >= step for run in self.runs.values()), within_s
            ), f"step {step} did not come within {within_s} s"

    def hang(self) -> None:
        """Take what the client sends and never answer; that there is a server can still be seen."""
        self.answering.clear()

    def graphql(self, operation: str, given: Json) -> Json:
        """The answer to one operation; those that nobody needs an answer to get an empty one."""
        answer: Callable[[Json], Json] | None = getattr(self, f"_{_snake(operation)}", None)
        with self.came:
            return answer(given) if answer else {}

    def stream(self, run_name: str, sent: Json) -> None:
        """Rows and the summary of a run, each with the number of its first line."""
        with self.came:
            run = self.runs[run_name]
            for name, chunk in (sent.get("files") or {}).items():
                if name == "wandb-history.jsonl":
                    rows = [json.loads(line) for line in chunk["content"]]
                    run.lines |= dict(enumerate(rows, start=chunk["offset"]))
                    run.times_sent.update(row["_step"] for row in rows)
                elif name == "wandb-summary.json":
                    run.summary = json.loads(chunk["content"][-1])
            if sent.get("complete"):
                run.exit_code = sent.get("exitcode")
            self.came.notify_all()

    def put(self, where: str, body: bytes) -> None:
        """A file of a run (run/NAME/PATH) or of an artifact (artifact/ID/PATH)."""
        kind, owner, path = where.split("/", 2)
        with self.came:
            files = (
                self.runs[owner].files if kind == "run" else self.artifacts.setdefault(self._artifact_names[owner], {})
            )
            files[path] = body

    def _viewer(self, given: Json) -> Json:
        return {"viewer": {"id": "U", "entity": ENTITY, "username": ENTITY, "flags": "{}", "teams": {"edges": []}}}

    def _run_resume_status(self, given: Json) -> Json:
        run = self.runs.get(given["name"])
        bucket = _as_left(given["name"], run) if run else None
        return {"model": {"id": "P", "name": given["project"], "entity": _entity(), "bucket": bucket}}

    def _upsert_bucket(self, given: Json) -> Json:
        name = given["name"]
        is_new = name not in self.runs
        run = self.runs.setdefault(name, StoredRun(project=given["project"]))
        known = ("groupName", "jobType", "displayName", "tags", "state")
        run.about |= {key: given[key] for key in known if given.get(key) is not None}
        if given.get("config"):
            run.config = json.loads(given["config"])
        if given.get("summaryMetrics"):
            run.summary = json.loads(given["summaryMetrics"])
        project = {"id": "P", "name": run.project, "entity": _entity()}
        about = {"displayName": run.about.get("displayName"), "config": json.dumps(run.config)}
        bucket = {"id": name, "name": name, **about, "project": project, "historyLineCount": len(run.lines)}
        return {"upsertBucket": {"inserted": is_new, "bucket": bucket}}

    def _create_run_files(self, given: Json) -> Json:
        run = given["run"]
        files = [{"name": name, "uploadUrl": f"{self.url}/upload/run/{run}/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": files}}

    def _create_artifact(self, given: Json) -> Json:
        asked = given["input"]
        artifact_id = asked["clientID"][:12]
        self._artifact_names[artifact_id] = asked["artifactCollectionName"]
        artifact = {"id": artifact_id, "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}

    def _create_artifact_manifest(self, given: Json) -> Json:
        artifact_id = given["artifactID"]
        url = f"{self.url}/upload/artifact/{artifact_id}/{given['name']}"
        file = {"id": "F", "uploadUrl": url, "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": f"M{artifact_id}", "file": file}}}

    def _create_artifact_files(self, given: Json) -> Json:
        nodes = []
        for file in given["input"]["artifactFiles"]:
            where = f"artifact/{file['artifactID']}/{file['name']}"
            node = {"storagePath": where, "uploadUrl": f"{self.url}/upload/{where}", "uploadHeaders": []}
            nodes.append({"node": {**node, "uploadMultipartUrls": None, "artifact": {"id": file["artifactID"]}}})
        return {"createArtifactFiles": {"files": {"edges": nodes}}}

    def _commit_artifact(self, given: Json) -> Json:
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": ""}}}

    def _artifact_type(self, given: Json) -> Json:
        return {"project": {"artifact": None}}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed in mid-request is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wandb: WandbServer

    def do_GET(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        body = self._body()
        self.wandb.answering.wait()
        self.wandb.put(self.path.removeprefix("/upload/"), body)
        self._answer({})

    def do_POST(self) -> None:
        sent = json.loads(self._body())
        self.wandb.answering.wait()
        if self.path.endswith("/file_stream"):
            self.wandb.stream(self.path.split("/")[-2], sent)
            self._answer({})
            return
        operation = re.search(r"(?:query|mutation)\s+(\w+)", sent["query"])
        assert operation
        self._answer({"data": self.wandb.graphql(operation[1], sent.get("variables") or {})})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, said: Json) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _as_left(name: str, run: StoredRun) -> Json:
    """What a client needs to go on with a run."""
    last = run.history[-1:]
    return {
        "id": name,
        "name": name,
        "displayName": run.about.get("displayName"),
        "summaryMetrics": json.dumps(run.summary),
        "config": json.dumps(run.config),
        "tags": run.about.get("tags", []),
        "logLineCount": 0,
        "eventsLineCount": 0,
        "historyLineCount": len(run.lines),
        "historyTail": json.dumps([json.dumps(row) for row in last]),
        "eventsTail": "[]",
        "wandbConfig": json.dumps({"t": 1}),
    }


def _entity() -> Json:
    return {"id": "E", "name": ENTITY}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
