"""All dashboards of one run: fed in a thread of their own, never in the way of the run."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from denoise.train.run_folder import Row, RunFolder
from denoise.train.tracking.csv_file import CsvFile
from denoise.train.tracking.points import Point, Points, after_training, stored_points
from denoise.train.tracking.tracker import About, Tracker
from denoise.train.tracking.wandb_run import FINISH_WITHIN_S, WandbRun

DRAIN_WITHIN_S = 5.0
"""How long the end of a run waits until all points are handed over. A table asks the server something, which may hang;
then the client waits FINISH_WITHIN_S once more when the process leaves. Both are less than the 30 s that Slurm gives a
job which it stops."""


class Tracking:
    """Nothing, one dashboard or several; calls return at once, and none raises.

    `trackers` are names as in RunConfig.trackers. `tell` is given the lines that a person should see: how the run is
    logged, how to look at it, and what went wrong.
    """

    def __init__(self, about: About, trackers: Sequence[str], tell: Callable[[str], None] = lambda line: None) -> None:
        self.about = about
        self.tell = tell
        self._points = Points()
        self._last: Point | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._trackers: list[Tracker] = []
        for name in trackers if about.mode != "off" else ():
            if name != "wandb" or os.environ.get("WANDB_MODE") != "disabled":
                self._open(name)
        self._thread = threading.Thread(target=self._work, daemon=True, name="dashboards")
        if self._trackers:
            self._thread.start()

    @property
    def loggers(self) -> list[Any]:
        """What to hand to Lightning's Trainer."""
        return [tracker.logger for tracker in self._trackers if tracker.logger is not None]

    def go_on(self, *, peak_flops_per_s: float | None = None) -> None:
        """Give every dashboard the points of the run folder that it lacks; only now is the folder as it will be."""
        shapes = RunFolder(self.about.folder).shapes
        flops_per_token = shapes.get("flops", 0) / max(shapes.get("tokens", 0), 1)
        self._points = Points(flops_per_token=flops_per_token, peak_flops_per_s=peak_flops_per_s)
        # Read here and now: in the thread it would find lines of the training that begins meanwhile.
        stored = list(stored_points(self.about.folder, self._points)) if self._trackers else []
        self._do(lambda: self._publish_all(stored))

    def log(self, line: Mapping[str, Any]) -> None:
        """Log one line of metrics.jsonl."""
        self._do(lambda: self._publish(self._points.take(line)))

    def log_reconstructions(self, rows: list[Row]) -> None:
        """Log reconstructions of held-out text, of the step of the line before."""
        self._do(lambda: self._points.take_reconstructions(rows))

    def log_scores(self) -> None:
        """Log the papers of the exam, and the scores of fine-tuning, that the run folder has."""

        def take() -> None:
            self._publish(self._points.rest())
            if self._last is not None:
                self._publish(after_training(self.about.folder, self._last))

        self._do(take)

    def log_files(self, name: str, files: Sequence[Any]) -> None:
        """Keep files as an artifact of Weights & Biases; other dashboards have none."""
        for tracker in self._trackers:
            if isinstance(tracker, WandbRun):
                self._do(lambda run=tracker: self._attempt(run, lambda: run.log_files(name, list(files))))  # type: ignore[misc]

    def finish(self, *, is_done: bool = True, drain_within_s: float | None = None) -> None:
        """Close; what is not handed over within `drain_within_s`, and uploaded soon after, stays in the run folder."""
        if not self._thread.is_alive():
            return

        is_drained = threading.Event()

        def close() -> None:
            self._publish(self._points.rest())
            is_drained.set()
            for tracker in list(self._trackers):
                self._attempt(tracker, lambda tracker=tracker: tracker.finish(is_done=is_done))  # type: ignore[misc]

        self._jobs.put(close)
        self._jobs.put(None)
        if is_drained.wait(DRAIN_WITHIN_S if drain_within_s is None else drain_within_s):
            self._thread.join(FINISH_WITHIN_S + 1)
        if self._thread.is_alive():
            self.tell(
                "Weights & Biases does not answer; "
                f"denoise dashboard {self.about.home} --upload sends what it has not got"
            )

    def _open(self, name: str) -> None:
        try:
            tracker = tracker_named(name, self.about)
        except Exception as error:  # any failure of a dashboard is only the dashboard's
            self.tell(f"{name}: off, it could not be started ({in_words(error)}); metrics.jsonl has everything")
            return
        self._trackers.append(tracker)
        self.tell(tracker.hint)

    def _do(self, job: Callable[[], None]) -> None:
        if self._trackers:
            self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _publish_all(self, points: Sequence[Point]) -> None:
        for point in points:
            self._publish(point)

    def _publish(self, point: Point | None) -> None:
        if point is None:
            return
        self._last = point
        for tracker in list(self._trackers):
            if point.step > tracker.last_step:
                self._attempt(tracker, lambda tracker=tracker: tracker.log(point))  # type: ignore[misc]

    def _attempt(self, tracker: Tracker, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # the run goes on without its dashboard
            if tracker in self._trackers:
                self._trackers.remove(tracker)
            self.tell(f"{type(tracker).__name__}: {in_words(error)}; metrics.jsonl has everything")


def tracker_named(name: str, about: About) -> Tracker:
    """The dashboard of this name, opened for a run."""
    if name == "wandb":
        return WandbRun(about)
    if name == "csv":
        return CsvFile(about)
    if name == "tensorboard":
        from denoise.train.tracking.tensorboard_files import TensorBoardFiles

        return TensorBoardFiles(about)
    from denoise.train.tracking.trackio_run import TrackioRun

    return TrackioRun(about)


def in_words(error: Exception) -> str:
    """The first line of an error, or its name if it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
