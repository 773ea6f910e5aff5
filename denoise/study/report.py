"""One page about a grid or a run: a single file that opens anywhere, with no network."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from data_prep.files import write_whole
from denoise.study import sections
from denoise.study.charts import Figure, Rows
from denoise.study.drawn import Drawn
from denoise.study.intervals import Method
from denoise.study.reconstructions import reconstructions
from denoise.study.runs import BadFolder, Run, read_grid


def write_report(folder: Path, out: Path | None = None, threshold: float | None = None, method: Method = "t") -> Path:
    """Write the report about a grid folder or a run folder and return its path.

    `out` is FOLDER/report.html unless given; what was there is replaced at once, when the page is whole.
    `threshold` is what the table of efficiency asks for, in the ranking's unit, in place of what ★ reached; `method`
    makes all intervals of differences.
    Raises BadFolder when there is no run in `folder`.
    """
    runs = read_grid(folder)
    out = out or folder / "report.html"
    page = render(runs, folder.resolve().name, again=_command(folder), threshold=threshold, method=method)
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


def render(
    runs: Sequence[Run], name: str, again: str = "", threshold: float | None = None, method: Method = "t"
) -> str:
    """The whole page about some runs; `again` is the command that makes them, `threshold` as in `efficiency`."""
    drawn = Drawn.of(runs, method)
    is_grid = len(runs) > 1 or bool(runs[0].grid)
    title = runs[0].grid or name if is_grid else runs[0].label
    scripts = {"charts_library": charts_library(), "script": _part("page.js") + _part("report.js")}
    parts = {
        "title": escape(title),
        "kind": "Experiment grid" if is_grid else "Training run",
        "contents": sections.whole_page(runs, drawn, again=again, threshold=threshold, method=method),
        "provenance": sections.provenance(runs),
        "style": _part("report.css"),
        "data": _json(_data(runs, drawn.figures)),
        # Only these scripts run, whatever a text may spell.
        "script_hashes": " ".join(f"'{_hash(script)}'" for script in scripts.values()),
        **scripts,
    }
    # One pass, so that nothing inside a part is taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("report_template.html"))


def _hash(script: str) -> str:
    return "sha256-" + b64encode(sha256(script.encode()).digest()).decode()


@cache
def charts_library() -> str:
    """Vega, Vega-Lite and their embedding as one script, fit to stand inside a page."""
    import altair
    import vl_convert

    version = altair.SCHEMA_VERSION.rpartition(".")[0]  # the one the specifications are written for
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
    return script.replace("</script", "<\\/script")


def _data(runs: Sequence[Run], drawn: Sequence[Figure]) -> dict[str, Any]:
    charts = {
        figure.name: {
            "specs": figure.specs,
            "datasets": {name: _packed(rows) for name, rows in figure.datasets.items()},
        }
        for figure in drawn
    }
    return {"figures": charts, "reconstructions": reconstructions(runs)}


def _packed(rows: Rows) -> list[dict[str, Any]]:
    """Rows of one line as one: what they share once, the rest as lists; the page opens them again."""
    packed: list[dict[str, Any]] = []
    for key, group in groupby(rows, key=lambda row: (row["strategy"], row["label"], *row)):
        line = list(group)
        columns = {name: [row[name] for row in line] for name in key[2:] if name not in ("strategy", "label")}
        packed.append({"strategy": key[0], "label": key[1], "columns": columns})
    return packed


def _json(content: Any) -> str:
    """JSON that no text can break out of: a script element ends only at "<"."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _part(name: str) -> str:
    return (files("denoise.study") / name).read_text(encoding="utf-8")
