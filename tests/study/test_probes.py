"""When a run learnt what, in the report: first checkpoints, nothing claimed of noise, equal settings only."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from denoise.study.latex import as_latex
from denoise.study.probe_charts import layer_figures, probe_figures
from denoise.study.probe_specs import Axis
from denoise.study.probe_table import probes, told
from denoise.study.probes import best_of, gain, label_sets, probed
from denoise.study.report import charts_library, write_report
from denoise.study.runs import BadFolder, Run, read_grid, read_run
from denoise.study.table import Table
from denoise.study.writers import as_csv, as_markdown
from denoise.transfer.probe.config import BadProbe
from tests.denoise.run_folders import write_run
from tests.study.browser import PHONE, Browser, chromium
from tests.study.probed import FLAT, RISING, STEPS, write_probe


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "run", cell=False)
    write_probe(folder)
    return folder


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Two strategies of two seeds; the second learns nothing."""
    for strategy, accuracies in (("t5_span", (RISING, FLAT)), ("mass", (FLAT, FLAT))):
        for seed, shift in ((1, 0.0), (2, 0.02)):
            folder = write_run(tmp_path / "grid" / f"{strategy}-{seed}", strategy, seed=seed)
            write_probe(folder, shift=shift, accuracies=accuracies)
    return tmp_path / "grid"


def table_of(folder: Path) -> Table:
    found = probes(read_grid(folder))
    assert found is not None
    return found


def texts(table: Table, title: str) -> list[str]:
    return [entry.text for entry in table.column(title)]


def test_a_run_without_probes_has_no_section(tmp_path: Path) -> None:
    runs = read_grid(write_run(tmp_path / "run", cell=False))
    assert probes(runs) is None and probe_figures(runs) == [] and layer_figures(runs) == [] and told(runs) == ""
    page = write_report(tmp_path / "run").read_text()
    assert "When it learnt what" not in page.replace(charts_library(), "")


def test_most_of_a_gain_is_had_at_the_first_checkpoint_that_has_it(run: Path) -> None:
    found = table_of(run)
    assert texts(found, "Untrained")[:2] == ["0.500", "0.300"]
    assert texts(found, "Pretrained")[:2] == ["0.800", "0.305"]
    assert texts(found, "Change")[:2] == ["+0.300", "+0.005"]
    when = found.column("90 % of it at")
    assert (when[0].text, when[0].value) == ("40.0 k", 40_000) and when[0].note == "step 8; not at 20.0 k"
    assert texts(found, "Best layer")[:2] == ["layer 1", "layer 1"]
    assert texts(found, "Selectivity")[:2] == ["+0.550", "+0.055"]
    assert texts(found, "Without a model")[:2] == ["0.700", "0.400"]


def test_what_rose_by_chance_is_not_called_learnt(run: Path) -> None:
    """0.305 after 0.300 of 400 answers: two standard errors of the difference are 0.065."""
    found = table_of(run)
    assert found.column("90 % of it at")[1].text == "not learnt"
    assert found.column("90 % of it at")[1].note == "less than 0.065"
    said = told(read_grid(run))
    assert "Pretraining raised parts of speech from 0.500 to 0.800, most of it by 40.0 k tokens" in said
    assert "Not raised by more than two standard errors: SST-2." in said


