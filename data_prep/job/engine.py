"""Who does the tasks: this process, processes of this machine, or a Ray cluster. The files are the same."""

from __future__ import annotations

import base64
import logging
import os
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from data_prep.errors import BadInput
from data_prep.job.tasks import Outcome, Task, perform

Runner = Literal["auto", "loop", "native", "ray"]

_QUIET = ("DAFT_PROGRESS_BAR", "DAFT_ANALYTICS_ENABLED", "RAY_USAGE_STATS_ENABLED")
"""Set to 0: bars of their own, and counts of use sent away."""

_ROUNDS = 3
"""How often tasks are handed out again whose process was killed; one that never comes back is not waited for."""


class BadEngine(BadInput):
    """An engine that is not installed, or that loses its processes time after time."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Where tasks are done."""

    runner: Runner = "auto"
    """loop: in this process, one after the other. native: in processes of this machine (Daft). ray: on a Ray
    cluster that runs already, or else on one of this machine's (Daft); all machines must see the same folders.
    auto: native if Daft is installed and there is more than one task, else loop."""
    workers: int = 0
    """How many processes, 1 or more; 0: one a core of this machine, or all that the cluster has."""
    ray_address: str = ""
    """Of the cluster, `ray://host:10001` or `host:6379`; empty: RAY_ADDRESS, or the one this machine belongs to."""

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise BadEngine(f"workers is {self.workers}; it must be 1 or more, or 0 for one a core")
        if self.ray_address and self.runner != "ray":
            raise BadEngine(f"ray_address is given, but the runner is {self.runner}; give runner ray")

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Do tasks; their outcomes come in any order.

        A process that is killed, by hand or for its memory, loses its task alone: it is handed out again.

        Raises BadEngine.
        """
        left = {task.folder: task for task in tasks}
        for _ in range(_ROUNDS):
            if not left:
                return
            try:
                for outcome in self._round(list(left.values())):
                    del left[outcome.task.folder]
                    yield outcome
                return
            except BadInput:
                raise
            except Exception as error:  # Daft raises many kinds when it loses a process
                trouble = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise BadEngine(
            f"the processes of {len(left)} tasks ended {_ROUNDS} times before their work was done, {min(left)} first "
            f"({trouble}); give more memory or fewer workers, and run the same command again"
        )

    def _round(self, tasks: list[Task]) -> Iterable[Outcome]:
        workers = self.workers or len(os.sched_getaffinity(0))
        if self.runner == "loop" or (self.runner == "auto" and (min(workers, len(tasks)) < 2 or not _has("daft"))):
            return map(perform, tasks)
        if not _has("daft"):
            raise BadEngine("the runner native needs Daft; pip install 'denoise[crawl]', or give runner loop")
        if self.runner == "ray" and not _has("ray"):
            raise BadEngine("the runner ray needs Ray; pip install 'denoise[cluster]', or give runner native")
        return _by_daft(tasks, self.runner == "ray", self.workers, self.ray_address)


def _has(package: str) -> bool:
    return find_spec(package) is not None


def _by_daft(tasks: list[Task], is_ray: bool, workers: int, ray_address: str) -> Iterator[Outcome]:
    """Each row of a frame is a task; Daft hands rows to processes, and brings back what they return."""
    for name in _QUIET:
        os.environ.setdefault(name, "0")
    os.environ.setdefault("RAYON_NUM_THREADS", "1")  # a worker is a core: what it calls must not take them all
    import daft

    if daft.get_or_infer_runner_type() != ("ray" if is_ray else "native"):
        _set_runner(daft, is_ray, ray_address or os.environ.get("RAY_ADDRESS"))
    num_workers = min(len(tasks), workers or _num_cores(is_ray))
    worker = daft.cls(_Worker, use_process=True, max_concurrency=num_workers)()
    frame = daft.from_pydict({"task": [_packed(task) for task in tasks]}).into_batches(1)
    for row in frame.select(worker(frame["task"]).alias("outcome")).iter_rows():
        yield _unpacked(row["outcome"])


def _set_runner(daft: Any, is_ray: bool, ray_address: str | None) -> None:
    try:
        if is_ray:
            import ray

            if not ray.is_initialized():
                quiet = dict.fromkeys(_QUIET, "0")
                ray.init(ray_address, log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": quiet})
            daft.set_runner_ray(noop_if_initialized=True)
        else:
            daft.set_runner_native()
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        where = f"Ray at {ray_address}" if ray_address else "Ray" if is_ray else "Daft's native runner"
        raise BadEngine(f"{where} cannot be used ({what}); check that it runs, or give another runner") from None


def _num_cores(is_ray: bool) -> int:
    if not is_ray:
        return len(os.sched_getaffinity(0))
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


class _Worker:
    """One process of an engine."""

    def __call__(self, task: str) -> str:
        return _packed(perform(_unpacked(task)))


def _packed(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


def _unpacked(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))
