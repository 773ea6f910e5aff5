"""When each thing was learnt: as a table, and of a single run as a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from denoise.study.entries import name_entry, three_digits
from denoise.study.probes import (
    MOST_OF_GAIN,
    Gain,
    Point,
    Probed,
    best_of,
    bits,
    control_of_best,
    downstream,
    gain,
    label_sets,
    loss,
    probed,
)
from denoise.study.runs import Run
from denoise.study.table import Column, Entry, Table, short_count, signed
from denoise.transfer.probe.results import LabelSet

_SHARE = f"{100 * MOST_OF_GAIN:.0f} %"
_COLUMNS = (
    Column(title="Untrained", unit="step 0", short="Untrained"),
    Column(title="Pretrained", unit="last checkpoint", short="Pretrained"),
    Column(title="Change", short="Change"),
    Column(title=f"{_SHARE} of it at", unit="tokens", short="90 % at"),
    Column(title="Best layer", unit="at the end"),
    Column(title="Selectivity", unit="accuracy − control", short="Selec-\ntivity"),
    Column(title="Without a model", unit="accuracy"),
)
_NONE = Entry(text="—", is_muted=True)
Row = tuple[Entry, ...]


def probes(runs: Sequence[Run]) -> Table | None:
    """A row a label set, of several strategies for each, with what was left to guess; None where nothing was probed."""
    found, num_others = probed(runs)
    if not found:
        return None
    rows = [(each, row) for each in found for row in _rows(each)]
    name = Column(title="Strategy", is_number=False, short="Strategy")
    is_alone = len(found) == 1
    return Table(
        name="probes",
        title="When it learnt what",
        columns=(
            *(() if is_alone else (name,)),
            Column(title="Accuracy a probe", is_number=False, short="Accuracy\na probe"),
            *_COLUMNS,
        ),
        rows=tuple(row if is_alone else (replace(name_entry(each.strategy), note=""), *row) for each, row in rows),
        strategies=tuple("" if is_alone else each.strategy.name for each, _ in rows),
        legend=_legend(found, num_others),
    )


def _in_a_sentence(title: str) -> str:
    """Parts of speech, not SST-2, lose their capital."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def told(runs: Sequence[Run]) -> str:
    """What a single run learnt, and what it did not; empty where it was not probed or there are several strategies."""
    found, _ = probed(runs)
    if len(found) != 1:
        return ""
    known = [(asked.title, gain(found[0].curve(best_of(asked.name)), asked.num_scored)) for asked in label_sets(found)]
    learnt = [
        f"{_in_a_sentence(title)} from {each.first.y:.3f} to {each.last.y:.3f}, most of it by "
        f"{short_count(each.reached.tokens)} tokens"
        for title, each in known
        if each and each.reached
    ]
    others = [title for title, each in known if each and not each.reached]
    parts = [f"Pretraining raised {'; '.join(learnt)}."] if learnt else []
    if others:
        parts.append(f"Not raised by more than two standard errors: {', '.join(others)}.")
    return " ".join(parts)


def _rows(of: Probed) -> list[Row]:
    rows = [_of_labels(of, asked) for asked in label_sets([of])]
    points, unit = (of.curve(bits), "bits per hidden byte") if of.curve(bits) else (of.curve(loss), "nats per token")
    if points:
        name = Entry(text="Left to guess", value="Left to guess", note=unit)
        rows.append((name, *_ends(points, gain(points)), *_NO_PROBE))
    scores = of.curve(downstream)
    if scores:
        name = Entry(text=f"Fine-tuned on {of.probings[0].task}", value="Fine-tuned", note=of.probings[0].measure)
        change = scores[-1].y - scores[0].y
        rows.append(
            (name, _mean(scores[0]), _mean(scores[-1]), Entry(text=signed(change), value=change), _NONE, *_NO_PROBE)
        )
    return rows


_NO_PROBE = (_NONE, _NONE, _NONE)


def _of_labels(of: Probed, asked: LabelSet) -> Row:
    points, controls = of.curve(best_of(asked.name)), of.curve(control_of_best(asked.name))
    selectivity, layer = points[-1].y - controls[-1].y, of.layer_at_end(asked.name)
    is_type = asked.of_words and asked.baselines["type"] > asked.baselines["majority"]
    without = asked.baselines["type" if is_type else "majority"]
    return (
        Entry(text=asked.title, value=asked.title),
        *_ends(points, gain(points, asked.num_scored)),
        Entry(text=of.probings[0].layers[layer], value=layer),
        Entry(text=signed(selectivity), value=selectivity, note=f"control {controls[-1].y:.3f}"),
        Entry(text=three_digits(without), value=without, note="label of the word" if is_type else "majority class"),
    )


def _ends(points: Sequence[Point], found: Gain | None) -> tuple[Entry, Entry, Entry, Entry]:
    """The first and the last number, what changed, and when."""
    if found is None:
        return Entry(text="not probed", is_muted=True), _mean(points[-1]), _NONE, _NONE
    change = Entry(text=signed(found.gained), value=found.gained, is_muted=found.reached is None)
    if found.reached is None or found.before is None:
        none = f"less than {found.least:.3f}" if found.least else ""
        return _mean(found.first), _mean(found.last), change, Entry(text="not learnt", is_muted=True, note=none)
    when = f"step {found.reached.step:,}; not at {short_count(found.before.tokens)}"
    tokens = found.reached.tokens
    return _mean(found.first), _mean(found.last), change, Entry(text=short_count(tokens), value=tokens, note=when)


def _mean(point: Point) -> Entry:
    sd, seeds = point.spread.sd, point.spread.num_seeds
    text = three_digits(point.y) + ("" if sd is None else f" ± {sd:.3f}")
    return Entry(text=text, value=point.y, sd=sd, num_seeds=seeds if seeds > 1 else None)


def _legend(found: Sequence[Probed], num_others: int) -> str:
    parts = [
        "linear probes on frozen encoder states, at the best layer of each checkpoint",
        f"{_SHARE} of it: the first checkpoint with so much of the change from the untrained model to the end",
        "not learnt: no rise of more than two standard errors",
        "control: the same probe on random labels, one a word or text",
        "without a model: the best of the majority class and the most frequent label of the word",
    ]
    if any(len(each.probings) > 1 for each in found):
        parts.append("mean ± sd over n seeds")
    missing = {name: None for each in found for probing in each.probings for name in probing.missing}
    if missing:
        parts.append(f"not probed, as their data were not there: {', '.join(missing)}")
    if num_others:
        were = "run was" if num_others == 1 else "runs were"
        parts.append(f"{num_others} {were} probed with other settings and left out")
    return "; ".join(parts)
