"""Every file under configs/ is loaded, and says what its name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.errors import BadInput
from denoise import cli
from denoise.command_line import corruption_in
from denoise.config_files import configs
from denoise.grid.cells import BadGrid, cells_of, exam_of, transfer_of
from denoise.grid.command import GridConfig, _cells
from denoise.grid.folder import lay_out
from denoise.grid.plan import Plan
from denoise.study.runs import read_grid
from denoise.train.budget import KINDS


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
    exam_of(path)
    transfer_of(path, cells)


GRID = """
run: {runs}/demo.yaml
seeds: [7]
cells:
  - strategy: muon
    label: Muon
    optimizer: {{class_path: Muon, init_args: {{momentum: 0.5}}}}
    schedule: {{name: cosine, floor: 0.1}}
    model: small.yaml
    phases: [{{share: 0.5, batch_size: 8}}]
    vary: {{optimizer.learning_rate: [0.01, 0.02], model.positions: [rope, t5_bias]}}
  - strategy: scaled
    optimizer: ScaledAdamW
    corruption: MaskedFragment
"""


def test_a_cell_may_have_any_option_of_a_run_and_vary_some(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("d_ff: 77")
    path = tmp_path / "grid.yaml"
    path.write_text(GRID.format(runs=configs() / "runs"))
    cells = {cell.name: cell for cell in cells_of(path, resolve)}
    assert list(cells) == [
        "muon-learning_rate=0.01-positions=rope-seed7",
        "muon-learning_rate=0.01-positions=t5_bias-seed7",
        "muon-learning_rate=0.02-positions=rope-seed7",
        "muon-learning_rate=0.02-positions=t5_bias-seed7",
        "scaled-seed7",
    ]
    cell = cells["muon-learning_rate=0.02-positions=t5_bias-seed7"]
    assert cell.label == "Muon, learning rate 0.02, positions t5_bias"
    optimizer = cell.config["optimizer"]["init_args"]
    assert (optimizer["learning_rate"], optimizer["momentum"]) == (0.02, 0.5)
    assert (cell.config["model"]["positions"], cell.config["model"]["d_ff"]) == ("t5_bias", 77)
    assert cell.config["schedule"]["floor"] == 0.1
    assert cell.config["phases"] == [{"share": 0.5, "batch_size": 8}]
    assert cells["scaled-seed7"].config["optimizer"]["init_args"]["learning_rate"] == 0.02


def test_a_report_asks_for_no_cell_that_was_varied_into_others(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID.format(runs=configs() / "runs").replace("model: small.yaml", ""))
    cells = cells_of(path, resolve)
    lay_out(tmp_path / "runs", cells, Plan(cells=tuple(cell.folder_name for cell in cells)), path, "")
    assert [run.strategy for run in read_grid(tmp_path / "runs")] == [cell.strategy for cell in cells]


def test_only_the_cells_that_were_named_are_chosen() -> None:
    file = configs() / "grids" / "recipes.yaml"
    every, chosen = _cells(file, [], GridConfig(only=("muon*=0.01-seed2", "adamw-*=0.002-seed[13]")))
    assert [cell.name for cell in chosen] == [
        "adamw-learning_rate=0.002-seed1",
        "adamw-learning_rate=0.002-seed3",
        "muon-learning_rate=0.01-seed2",
    ]
    assert len(every) == 27
    with pytest.raises(BadInput, match="has no cell called moun; there are adamw-learning_rate="):
        cli.grid([str(file), "--only", "moun"])


def test_the_budget_of_a_grid_is_every_cells(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("budget: {tokens: 2e6}\nseeds: [1, 2]\ncells: [{strategy: a}, {strategy: b, ema: 0.9}]")
    assert [cell.config["budget_tokens"] for cell in cells_of(path, resolve)] == [2_000_000] * 4
    assert [cell.config["seed"] for cell in cells_of(path, resolve)] == [1, 2, 1, 2]
    assert {cell.config["budget_tokens"] for cell in cells_of(path, resolve, ["--budget_tokens=5"])} == {5}


def test_what_does_not_change_the_result_does_not_change_the_folder() -> None:
    path = configs() / "grids" / "demo.yaml"
    names = [cell.folder_name for cell in cells_of(path, resolve)]
    assert [cell.folder_name for cell in cells_of(path, resolve, ["--num_workers=2"])] == names
    assert [cell.folder_name for cell in cells_of(path, resolve, ["--batch_size=2"])] != names


def test_an_option_that_is_left_out_does_not_rename_a_cell() -> None:
    cell = cells_of(configs() / "grids" / "demo.yaml", resolve)[0]
    assert replace(cell, config={**cell.config, "of_a_later_version": None}).folder_name == cell.folder_name
    assert replace(cell, config={**cell.config, "of_a_later_version": 0}).folder_name != cell.folder_name


def test_one_budget_counts_the_command_lines_before_the_grids_before_the_runs(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"run: {configs()}/runs/demo.yaml\nbudget: {{steps: 7}}\ncells: [{{strategy: a}}]")

    def budget(*overrides: str) -> dict[str, float]:
        config = cells_of(path, resolve, overrides)[0].config
        return {kind: config[f"budget_{kind}"] for kind in KINDS if config[f"budget_{kind}"] is not None}

    assert budget() == {"steps": 7}
    assert budget("--budget_tokens=null", "--budget_minutes=2") == {"minutes": 2}
    assert budget("--budget_tokens=9000") == {"tokens": 9000}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "names no cells"),
        ("cells: []", "names no cells"),
        ("cells: [{corruption: SpanCorruption}]", "needs a strategy"),
        ("cells: [{strategy: a}]\nsedes: [1]", "no use for sedes"),
        ("cells: [{strategy: a}]\nbaseline: b", "baseline 'b' is none"),
        ("cells: [{strategy: a", "is not YAML"),
        ("cells: [{strategy: a, vary: [1]}]", "vary of a must map each option to a list of values"),
        ("cells: [{strategy: a, vary: {seed: 1}}]", "vary of a must map each option to a list of values"),
        ("cells: [{strategy: a}, {strategy: a}]", "two cells called a"),
        ("cells: {a: 1}", "names no cells"),
        ("cells: [{strategy: a, seed: 3}]", "a has a seed of its own"),
        ("cells: [{strategy: a, vary: {seed: [1, 2]}}]", "a has a seed of its own"),
        ("cells: [{strategy: a}]\nseeds: 3", "give a list of different whole numbers"),
        ("cells: [{strategy: a}]\nseeds: [1, 1]", "give a list of different whole numbers"),
        ("cells: [{strategy: a}]\nbudget: 1000", "give one of tokens, flops, steps, minutes"),
        ("cells: [{strategy: a}]\nbudget: {tokens: 1, steps: 1}", "give one of tokens, flops, steps, minutes"),
        ("cells: [{strategy: a}]\nbudget: {tokens: many}", "the budget's tokens are 'many'; give a number above 0"),
        ("cells: [{strategy: a}]\nbudget: {tokens: -1}", "give a number above 0"),
        ("budget: {tokens: 9}\ncells: [{strategy: a, budget_tokens: 8}]", "a has its own budget_tokens"),
        ("budget: {tokens: 9}\ncells: [{strategy: a, vary: {budget_steps: [8]}}]", "has its own budget_steps"),
    ],
)
def test_a_grid_that_is_none_is_refused(tmp_path: Path, content: str, part: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(content)
    with pytest.raises(BadGrid, match=part):
        cells_of(path, resolve)
