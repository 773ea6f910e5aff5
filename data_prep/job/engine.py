"""Who does the tasks: this process, processes of this machine, or a Ray cluster. The files are the same."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any, Literal

from data_prep.errors import BadInput
from data_prep.job.tasks import Outcome, Task, perform

Runner = Literal["auto", "loop", "native", "ray"]

_ROUNDS = 3
"""How often tasks are handed out again whose process was killed; one that never comes back is not waited for."""

_pools: dict[int, ProcessPoolExecutor] = {}
"""Processes that wait for the next stage, by how many there are: starting them takes a second."""


class BadEngine(BadInput):
    """An engine that is not installed, or that loses its processes time after time."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Where tasks are done."""

    runner: Runner = "auto"
    """loop: in this process, one after the other. native: in processes of this machine; a program that is no module
    calls it under `if __name__ == "__main__":`. ray: on a Ray cluster that runs already, whose machines all see the
    same folders. auto: native where there is more than one task and more than one core, else loop."""
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

        A process that is killed, by hand or for its memory, loses what it was about: that is handed out again.

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
            except Exception as error:  # of an engine, not of a task: those come back as outcomes
                trouble = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                end_processes()
        raise BadEngine(
            f"the processes of {len(left)} tasks ended {_ROUNDS} times before their work was done, {min(left)} first "
            f"({trouble}); give more memory or fewer workers, and run the same command again"
        )

    def _round(self, tasks: list[Task]) -> Iterable[Outcome]:
        if self.runner == "ray":
            return _by_ray(tasks, self.workers, self.ray_address or os.environ.get("RAY_ADDRESS"))
        workers = self.workers or len(os.sched_getaffinity(0))
        if self.runner == "loop" or (self.runner == "auto" and min(workers, len(tasks)) < 2):
            return map(perform, tasks)
        return _by_processes(tasks, workers)


def _by_processes(tasks: list[Task], workers: int) -> Iterator[Outcome]:
    if workers not in _pools:
        context = get_context("spawn")  # a fork would take over the threads' locks in whatever state they are
        _pools[workers] = ProcessPoolExecutor(workers, context, _begin, (os.getpid(),))
    futures = [_pools[workers].submit(perform, task) for task in tasks]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _begin(parent: int) -> None:
    """What a process of a pool does first: nothing of it outlives whoever waits for it."""
    os.environ.setdefault("RAYON_NUM_THREADS", "1")  # a worker is a core: what it calls must not take them all
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def processes_end() -> Iterator[None]:
    """At the end of a job, those that waited for its next stage go, too."""
    try:
        yield
    finally:
        end_processes()


def end_processes() -> None:
    """End the processes of this machine, whatever they are about: there is nothing to lose but their tasks."""
    while _pools:
        pool = _pools.popitem()[1]
        for process in list((pool._processes or {}).values()):  # terminate_workers(), from Python 3.14 on
            process.kill()
        pool.shutdown(cancel_futures=True)


def _by_ray(tasks: list[Task], workers: int, address: str | None) -> Iterator[Outcome]:
    if find_spec("ray") is None:
        raise BadEngine("the runner ray needs Ray; pip install 'denoise[cluster]', or give runner native")
    import ray

    _connect(ray, address)
    most = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    do, waiting = ray.remote(num_cpus=1, max_retries=2)(perform), list(reversed(tasks))
    under_way: list[Any] = []
    # Where nobody says how many, twice as many as can run, so that none of them waits for the next one to be sent.
    while waiting or under_way:
        while waiting and len(under_way) < (most if workers else 2 * most):
            under_way.append(do.remote(waiting.pop()))
        done, under_way = ray.wait(under_way)
        yield from ray.get(done)


def _connect(ray: Any, address: str | None) -> None:
    if ray.is_initialized():
        return
    quiet = {"RAYON_NUM_THREADS": "1"}
    try:
        ray.init(address or "auto", log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": quiet})
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise BadEngine(
            f"there is no Ray cluster at {address or 'this machine'} ({what}); start one (ray start --head), name "
            "another (ray_address), or give runner native"
        ) from None
