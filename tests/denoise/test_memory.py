"""The memory that a dry run tells is what a step takes."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from corruptions import Lengths
from denoise.dry_run.memory import memory_estimate
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.optim.config import AdamW, Muon, OptimizerConfig
from tests.denoise.small_models import text_batch


class Peak(TorchDispatchMode):
    """Counts the bytes of all storages that operations make, until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.alive: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._see(leaf.untyped_storage())
        return out

    def _see(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.alive:
            return
        self.alive.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.now -= size


@pytest.mark.parametrize("kind", [AdamW(), Muon()], ids=["AdamW", "Muon"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
@pytest.mark.parametrize(("vocab_size", "lengths"), [(500, Lengths(128, 64)), (4000, Lengths(64, 128))])
def test_a_step_takes_the_memory_that_is_told(
    positions: str, vocab_size: int, lengths: Lengths, dtype: torch.dtype, kind: OptimizerConfig
) -> None:
    config = ModelConfig(
        d_model=64, num_heads=2, head_dim=32, d_ff=192, num_encoder_layers=3, num_decoder_layers=3, positions=positions
    )
    model = EncoderDecoder(config, vocab_size)
    model.compute_dtype = dtype
    batch = text_batch(4, *lengths, vocab_size=vocab_size)
    optimizer = kind.build(model)
    with Peak() as peak:
        for _ in range(2):
            optimizer.zero_grad()
            model(batch).objective.backward()
            optimizer.step()
    moments = kind.moments_of_matrices
    told = memory_estimate(config, vocab_size, lengths, 4, is_bf16=dtype == torch.bfloat16, moments_of_matrices=moments)
    taken = peak.most + told.weights  # the weights were there before
    what = f"{type(kind).__name__} {positions} {dtype} {vocab_size} {lengths}"
    print(f"{what}: told {told.peak:,}, taken {taken:,}: {told.peak / taken - 1:+.1%}")
    assert told.peak == pytest.approx(taken, rel=0.1)
