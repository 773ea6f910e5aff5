"""How the runs were made, as HTML: options as differences from the baseline, machine and code, what did not finish."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from denoise.study.options import NOT_SET, flat
from denoise.study.page_tables import badge
from denoise.study.runs import Run
from denoise.study.statistics import Strategy, by_strategy

_NOT_OF_THE_MACHINE = ("started_at", "git_commit", "git_dirty")


def cells(runs: Sequence[Run]) -> str:
    """Strategies × seeds with the state of each cell; nothing where all have finished."""
    if all(run.state == "finished" for run in runs):
        return ""
    seeds = sorted({run.seed for run in runs if run.seed is not None})
    head = "".join(f'<th scope="col">seed {seed}</th>' for seed in seeds)
    body = ""
    for number, strategy in enumerate(by_strategy(runs)):
        of_seed = {run.seed: run for run in strategy.runs}
        states = "".join(f"<td>{_state(of_seed.get(seed))}</td>" for seed in seeds)
        body += f'<tr><th scope="row">{badge(number)}<span>{escape(strategy.label)}</span></th>{states}</tr>'
    table = f'<table class="cells"><thead><tr><th scope="col" class="words">Cell</th>{head}</tr></thead>'
    frame = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Cells">{table}<tbody>{body}</tbody></table></div>'
    )
    return frame if seeds else ""


def _state(run: Run | None) -> str:
    if run is None:
        return '<span class="muted">not in the grid</span>'
    sign = {"finished": "✓ ", "failed": "✗ ", "running": "▸ ", "stopped": "▪ "}.get(run.state, "")
    share = _progress(run) if run.state in ("running", "stopped", "failed") else ""
    return f'<span class="state {run.state}">{sign}{run.state}{share}</span>'


def _progress(run: Run) -> str:
    num_steps = run.shapes.get("num_steps")
    return f" at {run.logs.train[-1].step / num_steps:.0%}" if num_steps and run.logs.train else ""


def unfinished(runs: Sequence[Run]) -> str:
    """Every run that began and did not finish, or was replaced, with its last lines; logs that are not whole."""
    rows = []
    for run in runs:
        name = run.label + ("" if run.seed is None else f", seed {run.seed}")
        step = run.logs.train[-1].step if run.logs.train else 0
        of = f" of {run.shapes['num_steps']:,}" if run.shapes.get("num_steps") else ""
        at = f"at step {step:,}{of}" if step else ""
        if run.state != "finished" and (run.state != "missing" or run.failure):
            why = f"<pre>{escape(run.failure)}</pre>" if run.failure else ""
            rows.append(f"<li><b>{escape(name)}</b> <em>{run.state}</em> {at}{why}</li>")
        if run.logs.num_unreadable_lines:
            count = run.logs.num_unreadable_lines
            lines = "1 line" if count == 1 else f"{count} lines"
            rows.append(f"<li><b>{escape(name)}</b> <em>not whole</em> {lines} of its logs could not be read</li>")
    return f'<ul class="unfinished">{"".join(rows)}</ul>' if rows else ""


def differences(runs: Sequence[Run]) -> str:
    """For each strategy the options in which it differs from the baseline, and nothing else."""
    strategies = [(number, s) for number, s in enumerate(by_strategy(runs)) if any(run.config for run in s.runs)]
    if len(strategies) < 2:
        return ""
    (_, first), *others = strategies
    ours = _options(first)
    parts = "".join(_difference(number, strategy, ours) for number, strategy in others)
    star = f"★ {escape(first.label)}" if first.is_baseline else escape(first.label)
    head = "".join(f'<th scope="col" class="words">{title}</th>' for title in ("Option", star, "here"))
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Options">'
        f'<table class="options"><thead><tr>{head}</tr></thead>{parts}</table></div>'
    )


def _difference(number: int, strategy: Strategy, ours: dict[str, str]) -> str:
    theirs = _options(strategy)
    keys = [key for key in dict.fromkeys([*ours, *theirs]) if ours.get(key, NOT_SET) != theirs.get(key, NOT_SET)]
    of = f"{badge(number)}<span>{escape(strategy.label)}</span>"
    name = f'<tr class="of"><th scope="rowgroup" colspan="3">{of}</th></tr>'
    if not keys:
        return f'<tbody>{name}<tr><td colspan="3" class="words muted">no option differs</td></tr></tbody>'
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(key)}</code></th>'
        + "".join(f'<td class="words"><code>{escape(o.get(key, NOT_SET))}</code></td>' for o in (ours, theirs))
        + "</tr>"
        for key in keys
    )
    return f"<tbody>{name}{rows}</tbody>"


def _options(strategy: Strategy) -> dict[str, str]:
    """The options of a strategy, dotted; its seeds differ in the seed alone."""
    options = flat(next(run.config for run in strategy.runs if run.config))
    return {key: value for key, value in options.items() if key != "seed"}


def environment(runs: Sequence[Run]) -> str:
    """What the runs ran on and with which code; a line with two values says that runs differ."""
    values: dict[str, dict[str, None]] = {"code": {}}
    for run in runs:
        if run.environment.get("git_commit"):
            changed = ", with changes that are not committed" if run.environment.get("git_dirty") else ""
            values["code"][f"commit {str(run.environment['git_commit'])[:10]}{changed}"] = None
        for key, value in run.environment.items():
            if key not in _NOT_OF_THE_MACHINE and value not in (None, ""):
                values.setdefault(key, {})[str(value)] = None
    return "".join(
        f"<div><dt>{escape(key.replace('_', ' '))}</dt><dd>{escape('; '.join(found))}</dd></div>"
        for key, found in values.items()
        if found
    )


def line(stroke: str, dashes: Sequence[float]) -> str:
    """A piece of a strategy's line in its colour, as the charts draw it."""
    pattern = " ".join(f"{part:g}" for part in dashes)
    return (
        f'<svg class="line" viewBox="0 0 26 8" width="26" height="8" aria-hidden="true">'
        f'<path d="M0 4H26" style="stroke:{stroke}" stroke-dasharray="{pattern}"/></svg>'
    )
