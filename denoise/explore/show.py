"""`denoise explore`: what objectives do to a text, printed, and written as a page and as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from data_prep.errors import BadInput
from data_prep.files import write_whole
from denoise.explore import tables, terminal
from denoise.explore.config import ExploreConfig, objectives
from denoise.explore.exploration import Exploration, explore
from denoise.explore.subject import A_SENTENCE, NoText, subject_of

_ENDINGS = {"page": "html", "picture": "svg"}


def show(text: str | None, config: ExploreConfig, command: str = "denoise explore") -> None:
    """Print what objectives do to a text, and write the page and the picture that are asked for.

    `command` is what makes the page again. Raises BadInput if there is nothing to show.
    """
    subject = subject_of(_text(text, config), config.data, config.shown_len)
    exploration = explore(subject, objectives(config), config)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # a terminal of few characters shows others as question marks
        reconfigure(errors="replace")
    _print(exploration, config, Console())
    if config.html:
        from denoise.explore.page import page

        _write(config.html, page(exploration, command), "page")
    if config.svg:
        from denoise.explore.picture import picture

        _write(config.svg, picture(exploration), "picture")


def _text(text: str | None, config: ExploreConfig) -> str:
    if config.file is None:
        return A_SENTENCE if text is None else text
    if text is not None:
        raise NoText(f"a text and the file {config.file} are given; give one of them")
    try:
        return Path(config.file).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise NoText(f"{config.file} is not UTF-8 at byte {error.start}; give a text file in UTF-8") from None


def _print(exploration: Exploration, config: ExploreConfig, console: Console) -> None:
    subject = exploration.subject
    if subject.num_left_out:
        num_shown, num_all = len(subject.window.tokens), len(subject.window.tokens) + subject.num_left_out
        terminal.print_note(f"the first {num_shown:,} of {num_all:,} {subject.unit}; --shown_len shows more", console)
        console.print()
    if config.compare:
        tables.print_comparison(exploration.drawings, console)
    for one in exploration.explored:
        if one.drawing is not None and not config.compare:
            terminal.print_drawing(one.drawing, console)
        for complaint in one.complaints:
            terminal.print_complaint(one.name, complaint, console)
    if len(exploration.drawings) > 1:
        tables.print_costs(exploration.drawings, console)
    if exploration.measured_on:
        terminal.print_note(f"measured on {exploration.measured_on}", console)
        console.print()
    for one in exploration.explored:
        if one.figures is not None:
            tables.print_figures(one.name, one.figures, console)


def _write(path: str, content: str, what: str) -> None:
    if Path(path).is_dir():
        raise BadInput(f"{path} is a folder; name a file for the {what}, such as {Path(path) / what}.{_ENDINGS[what]}")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(Path(path), content)
    print(f"{what}: {path}")
