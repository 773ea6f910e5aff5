import json
from dataclasses import replace

import pytest

from data_prep.errors import BadInput
from denoise.study.exams import OTHER_SETTINGS, with_one_exam
from denoise.study.results import results
from denoise.study.runs import read_grid, read_run
from denoise.study.tables import by_rate, matrix
from denoise.study.verdict import caveats
from tests.denoise.run_folders import texts, write_grid
from tests.study.examined import SETTINGS, examined, write_exam, write_examined_grid


def test_papers_are_read_from_the_run_folder(tmp_path):
    run = read_run(write_examined_grid(tmp_path, seeds=(1,)) / "mass-seed1")
    assert [(p.format, p.rate, p.adapted) for p in run.exam][2:] == [
        *(("one_mask", 0.15, adapted) for adapted in (False, True)),
        *(("one_mask", 0.5, adapted) for adapted in (False, True)),
    ]
    assert run.exam_settings == SETTINGS


def test_a_broken_exam_is_named(tmp_path):
    run = write_examined_grid(tmp_path, seeds=(1,)) / "mass-seed1"
    words = json.loads((run / "exam.json").read_text())
    words["papers"][0]["bits_per_hidden_byte"] = "few"
    for damage in ('{"papers": [{"format": "sentinels"}]}', json.dumps(words)):
        (run / "exam.json").write_text(damage)
        with pytest.raises(BadInput, match=r"exam\.json is no exam"):
            read_run(run)


def test_the_exam_of_earlier_weights_is_none(tmp_path):
    run = write_examined_grid(tmp_path, seeds=(1,)) / "mass-seed1"
    done = json.loads((run / "done.json").read_text())
    (run / "done.json").write_text(json.dumps({**done, "finished_at": "2027-01-01T00:00:00+00:00"}))
    assert read_run(run).exam == ()
    assert texts(read_grid(tmp_path), "Exam")[2] == "exam missing"


def test_runs_of_another_exam_are_put_aside_and_told(tmp_path):
    write_examined_grid(tmp_path)
    write_exam(tmp_path / "mass-seed2", {"sentinels": 9.0}, settings={**SETTINGS, "rates": [0.3]})
    runs = read_grid(tmp_path)
    assert texts(runs, "Exam")[2] == "2.700 ± 0.014" and results(runs).column("Exam")[2].num_seeds == 2
    told = "1 of 9 finished runs took the exam with other settings or other text and are not in its numbers: MASS "
    assert told + "fragment." in caveats(runs)


def test_the_exam_that_the_plan_asks_for_counts_though_few_have_taken_it(tmp_path):
    write_examined_grid(tmp_path)
    new = {**SETTINGS, "rates": [0.3]}
    write_exam(tmp_path / "mass-seed2", {"sentinels": 1.0}, settings=new)
    (tmp_path / "plan.json").write_text(json.dumps({"cells": [], "exam": new, "tries": 2}))
    assert texts(read_grid(tmp_path), "Exam") == ["another exam", "another exam", "1.000"]


def test_an_exam_on_another_text_is_another_exam():
    runs = [examined(name, 1, 2.0) for name in "abc"]
    runs[1] = replace(runs[1], exam_text="1 def")
    assert [(bool(run.exam), run.exam_note) for run in with_one_exam(runs)] == [
        (True, ""),
        (False, OTHER_SETTINGS),
        (True, ""),
    ]


def test_where_an_exam_is_planned_and_none_has_taken_it_all_lack_it(tmp_path):
    write_grid(tmp_path)
    (tmp_path / "plan.json").write_text(json.dumps({"cells": [], "exam": SETTINGS, "tries": 2}))
    told = "3 of 3 finished runs have not taken the exam and are not in its numbers"
    assert any(caveat.startswith(told) for caveat in caveats(read_grid(tmp_path)))


def test_finished_runs_without_an_exam_are_told_where_others_have_one(tmp_path):
    write_examined_grid(tmp_path)
    (tmp_path / "bart_infill-seed3" / "exam.json").unlink()
    runs = read_grid(tmp_path)
    assert results(runs).column("Strategy")[1].note == "1 without exam"
    told = "1 of 9 finished runs have not taken the exam and are not in its numbers: BART text infilling."
    assert told in caveats(runs)


def test_a_grid_without_exams_is_not_told_to_lack_them(tmp_path):
    runs = read_grid(write_grid(tmp_path))
    assert not any(run.exam_note for run in runs) and matrix(runs) is None and by_rate(runs) is None
    assert not any("exam" in caveat for caveat in caveats(runs))


def test_the_matrix_marks_what_was_adapted_and_says_what_it_was_before(tmp_path):
    table = matrix(read_grid(write_examined_grid(tmp_path)))
    assert [entry.text for entry in table.column("One mask a span")] == [
        "2.200 ± 0.010",
        "2.300 ± 0.010",
        "2.800 ± 0.010 †",
    ]
    assert [entry.note for entry in table.column("One mask a span")] == ["", "", "before 4.800"]
    assert [entry.is_best for entry in table.column("Sentinels")] == [True, False, False]
    assert "† scored after a short adaptation" in table.legend


def test_each_rate_has_a_column_and_each_format_a_row(tmp_path):
    table = by_rate(read_grid(write_examined_grid(tmp_path)))
    assert [column.title for column in table.columns[2:]] == ["15% hidden", "50% hidden"]
    assert [[entry.text for entry in row] for row in table.rows][-1] == [
        "MASS fragment",
        "One mask a span †",
        "2.700 ± 0.010",
        "2.900 ± 0.010",
    ]
    assert table.rows[-1][2].note == "25.0 % exact" and table.strategies[-1] == "mass"


def test_formats_are_in_the_order_of_the_tables_and_new_ones_last():
    table = matrix([examined("a", 1, 2.0, formats=("my_own", "continuation", "sentinels"))])
    assert [column.title for column in table.columns[1:-1]] == ["Sentinels", "Continuation", "My own"]
