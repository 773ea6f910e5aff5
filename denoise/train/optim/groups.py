"""The weights of a model in groups, and the matrices inside each weight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.layers import Embedding, Head, Projection
from denoise.model.positions import RelativeBias
from denoise.train.optim.config import OptimizerConfig


def parameter_groups(model: EncoderDecoder, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Every parameter once: embedding, head, hidden matrices, and vectors with position biases.

    Chosen by the type of the module that owns it and by its number of dimensions, never by its name. A tied
    head is the embedding. `parts` are the rows of the matrices that each parameter is made of.
    """
    owned: dict[str, list[torch.nn.Parameter]] = {"embedding": [], "head": [], "hidden": [], "vectors": []}
    parts: dict[str, list[list[int]]] = {name: [] for name in owned}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            name = _group_of(module, parameter)
            owned[name].append(parameter)
            rows = [rows for rows, _ in module.parts] if isinstance(module, Projection) else [len(parameter)]
            parts[name].append(rows)
    return [
        {
            "name": name,
            "params": parameters,
            "parts": parts[name],
            "lr": config.learning_rate * config.lr_factors.get(name, 1.0),
            "weight_decay": config.weight_decay if name == "hidden" else 0.0,
        }
        for name, parameters in owned.items()
        if parameters
    ]


def matrices_of(tensors: Iterable[Tensor], parts: Sequence[Sequence[int]]) -> list[Tensor]:
    """The matrices that tensors are made of, as views, in order.

    >>> fused = torch.arange(6).view(3, 2)
    >>> matrices_of([fused], [[1, 2]])
    [tensor([[0, 1]]), tensor([[2, 3],
            [4, 5]])]
    """
    return [
        matrix for tensor, rows in zip(tensors, parts, strict=True) for matrix in tensor.split_with_sizes(list(rows))
    ]


def _group_of(module: torch.nn.Module, parameter: torch.nn.Parameter) -> str:
    if isinstance(module, Embedding):
        return "embedding"
    if isinstance(module, Head):
        return "head"
    return "vectors" if isinstance(module, RelativeBias) or parameter.ndim < 2 else "hidden"
