"""Every file under configs/ is loaded, and says what its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from denoise import cli
from denoise.command_line import corruption_in
from denoise.config_files import configs
from denoise.study.grid import BadGrid, cells_of


def files(folder: str) -> list[Path]:
    found = sorted((configs() / folder).glob("*.yaml"))
    assert found, f"configs/{folder} is empty"
    return found


resolve = cli.resolved


def test_no_file_is_overlooked() -> None:
    folders = {path.parent.name for path in configs().rglob("*.yaml")}
    assert folders == {"models", "corruptions", "runs", "grids", "clean"}


@pytest.mark.parametrize("path", files("models"), ids=lambda path: path.stem)
def test_a_model_loads(path: Path) -> None:
    assert resolve(["--model", str(path)])["model"]["d_model"] > 0


@pytest.mark.parametrize("path", files("corruptions"), ids=lambda path: path.stem)
def test_a_corruption_loads_fits_and_describes_itself(path: Path) -> None:
    corruption = corruption_in(path)
    assert corruption.longest(corruption.fit(128)).source <= 128
    assert corruption.describe()


@pytest.mark.parametrize("path", files("runs"), ids=lambda path: path.stem)
def test_a_run_loads(path: Path) -> None:
    assert resolve(["-c", str(path)])["source_len"] > 0


@pytest.mark.parametrize("path", files("grids"), ids=lambda path: path.stem)
def test_a_grid_loads(path: Path) -> None:
    cells = cells_of(path, resolve)
    assert len({cell.folder_name for cell in cells}) == len(cells)
    assert any(cell.is_baseline for cell in cells)
    assert len({cell.config["budget_tokens"] for cell in cells}) == 1


def test_what_does_not_change_the_result_does_not_change_the_folder() -> None:
    path = configs() / "grids" / "demo.yaml"
    names = [cell.folder_name for cell in cells_of(path, resolve)]
    assert [cell.folder_name for cell in cells_of(path, resolve, ["--num_workers=2"])] == names
    assert [cell.folder_name for cell in cells_of(path, resolve, ["--batch_size=2"])] != names


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "names no cells"),
        ("cells: []", "names no cells"),
        ("cells: [{corruption: SpanCorruption}]", "needs a strategy"),
        ("cells: [{strategy: a}]\nsedes: [1]", "no use for sedes"),
        ("cells: [{strategy: a}]\nbaseline: b", "baseline 'b' is none"),
        ("cells: [{strategy: a", "is not YAML"),
    ],
)
def test_a_grid_that_is_none_is_refused(tmp_path: Path, content: str, part: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(content)
    with pytest.raises(BadGrid, match=part):
        cells_of(path, resolve)
