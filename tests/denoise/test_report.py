import json
import re
import shutil
import subprocess
import sys

import pytest
import vl_convert

from data_prep.errors import BadInput
from data_prep.files import only_one
from denoise.study import report
from denoise.study.charts import figures
from denoise.study.reconstructions import reconstructions
from denoise.study.report import charts_library, render, write_report
from denoise.study.runs import BadFolder, read_grid, read_run
from tests.denoise.run_folders import STRATEGIES, run_of, texts, write_grid, write_run


def test_a_torn_last_line_is_left_out_and_counted(tmp_path):
    run = write_run(tmp_path / "a")
    whole = read_run(run)
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"kind": "train", "step": 401, "tok')
    torn = read_run(run)
    assert torn.logs.train == whole.logs.train
    assert (whole.logs.num_unreadable_lines, torn.logs.num_unreadable_lines) == (0, 1)
    assert "1 line of its logs could not be read" in render([torn], "a")


def test_steps_that_a_resumed_run_wrote_twice_count_once(tmp_path):
    run = write_run(tmp_path / "a")
    before = read_run(run).logs
    line = {"kind": "train", "step": 390, "tokens": 1, "elapsed_s": 1.0, "loss": 7.0, "tokens_per_s": 1.0}
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    after = read_run(run).logs
    assert [p.step for p in after.train] == [p.step for p in before.train if p.step <= 390]
    assert after.train[-1].loss == 7.0 and after.held_out == before.held_out


def test_states_are_told_apart(tmp_path):
    finished, failed, stopped, running, empty = (tmp_path / name for name in "abcde")
    write_run(finished)
    for folder in (failed, stopped, running):
        write_run(folder, upto=0.5)
    (failed / "failed.json").write_text('{"error": "no memory", "at": "now"}')
    write_run(empty, upto=0.0)
    with only_one(running):
        states = [read_run(folder).state for folder in (finished, failed, stopped, running, empty)]
    assert states == ["finished", "failed", "stopped", "running", "missing"]
    assert read_run(running).state == "stopped"


def test_a_run_that_is_trained_is_finished_though_its_exam_failed(tmp_path):
    run = write_run(tmp_path / "a")
    (run / "failed.json").write_text('{"error": "no memory", "exit_code": 1, "tries": 2}')
    assert read_run(run).state == "finished"


def test_variants_that_have_not_begun_are_missing(tmp_path):
    write_grid(tmp_path)
    varied = "{strategy: deshuffle, vary: {corruption.rate: [0.1, 0.2]}}"
    (tmp_path / "grid.yaml").write_text(f"seeds: [1, 2]\ncells: [{{strategy: t5_span}}, {varied}]\n")
    missing = [(run.strategy, run.seed) for run in read_grid(tmp_path) if run.state == "missing"]
    assert missing == [
        ("t5_span", 2),
        *[(f"deshuffle-rate={rate}", seed) for rate in (0.1, 0.2) for seed in (1, 2)],
        *[("bart_infill", 2), ("mass", 2)],
    ]
    assert texts(read_grid(tmp_path), "Seeds") == ["1 of 2", "0 of 2", "0 of 2", "1 of 2", "1 of 2"]


def test_a_cell_without_a_folder_is_missing(tmp_path):
    write_grid(tmp_path, seeds=(1, 2))
    shutil.rmtree(tmp_path / "mass-seed2")
    assert [(r.strategy, r.seed) for r in read_grid(tmp_path) if r.state == "missing"] == [("mass", 2)]


def test_a_strategy_that_only_the_grid_file_names_is_missing(tmp_path):
    write_grid(tmp_path)
    cells = "cells: [{strategy: mass}, {strategy: t5_span}, {strategy: deshuffle, label: Deshuffling}]"
    (tmp_path / "grid.yaml").write_text(f"baseline: t5_span\nseeds: [1]\n{cells}\n")
    runs = read_grid(tmp_path)
    assert [r.strategy for r in runs] == ["t5_span", "mass", "deshuffle", "bart_infill"]
    assert texts(runs, "Bits per hidden byte")[2] == "missing"
    assert texts(runs, "Strategy")[2] == "Deshuffling"


