"""Batches made ahead of the step that uses them, by a thread: the compiled loops leave the interpreter to the step.

On a GPU each batch also travels ahead: through pinned memory, on a stream of its own.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from denoise.feed.batch import Batch
from denoise.feed.batches import Batches, PhasedBatches

_NUM_AHEAD = 2


class _Made(NamedTuple):
    batch: Batch
    arrived: torch.cuda.Event | None


class Ahead:
    """Batches `first` to the run's last, two ahead of their use; its length is the whole run's, as From's.

    A batch is a function of its number, so those that were made and not used are lost without harm.
    """

    def __init__(self, batches: Batches | PhasedBatches, first: int, device: torch.device) -> None:
        self.batches = batches
        self.first = first
        self.device = device

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        waiting: queue.Queue[_Made | BaseException | None] = queue.Queue(maxsize=_NUM_AHEAD)
        is_over = threading.Event()
        maker = threading.Thread(target=self._make, args=(waiting, is_over), name="batches ahead", daemon=True)
        maker.start()
        try:
            while (made := waiting.get()) is not None:
                if isinstance(made, BaseException):
                    raise made
                yield _arrived(made)
        finally:
            is_over.set()
            while not waiting.empty():  # the maker may be waiting for room
                waiting.get_nowait()
            maker.join()

    def _make(self, waiting: queue.Queue[_Made | BaseException | None], is_over: threading.Event) -> None:
        try:
            stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
            for number in range(self.first, len(self.batches)):
                made = _sent(self.batches[number], self.device, stream)
                if is_over.is_set():
                    return
                waiting.put(made)
            waiting.put(None)
        except BaseException as error:  # the step that asks for the batch is told
            waiting.put(error)


def _sent(batch: Batch, device: torch.device, stream: torch.cuda.Stream | None) -> _Made:
    if stream is None:
        return _Made(batch, None)
    with torch.cuda.stream(stream):
        # Pinned memory comes from PyTorch's own pool, which waits with its reuse until the copy is done.
        moved: dict[str, Any] = {
            name: x.pin_memory().to(device, non_blocking=True)
            for name, x in batch._asdict().items()
            if isinstance(x, torch.Tensor)
        }
        arrived = torch.cuda.Event()
        arrived.record(stream)
    return _Made(batch._replace(**moved), arrived)


def _arrived(made: _Made) -> Batch:
    """The batch, safe to use on the current stream, which waits for it while the CPU does not."""
    if made.arrived is not None:
        current = torch.cuda.current_stream()
        current.wait_event(made.arrived)
        for x in made.batch:
            if isinstance(x, torch.Tensor):
                x.record_stream(current)
    return made.batch
