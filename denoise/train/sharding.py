"""FSDP2: each process holds a share of the weights and of the optimizer's state; a checkpoint is one file all the same.

The file is that of a run without sharding, so that a run may go on under another strategy or number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

from denoise.model.encoder_decoder import EncoderDecoder


def shard(model: EncoderDecoder, mesh: DeviceMesh) -> None:
    """Give each process its share of each layer, and of what lies outside of them. Call it once, before the optimizer.

    A layer is compiled, if at all, before it is sharded.
    """
    if isinstance(model, FSDPModule):
        return
    for layer in (*model.encoder.layers, *model.decoder.layers):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    # Scoring calls it in place of forward. Not so encode and decode: decode is given tensors that want gradients,
    # and FSDP2 would share the outer weights out again once it has those, before encode's backward pass needs them.
    for name in ("logits", "token_nats"):
        register_fsdp_forward_method(model, name)


@contextmanager
def whole(model: torch.nn.Module) -> Iterator[None]:
    """The weights outside of layers are whole meanwhile, for what calls parts of the model; all processes enter."""
    if isinstance(model, FSDPModule):
        model.unshard()
    try:
        yield
    finally:
        if isinstance(model, FSDPModule):
            model.reshard()


class Sharded(ModelParallelStrategy):
    """Lightning's FSDP2 over all processes, with checkpoints in one file of the same form as everyone's.

    Lightning numbers the optimizer's entries by the order of the model's weights; ours come in groups, and the
    file of an unsharded run numbers them by these. Going on from one with the other would give weights each
    other's moments wherever shapes agree, so both directions are written here, by the names of the weights.
    """

    def __init__(self, num_processes: int) -> None:
        super().__init__(data_parallel_size=num_processes, tensor_parallel_size=1, save_distributed_checkpoint=False)

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """The whole state on the first process, as `optimizer.state_dict()` of an unsharded run; elsewhere nothing."""
        optimizer = optimizer._optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        by_name = get_optimizer_state_dict(self._module, optimizer, options=options)
        return _numbered(by_name) if self.is_global_zero else {}

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read the file in every process, and let each take its share."""
        path = Path(self.broadcast(str(checkpoint_path)))
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=weights_only)
        options = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self._module, checkpoint["state_dict"], options=options)
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=False):
            names = _names_by_group(self._module, optimizer)
            set_optimizer_state_dict(self._module, optimizer, _named(state, names), options=options)
        return checkpoint

    @property
    def _module(self) -> torch.nn.Module:
        assert self.model is not None
        return self.model


def _names_by_group(module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[list[str]]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return [[names[id(parameter)] for parameter in group["params"]] for group in optimizer.param_groups]


def _numbered(by_name: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers in the order of the groups in place of names, as torch's optimizers count."""
    order = [name for group in by_name["param_groups"] for name in group["params"]]
    number = {name: place for place, name in enumerate(order)}
    return {
        "state": {number[name]: state for name, state in by_name["state"].items()},
        "param_groups": [
            {**group, "params": [number[name] for name in group["params"]]} for group in by_name["param_groups"]
        ],
    }


def _named(by_number: Mapping[str, Any], names: list[list[str]]) -> dict[str, Any]:
    """The other way round."""
    groups = by_number["param_groups"]
    name = {
        number: name
        for group, of_group in zip(groups, names, strict=True)
        for number, name in zip(group["params"], of_group, strict=True)
    }
    return {
        "state": {name[number]: state for number, state in by_number["state"].items()},
        "param_groups": [{**group, "params": of_group} for group, of_group in zip(groups, names, strict=True)],
    }
