"""TensorBoard through Lightning's TensorBoardLogger."""

from __future__ import annotations

import shutil

from denoise.train.tracking.points import Point, Table
from denoise.train.tracking.tracker import About, Tracker


class TensorBoardFiles(Tracker):
    """Event files in the run folder, whose steps are tokens; written anew when a run goes on."""

    def __init__(self, about: About) -> None:
        from lightning.pytorch.loggers import TensorBoardLogger

        shutil.rmtree(about.folder / "tensorboard", ignore_errors=True)
        self.logger = TensorBoardLogger(save_dir=str(about.folder), name="tensorboard", version="")
        self.hint = f"TensorBoard: denoise dashboard {about.home} --tensorboard"

    def log(self, point: Point) -> None:
        """Scalars, and tables as text."""
        writer = self.logger.experiment  # which makes the folder
        for name, value in point.values.items():
            writer.add_scalar(name, value, point.tokens)
        for name, table in point.tables.items():
            writer.add_text(name, in_markdown(table), point.tokens)

    def finish(self, *, is_done: bool) -> None:
        """Flush the files."""
        self.logger.experiment.close()


def in_markdown(table: Table) -> str:
    """A table as TensorBoard shows it.

    >>> print(in_markdown(Table(["a", "b"], [[1, "x|y"]])))
    | a | b |
    | --- | --- |
    | 1 | x\\|y |
    """
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    cells = ([str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
