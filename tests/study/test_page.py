"""What the report of a grid holds, part by part; what a browser makes of it is in test_page_in_browser.py."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from denoise.study.charts import dodged, figures
from denoise.study.distances import distances
from denoise.study.noise import noise
from denoise.study.page_tables import table_block
from denoise.study.report import charts_library, render, write_report
from denoise.study.runs import read_grid
from denoise.study.table import Column, Entry, Table
from tests.denoise.run_folders import run_of
from tests.study.finetuned import EIGHT, write_learnt_nine
from tests.study.grid_folders import EVIL, NINE, write_cell, write_half, write_nine


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nine(tmp_path_factory.mktemp("grids") / "nine")


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_half(tmp_path_factory.mktemp("grids") / "half")


class Rows(HTMLParser):
    """The rows of a table as text, a list of cells each."""

    def __init__(self, html: str, name: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(re.search(rf'<table id="table-{name}".*?</table>', html, re.S)[0])  # type: ignore[index]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data


def ours(page: str) -> str:
    return page.replace(charts_library(), "")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", ours(page))


def test_nine_strategies_and_three_seeds_stay_light(nine: Path) -> None:
    page = write_report(nine).read_text(encoding="utf-8")
    assert len(page.encode()) < 2_000_000
    assert headings(page) == [
        "Results",
        "Learning curves",
        "Trained on × examined on",
        "Reconstructions",
        "The corruption, wanted and got",
        "How it was made",
    ]
    for number, about in enumerate(NINE.values(), start=1):
        assert f'">{number}</i><span>{about[0]}' in page


def test_what_was_fine_tuned_has_a_section_and_the_page_stays_light(tmp_path: Path) -> None:
    page = write_report(write_learnt_nine(write_nine(tmp_path / "nine"))).read_text(encoding="utf-8")
    assert len(page.encode()) < 2_000_000
    assert headings(page)[2:4] == ["Trained on × examined on", "Pretrained against scratch"]
    rows = Rows(page, "transfer").rows
    assert [row[0].strip() for row in rows[10:]] == ["From scratch", "Majority", "Bag of words"]
    assert len(rows[0]) == 1 + len(EIGHT) + 1 and "GLUE average" in rows[0][-1]
    assert (
        "Fine-tuned, every strategy beats the same model from scratch by more than two sd on 3 to 6 of 8 tasks" in page
    )
    figures = re.findall(r'data-figure="learnt-([^"]+)"', ours(page))
    assert len(figures) == 2 * len(EIGHT) == len(set(figures))


def test_parts_without_content_are_left_out() -> None:
    page = render([run_of("a", 1, None)], "a")
    assert headings(page) == ["Results", "Learning curves", "How it was made"]


def test_a_half_finished_grid_shows_every_cell_and_the_last_lines_of_failed_ones(half: Path) -> None:
    page = ours(write_report(half).read_text(encoding="utf-8"))
    assert "Failed, missing, not finished" in headings(page)
    cells = page[page.index('<table class="cells">') :].partition("</table>")[0]
    states = re.findall(r'<span class="state (\w+)">([^<]*)</span>', cells)
    assert [state for state, _ in states].count("missing") == 1 + 2 + 2 + 3 + 2
    assert ("stopped", "▪ stopped at 55%") in states and ("failed", "✗ failed at 8%") in states
    assert "RuntimeError: the loss is not finite at step 81\n  batch 81 of &lt;/script&gt;" in page
    body = page[page.index("<body>") :].partition("<script")[0]
    assert not re.search(r"\bnan\b|\binf\b|None", body)


def test_labels_and_errors_never_become_markup(half: Path) -> None:
    page = ours(write_report(half).read_text(encoding="utf-8"))
    assert EVIL not in page and "<img" not in page
    assert (page.count("<script"), page.count("</script>")) == (3, 3)
    data = page.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    labels = [strategy["label"] for strategy in json.loads(data)["reconstructions"]["strategies"]]
    assert f"改写语序 {EVIL}" in labels


def test_no_word_of_a_table_becomes_markup() -> None:
    entry = Entry(text=EVIL, note=EVIL, value=EVIL)
    columns = (Column(title=EVIL, unit=EVIL), Column(title=EVIL))
    table = Table(name="t", title=EVIL, columns=columns, rows=((entry, entry),), strategies=(EVIL,), legend=EVIL)
    html = table_block(table, {EVIL: 0}, title=EVIL, is_heat=True)
    assert "<script" not in html and "<img" not in html and html.count("&lt;script&gt;") > 10


def test_no_two_parts_share_an_id(nine: Path, half: Path) -> None:
    for grid in (nine, half):
        ids = re.findall(r'\bid="([^"]*)"', ours(write_report(grid).read_text(encoding="utf-8")))
        assert len(ids) == len(set(ids)) > 15


def test_only_the_pages_own_scripts_may_run(nine: Path) -> None:
    page = render(read_grid(nine)[:2], "n")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]  # type: ignore[index]
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert re.search(r"script-src ('sha256-[\w+/=]+' ?){2};", policy)


def test_every_table_can_be_copied_in_three_forms(nine: Path) -> None:
    page = ours(write_report(nine).read_text(encoding="utf-8"))
    buttons = set(re.findall(r'data-copy="([^"]*)"', page))
    assert {
        f"{name}-{form}"
        for name in ("results", "efficiency", "matrix", "rates", "noise")
        for form in ("latex", "markdown", "csv")
    } < buttons
    for name in buttons:
        copied = re.search(rf'<(?:pre|code) id="{name}"[^>]*>([^<]+)<', page)
        assert copied, name
    assert r"\toprule" in page[page.index('id="results-latex"') :].partition("</pre>")[0]


def test_the_matrix_shades_the_lowest_number_strongest_and_marks_what_was_adapted(nine: Path) -> None:
    page = write_report(nine).read_text(encoding="utf-8")
    table = re.search(r'<table id="table-matrix" class="heat">.*?</table>', page, re.S)[0]  # type: ignore[index]
    shades = [
        (float(value), int(shade))
        for value, shade in re.findall(r'data-value="([\d.]+)" style="--shade:(\d+)%"', table)
    ]
    assert len(shades) == 9 * 5
    shades.sort()
    assert shades[0][1] == 60 and shades[-1][1] == 4
    assert all(one[1] >= other[1] for one, other in pairwise(shades))
    row = Rows(page, "matrix").rows[1]
    assert "†" not in row[1] and all("†" in cell and "before" in cell for cell in row[2:5])
    assert all("n = 3" in cell for cell in row[1:])


def test_curves_have_a_mean_a_band_and_thin_seeds_on_three_axes(nine: Path) -> None:
    drawn = figures(read_grid(nine))
    assert [figure.name for figure in drawn] == ["hidden_bits", "held_out_loss", "train_loss"]
    for figure in drawn:
        assert list(figure.specs) == ["tokens", "flops", "time"]
        assert {row["label"].rpartition(", ")[2] for row in figure.datasets["seeds"]} == {"seed 1", "seed 2", "seed 3"}
        assert all(
            row["label"].endswith(", mean") and row["low"] <= row["y"] <= row["high"] for row in figure.datasets["main"]
        )
    ends = drawn[0].datasets["ends"]
    runs = {run.strategy: run for run in read_grid(nine)}
    for row in ends:
        assert row["flops"] == pytest.approx(runs[row["strategy"]].shapes["flops"], rel=1e-3)


def test_the_mean_ends_where_a_seed_has_no_more_points(tmp_path: Path) -> None:
    for seed in (1, 2):
        run = write_cell(tmp_path, "t5_span", seed)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["step"] < 700]
    (run / "metrics.jsonl").write_text("".join(line + "\n" for line in kept))
    main = figures(read_grid(tmp_path))[0].datasets["main"]
    assert [row["step"] for row in main][-1] == 640 and all("sd" in row for row in main)


def test_without_flops_there_is_no_axis_of_them(tmp_path: Path) -> None:
    run = write_cell(tmp_path, "t5_span", 1)
    shapes = json.loads((run / "shapes.json").read_text())
    (run / "shapes.json").write_text(json.dumps({key: shapes[key] for key in shapes if "flops" not in key}))
    assert list(figures(read_grid(tmp_path))[0].specs) == ["tokens", "time"]


def test_names_at_the_ends_of_lines_do_not_overlap(nine: Path) -> None:
    for figure in figures(read_grid(nine)):
        heights = sorted(row["at"] for row in figure.datasets["ends"])
        low, high = figure.specs["tokens"]["layer"][-1]["encoding"]["y"]["scale"]["domain"]
        gap = (high - low) * 14 / 290
        assert len(heights) == 9 and all(other - one > gap * 0.999 for one, other in pairwise(heights))
        assert low <= heights[0] and heights[-1] <= high


def test_a_name_stands_at_the_furthest_line_of_its_strategy(half: Path) -> None:
    ends = figures(read_grid(half))[0].datasets["ends"]
    named = [row for row in ends if row["strategy"] == "bart_infill" and "number" in row]
    assert [row["label"] for row in named] == ["BART text infilling, seed 1"]


def test_too_many_names_keep_their_order() -> None:
    assert dodged([3.0, 1.0, 2.0], 5.0, 0.0, 4.0) == [10.0, 0.0, 5.0]


def test_distances_are_paired_by_seed_and_the_best_comes_first(nine: Path) -> None:
    figure = distances(read_grid(nine))
    assert figure is not None
    rows = figure.datasets["main"]
    assert len(rows) == 8 and [row["y"] for row in rows] == sorted(row["y"] for row in rows)
    assert all(row["low"] < row["y"] < row["high"] and row["n"] == 3 for row in rows)
    assert rows[-1]["label"] == "9  Document rotation"
    assert distances([run_of("a", 1, 2.0)]) is None


def test_what_was_got_is_told_beside_what_was_asked(tmp_path: Path) -> None:
    run = write_cell(tmp_path, "t5_span", 1)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "train":
            line["noise_rate"] = 0.25
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = noise(read_grid(tmp_path))
    assert table is not None
    [row] = table.rows
    texts = {(column.title, column.unit): entry for column, entry in zip(table.columns, row, strict=True)}
    assert texts["Rate", "asked, %"].text == "15.0" and texts["Rate", "got, %"].text == "25.0"
    assert texts["Rate", "got, %"].note == "not as asked"
    assert [texts[side, "tokens"].text for side in ("Window", "Encoder", "Decoder")] == ["142", "128", "30"]
    assert texts["Decoder padding", "%"].text == "1.0"


def test_the_parts_of_a_mixture_have_rows_of_their_own(tmp_path: Path) -> None:
    run = write_cell(tmp_path, "t5_span", 1)
    shapes = json.loads((run / "shapes.json").read_text())
    (run / "shapes.json").write_text(json.dumps({**shapes, "parts": {"part_1": "short spans", "part_2": "a suffix"}}))
    line = {
        "kind": "train",
        "step": 900,
        "tokens": 1,
        "elapsed_s": 1.0,
        "loss": 1.0,
        "part_2_share": 0.25,
        "part_2_noise_rate": 0.3,
    }
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    table = noise(read_grid(tmp_path))
    assert table is not None
    assert [row[0].text for row in table.rows[1:]] == [
        "T5 span corruption, part 1",
        "T5 span corruption, part 2, 25% of windows",
    ]
    assert table.rows[2][1].text == "a suffix" and table.rows[2][3].text == "30.0"


def test_options_are_told_as_differences_from_the_baseline_only(nine: Path) -> None:
    page = ours(write_report(nine).read_text(encoding="utf-8"))
    table = page[page.index('<table class="options">') :].partition("</table>")[0]
    assert "model.d_model" not in table and "batch_size" not in table and ">seed<" not in table
    infill = table[table.index("BART text infilling") :].partition("</tbody>")[0]
    assert re.findall(r"<code>([^<]*)</code>", infill) == [
        *("corruption.class_path", "corruptions.SpanCorruption", "corruptions.TextInfilling"),
        *("corruption.init_args.rate", "0.15", "0.3"),
    ]
    assert "commit 3f2a9c1d7b; commit 3f2a9c1d7b, with changes that are not committed" in page


def test_of_many_strategies_fewer_windows_are_kept(tmp_path: Path) -> None:
    from denoise.study import reconstructions

    runs = read_grid(write_nine(tmp_path / "nine", seeds=(1,)))
    assert len(reconstructions.reconstructions(runs)["windows"]) == 4
    many = [run for run in runs for _ in range(1)]
    most, reconstructions.MOST_TEXTS = reconstructions.MOST_TEXTS, 20
    try:
        assert len(reconstructions.reconstructions(many)["windows"]) == 2
    finally:
        reconstructions.MOST_TEXTS = most