def test_of_two_runs_of_a_strategy_and_seed_the_later_counts(tmp_path):
    write_grid(tmp_path)
    older = write_run(tmp_path / "t5_span-seed1-older", shift=1.0)
    environment = json.loads((older / "environment.json").read_text())
    (older / "environment.json").write_text(json.dumps({**environment, "started_at": "2026-01-01T00:00:00"}))
    runs = read_grid(tmp_path)
    assert texts(runs, "Bits per hidden byte")[0] == "2.090" and texts(runs, "Seeds")[0] == "1 of 1"
    assert "<em>replaced</em>" in render(runs, "demo")


def test_cells_that_a_grid_no_longer_has_keep_no_star(tmp_path):
    write_grid(tmp_path, seeds=(1, 2))
    planned = [f"{strategy}-seed1" for strategy in STRATEGIES]
    for name in planned:  # seed 2 was left out, and another baseline chosen
        about = json.loads((tmp_path / name / "cell.json").read_text())
        (tmp_path / name / "cell.json").write_text(json.dumps({**about, "baseline": about["strategy"] == "mass"}))
    (tmp_path / "plan.json").write_text(json.dumps({"cells": planned, "exam": None, "tries": 2}))
    assert texts(read_grid(tmp_path), "Strategy") == ["MASS fragment ★", "BART text infilling", "T5 span corruption"]


@pytest.mark.parametrize(("make", "words"), [(False, "is not a folder"), (True, "no folder in")])
def test_a_folder_without_runs_is_refused_in_a_sentence(tmp_path, make, words):
    folder = tmp_path / "none"
    if make:
        folder.mkdir()
    with pytest.raises(BadFolder, match=words) as error:
        write_report(folder)
    assert isinstance(error.value, BadInput) and "\n" not in str(error.value)
    assert not (folder / "report.html").exists()


def test_the_grids_in_a_folder_are_named_when_it_is_given_for_one(tmp_path):
    write_grid(tmp_path / "demo")
    with pytest.raises(BadFolder, match="name one of its grids, demo"):
        read_grid(tmp_path)


def test_a_broken_cell_file_is_named(tmp_path):
    write_run(tmp_path / "a")
    (tmp_path / "a" / "cell.json").write_text("{")
    with pytest.raises(BadFolder, match=r"cell\.json cannot be read"):
        read_grid(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("done.json", "", "cannot be read"),
        ("done.json", '{"step": "x"}', "step is 'x', not a number"),
        ("cell.json", '{"seed": "one"}', "seed is 'one', not a number"),
        ("shapes.json", '{"num_steps": "many"}', "num_steps is 'many', not a number"),
        ("environment.json", "[1]", "holds a list, not a mapping"),
        ("config.yaml", "{", "cannot be read"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(tmp_path, file, content, words):
    run = write_run(tmp_path / "a")
    (run / file).write_text(content)
    with pytest.raises(BadFolder, match=re.escape(words)) as error:
        read_grid(tmp_path)
    assert str(run / file) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "\n\n", '{"kind": "train", "step": "a", "loss": {}}\n[]\n'])
def test_a_log_of_nothing_readable_is_an_empty_one(tmp_path, content):
    run = write_run(tmp_path / "a", upto=0.5)
    (run / "metrics.jsonl").write_text(content)
    found = read_run(run)
    assert (found.logs.train, found.logs.held_out, found.state) == ((), (), "missing")
    render([found], "a")


def test_text_from_a_corpus_cannot_become_markup(tmp_path):
    bad = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
    run = write_run(tmp_path / "a")
    about = json.loads((run / "cell.json").read_text())
    (run / "cell.json").write_text(json.dumps({**about, "label": bad, "grid": bad, "strategy": bad}))
    piece = [[bad, "noise"], [" 减少 😀", ""]]
    line = {"step": 1, "window": bad, "original": piece, "source": piece, "target": piece, "said": piece}
    (run / "samples.jsonl").write_text(json.dumps(line) + "\n")
    page = write_report(run).read_text(encoding="utf-8").replace(charts_library(), "")
    assert "<script>alert" not in page and "<img" not in page
    assert (page.count("<script"), page.count("</script>")) == (3, 3)
    data = page.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    assert json.loads(data)["reconstructions"]["windows"] == [bad]
    assert "减少 😀" in data


