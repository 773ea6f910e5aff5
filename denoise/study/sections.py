"""The parts of the page as HTML; every word from a run passes through `escape`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from denoise.study.charts import Figure, colour
from denoise.study.measures import curve_fell, first_and_last_loss, minutes, ranking, tokens_read
from denoise.study.options import differing
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy, over_seeds, spread
from denoise.study.table import Entry, Table, short_count
from denoise.study.verdict import with_sd


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
    ranked = ranking(runs)
    least = [over.mean for s in by_strategy(runs) if (over := over_seeds(s.finished, ranked.measure))]
    if least:
        facts.append((f"{min(least):.2f}", f"fewest {ranked.unit}"))
    spent = [value for run in finished if (value := minutes(run)) is not None]
    if spent:
        total = sum(spent)
        facts.append((f"{total:.1f} min" if total < 180 else f"{total / 60:.1f} h", "training, all runs"))
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>" for fact, name in facts)


def all_tables(tables: Sequence[Table]) -> str:
    """Every table; header buttons sort them."""
    return "".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{"" if c.is_number else " class=words"}><button type="button">{escape(c.title)}'
        f"{f'<small>{escape(c.unit)}</small>' if c.unit else ''}</button></th>"
        for c in table.columns
    )
    body = "".join(
        "<tr>" + "".join(_cell(entry, table, column, index) for column, entry in enumerate(row)) + "</tr>"
        for index, row in enumerate(table.rows)
    )
    shown = f'<table id="{escape(table.name)}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return _scroll(table.title, shown) + f'<p class="note">{escape(_sentence(table.legend))}</p>'


def _cell(entry: Entry, table: Table, column: int, index: int) -> str:
    value = "" if entry.value is None else f' data-value="{escape(str(entry.value))}"'
    text = f"<b>{escape(entry.text)}</b>" if entry.is_best else escape(entry.text)
    for under in (entry.note, f"n={entry.num_seeds}" if entry.num_seeds else ""):
        text += f"<small>{escape(under)}</small>" if under else ""
    if column == 0:
        return f'<th scope="row"{value}>{_dot(index)}<span>{text}</span></th>'
    kind = " ".join(("muted",) * entry.is_muted + ("words",) * (not table.columns[column].is_number))
    attribute = f' class="{kind}"' if kind else ""
    return f"<td{attribute}{value}>{text}</td>"


def legend_buttons(runs: Sequence[Run]) -> str:
    """One button a strategy, which shows and hides it in every chart."""
    return "".join(
        f'<button type="button" class="chip" aria-pressed="true" data-strategy="{escape(s.name)}">'
        f"{_dot(i)}{escape(s.label)}</button>"
        for i, s in enumerate(by_strategy(runs))
    )


def chart_frames(figures: Sequence[Figure]) -> str:
    """An empty frame a chart, with its words; the script draws into it."""
    return "".join(
        f"<figure><figcaption><h3>{escape(figure.title)}</h3><span>{escape(figure.unit)}</span></figcaption>"
        f'<div class="chart" data-figure="{escape(figure.name)}"></div>'
        f'<p class="note">{escape(figure.note)}</p></figure>'
        for figure in figures
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
        rows.append(f"<li>{_dot(index)}<span>{escape(strategy.label)}</span><span>{text}</span></li>")
    return f'<ul class="falls">{"".join(rows)}</ul>'


def unfinished(runs: Sequence[Run]) -> str:
    """Every run that is not finished, with the reason, and logs that could not be read whole."""
    rows = []
    for run in runs:
        name = run.label + ("" if run.seed is None else f", seed {run.seed}")
        step = run.logs.train[-1].step if run.logs.train else 0
        of = f" of {run.shapes['num_steps']:,}" if run.shapes.get("num_steps") else ""
        at = f"at step {step:,}{of}" if step else ""
        if run.state != "finished":
            why = f"<pre>{escape(run.failure)}</pre>" if run.failure else ""
            rows.append(f"<li><b>{escape(name)}</b> <em>{run.state}</em> {at}{why}</li>")
        if run.logs.num_unreadable_lines:
            count = run.logs.num_unreadable_lines
            lines = "1 line" if count == 1 else f"{count} lines"
            rows.append(f"<li><b>{escape(name)}</b> <em>not whole</em> {lines} of its logs could not be read</li>")
    if not rows:
        return ""
    return f'<h3>Not finished, or not whole</h3><ul class="unfinished">{"".join(rows)}</ul>'


def differences(runs: Sequence[Run]) -> str:
    """The options in which strategies differ, one column a strategy; equal ones are left out."""
    strategies = [(i, s) for i, s in enumerate(by_strategy(runs)) if any(run.config for run in s.runs)]
    found = differing([s for _, s in strategies])
    if not found:
        return '<p class="note">No option differs between strategies.</p>' if len(strategies) > 1 else ""
    head = "".join(f'<th scope="col" class="words">{_dot(i)}<span>{escape(s.label)}</span></th>' for i, s in strategies)
    body = "".join(
        f'<tr><th scope="row"><code>{escape(key)}</code></th>'
        + "".join(f'<td class="words"><code>{escape(value)}</code></td>' for value in values)
        + "</tr>"
        for key, values in found
    )
    table = (
        '<table class="options"><thead><tr><th scope="col" class="words">Option</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return _scroll("Options that differ", table)


def environment(runs: Sequence[Run]) -> str:
    """What the runs ran on; a line with two values says that runs differ."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for key, value in run.environment.items():
            if key not in ("started_at",) and value not in (None, ""):
                values.setdefault(key, {})[str(value)] = None
    return "".join(
        f"<div><dt>{escape(key.replace('_', ' '))}</dt><dd>{escape(', '.join(found))}</dd></div>"
        for key, found in values.items()
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _from_to(low: str, high: str) -> str:
    """Two counts as one, the letter once where they share it."""
    if low == high:
        return low
    shared = low[-2:] == high[-2:] and low[-1].isalpha()
    return f"{low[:-2] if shared else low}–{high}"


def _scroll(name: str, table: str) -> str:
    """A frame that scrolls sideways on a narrow screen, by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">{table}</div>'


def _dot(index: int) -> str:
    return f'<i class="dot" style="background:{colour(index)}"></i>'
