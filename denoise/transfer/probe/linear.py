"""A linear probe: which class a vector belongs to, by one matrix.

Axes: N vectors · D width · C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Fitted(NamedTuple):
    """How right a probe is."""

    accuracy: float
    """On what is scored, from 0 to 1."""
    train_accuracy: float
    """On what it was fitted to: how much of it can be told apart at all."""


class Standardised(NamedTuple):
    """Vectors of one layer, each number with mean 0 and deviation 1 over those that are fitted to."""

    train: Tensor
    """float32[N, D]."""
    scored: Tensor
    """float32[M, D], moved and scaled as `train` is."""


def standardised(train: np.ndarray, scored: np.ndarray, device: torch.device) -> Standardised:
    """What probes are fitted to and scored on; a number that never varies is 0."""
    mean, deviation = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-12)
    parts = (((part - mean) * scale).astype(np.float32) for part in (train, scored))
    return Standardised(*(torch.from_numpy(part).to(device) for part in parts))


def fit(
    vectors: Standardised, classes: tuple[np.ndarray, np.ndarray], *, penalty: float, num_iterations: int
) -> Fitted:
    """Fit multinomial logistic regression to the first of `classes`, int64[N], and score it on the second, int64[M].

    L-BFGS over all vectors at once from zeros, so nothing is drawn. The mean cross-entropy is lowered, with half the
    squared coefficients, but not the biases, times the penalty.
    """
    device = vectors.train.device
    truth, wanted = (torch.from_numpy(part).to(device) for part in classes)
    num_classes = int(truth.max()) + 1
    weight = torch.zeros(num_classes, vectors.train.shape[1], device=device, requires_grad=True)
    bias = torch.zeros(num_classes, device=device, requires_grad=True)
    lbfgs = torch.optim.LBFGS(
        [weight, bias],
        max_iter=num_iterations,
        history_size=10,
        tolerance_grad=1e-5,
        tolerance_change=1e-8,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        lbfgs.zero_grad()
        logits = torch.addmm(bias, vectors.train, weight.T)
        total = torch.nn.functional.cross_entropy(logits, truth) + penalty / 2 * weight.square().sum()
        total.backward()
        return float(total.detach())

    lbfgs.step(loss)
    with torch.inference_mode():
        said = [torch.addmm(bias, part, weight.T).argmax(1) for part in vectors]
    right = (float((one == other).double().mean()) for one, other in zip(said, (truth, wanted), strict=True))
    train_accuracy, accuracy = right
    return Fitted(accuracy=accuracy, train_accuracy=train_accuracy)
