"""TensorBoard, CSV and trackio show what metrics.jsonl holds, a point a step, along tokens."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.errors import BadInput
from denoise.train.config import RunConfig
from denoise.train.tracking import tracker
from denoise.train.tracking.command import dashboard, newest
from denoise.train.tracking.points import Points, stored_points
from denoise.train.tracking.tracker import check_installed
from tests.denoise.tracked_runs import begin, kill_back_to, losses, tracking_of, train_on


def killed_and_resumed(folder: Path, name: str) -> Path:
    run = begin(folder / "run")
    tracked = tracking_of(run, [name])
    train_on(run, tracked, range(1, 10))
    tracked.finish(is_done=False)
    kill_back_to(run, 8)
    again = tracking_of(run, [name])
    train_on(run, again, range(9, 13))
    again.finish()
    return run


def needs(package: str) -> pytest.MarkDecorator:
    lacking = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(lacking, reason=f"pip install 'denoise[{package}]' gives {package}")


def test_a_csv_has_a_line_a_step_after_a_kill_too(tmp_path: Path) -> None:
    run = killed_and_resumed(tmp_path, "csv")
    lines = list(csv.DictReader((run / "metrics.csv").open()))
    assert [(int(line["tokens"]), float(line["train/loss"])) for line in lines] == losses(range(1, 13))
    assert [line["step"] for line in lines if line["held_out/loss"]] == ["4", "8", "12"]


def test_lines_that_come_while_old_ones_are_shown_come_once(tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    first = tracking_of(run, ["csv"])
    train_on(run, first, range(1, 400))
    first.finish(is_done=False)
    again = tracking_of(run, ["csv"])  # reads the folder while the lines below are written to it
    train_on(run, again, range(400, 500))
    again.finish()
    steps = [line["step"] for line in csv.DictReader((run / "metrics.csv").open())]
    assert steps == [str(step) for step in range(1, 500)]


@needs("tensorboard")
def test_tensorboard_has_tokens_along_x_and_no_point_twice(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = killed_and_resumed(tmp_path, "tensorboard")
    found = EventAccumulator(str(run / "tensorboard")).Reload()
    told = [(event.step, pytest.approx(event.value)) for event in found.Scalars("train/loss")]
    assert losses(range(1, 13)) == told
    (text,) = found.Tensors("reconstructions/text_summary")[-1].tensor_proto.string_val
    assert "| w12 | a⟨0⟩ | b | c |" in text.decode()


_TRACKIO = """
import sys
from pathlib import Path
from tests.denoise.test_trackers import killed_and_resumed

killed_and_resumed(Path(sys.argv[1]), "trackio")
from trackio.sqlite_storage import SQLiteStorage

for row in SQLiteStorage.get_logs("of mine", "run"):
    print("ROW", row["step"], row.get("train/loss"), row.get("reconstructions", {}).get("_type"))
"""
"""A process of its own: trackio learns where its database is when it is imported."""


@pytest.mark.slow
@needs("trackio")
def test_trackio_has_tokens_along_x_and_no_point_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _TRACKIO, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    rows = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ROW")]
    assert [(int(tokens), float(loss)) for tokens, loss, _ in rows] == losses(range(1, 13))
    assert [tokens for tokens, _, table in rows if table == "trackio.table"] == ["40", "80", "120"]
    assert (tmp_path / "run" / "trackio").is_dir()


def test_a_dashboard_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'denoise\[trackio\]'"):
        check_installed(["wandb", "trackio"])
    check_installed(["wandb", "csv"])


def test_dashboards_are_named_with_commas_or_in_a_list() -> None:
    assert RunConfig().dashboards == ("wandb",)
    assert RunConfig(trackers="csv, tensorboard").dashboards == ("csv", "tensorboard")
    assert RunConfig(trackers=["csv"], tracking=False).dashboards == ()
    with pytest.raises(BadInput, match="trackers names 'wandbi'; choose among wandb, tensorboard, csv, trackio"):
        RunConfig(trackers="wandbi")


def test_the_share_of_the_peak_is_told_where_the_peak_is_known() -> None:
    line = {"kind": "train", "step": 10, "tokens": 1000, "loss": 2.0, "tokens_per_s": 50.0}
    points = Points(flops_per_token=6e9, peak_flops_per_s=1e12)
    points.take(line)
    whole = points.rest()
    assert whole
    assert whole.values["speed/mfu"] == pytest.approx(0.3)
    assert whole.values["speed/step_s"] == 2.0
    unknown = Points(flops_per_token=6e9)
    unknown.take(line)
    assert "speed/mfu" not in unknown.rest().values  # type: ignore[union-attr]


def test_stored_points_are_those_that_were_logged(tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    train_on(run, tracking_of(run, []), range(1, 6))
    points = Points()
    found = [*stored_points(run, points), points.rest()]
    assert [point.step for point in found if point] == [1, 2, 3, 4, 5]
    assert [point.step for point in found if point and point.tables] == [4]


def test_the_newest_dashboard_is_opened_and_none_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match="nothing that wandb logged; runs log to it with --trackers wandb"):
        newest(tmp_path, "wandb")
    with pytest.raises(BadInput, match="there is no folder"):
        newest(tmp_path / "gone", "wandb")
    for name in ("old", "new"):
        (tmp_path / name / "wandb" / "offline-run-1").mkdir(parents=True)
    import os

    os.utime(tmp_path / "old" / "wandb" / "offline-run-1", (1, 1))
    assert newest(tmp_path, "wandb") == tmp_path / "new" / "wandb"
    assert dashboard([str(tmp_path)]) == 0  # no terminal here
    assert capsys.readouterr().out.split()[1:] == ["-m", "wandb", "leet", str(tmp_path / "new" / "wandb")]