def test_a_curve_that_falls_has_learnt_nothing(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", cell=False)
    write_probe(folder, accuracies=(RISING[::-1], FLAT))
    assert texts(table_of(folder), "90 % of it at")[:2] == ["not learnt", "not learnt"]
    assert "Pretraining raised" not in told(read_grid(folder))


def test_what_was_left_to_guess_stands_beside_the_probes(run: Path) -> None:
    """3.0 to 1.5 bits: 90 % of the fall is had at the last checkpoint, 80 % at the one before."""
    found = table_of(run)
    assert texts(found, "Accuracy a probe")[-1] == "Left to guess"
    assert texts(found, "Change")[-1] == "−1.500" and found.column("90 % of it at")[-1].value == 80_000


def test_a_run_without_step_0_or_of_one_checkpoint_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", cell=False)
    write_probe(folder, num_stages=1)
    assert texts(table_of(folder), "90 % of it at")[:2] == ["—", "—"]
    assert probe_figures(read_grid(folder)) != []
    content = json.loads((folder / "probe.json").read_text())
    points = probed(read_grid(folder))[0][0].curve(best_of("pos"))
    assert gain(points[1:], 400) is None and len(content["stages"]) == 1


def test_seeds_are_put_together_at_the_checkpoints_that_all_have(grid: Path) -> None:
    write_probe(grid / "t5_span-2", shift=0.02, num_stages=5)
    done = json.loads((grid / "t5_span-2" / "done.json").read_text())
    content = json.loads((grid / "t5_span-2" / "probe.json").read_text())
    (grid / "t5_span-2" / "probe.json").write_text(json.dumps({**content, "step": done["step"]}))
    runs = read_grid(grid)
    found, _ = probed(runs)
    curve = found[0].curve(best_of("pos"))
    assert [point.step for point in curve] == list(STEPS[:5])
    assert curve[0].spread.num_seeds == 2 and curve[0].y == pytest.approx(0.51)
    assert curve[0].spread.sd == pytest.approx(0.02 / 2**0.5)


def test_a_grid_has_a_row_a_strategy_and_label_set(grid: Path) -> None:
    found = table_of(grid)
    assert found.strategies == ("t5_span",) * 3 + ("mass",) * 3
    assert texts(found, "Untrained")[0] == "0.510 ± 0.014" and found.column("Untrained")[0].num_seeds == 2
    assert texts(found, "90 % of it at")[3] == "not learnt"
    assert told(read_grid(grid)) == ""
    assert layer_figures(read_grid(grid)) == []
    for write in (as_markdown, as_latex, as_csv):
        assert "Parts of speech" in write(found)


def test_probes_with_other_settings_are_left_out_and_counted(grid: Path) -> None:
    write_probe(grid / "mass-2", settings={"seed": 7})
    runs = read_grid(grid)
    found, num_others = probed(runs)
    assert num_others == 1 and [len(each.probings) for each in found] == [2, 1]
    assert "1 run was probed with other settings" in table_of(grid).legend


def test_a_checkpoint_that_lacks_a_layer_of_a_label_set_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a")
    write_probe(run)
    content = json.loads((run / "probe.json").read_text())
    del content["stages"][2]["scores"][1]
    (run / "probe.json").write_text(json.dumps(content))
    with pytest.raises(BadProbe, match="step 2 has not one score for each label set and layer"):
        read_grid(run)


def test_probes_of_weights_from_before_are_none(run: Path) -> None:
    done = json.loads((run / "done.json").read_text())
    assert read_run(run).probing is not None
    (run / "done.json").write_text(json.dumps({**done, "finished_at": "later"}))
    assert read_run(run).probing is None
    (run / "done.json").unlink()
    assert read_run(run).probing is not None  # a run on its way counts as far as it has come
    (run / "probe.json").write_text("{")
    with pytest.raises((BadProbe, BadFolder), match="delete it, and probe the run again"):
        read_run(run)


def test_an_unfinished_run_of_a_grid_does_not_count(grid: Path) -> None:
    (grid / "mass-1" / "done.json").unlink()
    assert [len(each.probings) for each in probed(read_grid(grid))[0]] == [2, 1]


def test_what_was_not_probed_is_named(run: Path) -> None:
    assert "not probed, as their data were not there: deprel" in table_of(run).legend


def test_step_0_stands_left_of_the_logarithmic_axis_and_no_line_leads_from_it(run: Path) -> None:
    figure = next(figure for figure in probe_figures(read_grid(run)) if figure.name == "probe-pos")
    rows = figure.datasets["main"]
    at = {row["tokens"]: row["at"] for row in rows}
    assert 0 < at[0] < at[5000] == 5000
    spec = json.dumps(figure.specs["tokens"])
    assert '"type": "log"' in spec and "datum.value ? " not in spec
    lines = [layer for layer in figure.specs["tokens"]["layer"] if layer["mark"]["type"] == "line"]
    assert lines and all("datum.step > 0" in json.dumps(layer["transform"]) for layer in lines)
    rings = [layer for layer in figure.specs["tokens"]["layer"] if "datum.step == 0" in json.dumps(layer)]
    assert len(rings) == 2  # of the probes and of their controls
    assert {row["label"] for row in rows} == {"embedding", "layer 1", "final norm"}
    assert {row["y"] for row in figure.datasets["control"]} == {0.25}


@pytest.mark.parametrize("tokens", [[0, 5000], [0], [5000, 5000], [0, 1, 10**12], [0, 2512, 298_928]])
def test_the_axis_holds_any_counts(tokens: list[int]) -> None:
    axis = Axis.of(tokens)
    assert 0 < axis.zero < min([count for count in tokens if count] or [1]) <= axis.end
    assert all(axis.zero < tick <= axis.end for tick in axis.ticks)
    assert axis.place(0) == axis.zero


def test_every_figure_says_its_name_once(run: Path, grid: Path) -> None:
    write_probe(run, measure="accuracy")
    for folder, expected in ((run, 6), (grid, 3)):
        runs = read_grid(folder)
        names = [figure.name for figure in (*probe_figures(runs), *layer_figures(runs))]
        assert len(names) == len(set(names)) == expected
    assert texts(table_of(run), "Accuracy a probe")[-1] == "Fine-tuned on sst2"


def test_a_downstream_score_below_zero_and_a_loss_gone_astray_are_drawn_too(run: Path) -> None:
    write_probe(run, measure="matthews")
    content = json.loads((run / "probe.json").read_text())
    for stage in content["stages"]:
        stage |= {"downstream": -0.1 * stage["step"], "loss": float("nan"), "noise_bits_per_byte": None}
    (run / "probe.json").write_text(json.dumps(content))
    assert texts(table_of(run), "Change")[-1] == "−1.600"
    assert "probe-loss" not in [figure.name for figure in probe_figures(read_grid(run))]
    assert write_report(run).is_file()


def test_labels_from_a_file_are_escaped(run: Path) -> None:
    evil = '</script><script>document.title="run"</script>'
    content = json.loads((run / "probe.json").read_text())
    content["label_sets"][0]["title"] = evil
    (run / "probe.json").write_text(json.dumps(content))
    page = write_report(run).read_text()
    assert evil not in page and "&lt;/script&gt;" in page


def test_runs_that_were_not_probed_do_not_hinder(grid: Path) -> None:
    (grid / "mass-1" / "probe.json").unlink()
    (grid / "mass-2" / "probe.json").unlink()
    found, num_others = probed(read_grid(grid))
    assert [each.strategy.name for each in found] == ["t5_span"] and num_others == 0
    assert {asked.name for asked in label_sets(found)} == {"pos", "sst2"}


def test_a_strategy_has_its_number_and_colour_of_the_page(grid: Path) -> None:
    """Two of three strategies are probed, and the first of the page is not."""
    write_run(grid / "bart_infill-1", "bart_infill")
    for seed in (1, 2):
        (grid / f"t5_span-{seed}" / "probe.json").unlink()
    write_probe(grid / "bart_infill-1")
    figure = probe_figures(read_grid(grid))[0]
    assert {row["name"] for row in figure.datasets["ends"]} == {"2  BART text infilling", "3  MASS fragment"}
    assert '["var(--c1)", "var(--c2)"]' in json.dumps(figure.specs["tokens"])


def test_a_replaced_run_does_not_count(grid: Path) -> None:
    runs: list[Run] = read_grid(grid)
    replaced = [dataclasses.replace(run, state="replaced") if run.seed == 2 else run for run in runs]
    assert [len(each.probings) for each in probed(replaced)[0]] == [1, 1]


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_the_charts_draw_in_a_browser(run: Path, grid: Path) -> None:
    write_probe(run, measure="accuracy")
    with Browser() as browser:
        for folder, num_charts in ((run, 6), (grid, 3)):
            page = write_report(folder)
            for width in (1280, PHONE):
                browser.open(page, width)
                drawn = "[...document.querySelectorAll('#probes .chart svg')].filter((s) => s.textContent).length"
                browser.until(f"{drawn} === {num_charts}")
                assert browser.evaluate("document.documentElement.scrollWidth") <= width
                words = browser.evaluate("document.querySelector('[data-figure=probe-pos] svg').textContent")
                assert re.search(r"0.*10k", words) and "tokens read" in words
        assert browser.complaints == [] and all(asked.startswith("file:") for asked in browser.requests)
