"""The sections of the page as HTML, each only where it has something to show; every word passes through `escape`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from denoise.study import made
from denoise.study.chart_specs import colour, dash
from denoise.study.charts import Figure
from denoise.study.drawn import Drawn
from denoise.study.heat import heat_maps
from denoise.study.intervals import Method
from denoise.study.measures import curve_fell, first_and_last_loss, minutes, ranking, tokens_read
from denoise.study.noise import noise
from denoise.study.page_tables import Numbers, badge, numbers_of, table_block
from denoise.study.probe_table import probes, told
from denoise.study.runs import Run
from denoise.study.statistics import best, by_strategy, over_seeds, spread
from denoise.study.table import Table, short_count
from denoise.study.tables import tables
from denoise.study.transfer_section import TABLES, transfer
from denoise.study.verdict import caveats, verdict, with_sd

LEARNT = "Pretrained against scratch"
"""The title of fine-tuning where models have learnt from scratch too."""
_AXES = {"tokens": "by tokens", "flops": "by FLOPs", "time": "by time"}


def whole_page(
    runs: Sequence[Run], drawn: Drawn, *, again: str = "", threshold: float | None = None, method: Method = "t"
) -> str:
    """All sections under the title, and links to them."""
    numbers = numbers_of(runs)
    found = {table.name: table for table in tables(runs, threshold, method)}
    matrix, by_rate = found.pop("matrix", None), found.pop("rates", None)
    transferred = [table for name in TABLES if (table := found.pop(name, None)) is not None]
    spoken = reconstructions_frame() if any(run.logs.reconstructions for run in runs) else ""
    counted = noise(runs)
    parts = (
        ("results", "Results", _results(list(found.values()), drawn.distances, numbers)),
        ("curves", "Learning curves", curves(runs, drawn.curves)),
        ("exam", "Trained on × examined on", _exam(matrix, by_rate, numbers)),
        ("transfer", LEARNT if drawn.pairs else "Fine-tuned", transfer(runs, transferred, drawn.pairs, numbers)),
        ("probes", "When it learnt what", _learnt(runs, drawn.probes, drawn.layers, numbers)),
        ("heat", "Two options against each other", _heat(heat_maps(runs), numbers)),
        ("reconstructions", "Reconstructions", spoken),
        ("corruption", "The corruption, wanted and got", table_block(counted, numbers) if counted else ""),
        ("unfinished", "Failed, missing, not finished", made.cells(runs) + made.unfinished(runs)),
        ("made", "How it was made", _made(runs, again)),
    )
    shown = [(name, title, html) for name, title, html in parts if html]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in shown)
    body = "".join(f'<section id="{name}"><h2>{title}</h2>{html}</section>' for name, title, html in shown)
    return f'{_verdict(runs, method)}<nav aria-label="Contents">{links}</nav>{body}'


def _verdict(runs: Sequence[Run], method: Method) -> str:
    warned = "".join(f"<li>{escape(text)}</li>" for text in caveats(runs))
    listed = f"<ul>{warned}</ul>" if warned else ""
    said = f'<section class="verdict" aria-label="Verdict"><p>{escape(verdict(runs, method))}</p>{listed}</section>'
    return f'{said}<dl class="key-numbers">{key_numbers(runs)}</dl>'


def _results(found: Sequence[Table], far: Figure | None, numbers: Numbers) -> str:
    first, *others = (table_block(t, numbers, title="" if t.name == "results" else t.title) for t in found)
    return first + (_frame(far) if far else "") + "".join(others)


def _exam(matrix: Table | None, by_rate: Table | None, numbers: Numbers) -> str:
    """The matrix, and its many rows rate by rate behind a line that opens."""
    shown = table_block(matrix, numbers, is_heat=True) if matrix else ""
    if by_rate is None:
        return shown
    return f"{shown}<details><summary>{escape(by_rate.title)}</summary>{table_block(by_rate, numbers)}</details>"


def _learnt(runs: Sequence[Run], drawn: Sequence[Figure], by_layer: Sequence[Figure], numbers: Numbers) -> str:
    """Curves of the probes with the loss beside them, and when each had most of what it gained."""
    found = probes(runs)
    if found is None:
        return ""
    lead = f'<p class="lead">{escape(said)}</p>' if (said := told(runs)) else ""
    frames = "".join(map(_frame, drawn))
    layers = f'<div class="charts low">{"".join(map(_frame, by_layer))}</div>' if by_layer else ""
    return f'{lead}<div class="charts">{frames}</div>{layers}{table_block(found, numbers)}'


def _heat(found: Sequence[Table], numbers: Numbers) -> str:
    return "".join(table_block(table, numbers, title=table.title, is_heat=True) for table in found)


def _made(runs: Sequence[Run], again: str) -> str:
    differences = made.differences(runs)
    first = "★" if any(run.is_baseline for run in runs) else "the first strategy"
    return (
        f'<h3>To make it again</h3><div class="command"><code id="again">{escape(again)}</code>'
        '<button type="button" class="quiet" data-copy="again">Copy</button></div>'
        + (f"<h3>Options, as differences from {first}</h3>{differences}" if differences else "")
        + f'<h3>Machine and code</h3><dl class="environment">{made.environment(runs)}</dl>'
    )


def provenance(runs: Sequence[Run]) -> str:
    """When, where and with what the runs were made, in one line."""
    first = next((run.environment for run in runs if run.environment), {})
    finished = [str(run.done["finished_at"]) for run in runs if run.done.get("finished_at")]
    commit = str(first.get("git_commit") or "")[:10]
    parts = [
        f"denoise {first['denoise']}" if first.get("denoise") else "",
        f"commit {commit}{' with changes' if first.get('git_dirty') else ''}" if commit else "",
        str(first.get("device") or ""),
        f"last run finished {max(finished)[:16].replace('T', ' ')}" if finished else "",
    ]
    return " · ".join(escape(part) for part in parts if part)


def key_numbers(runs: Sequence[Run]) -> str:
    """The few numbers to know before reading on."""
    finished = [run for run in runs if run.state == "finished"]
    facts = [(f"{len(finished)} of {len(runs)}", "runs finished")]
    budgets = [tokens for run in finished if (tokens := tokens_read(run))]
    sizes = [size for run in runs if (size := run.shapes.get("num_parameters"))]
    for values, name in ((budgets, "tokens a run"), (sizes, "parameters")):
        if values:
            facts.append((_from_to(short_count(min(values)), short_count(max(values))), name))
    by = ranking(runs)
    first = best(by_strategy(runs), by.measure)
    least = over_seeds(first.finished, by.measure) if first else None
    if least:
        facts.append((f"{least.mean:.2f}", f"fewest {by.unit}"))
    spent = [value for run in finished if (value := minutes(run)) is not None]
    if spent:
        total = sum(spent)
        facts.append((f"{total:.1f} min" if total < 180 else f"{total / 60:.1f} h", "training, all runs"))
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>" for fact, name in facts)


def curves(runs: Sequence[Run], drawn: Sequence[Figure]) -> str:
    """The charts with what steers them; the script draws into empty frames."""
    if not drawn:
        return '<p class="note">No measurements yet.</p>'
    switch = "".join(
        f'<button type="button" data-axis="{x}" aria-pressed="{str(x == "tokens").lower()}">{_AXES[x]}</button>'
        for x in drawn[0].specs
    )
    frames = "".join(map(_frame, drawn))
    how = "Bold: the mean over finished seeds, in a band of one sd. Thin: single seeds." if _has_means(runs) else ""
    return (
        f'<div class="controls"><div class="chips" role="group" aria-label="Strategies">{_chips(runs)}</div>'
        f'<div class="switch" role="group" aria-label="Horizontal axis">{switch}</div></div>'
        '<noscript><p class="note">The charts and the reconstructions are drawn by the page\'s own script, which is '
        f'switched off here.</p></noscript><p class="note how">{how}</p><div class="charts">{frames}</div>'
        f"<h3>Did every loss fall?</h3>{falls(runs)}"
    )


def _frame(figure: Figure) -> str:
    """An empty frame with its words; the script draws into it."""
    return (
        f"<figure><figcaption><h3>{escape(figure.title)}</h3><span>{escape(figure.unit)}</span></figcaption>"
        f'<div class="chart" data-figure="{escape(figure.name)}" role="img" aria-label="{escape(figure.title)}"></div>'
        f'<p class="note">{escape(figure.note)}</p></figure>'
    )


def _has_means(runs: Sequence[Run]) -> bool:
    return any(len(strategy.finished) > 1 for strategy in by_strategy(runs))


def _chips(runs: Sequence[Run]) -> str:
    """One button a strategy, which shows and hides it in every chart."""
    return "".join(
        f'<button type="button" class="chip" aria-pressed="true" data-strategy="{escape(s.name)}">'
        f"{made.line(colour(i), dash(i))}<span>{i + 1}</span> {escape(s.label)}{' ★' if s.is_baseline else ''}</button>"
        for i, s in enumerate(by_strategy(runs))
    )


def falls(runs: Sequence[Run]) -> str:
    """For each strategy, where its loss began, where it ended, and whether that is a fall."""
    rows = []
    for index, strategy in enumerate(by_strategy(runs)):
        ends = [(run, pair) for run in strategy.finished or strategy.runs if (pair := first_and_last_loss(run))]
        first, last = (spread([pair[i] for _, pair in ends]) for i in (0, 1))
        if first is None or last is None:
            text = '<span class="muted">not reached</span>'
        else:
            fell = sum(curve_fell(run) for run, _ in ends)
            word = "fell" if fell == len(ends) else f"fell in {fell} of {len(ends)} runs" if fell else "did not fall"
            change = f" by {1 - last.mean / first.mean:.0%}" if word == "fell" else ""
            tone = "good" if word == "fell" else "bad"
            text = f"{with_sd(first)} → {with_sd(last)} <em class={tone}>{word}{change}</em>"
        rows.append(f"<li>{badge(index)}<span>{escape(strategy.label)}</span><span>{text}</span></li>")
    return f'<ul class="falls">{"".join(rows)}</ul>'


def reconstructions_frame() -> str:
    """What steers the reconstructions, and the place where the script puts them."""
    return (
        '<p class="lead">The same held-out text through every strategy. <mark class="noise">Marked</mark> text was '
        'hidden; what the model said is <span class="right">right</span> or <span class="wrong">wrong</span>, place '
        'by place.</p><div class="controls"><div class="switch" role="group" aria-label="Held-out window" id="windows">'
        '</div><label class="stage"><span>Stage of training</span><input type="range" id="stage" min="0" step="1">'
        '<output for="stage"></output></label></div><div id="cards"></div>'
    )


def _from_to(low: str, high: str) -> str:
    """Two counts as one, the letter once where they share it."""
    if low == high:
        return low
    shared = low[-2:] == high[-2:] and low[-1].isalpha()
    return f"{low[:-2] if shared else low}–{high}"
