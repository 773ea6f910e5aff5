"""What a person sees while a grid runs: a line for each cell at work, and what has happened above them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.text import Text

from denoise.grid.overview import counts, in_time, left_s, line
from denoise.grid.plan import read_plan
from denoise.grid.progress import CellProgress
from denoise.grid.status import last_lines, look

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_LINES = 30.0


class Live:
    """In a terminal lines that change in place; in a file one for what happens, and every half minute the rest."""

    def __init__(self, folder: Path, only: Sequence[str], console: Console, *, num_workers: int) -> None:
        self.folder = folder
        self.only = only
        self.console = console
        self.num_workers = num_workers
        self.cells: list[CellProgress] = []
        """As they were at the last look."""
        self._screen: RichLive | None = None
        self._last_look_s = self._last_lines_s = time.monotonic() - _SECONDS_BETWEEN_LOOKS

    def show(self, *, at_once: bool = False) -> None:
        """Look again, if the last look is a second old."""
        now_s = time.monotonic()
        if now_s - self._last_look_s < _SECONDS_BETWEEN_LOOKS and not at_once:
            return
        self._last_look_s = now_s
        before = {cell.folder_name: cell for cell in self.cells}
        self.cells = look(self.folder, read_plan(self.folder), self.only)
        for cell in self.cells if before else ():
            self._tell(before.get(cell.folder_name), cell)
        if self.console.is_terminal:
            self._draw()
        elif now_s - self._last_lines_s >= _SECONDS_BETWEEN_LINES:
            self._last_lines_s = now_s
            for said in self._at_work():
                self._print(said)

    def stop(self) -> None:
        """Tell the last that happened, and leave the screen as it is."""
        self.show(at_once=True)
        if self._screen is not None:
            self._screen.stop()
            self._screen = None

    def _tell(self, before: CellProgress | None, now: CellProgress) -> None:
        if before is not None and now.num_failures > before.num_failures:
            again = "is left alone" if now.state == "failed" else "is tried again"
            told = f"{now.name} failed ({now.num_failures} of {read_plan(self.folder).tries} tries) and {again}:"
            self._print(f"{told}\n{last_lines(self.folder / now.folder_name)}")
        elif now.state == "done" and (before is None or before.state != "done"):
            self._print(f"{now.name} is done: {now.tokens:,} tokens in {in_time(now.elapsed_s)}")
        elif now.state == "running" and (before is None or before.state != "running"):
            self._print(f"{now.name} {'goes on' if now.step else 'begins'}")

    def _at_work(self) -> list[str]:
        # Others may be at work too, and all are where one only looks on.
        num_workers = max(self.num_workers, sum(cell.state == "running" for cell in self.cells))
        rest_s = left_s(self.cells, num_workers)
        whole = counts(self.cells) + (f"; about {in_time(rest_s)} of training left" if rest_s else "")
        return [*(line(cell) for cell in self.cells if cell.state == "running"), whole]

    def _draw(self) -> None:
        if self._screen is None:
            self._screen = RichLive(console=self.console, auto_refresh=False)
            self._screen.start()
        lines = self._at_work()
        self._screen.update(Group(*(Text(said, overflow="ellipsis", no_wrap=True) for said in lines)), refresh=True)

    def _print(self, said: str) -> None:
        self.console.print(said, highlight=False, soft_wrap=True, markup=False)
