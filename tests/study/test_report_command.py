import json
import shutil

import pytest

from data_prep.errors import BadInput
from denoise.study import report as page
from denoise.study_commands import report
from tests.denoise.run_folders import write_grid
from tests.study.examined import write_examined_grid


@pytest.fixture
def grid(tmp_path):
    """Half finished: one strategy has an exam in every seed, one is at work, one is missing."""
    write_examined_grid(tmp_path)
    for seed in (1, 2, 3):
        shutil.rmtree(tmp_path / f"mass-seed{seed}")
    (tmp_path / "bart_infill-seed1" / "done.json").unlink()
    (tmp_path / "grid.yaml").write_text(
        "seeds: [1, 2, 3]\ncells: [{strategy: t5_span}, {strategy: mass, label: MASS}]\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("--markdown", "| MASS (3 missing) | missing |"),
        ("--latex", r"MASS {\scriptsize 3 missing} & missing &"),
        ("--csv", "\nMASS,missing,"),
    ],
)
def test_a_half_finished_grid_has_its_tables_in_every_form(grid, capsys, form, words):
    report([str(grid), form])
    said = capsys.readouterr().out
    assert words in said and "nan" not in said.lower()
    assert not (grid / "report.html").exists()


def test_of_a_changed_grid_the_planned_cell_counts_though_it_has_not_begun(tmp_path, capsys):
    write_grid(tmp_path)
    about = json.loads((tmp_path / "mass-seed1" / "cell.json").read_text())
    (tmp_path / "mass-seed1-new").mkdir()
    (tmp_path / "mass-seed1-new" / "cell.json").write_text(json.dumps(about))
    plan = {"cells": ["t5_span-seed1", "bart_infill-seed1", "mass-seed1-new"], "exam": None, "tries": 2}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    report([str(tmp_path), "--csv", "--tables", "results"])
    assert "\nMASS fragment,missing," in capsys.readouterr().out


def test_tables_are_written_to_a_file_and_chosen_by_name(grid, capsys):
    out = grid / "paper" / "matrix.tex"
    report([str(grid), "--latex", "--tables", "matrix", "--out", str(out)])
    assert capsys.readouterr().out == f"tables: {out}\n"
    assert out.read_text().count(r"\begin{table}") == 1 and r"\label{tab:matrix}" in out.read_text()


def test_an_unknown_table_is_told_with_those_that_there_are(grid):
    with pytest.raises(BadInput, match="no table resutls of these runs; there are results, matrix, efficiency, rates"):
        report([str(grid), "--csv", "--tables", "resutls"])


def test_two_forms_at_once_are_refused(grid):
    with pytest.raises(BadInput, match="not allowed with"):
        report([str(grid), "--csv", "--latex"])


def test_a_threshold_changes_what_is_to_be_reached(tmp_path, capsys):
    write_grid(tmp_path)
    report([str(tmp_path), "--csv", "--tables", "efficiency", "--threshold", "3.5"])
    assert "not reached" not in capsys.readouterr().out


def test_the_interval_may_be_the_bootstrap(grid, capsys):
    said = []
    for interval in ("t", "bootstrap"):
        report([str(grid), "--markdown", "--interval", interval])
        said.append(capsys.readouterr().out)
    assert "95 % t-interval" in said[0] and "bootstrap interval" in said[1]


def test_the_page_has_the_interval_that_was_asked_for(tmp_path):
    write_grid(tmp_path, seeds=(1, 2, 3))
    report([str(tmp_path), "--interval", "bootstrap"])
    said = (tmp_path / "report.html").read_text(encoding="utf-8").replace(page.charts_library(), "")
    assert said.count("95 % percentile bootstrap interval") > 2 and "t-interval" not in said


def test_the_screen_shows_results_and_verdict_and_the_page_is_written(grid, capsys, monkeypatch):
    monkeypatch.setattr(page, "render", lambda *_, **__: "<html>")
    report([str(grid)])
    said = capsys.readouterr().out
    assert "T5 span corruption ★" in said and "Every finished run learnt" in said
    assert said.endswith(f"report: {grid}/report.html\n") and (grid / "report.html").exists()
