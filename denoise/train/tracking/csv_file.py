"""A table of a run for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from data_prep.files import write_whole
from denoise.train.tracking.points import Point
from denoise.train.tracking.tracker import About, Tracker


class CsvFile(Tracker):
    """metrics.csv in the run folder, a line a step and a column a value; whole whenever one looks.

    It is written at evaluations and at the end, since a value that comes for the first time adds a column. Lightning's
    CSVLogger keeps a line a call, not a step, and stops with an error where a folder has another run's columns.
    """

    def __init__(self, about: About) -> None:
        self.file: Path = about.folder / "metrics.csv"
        self.hint = f"CSV: {self.file}"
        self._lines: list[dict[str, float]] = []

    def log(self, point: Point) -> None:
        """Keep the line, and write the file if this was an evaluation."""
        self._lines.append({"step": point.step, "tokens": point.tokens, **point.values})
        if any(not name.startswith(("train/", "corruption/", "speed/")) for name in point.values):
            self._write()

    def finish(self, *, is_done: bool) -> None:
        """Write the rest."""
        self._write()

    def _write(self) -> None:
        columns = list(dict.fromkeys(name for line in self._lines for name in line))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._lines)
        write_whole(self.file, text.getvalue())
