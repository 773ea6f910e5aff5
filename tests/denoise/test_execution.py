"""How a run is computed: number formats, the compiler, and a step that never waits for the device."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch._dynamo.exc import TorchDynamoException
from torch.utils._python_dispatch import TorchDispatchMode

from corruptions import Lengths
from denoise import cli
from denoise.feed.batch import Batch
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train import execution
from denoise.train.assembly import build_data, build_module
from denoise.train.config import BadRun, RunConfig
from denoise.train.denoiser import Denoiser
from denoise.train.execution import Execution, attention_backend, execution_of, set_up, shape_advice
from tests.denoise.small_models import fragment_batch, ids, small_model, span_batch, text_batch, whole_text_batch
from tests.denoise.test_resume import TINY as SMALL_RUN

CPU, GPU = torch.device("cpu"), torch.device("cuda")
TINY = ModelConfig(d_model=32, num_encoder_layers=1, num_decoder_layers=1, num_heads=2, head_dim=16, d_ff=64)


def in_bfloat16(model: EncoderDecoder) -> EncoderDecoder:
    set_up(model, Execution(CPU, torch.bfloat16, is_compiled=False))
    return model


@pytest.mark.parametrize("positions", ["rope", "t5_bias"])
@pytest.mark.parametrize("batch_of", [span_batch, whole_text_batch, fragment_batch])
def test_bfloat16_loses_what_float32_loses(positions: str, batch_of: Any) -> None:
    batch = batch_of()
    exact = small_model(positions)(batch).nats_per_token
    rounded = in_bfloat16(small_model(positions))(batch).nats_per_token
    assert rounded.dtype == torch.float32
    assert rounded.item() != exact.item()
    assert rounded.item() == pytest.approx(exact.item(), rel=5e-3)


@pytest.mark.parametrize("tie_head", [False, True])
def test_weights_and_gradients_stay_float32_under_bfloat16(tie_head: bool) -> None:
    model, exact = in_bfloat16(small_model("t5_bias", tie_head=tie_head)), small_model("t5_bias", tie_head=tie_head)
    states = []
    model.decoder.norm.register_forward_hook(lambda module, given, out: states.append(out.dtype))
    for each in (model, exact):
        each(span_batch()).objective.backward()
    assert states == [torch.bfloat16]
    for (name, found), expected in zip(model.named_parameters(), exact.parameters(), strict=True):
        assert found.dtype == found.grad.dtype == torch.float32, name
        assert (found.grad - expected.grad).norm() < 0.1 * expected.grad.norm(), name


def test_bfloat16_learns_as_float32_does() -> None:
    ends = []
    for model in (small_model(), in_bfloat16(small_model())):
        optimizer, batch = torch.optim.AdamW(model.parameters(), lr=3e-3), span_batch()
        for _ in range(40):
            optimizer.zero_grad()
            loss = model(batch)
            loss.objective.backward()
            optimizer.step()
        ends.append(loss.nats_per_token.item())
    assert ends[0] < 1
    assert ends[1] == pytest.approx(ends[0], abs=0.1)


class Waits(TorchDispatchMode):
    """Counts the times a number is read off a tensor, for which the CPU waits until the device has caught up."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return func(*args, **(kwargs or {}))


def waits_of_a_run(prepared: Path, num_steps: int, module_class: type[Denoiser] = Denoiser) -> int:
    """In the steps, the clipping and the optimizer of a run under Lightning; its evaluations are left out."""
    config = RunConfig(data=str(prepared), source_len=32, batch_size=4, model=TINY)
    data = build_data(config)
    data.num_steps = num_steps
    module = build_module(config, data)
    module.__class__ = module_class
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=num_steps,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with Waits() as waits:
        trainer.fit(module, datamodule=data)
    assert trainer.global_step == num_steps
    return waits.count


def test_no_step_waits_for_the_device(prepared: Path) -> None:
    assert waits_of_a_run(prepared, 6) - waits_of_a_run(prepared, 2) == 0


def test_a_step_that_reads_its_loss_would_be_seen(prepared: Path) -> None:
    class Reading(Denoiser):
        def training_step(self, batch: Batch, batch_number: int) -> torch.Tensor:
            loss = super().training_step(batch, batch_number)
            return loss if loss > 0 else -loss

    assert waits_of_a_run(prepared, 6, Reading) - waits_of_a_run(prepared, 2, Reading) == 4


