"""How often a 95 % interval of few paired seeds holds the true difference: `python bench/intervals.py`."""

from __future__ import annotations

import numpy as np

from denoise.study.intervals import interval

NUM_TRIALS = 2_000
NOISES = {
    "normal": lambda draws, size: draws.normal(size=size),
    "uniform": lambda draws, size: draws.uniform(-1, 1, size=size),
    "heavy tails (t, 3 degrees)": lambda draws, size: draws.standard_t(3, size=size),
    "skewed (exponential)": lambda draws, size: draws.exponential(size=size) - 1,
}


def coverage(noise: str, num_seeds: int, method: str, num_trials: int = NUM_TRIALS) -> tuple[float, float]:
    """Share of intervals that hold 0, the mean of the noise, and their mean width in sd of normal noise."""
    draws = np.random.default_rng(num_seeds)
    ends = [interval(list(NOISES[noise](draws, num_seeds)), method) for _ in range(num_trials)]
    holds = [low <= 0 <= high for low, high in ends]
    return float(np.mean(holds)), float(np.mean([high - low for low, high in ends]))


if __name__ == "__main__":
    print(f"share of {NUM_TRIALS:,} intervals that hold the true mean (mean width)")
    for noise in NOISES:
        for num_seeds in (2, 3, 5, 10):
            found = {method: coverage(noise, num_seeds, method) for method in ("t", "bootstrap")}
            told = "   ".join(f"{method} {share:.3f} ({width:.2f})" for method, (share, width) in found.items())
            print(f"{noise:<28} n={num_seeds:<3} {told}")
