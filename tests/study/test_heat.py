"""Two options of a grid against each other: means in their places, and nothing where nothing was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from denoise.study.heat import heat_maps
from denoise.study.page_tables import numbers_of, table_block
from denoise.study.runs import Run, read_grid
from tests.study.grid_folders import write_cell, write_plane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return read_grid(write_plane(tmp_path_factory.mktemp("grids") / "plane"))


def test_two_options_make_a_heat_map_with_n_and_holes(plane: list[Run]) -> None:
    [table] = heat_maps(plane)
    assert table.title == "Rate × mean span length: Span corruption"
    assert [column.title for column in table.columns[1:]] == ["2", "3", "5", "10"]
    rows = {row[0].text: row[1:] for row in table.rows}
    assert [entry.num_seeds for entry in rows["0.1"]] == [2, 2, 1, 2]
    assert rows["0.25"][3].text == "stopped" and rows["0.25"][3].value is None
    assert rows["0.5"][3].text == ""  # the grid does not have it
    own = [
        run.done["held_out"]["noise_bits_per_byte"] for run in plane if "rate=0.15-mean_span_length=3.0" in run.strategy
    ]
    assert rows["0.15"][1].value == pytest.approx(sum(own) / 2)
    html = table_block(table, numbers_of(plane), is_heat=True)
    assert html.count("--shade:") == 14 and "interpolated" in html


@pytest.mark.parametrize(
    "options",
    [
        [{"rate": 0.1}, {"rate": 0.2}, {"rate": 0.3}, {"rate": 0.4}],
        [{"rate": x, "mean_span_length": y} for x, y in ((0.1, 2.0), (0.2, 3.0), (0.3, 4.0), (0.4, 5.0))],
        [{"rate": x, "whole_words": y} for x in (0.1, 0.2) for y in (True, False)],
    ],
)
def test_a_row_a_diagonal_and_a_switch_make_no_heat_map(tmp_path: Path, options: list[dict[str, float]]) -> None:
    for place, chosen in enumerate(options):
        about = (str(place), "SpanCorruption", chosen, (142, 128, 30), 3.0, 2.0, ())
        write_cell(tmp_path, f"s{place}", 1, about=about)
    assert heat_maps(read_grid(tmp_path)) == []


def test_what_differs_otherwise_is_not_averaged_into_one_place(tmp_path: Path) -> None:
    for width in (64, 128):
        for rate in (0.1, 0.2):
            for length in (2.0, 3.0):
                about = (
                    "Spans",
                    "SpanCorruption",
                    {"rate": rate, "mean_span_length": length},
                    (142, 128, 30),
                    3.0,
                    2.0,
                    (),
                )
                run = write_cell(tmp_path, f"w{width}-{rate}-{length}", 1, about=about)
                config = yaml.safe_load((run / "config.yaml").read_text())
                (run / "config.yaml").write_text(yaml.safe_dump({**config, "model": {"d_model": width}}))
    tables = heat_maps(read_grid(tmp_path))
    assert len(tables) == 2
    assert all(entry.num_seeds == 1 for table in tables for row in table.rows for entry in row[1:])
