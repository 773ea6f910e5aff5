"""The weights of a model in groups, and AdamW over them."""

from __future__ import annotations

from typing import Any

import torch

from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.layers import Embedding, Head
from denoise.model.positions import RelativeBias
from denoise.train.optimizer import OptimizerConfig


def parameter_groups(model: EncoderDecoder, config: OptimizerConfig) -> list[dict[str, Any]]:
    """Every parameter once: embedding, head, hidden matrices, and vectors with position biases.

    Chosen by the type of the module that owns it and by its number of dimensions, never by its name. A tied
    head is the embedding.
    """
    owned: dict[str, list[torch.nn.Parameter]] = {"embedding": [], "head": [], "hidden": [], "vectors": []}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if isinstance(module, Embedding):
                owned["embedding"].append(parameter)
            elif isinstance(module, Head):
                owned["head"].append(parameter)
            elif isinstance(module, RelativeBias) or parameter.ndim < 2:
                owned["vectors"].append(parameter)
            else:
                owned["hidden"].append(parameter)
    factors = {"embedding": config.embedding_lr_factor, "head": config.head_lr_factor}
    return [
        {
            "name": name,
            "params": parameters,
            "lr": config.learning_rate * factors.get(name, 1.0),
            "weight_decay": config.weight_decay if name == "hidden" else 0.0,
        }
        for name, parameters in owned.items()
        if parameters
    ]


def adamw(model: EncoderDecoder, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over `parameter_groups`, fused: one kernel a group instead of several a weight."""
    return torch.optim.AdamW(parameter_groups(model, config), betas=config.betas, eps=config.epsilon, fused=True)
