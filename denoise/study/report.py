"""One page about a grid or a run: a single file that opens anywhere, with no network."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from data_prep.files import write_whole
from denoise.study import sections
from denoise.study.charts import Figure, figures
from denoise.study.reconstructions import reconstructions
from denoise.study.runs import BadFolder, Run, read_grid
from denoise.study.tables import tables
from denoise.study.verdict import caveats, verdict
from denoise.study.writers import as_markdown


def write_report(folder: Path, out: Path | None = None, threshold: float | None = None) -> Path:
    """Write the report about a grid folder or a run folder and return its path.

    `out` is FOLDER/report.html unless given; what was there is replaced at once, when the page is whole.
    `threshold` is what the table of efficiency asks for, in place of what ★ reached.
    Raises BadFolder when there is no run in `folder`.
    """
    runs = read_grid(folder)
    out = out or folder / "report.html"
    page = render(runs, folder.resolve().name, again=_command(folder), threshold=threshold)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, page)
    except OSError as error:
        raise BadFolder(f"the report cannot be written to {out}: {error.strerror}; name another place") from error
    return out


def _command(folder: Path) -> str:
    """What makes these runs again: what the grid wrote down, or a run's own configuration."""
    written = folder / "command.txt"
    if written.is_file():
        return written.read_text(encoding="utf-8").strip()
    return f"denoise train -c {folder}/config.yaml --run {folder}"


def render(runs: Sequence[Run], name: str, again: str = "", threshold: float | None = None) -> str:
    """The whole page about some runs; `again` is the command that makes them, `threshold` as in `efficiency`."""
    drawn = figures(runs)
    shown = tables(runs, threshold)
    is_grid = len(runs) > 1 or bool(runs[0].grid)
    title = runs[0].grid or name if is_grid else runs[0].label
    warned = "".join(f"<li>{escape(text)}</li>" for text in caveats(runs))
    parts = {
        "title": escape(title),
        "kind": "Experiment grid" if is_grid else "Training run",
        "provenance": sections.provenance(runs),
        "verdict": escape(verdict(runs)),
        "caveats": f"<ul>{warned}</ul>" if warned else "",
        "key_numbers": sections.key_numbers(runs),
        "results": sections.all_tables(shown),
        "markdown": escape("\n".join(as_markdown(table) for table in shown)),
        "legend": sections.legend_buttons(runs),
        "charts": sections.chart_frames(drawn) or '<p class="note">No measurements yet.</p>',
        "falls": sections.falls(runs),
        "unfinished": sections.unfinished(runs),
        "differences": sections.differences(runs),
        "environment": sections.environment(runs),
        "again": escape(again),
        "style": _part("report.css"),
        "data": _json(_data(runs, drawn)),
        "charts_library": charts_library(),
        "script": _part("report.js"),
    }
    # One pass, so that nothing inside a part is taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("report_template.html"))


@cache
def charts_library() -> str:
    """Vega, Vega-Lite and their embedding as one script, fit to stand inside a page."""
    import altair
    import vl_convert

    version = altair.SCHEMA_VERSION.rpartition(".")[0]  # the one the specifications are written for
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
    return script.replace("</script", "<\\/script")


def _data(runs: Sequence[Run], drawn: Sequence[Figure]) -> dict[str, Any]:
    charts = {figure.name: {"specs": figure.specs, "datasets": figure.datasets} for figure in drawn}
    return {"figures": charts, "reconstructions": reconstructions(runs)}


def _json(content: Any) -> str:
    """JSON that no text can break out of: a script element ends only at "<"."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _part(name: str) -> str:
    return (files("denoise.study") / name).read_text(encoding="utf-8")
