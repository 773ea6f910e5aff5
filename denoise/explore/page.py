"""One page about what objectives do to a text: a single file that opens anywhere, with no network."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby

from denoise import __version__
from denoise.explore.columns import says_the_text
from denoise.explore.drawing import MOST_BLOCKS, Drawing, Kind, Token
from denoise.explore.exploration import Exploration, Explored
from denoise.explore.facts import facts
from denoise.explore.figures import Figures, span_bins
from denoise.explore.terminal import remark_on

_NUM_COLOURS = 8


def page(exploration: Exploration, command: str) -> str:
    """The whole page; `command` is what makes it again."""
    script = _part("denoise.study", "page.js") + _part("denoise.explore", "page.js")
    parts = {
        "title": escape(_title(exploration)),
        "provenance": escape(_provenance(exploration)),
        "costs": _costs(exploration.drawings),
        "objectives": "".join(_card(one, number) for number, one in enumerate(exploration.explored)),
        "command": escape(command),
        "style": _part("denoise.study", "report.css") + _part("denoise.explore", "page.css"),
        "script": script,
        # Only this script runs, whatever a text may spell.
        "script_hash": "sha256-" + b64encode(sha256(script.encode()).digest()).decode(),
    }
    # One pass, so that nothing inside a part is taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("denoise.explore", "page.html"))


def flow(tokens: Sequence[Token]) -> str:
    """Tokens as running text: hidden spans and moved blocks marked, what stands for them as pills."""
    has_spans = any(token.span is not None for token in tokens)
    is_coloured = not has_spans and len({token.block for token in tokens}) <= MOST_BLOCKS
    html = ""
    for block, group in groupby(tokens, lambda token: token.block):
        run = "".join(_run(span, list(found)) for span, found in groupby(group, _span_in_text))
        html += run if block is None else _block(block, run, f" {_colour(block)}" if is_coloured else "")
    return html.strip()


def _span_in_text(token: Token) -> int | None:
    return token.span if token.kind is Kind.TEXT else None


def _run(span: int | None, tokens: Sequence[Token]) -> str:
    """Neighbours that are of one hidden span, or of none."""
    if span is None:
        return "".join(_space(token) + _single(token) for token in tokens)
    first, *others = tokens
    text = escape(first.flowing) + "".join(_space(token) + escape(token.flowing) for token in others)
    return f'{_space(first)}<span class="hidden {_colour(span)}" data-link="{span}">{text}</span>'


def _single(token: Token) -> str:
    text = escape(token.flowing)
    if token.kind is Kind.TEXT:
        return text
    if token.kind is Kind.END:
        return f'<span class="eos">{text}</span>'
    kind = {Kind.OTHER: " other", Kind.CONTROL: " control"}.get(token.kind, "")
    link = f' data-link="{token.span}" tabindex="0"' if token.span is not None else ""
    colour = f" {_colour(token.span)}" if token.span is not None else ""
    return f'<b class="pill{kind}{colour}"{link}>{text}</b>'


def _block(block: int, run: str, colour: str) -> str:
    """A block that was moved, with its number."""
    space = " " if run.startswith(" ") else ""
    return f'{space}<span class="block{colour}" data-link="block {block}"><sup>{block + 1}</sup>{run.strip()}</span>'


def _space(token: Token) -> str:
    return " " if token.has_space else ""


def _colour(number: int) -> str:
    return f"s{number % _NUM_COLOURS}"


def _card(one: Explored, number: int) -> str:
    drawing = one.drawing
    head = f"<b>{escape(one.name)}</b>"
    body = ""
    if drawing is not None:
        head += f"<span>{len(drawing.source):,} encoder + {len(drawing.target):,} decoder tokens</span>"
        part = f"<br>drawn here: {escape(drawing.part)}" if drawing.part else ""
        head += f'<span class="about">{escape(drawing.about)}{part}</span>'
        body = _rows(drawing)
    body += "".join(f'<p class="complaint">{escape(complaint)}</p>' for complaint in one.complaints)
    body += _figures(one.figures) if one.figures is not None else ""
    return f'<article class="card" id="objective-{number}"><header>{head}</header>{body}</article>'


def _rows(drawing: Drawing) -> str:
    rows = [
        ("Text", flow(drawing.text), ""),
        ("Encoder reads", flow(drawing.source), ""),
        ("Decoder says", flow(drawing.target), " quiet-text" if says_the_text(drawing) else ""),
    ]
    remark = remark_on(drawing)
    note = f'<p class="note">{escape(remark[0].upper() + remark[1:])}.</p>' if remark else ""
    nothing = '<span class="nothing">nothing</span>'
    return (
        "<dl>"
        + "".join(
            f'<dt>{name}</dt><dd class="flow{kind}" dir="auto">{text or nothing}</dd>' for name, text, kind in rows
        )
        + f"</dl>{note}"
    )


def _costs(drawings: Sequence[Drawing]) -> str:
    if len(drawings) < 2:
        return ""
    most = max(drawing.num_tokens for drawing in drawings)
    rows = "".join(_cost(drawing, drawings[0], most, number) for number, drawing in enumerate(drawings))
    head = _cells("th", ["Encoder", "Decoder", "Sum", f"To {drawings[0].name}"], ' scope="col"')
    return (
        '<section><h2>What an example costs</h2><p class="lead">Tokens that the encoder and the decoder read for this '
        'text, and how many times the first objective’s.</p><div class="scroll" tabindex="0" role="region" '
        'aria-label="Costs"><table class="costs"><thead><tr><th scope="col" class="words">Objective</th>'
        f'{head}<th scope="col" class="words cost"><span class="key"><i></i>encoder</span><span class="key"><i></i>'
        f"decoder</span></th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _cost(drawing: Drawing, first: Drawing, most: int, number: int) -> str:
    counts = [f"{count:,}" for count in (len(drawing.source), len(drawing.target), drawing.num_tokens)]
    relative = f"× {drawing.num_tokens / first.num_tokens:.2f}"
    bars = "".join(f'<i style="width:{100 * len(row) / most:.1f}%"></i>' for row in (drawing.source, drawing.target))
    return (
        f'<tr><th scope="row"><a href="#objective-{number}">{escape(drawing.name).replace("_", "_<wbr>")}</a></th>'
        f'{_cells("td", [*counts, relative])}<td class="words cost"><span class="bar">{bars}</span></td></tr>'
    )


def _cells(tag: str, texts: Iterable[str], attributes: str = "") -> str:
    return "".join(f"<{tag}{attributes}>{escape(text)}</{tag}>" for text in texts)


def _figures(figures: Figures) -> str:
    lines = "".join(f"<dt>{name.capitalize()}</dt><dd>{escape(line)}</dd>" for name, line in facts(figures))
    for name, part in figures.parts.items():
        lines += f"<dt>Part</dt><dd>{escape(name)}: {part.num_windows:,} windows</dd>"
    bins = span_bins(figures.whole)
    highest = max((part.share for part in bins), default=1.0)
    bars = "".join(
        f'<li title="{part.share:.1%} of the spans">{part.share:.0%}<i style="height:{76 * part.share / highest:.0f}%">'
        "</i></li>"
        for part in bins
    )
    lengths = "".join(f"<li>{escape(part.name)}</li>" for part in bins)
    chart = (
        "<figure class=histogram><figcaption>Spans by their length in tokens</figcaption>"
        f'<ol>{bars}</ol><ol class="lengths" aria-hidden="true">{lengths}</ol></figure>'
    )
    return f'<div class="figures"><dl>{lines}</dl>{chart if bins else ""}</div>'


def _title(exploration: Exploration) -> str:
    names = [one.name for one in exploration.explored]
    if len(names) > 3:
        return f"One text under {len(names)} objectives"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"


def _provenance(exploration: Exploration) -> str:
    subject = exploration.subject
    count = f"{len(subject.window.tokens):,} {subject.unit}"
    if subject.num_left_out:
        count = f"the first {count} of {len(subject.window.tokens) + subject.num_left_out:,}"
    measured = f"measured on {exploration.measured_on}" if exploration.measured_on else ""
    parts = (f"denoise {__version__}", count, f"seed {exploration.seed}", measured)
    return " · ".join(part for part in parts if part)


def _part(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")