def test_one_compiled_graph_serves_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps in one graph, batches of new numbers, and an evaluation of fewer rows in between.

    Traced and differentiated as for a GPU; only the kernels are left uncompiled, which would take a minute.
    """
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    plain, model = small_model("rope"), small_model("rope")
    set_up(model, Execution(CPU, torch.float32, is_compiled=True))
    assert model.state_dict().keys() == plain.state_dict().keys()
    with torch._dynamo.config.patch(error_on_recompile=True):
        other = text_batch()._replace(source=ids(3, 11, seed=7))
        for batch in (text_batch(), other):
            found, expected = model(batch, z_loss=1e-2), plain(batch, z_loss=1e-2)
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
            found.objective.backward()
            expected.objective.backward()
            model.token_nats(text_batch(2))
        with pytest.raises(torch._dynamo.exc.RecompileError):
            model(text_batch(2), z_loss=1e-2)
    for found, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-5, rtol=1e-4)


def test_what_a_run_asks_for_is_resolved_on_the_machine() -> None:
    def of(**options: Any) -> Execution:
        return execution_of(RunConfig(device="cpu", **options))

    assert of() == Execution(CPU, torch.float32, is_compiled=False)
    assert of(precision="bf16-mixed").dtype == torch.bfloat16
    assert of(compile=True).is_compiled
    with pytest.raises(BadRun, match="float16 is not offered"):
        of(precision="16-mixed")
    if not torch.cuda.is_available():
        with pytest.raises(BadRun, match="device is cuda, but PyTorch finds none"):
            execution_of(RunConfig(device="cuda"))


def test_a_graph_that_cannot_be_compiled_says_what_to_do(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise TorchDynamoException("ImportError: main.so: file too short")

    monkeypatch.setattr("denoise.train.denoiser.Denoiser.training_step", fails)
    options = [f"--data={prepared}", f"--run={tmp_path / 'run'}", *SMALL_RUN]
    with pytest.raises(BadRun, match=r"torch.compile failed \(ImportError: main.so: file too short\); --compile=false"):
        cli.run(["train", *options])


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_cpp_compiler", lambda: None)
    with pytest.raises(BadRun, match=r"compile is true, but there is no C\+\+ compiler.*--compile=false"):
        execution_of(RunConfig(device="cpu", compile=True))


def test_the_attention_kernels_follow_from_positions_device_and_documents() -> None:
    rope, t5_bias = ModelConfig(), ModelConfig(positions="t5_bias")
    assert attention_backend(rope, CPU) == "SDPA without a mask"
    assert attention_backend(rope, GPU).startswith("SDPA without a mask, cuDNN")
    assert attention_backend(rope, CPU, documents="apart") == "SDPA with a mask"
    assert attention_backend(rope, GPU, documents="apart") == "FlexAttention"
    assert attention_backend(t5_bias, GPU) == "FlexAttention"
    assert attention_backend(t5_bias, GPU, is_compiled=False) == "SDPA with a bias"


def test_odd_lengths_are_told_on_a_gpu_only() -> None:
    assert shape_advice(Lengths(512, 114), CPU) is None
    assert shape_advice(Lengths(512, 128), GPU) is None
    assert "a target of 114: --pad_target_to=128" in str(shape_advice(Lengths(512, 114), GPU))


def test_targets_are_padded_to_the_multiple_that_was_asked_for(prepared: Path) -> None:
    wide = build_data(RunConfig(data=str(prepared), source_len=64, batch_size=2, pad_target_to=16))
    plain = build_data(RunConfig(data=str(prepared), source_len=64, batch_size=2))
    wide.num_steps = plain.num_steps = 1
    assert plain.lengths.target % 16
    assert wide.lengths.target == -(-plain.lengths.target // 16) * 16
    assert wide.room.stride == plain.room.stride
    found, expected = wide.batches()[0], plain.batches()[0]
    assert torch.equal(found.target[:, : plain.lengths.target], expected.target)
    assert found.source_mask is None
    model = EncoderDecoder(TINY, plain.vocab.size)
    torch.testing.assert_close(model(found).nats_per_token, model(expected).nats_per_token)
