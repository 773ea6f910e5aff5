"""The cells of a grid file, each setting of what one varies a cell of its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def variants(cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cells with `vary` taken apart, in order; a variant is named by the values that make it one.

    `vary` maps options, dotted where they are options of options, to the values to try; every combination is a
    cell.

    >>> cell = {"strategy": "muon", "label": "Muon", "vary": {"optimizer.learning_rate": [0.01, 0.02]}}
    >>> [(each["strategy"], each["label"]) for each in variants([cell])]
    [('muon-learning_rate=0.01', 'Muon, learning rate 0.01'), ('muon-learning_rate=0.02', 'Muon, learning rate 0.02')]
    """
    found = []
    for cell in cells:
        varied = cell.get("vary") or {}
        same = {key: value for key, value in cell.items() if key != "vary"}
        for values in itertools.product(*varied.values()):
            setting = dict(zip(varied, values, strict=True))
            names = [(key.rpartition(".")[2], _short(value)) for key, value in setting.items()]
            strategy = "-".join([str(cell["strategy"]), *(f"{name}={value}" for name, value in names)])
            label = ", ".join(
                [
                    str(cell.get("label", cell["strategy"])),
                    *(f"{name.replace('_', ' ')} {value}" for name, value in names),
                ]
            )
            found.append({**same, **setting, "strategy": re.sub(r"[^\w.=+-]", "_", strategy), "label": label})
    return found


def _short(value: Any) -> str:
    """A value as it stands in a name: a file by its own name, a class by its last."""
    if isinstance(value, Mapping):
        value = value.get("class_path", value)
    text = str(value)
    return Path(text).stem if text.endswith((".yaml", ".yml")) else text
