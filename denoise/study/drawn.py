"""Every chart of a page about runs, each only where there is something to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from denoise.study.charts import Figure, figures
from denoise.study.distances import distances
from denoise.study.intervals import Method
from denoise.study.probe_charts import layer_figures, probe_figures
from denoise.study.runs import Run
from denoise.study.transfer_curves import Pair, pairs


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The charts by the section that they stand in."""

    curves: Sequence[Figure]
    """Learning curves."""
    distances: Figure | None
    """How far strategies are from the baseline."""
    pairs: Sequence[Pair]
    """Loss curves of fine-tuning, pretrained and from scratch."""
    probes: Sequence[Figure]
    """What probes found, over tokens."""
    layers: Sequence[Figure]
    """The same layer by layer."""

    @classmethod
    def of(cls, runs: Sequence[Run], method: Method = "t") -> Drawn:
        """Draw what the runs have; `method` makes the intervals of differences."""
        return cls(
            curves=figures(runs),
            distances=distances(runs, method),
            pairs=pairs(runs),
            probes=probe_figures(runs),
            layers=layer_figures(runs),
        )

    @property
    def figures(self) -> list[Figure]:
        """All of them."""
        far = [self.distances] if self.distances else []
        learnt = [chart for pair in self.pairs for chart in pair.charts.values()]
        return [*self.curves, *far, *learnt, *self.probes, *self.layers]
