"""The page and the picture of `denoise explore` open anywhere, run no text, and link what belongs together."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from data_prep.errors import BadInput
from denoise import cli
from denoise.explore.config import ExploreConfig, presets
from denoise.explore.exploration import Exploration, explore
from denoise.explore.page import page
from denoise.explore.picture import picture
from denoise.explore.subject import A_SENTENCE, subject_of
from tests.denoise.test_explore import TEXTS, objective

ROOT = Path(__file__).parent.parent.parent
EVIL = '</script><script>alert(1)</script> <img src=x onerror=alert(2)> " onmouseover="x {{style}} ]]> &amp; done.'
SVG = "{http://www.w3.org/2000/svg}"


def exploration(text: str = A_SENTENCE, *names: str, **options: Any) -> Exploration:
    config = ExploreConfig(**options)
    return explore(subject_of(text, None, 128), [objective(name) for name in names or presets()], config)


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts.append(data)
            self._in = ""
        elif self._in != "style":
            self.text += data


def test_a_text_is_shown_and_never_run() -> None:
    html = page(exploration(EVIL), 'denoise explore "</script><script>alert(3)</script>"')
    found = Page(html)
    assert len(found.scripts) == 1
    assert [tag for tag, _ in found.elements if tag in ("script", "img", "iframe", "object", "link")] == ["script"]
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in found.text
    assert "{{style}}" in found.text


def test_only_the_pages_own_script_may_run() -> None:
    html = page(exploration(A_SENTENCE, "t5_span"), "denoise explore")
    script = html[html.rindex("<script>") + len("<script>") : html.rindex("</script>")]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


@pytest.mark.parametrize("text", TEXTS)
def test_page_and_picture_need_no_network(text: str) -> None:
    told = exploration(TEXTS[text], stats=True, num_windows=2)
    for made in (page(told, "denoise explore"), picture(told)):
        rest = made.replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?:|url\(|@import|@font-face|<link|src=", rest)


def test_every_class_of_the_page_has_a_style() -> None:
    html = page(exploration(TEXTS["same again"], stats=True, num_windows=2), "denoise explore")
    style = html[html.index("<style>") : html.index("</style>")]
    used = {name for _, attributes in Page(html).elements for name in (attributes.get("class") or "").split()}
    assert {name for name in used if not re.search(rf"\.{re.escape(name)}\b", style)} == set()


def test_what_stands_for_a_span_has_its_colour_and_its_link() -> None:
    for one in exploration(A_SENTENCE, "t5_span", "bart_infill", "mass", "bert_style", "t5_iid").explored:
        told = Exploration(subject=subject_of(A_SENTENCE, None, 128), explored=[one], measured_on="", seed=23)
        elements = Page(page(told, "")).elements
        colours: dict[str, set[str]] = {}
        for _, attributes in elements:
            if attributes.get("data-link") is not None:
                classes = (attributes.get("class") or "").split()
                kind = "pill" if "pill" in classes else "text"
                colour = next(name for name in classes if re.fullmatch(r"s\d", name))
                colours.setdefault(f"{attributes['data-link']}", set()).add(f"{kind} {colour}")
        assert colours
        for parts in colours.values():
            assert {part.split()[0] for part in parts} == {"pill", "text"}
            assert len({part.split()[1] for part in parts}) == 1


def test_the_page_tells_costs_and_figures() -> None:
    told = exploration(A_SENTENCE, "t5_span", "mass", stats=True, num_windows=3)
    text = " ".join(Page(page(told, "denoise explore --seed 5")).text.split())
    assert "29 encoder + 8 decoder tokens" in text
    assert f"× {48 / 37:.2f}" in text
    assert "28 a window, 3.04 tokens each on average" in text
    assert "Spans by their length" in text
    assert "denoise explore --seed 5" in text


def drawn_texts(svg: str) -> list[tuple[float, float, float, str]]:
    """Baseline, left, right and content of each pill, and of each text whose width is held."""
    found = []
    for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        if width := element.get("textLength"):
            x, y = float(element.get("x", 0)), float(element.get("y", 0))
            padding, rise = (5, 0.8) if element.get("font-family") else (0, 0)
            found.append((round(y + rise), x - padding, x + float(width) + padding, element.text or ""))
    return found


@pytest.mark.parametrize("name", presets())
def test_no_word_of_a_picture_lies_on_another_or_outside(name: str) -> None:
    for text in (A_SENTENCE, TEXTS["chinese"], "i j l i j", "a b c d e f g h i j k l m n o p", TEXTS["two words"]):
        svg = picture(exploration(text, name))
        left, top, width, height = map(float, ElementTree.fromstring(svg).get("viewBox", "").split())
        rows: dict[float, list[tuple[float, float, str]]] = {}
        for y, x, right, content in drawn_texts(svg):
            assert top < y < height
            assert left <= x
            assert right <= width
            rows.setdefault(y, []).append((x, right, content))
        for row in rows.values():
            row.sort()
            for one, other in pairwise(row):
                assert one[1] <= other[0] + 0.2, (name, one, other)


@pytest.mark.parametrize("text", TEXTS)
def test_a_picture_of_any_text_is_well_formed(text: str) -> None:
    root = ElementTree.fromstring(picture(exploration(TEXTS[text])))
    assert root.get("role") == "img"
    assert ElementTree.fromstring(picture(exploration(EVIL + " \x00 \ufffe"))).find(f"{SVG}script") is None


def test_a_picture_says_all_that_the_encoder_reads_and_the_decoder_says() -> None:
    told = exploration(A_SENTENCE, "t5_span")
    words = [element.text for element in ElementTree.fromstring(picture(told)).iter(f"{SVG}text")]
    drawing = told.drawings[0]
    for token in (*drawing.source[:-1], *drawing.target[:-1]):
        words.remove(token.flowing)
    ribbons = [path for path in ElementTree.fromstring(picture(told)).iter(f"{SVG}path") if "C" in path.get("d", "")]
    assert {path.get("class") for path in ribbons} == {"s0", "s1"}


def test_files_are_written_and_a_bad_place_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html, svg = tmp_path / "new" / "a.html", tmp_path / "a.svg"
    cli.run(["explore", "--compare=t5_span,mass", f"--html={html}", f"--svg={svg}"])
    assert html.read_text().startswith("<!doctype html>")
    assert svg.read_text().startswith("<svg ")
    assert f"page: {html}" in capsys.readouterr().out
    with pytest.raises((BadInput, OSError), match=r"a\.html"):
        cli.run(["explore", "--presets=mass", f"--html={html}/no.html"])


def test_readmes_picture_is_what_explore_draws(tmp_path: Path) -> None:
    cli.run(["explore", "--compare=t5_span,bart_infill,mass", f"--svg={tmp_path / 'objectives.svg'}"])
    assert (tmp_path / "objectives.svg").read_text() == (ROOT / "docs" / "objectives.svg").read_text()