def test_the_page_loads_nothing_from_elsewhere(tmp_path):
    page = write_report(write_grid(tmp_path)).read_text(encoding="utf-8")
    ours = page.replace(charts_library(), "")
    assert len(ours) < 200_000 < len(page) < 1_200_000
    assert not re.search(r"https?://|//cdn|@import|<link|\bsrc=|url\(", ours)
    assert "default-src 'none'" in ours  # the browser itself refuses to fetch


def test_every_place_of_the_template_is_filled(tmp_path):
    grid = write_grid(tmp_path, seeds=(1, 2))
    (grid / "command.txt").write_text("denoise grid my/grid.yaml --out <here>\n")
    page = write_report(grid).read_text(encoding="utf-8")
    assert "{{" not in page.replace(charts_library(), "").replace(report._part("report.js"), "")
    for label, *_ in STRATEGIES.values():
        assert label in page
    assert "corruption.init_args.mean_span" in page and "optimizer.learning_rate" not in page
    assert "denoise grid my/grid.yaml --out &lt;here&gt;" in page and "3f2a9c1d7b" in page


def test_charts_give_each_strategy_one_colour_everywhere(tmp_path):
    drawn = figures(read_grid(write_grid(tmp_path, seeds=(1, 2))))
    assert [figure.name for figure in drawn] == ["hidden_bits", "held_out_loss", "train_loss"]
    scales = re.findall(
        r'"scale": (\{"domain": \[[^]]*\], "range": \["var[^}]*\})', json.dumps([f.specs for f in drawn])
    )
    assert len(scales) > 20 and len(set(scales)) == 1
    assert {row["strategy"] for row in drawn[0].datasets["main"]} == set(STRATEGIES)
    last = [row for row in drawn[0].datasets["main"] if row["strategy"] == "t5_span"][-1]
    assert (last["y"], last["sd"], last["step"]) == (2.095, 0.0070711, 400)


def test_the_pointer_finds_the_name_of_a_run(tmp_path):
    figure = figures(read_grid(write_grid(tmp_path, seeds=(1, 2))))[0]
    compiled = vl_convert.vegalite_to_vega({**figure.specs["time"], "datasets": figure.datasets})
    tips = re.findall(r'"tooltip": {"signal": "(.*?)"}', json.dumps(compiled))
    assert len(tips) == 2 and all(tip.startswith("{title: (datum.datum || datum).label, value:") for tip in tips)
    assert all("seconds: " in tip and "sd: " in tip for tip in tips)


def test_objectives_that_hide_nothing_have_no_chart_of_hidden_bits():
    assert "hidden_bits" not in [figure.name for figure in figures([run_of("a", 1, None)])]


def test_reconstructions_meet_at_the_same_stage_of_training(tmp_path):
    write_run(tmp_path / "t", "t5_span")
    write_run(tmp_path / "m", "mass", upto=0.5)
    told = reconstructions(read_grid(tmp_path))
    assert told["stages"] == [0.0, 0.25, 0.5, 0.75, 1.0] and told["windows"] == ["000012", "000417"]
    whole, half = (strategy["windows"]["000012"] for strategy in told["strategies"])
    assert [whole["said"][place]["step"] for place in whole["at"]] == [0, 100, 200, 300, 400]
    assert [half["said"][place]["step"] for place in half["at"]] == [0, 100, 200, 200, 200]


def test_a_report_that_cannot_be_made_leaves_the_old_one(tmp_path, monkeypatch):
    out = write_grid(tmp_path) / "report.html"
    out.write_text("the old page")

    def cut_short(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data_prep.files.os.replace", cut_short)
    with pytest.raises(BadFolder, match="No space left on device"):
        write_report(tmp_path)
    assert out.read_text() == "the old page"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["report.html"]


def test_a_single_run_without_a_cell_file_is_named_after_its_folder(tmp_path):
    run = write_run(tmp_path / "my_run", cell=False)
    page = write_report(run, tmp_path / "elsewhere" / "page.html").read_text(encoding="utf-8")
    assert "<h1>my_run</h1>" in page and f"denoise train -c {run}/config.yaml --run {run}" in page


def test_reading_runs_needs_neither_torch_nor_altair():
    code = (
        "import sys, denoise.study.report, denoise.study.tables; "
        "print([m for m in ('torch', 'lightning', 'altair', 'vl_convert', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
