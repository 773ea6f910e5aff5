"""What probes find along a run, as charts: accuracy over tokens on a logarithmic axis, and layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from denoise.study.chart_specs import PLOT_PX
from denoise.study.charts import LABEL_PX, Figure, Rows, dodged, short
from denoise.study.probe_specs import Axis, heat_spec, line_spec
from denoise.study.probes import (
    Point,
    Probed,
    Score,
    at_layer,
    best_of,
    bits,
    control_of_best,
    downstream,
    label_sets,
    loss,
    probed,
    standard_error,
)
from denoise.study.runs import Run
from denoise.study.statistics import by_strategy
from denoise.transfer.probe.results import LabelSet


class Line(NamedTuple):
    """What is drawn from checkpoint to checkpoint."""

    strategy: str
    """Its short name."""
    label: str
    """The line in words."""
    number: int
    """Of its colour, from 0: that of the strategy in the page, or of the layer."""
    name: str
    """What stands at its end."""
    points: Sequence[Point]
    control: Sequence[Point] = ()
    """Of its control task, where it is drawn."""


class _Drawn(NamedTuple):
    """What all figures have in common."""

    found: Sequence[Probed]
    numbers: dict[str, int]
    """Of the strategies of the page, probed or not."""
    axis: Axis

    def lines(self, score: Score, control: Score | None = None) -> list[Line]:
        """A line a strategy."""
        return [
            Line(
                each.strategy.name,
                each.strategy.label,
                self.numbers[each.strategy.name],
                f"{self.numbers[each.strategy.name] + 1}  {each.strategy.label}",
                each.curve(score),
                each.curve(control) if control else [],
            )
            for each in self.found
        ]


def probe_figures(runs: Sequence[Run]) -> list[Figure]:
    """Accuracy of each label set, what was left to guess, the downstream score: over tokens."""
    found, _ = probed(runs)
    if not found:
        return []
    axis = Axis.of([stage.tokens for each in found for probing in each.probings for stage in probing.stages])
    of = _Drawn(found, {strategy.name: number for number, strategy in enumerate(by_strategy(runs))}, axis)
    drawn = [_accuracy(of, asked) for asked in label_sets(found)]
    return drawn + [figure for figure in (_left_to_guess(of), _downstream(of)) if figure]


def layer_figures(runs: Sequence[Run]) -> list[Figure]:
    """Layer by layer over the checkpoints of a single strategy, a map a label set."""
    found, _ = probed(runs)
    return [_heat(found[0], asked) for asked in label_sets(found)] if len(found) == 1 else []


def _accuracy(drawn: _Drawn, asked: LabelSet) -> Figure:
    """Of several strategies a line each, at its best layer; of one a line a layer."""
    lines = drawn.lines(best_of(asked.name), control_of_best(asked.name))
    how = "A line a strategy, at the best layer of each checkpoint."
    if len(drawn.found) == 1:
        of = drawn.found[0]
        best, layers = of.layer_at_end(asked.name), of.probings[0].layers
        lines = [
            Line(
                of.strategy.name,
                layer,
                number,
                layer,
                of.curve(at_layer(asked.name, number)),
                lines[0].control if number == best else [],
            )
            for number, layer in enumerate(layers)
        ]
        how = f"A line a layer; {layers[best]} is the best at the end."
    majority = (asked.baselines["majority"], "majority class")
    rule = (asked.baselines["type"], "most frequent label of the word") if asked.of_words else majority
    about = f"{how} Dotted: its control, the same probe on random labels. {_ABOUT_ZERO}"
    words = asked.title, f"accuracy a {'word' if asked.of_words else 'text'}"
    return _figure(
        f"probe-{asked.name}", (*words, f"{about} {_about_error(drawn.found, asked)}"), lines, drawn.axis, [rule]
    )


_ABOUT_ZERO = "The rings at 0 are the untrained model, left of the logarithmic axis."


def _about_error(found: Sequence[Probed], asked: LabelSet) -> str:
    """How far accuracies lie apart by chance, and the guess that is far below."""
    ends = [each.curve(best_of(asked.name))[-1] for each in found]
    widest = max(2 * standard_error([point], asked.num_scored) for point in ends)
    below = f" The majority class is {asked.baselines['majority']:.3f} of the words." if asked.of_words else ""
    return f"Two standard errors of an accuracy are {widest:.3f}.{below}"


def _left_to_guess(drawn: _Drawn) -> Figure | None:
    has_bits = all(each.curve(bits) for each in drawn.found)
    words = ("Left to guess", "bits per hidden byte") if has_bits else ("Held-out loss", "nats per target token")
    note = f"Held-out text at the same checkpoints; lower is better. {_ABOUT_ZERO}"
    lines = drawn.lines(bits if has_bits else loss)
    return _figure("probe-loss", (*words, note), lines, drawn.axis) if any(line.points for line in lines) else None


def _downstream(drawn: _Drawn) -> Figure | None:
    probing, lines = drawn.found[0].probings[0], drawn.lines(downstream)
    if not probing.task or not any(line.points for line in lines):
        return None
    steps = probing.settings.get("finetuning", {}).get("num_steps")
    note = f"After {steps} steps of fine-tuning from each checkpoint, one seed; from 0 it is learnt from scratch."
    return _figure("probe-downstream", (f"Fine-tuned on {probing.task}", probing.measure, note), lines, drawn.axis)


def _figure(
    name: str,
    words: tuple[str, str, str],
    lines: Sequence[Line],
    axis: Axis,
    rules: Sequence[tuple[float, str]] = (),
) -> Figure:
    main = [row for line in lines for row in _rows(line, line.points, axis)]
    control = [row for line in lines for row in _rows(line, line.control, axis)]
    heights = _heights([*main, *control], rules)
    rows = {"main": main, "control": control, "ends": _ends(lines, axis, heights)}
    strategies = sorted({line.strategy for line in lines})
    spec = line_spec({line.label: line.number for line in lines}, strategies, rows, axis, (heights, rules))
    return Figure(name=name, title=words[0], unit=words[1], note=words[2], specs={"tokens": spec}, datasets=rows)


def _rows(line: Line, points: Sequence[Point], axis: Axis) -> Rows:
    rows = []
    for point in points:
        sd = point.spread.sd or 0.0
        place = {"step": point.step, "tokens": point.tokens, "at": axis.place(point.tokens)}
        band = {"low": short(point.y - sd), "high": short(point.y + sd)}
        rows.append({"strategy": line.strategy, "label": line.label, **place, "y": short(point.y), **band})
    return rows


def _heights(rows: Rows, rules: Sequence[tuple[float, str]]) -> tuple[float, float]:
    ys = [row[key] for row in rows for key in ("low", "high")] + [y for y, _ in rules]
    low, high = min(ys), max(ys)
    air = (high - low) * 0.06 or 0.05
    return low - air, high + air


def _ends(lines: Sequence[Line], axis: Axis, heights: tuple[float, float]) -> Rows:
    """The last point of each line with its name, at a height of its own."""
    last = [{**_rows(line, line.points[-1:], axis)[0], "name": line.name} for line in lines if line.points]
    at = dodged([row["y"] for row in last], (heights[1] - heights[0]) * LABEL_PX / PLOT_PX, *heights)
    return [{**row, "beside": short(height)} for row, height in zip(last, at, strict=True)]


def _heat(of: Probed, asked: LabelSet) -> Figure:
    """Layer × checkpoint, the accuracy in colour."""
    rows = []
    for number, layer in enumerate(of.probings[0].layers):
        controls = of.curve(at_layer(asked.name, number, lambda score: score.control_accuracy))
        for point, control in zip(of.curve(at_layer(asked.name, number)), controls, strict=True):
            row = {"strategy": of.strategy.name, "label": layer, "step": point.step, "tokens": point.tokens}
            rows.append({**row, "layer": number, "y": short(point.y), "selectivity": short(point.y - control.y)})
    return Figure(
        name=f"probe-heat-{asked.name}",
        title=f"{asked.title}, layer by layer",
        unit="accuracy in colour",
        note="A column a checkpoint, the first of them untrained. Selectivity, in numbers or under the pointer: "
        "accuracy minus that of the control.",
        specs={"tokens": heat_spec(rows, of.strategy.name)},
        datasets={"main": rows},
    )
