"""The report in a headless Chromium: no complaint, nothing fetched, and everything that can be pressed works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from denoise.study.report import write_report
from tests.study.browser import DESKTOP, PHONE, Browser, chromium
from tests.study.finetuned import EIGHT, write_learnt_nine
from tests.study.grid_folders import write_half, write_nine, write_plane

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("grids")
    made = {"nine": write_nine, "half": write_half, "plane": write_plane}
    found = {name: write_report(write(folder / name)) for name, write in made.items()}
    return {**found, "learnt": write_report(write_learnt_nine(write_nine(folder / "learnt")))}


TEXTS_OF = "[...document.querySelectorAll('{}')].map((found) => found.textContent)"


@pytest.mark.parametrize("name", ["nine", "half", "plane", "learnt"])
@pytest.mark.parametrize(("width", "dark"), [(DESKTOP, False), (PHONE, True)])
def test_it_opens_without_a_complaint_a_request_or_a_word_outside(
    browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    browser.open(pages[name], width, dark=dark)
    assert browser.complaints == []
    assert browser.requests == [pages[name].resolve().as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)"
    )
    # Every text of a chart lies inside its drawing, and the drawing inside its frame.
    outside = """[...document.querySelectorAll('.chart')].flatMap((frame) => {
      const room = frame.getBoundingClientRect();
      return [...frame.querySelectorAll('svg, svg text')].filter((part) => {
        const box = part.getBoundingClientRect();
        return box.width && (box.left < room.left - 1 || box.right > room.right + 1 || box.bottom > room.bottom + 1);
      }).map((part) => part.textContent);
    })"""
    assert browser.evaluate(outside) == []


def test_text_of_a_label_does_not_run(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["half"])
    assert browser.evaluate("document.title") == "half · denoise report"
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert any("<script>" in text for text in browser.evaluate(TEXTS_OF.format("#cards b")))


def test_a_heading_sorts_up_down_and_back_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["nine"])
    labels = TEXTS_OF.format("#table-results tbody th span")
    before = browser.evaluate(labels)
    browser.evaluate("document.querySelectorAll('#table-results thead button')[1].focus()")
    browser.press("Enter")
    rising = browser.evaluate(labels)
    assert rising[-1] == "Document rotation" and rising != before
    assert browser.evaluate("document.querySelectorAll('#table-results thead th')[1].ariaSort") == "ascending"
    browser.press("Enter")
    assert browser.evaluate(labels)[0] == "Document rotation"
    browser.press("Enter")
    assert browser.evaluate(labels) == before


def test_what_is_not_reached_is_sorted_last_both_ways(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["half"])
    column = "[...document.querySelectorAll('#table-results tbody tr')].map((row) => row.cells[1].dataset.value ?? '')"
    press = "document.querySelectorAll('#table-results thead button')[1].click()"
    for _ in range(2):
        browser.evaluate(press)
        values = browser.evaluate(column)
        assert all(values[:3]) and values[3:] == ["", "", ""]


def test_the_switch_changes_the_axis_of_every_curve(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["nine"])
    titles = {"tokens": "tokens read, encoder + decoder", "flops": "FLOPs of training", "time": "seconds of training"}
    for axis in ("flops", "time", "tokens"):
        browser.evaluate(f"document.querySelector('[data-axis={axis}]').click()")
        browser.until(f"document.documentElement.dataset.drawn === '{axis}'")
        found = browser.evaluate(TEXTS_OF.format(".charts svg text"))
        assert found.count(titles[axis]) == 3
    assert browser.complaints == []


def test_a_strategy_can_be_hidden_and_lines_are_named_by_number_on_a_phone(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["nine"])
    texts = TEXTS_OF.format("[data-figure=hidden_bits] svg text")
    assert "9  Document rotation" in browser.evaluate(texts)
    browser.evaluate("[...document.querySelectorAll('.chip')].at(-1).click()")
    browser.until(f"!({texts}).includes('9  Document rotation')")
    browser.open(pages["nine"], PHONE)
    assert {str(number) for number in range(1, 10)} <= set(browser.evaluate(texts))
    assert "9  Document rotation" not in browser.evaluate(texts)


def test_scratch_is_drawn_in_every_task_and_a_button_hides_a_line_in_all_sections(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["learnt"])
    assert browser.evaluate("document.querySelectorAll('.pairs svg').length") == 2 * len(EIGHT)
    bold = "document.querySelectorAll('.pairs svg path[stroke-width=\"2.75\"]').length"
    assert browser.evaluate(bold) == 2 * len(EIGHT)
    lines = "document.querySelectorAll('.pairs svg [aria-roledescription=\"line mark\"]').length"
    before = browser.evaluate(lines)
    browser.evaluate("document.querySelector('#transfer .chip').click()")
    browser.until(f"{lines} === {before} - {2 * len(EIGHT)}")
    pressed = "[...document.querySelectorAll('.chip[data-strategy=t5_span]')].map((chip) => chip.ariaPressed)"
    assert browser.evaluate(pressed) == ["false", "false"]
    assert browser.complaints == []


def test_windows_and_stages_change_the_reconstructions(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["nine"])
    said = "document.querySelector('#cards dd:nth-of-type(3)').textContent + cards.querySelector('summary').textContent"
    last = browser.evaluate(said)
    browser.evaluate("document.querySelectorAll('#windows button')[1].click()")
    other = browser.evaluate(said)
    browser.evaluate("stage.value = 0; stage.dispatchEvent(new Event('input'))")
    first = browser.evaluate(said)
    assert len({last, other, first}) == 3 and "after step 0" in first


def test_the_theme_button_turns_the_page(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["half"])
    browser.evaluate("theme.click()")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"


def test_copying_tells_what_is_copied(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["nine"])
    browser.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    browser.evaluate("document.querySelector('[data-copy=matrix-markdown]').click()")
    browser.until("window.copied !== undefined")
    assert browser.evaluate("window.copied").startswith("| Trained on | Sentinels")
    browser.until("document.querySelector('[data-copy=matrix-markdown]').textContent === 'Copied'")


def test_words_are_read_on_every_shade(browser: Browser, pages: dict[str, Path]) -> None:
    contrast = """[...document.querySelectorAll('.heat td[style]')].map((cell) => {
      const canvas = document.createElement('canvas').getContext('2d');
      const light = (colour) => {
        canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
          .map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b + .05;
      };
      const style = getComputedStyle(cell);
      const [a, b] = [light(style.color), light(style.backgroundColor)];
      return Math.max(a, b) / Math.min(a, b);
    })"""
    for dark in (False, True):
        browser.open(pages["nine"], dark=dark)
        found = browser.evaluate(contrast)
        assert len(found) == 45 and min(found) > 6


def test_it_prints_light_and_no_wider_than_the_paper(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    browser.open(pages["half"], dark=True)
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.open(pages["half"], 1030)  # A4 on its side, within its margins
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 1030
    assert browser.pdf(tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
