"""How fast a step of training is: ours, next to transformers' T5 in the same run, and what each means of speed gains.

    python bench/train.py                                  # small and base on a GPU; tiny on a CPU
    python bench/train.py --sizes base --shapes t5         # one row
    python bench/train.py --items --sizes small            # each item switched off alone, and the graph of a whole step
    python bench/train.py --sizes mini --no-compile        # a CPU without a compiler

Forward, backward, clipping and AdamW on batches of random ids without padding. Arms take turns, a round of steps each,
so that what else the machine does hits all; figures are medians. On a GPU CUDA events, on a CPU process CPU time of
one thread, of which only the ratio of two arms means anything. Tokens and FLOPs are those of the lengths that were
asked for: places added to reach a multiple of 128 are paid for and not counted. MFU is over a matrix product timed in
the same run, bfloat16 8192³ on a GPU, float32 1024³ on a CPU.

The peer is T5ForConditionalGeneration of transformers with sdpa attention, compiled, under bfloat16 autocast on a GPU,
with its head untied by hand (its T5Config ties always) and drawn as ours (its own start has a first loss of 204).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# Python puts this folder first, and a file in it is named like a package of ours.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import torch
import yaml

from denoise.config_files import configs
from denoise.feed.batch import Batch
from denoise.model import sight
from denoise.model.config import ModelConfig, training_flops
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.loss import token_loss
from denoise.train.execution import Execution, attention_backend, set_up

VOCAB_SIZE = 32_128
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"
SHAPES = {"t5": (512, 114), "mass": (512, 256), "bart": (512, 512)}


class Way(NamedTuple):
    """How our model is trained; every field is an item that can be switched off alone."""

    compiled: bool = True
    bfloat16: bool = ON_GPU
    own_casts: bool = True
    chunked_loss: bool = True
    fused_optimizer: bool = True
    multiples_of_128: bool = ON_GPU
    rope: bool = True
    flex: bool = True
    joined_documents: bool = True
    step_by_step: bool = True
    """Off: the whole step is one CUDA graph."""


class Arm(NamedTuple):
    """One thing that is timed."""

    name: str
    step: Callable[[], Any]
    batch_size: int
    peak_bytes: int
    times_s: list[float]


def config_of(size: str, *, rope: bool) -> ModelConfig:
    values = yaml.safe_load((configs() / "models" / f"{size}.yaml").read_text())
    return ModelConfig(**{**values, "positions": "rope" if rope else "t5_bias"})


def batch_of(batch_size: int, source_len: int, target_len: int, way: Way) -> Batch:
    places = -(-target_len // 128) * 128 if way.multiples_of_128 else target_len
    draw = torch.Generator().manual_seed(0)
    source = torch.randint(3, VOCAB_SIZE, (batch_size, source_len), generator=draw)
    target = torch.randint(3, VOCAB_SIZE, (batch_size, places), generator=draw)
    decoder_input = torch.cat([torch.zeros_like(target[:, :1]), target[:, :-1]], dim=1)
    target[:, target_len:] = -100
    positions = torch.arange(places).repeat(batch_size, 1)
    batch = Batch(source.int(), None, decoder_input.int(), positions, target)
    if not way.joined_documents:  # two in a row, cut at a third
        of = [(torch.arange(n) * 3 >= n).int().repeat(batch_size, 1) for n in (source_len, places)]
        batch = batch._replace(source_documents=of[0], target_documents=of[1])
    return Batch(*(x.to(DEVICE) if isinstance(x, torch.Tensor) else x for x in batch))


def stepper(model: torch.nn.Module, loss_of: Callable[[], torch.Tensor], way: Way) -> Callable[[], Any]:
    options = {"capturable": True} if not way.step_by_step else {}
    kind = {"fused": True} if way.fused_optimizer else {"foreach": False}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, **kind, **options)

    def step() -> None:
        loss_of().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step if way.step_by_step else graph_of(step)


def graph_of(step: Callable[[], Any]) -> Callable[[], Any]:
    """The whole step as one CUDA graph, on the batch where it lies."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def our_step(size: str, shape: tuple[int, int], batch_size: int, way: Way) -> Callable[[], Any]:
    model = EncoderDecoder(config_of(size, rope=way.rope), VOCAB_SIZE).to(DEVICE)
    batch = batch_of(batch_size, *shape, way)
    dtype = torch.bfloat16 if way.bfloat16 and way.own_casts else torch.float32
    if not way.chunked_loss:
        model.forward = lambda batch, z_loss=0.0: token_loss(model.logits(batch), batch.target, z_loss)  # type: ignore[method-assign]
    set_up(model, Execution(DEVICE, dtype, way.compiled))
    is_mixed = way.bfloat16 and not way.own_casts

    def loss() -> torch.Tensor:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=is_mixed):
            objective: torch.Tensor = model(batch, z_loss=1e-4).objective
        return objective

    return stepper(model, loss, way)


def peer_step(size: str, shape: tuple[int, int], batch_size: int, compiled: bool) -> Callable[[], Any]:
    from transformers import T5Config, T5ForConditionalGeneration

    ours = config_of(size, rope=False)
    config = T5Config(
        vocab_size=VOCAB_SIZE,
        d_model=ours.d_model,
        d_kv=ours.head_dim,
        d_ff=ours.d_ff,
        num_layers=ours.num_encoder_layers,
        num_decoder_layers=ours.num_decoder_layers,
        num_heads=ours.num_heads,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        use_cache=False,
        decoder_start_token_id=0,
    )
    config._attn_implementation = "sdpa"
    model = T5ForConditionalGeneration(config)
    model.lm_head.weight = torch.nn.Parameter(torch.randn(VOCAB_SIZE, ours.d_model) * ours.d_model**-0.5)
    assert model.lm_head.weight is not model.shared.weight
    model.to(DEVICE).train()
    if compiled:
        model.compile(dynamic=False)
    # The lengths that were asked for: 114 suits it as well as 128, and is less work.
    batch = batch_of(batch_size, *shape, Way(multiples_of_128=False))

    def loss() -> torch.Tensor:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=ON_GPU):
            out = model(
                input_ids=batch.source.long(), decoder_input_ids=batch.decoder_input.long(), labels=batch.target
            )
        found: torch.Tensor = out.loss
        return found

    return stepper(model, loss, Way())


def warmed(name: str, build: Callable[[int], Callable[[], Any]], batch_size: int) -> Arm | None:
    """The arm after three steps, its batch halved until it fits; None, with the reason printed, where it fails."""
    while batch_size:
        before = torch.cuda.memory_allocated() if ON_GPU else 0
        try:
            if ON_GPU:
                torch.cuda.reset_peak_memory_stats()
            step = build(batch_size)
            for _ in range(3):
                step()
            peak_bytes = torch.cuda.max_memory_allocated() - before if ON_GPU else 0
            return Arm(name, step, batch_size, peak_bytes, [])
        except torch.OutOfMemoryError:
            batch_size //= 2
        except Exception as error:  # one arm that fails must not cost the others' figures
            print(f"{name}: failed, {type(error).__name__}: {str(error).splitlines()[0][:200]}", flush=True)
            return None
        finally:
            gc.collect()
            if ON_GPU:
                torch.cuda.empty_cache()
    return None


def time_s(step: Callable[[], Any], num_steps: int = 1) -> float:
    """Seconds a step: of the GPU, or of CPU time."""
    if not ON_GPU:
        begin_s = time.process_time()
        for _ in range(num_steps):
            step()
        return (time.process_time() - begin_s) / num_steps
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(num_steps):
        step()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / num_steps


def matmul_flops() -> float:
    """FLOPs a second of a large matrix product."""
    n, dtype = (8192, torch.bfloat16) if ON_GPU else (1024, torch.float32)
    a, b = (torch.randn(n, n, device=DEVICE).to(dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    return 2 * n**3 / statistics.median(time_s(lambda: a @ b) for _ in range(20))


def take_turns(arms: list[Arm], num_rounds: int, num_steps: int) -> None:
    # Each arm has compiled its own graph by now; what would compile once more has a shape that varies.
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(num_rounds):
            for arm in arms:
                arm.times_s.append(time_s(arm.step, num_steps))


def print_arm(arm: Arm, size: str, shape: tuple[int, int], rate: float) -> None:
    step_s = statistics.median(arm.times_s)
    flops = training_flops(config_of(size, rope=True), VOCAB_SIZE, *shape) * arm.batch_size / step_s
    print(
        f"{arm.name:44}{arm.batch_size:6}{step_s * 1e3:11.2f}{arm.batch_size * sum(shape) / step_s:13,.0f}"
        f"{flops / 1e12:9.2f}{100 * flops / rate:7.1f}{arm.peak_bytes / 2**30:8.1f}",
        flush=True,
    )


def without(item: str, way: Way) -> Way:
    """The way without one item; FlexAttention has work only where there is a bias."""
    if item == "flex":
        return way._replace(flex=False, rope=False)
    return way._replace(**{item: not getattr(way, item)})


def label_of(item: str, way: Way) -> str:
    if item == "step_by_step":
        return "  with one graph of the whole step"
    return f"  {'without' if getattr(way, item) else 'with'} {item}"


def build_ours(size: str, shape: tuple[int, int], way: Way) -> Callable[[int], Callable[[], Any]]:
    def build(batch_size: int) -> Callable[[], Any]:
        if not way.flex:
            sight.flex_is_fast_on = lambda device: False  # type: ignore[assignment]
        return our_step(size, shape, batch_size, way)

    return build


def bench(size: str, name: str, options: argparse.Namespace, rate: float) -> None:
    shape, way = SHAPES[name], Way(compiled=options.compile)
    if not ON_GPU:
        shape = tuple(n // options.shorter for n in shape)
    builds = {f"{size} {shape[0]}/{shape[1]} ours": build_ours(size, shape, way)}
    if options.items:
        chosen = [item for item in Way._fields if ON_GPU or item not in ("flex", "step_by_step", "multiples_of_128")]
        builds |= {label_of(item, way): build_ours(size, shape, without(item, way)) for item in chosen}
    if options.peer and not options.items:
        builds["  ours, t5_bias"] = build_ours(size, shape, way._replace(rope=False))
        builds["  transformers"] = lambda batch_size: peer_step(size, shape, batch_size, options.compile)
    batch_size = options.batch_size or ({"base": 128}.get(size, 256) if ON_GPU else 4)
    first = None
    fast = sight.flex_is_fast_on
    for label, build in builds.items():
        # The first stays, and every other is timed in turns with it, so that only two are in memory.
        arm = warmed(label, build, first.batch_size if first else batch_size)
        sight.flex_is_fast_on = fast
        if arm is None:
            continue
        if first is None:
            first = arm
            take_turns([first], options.rounds, options.steps)
            print_arm(first, size, shape, rate)
            continue
        first.times_s.clear()
        take_turns([first, arm], options.rounds, options.steps)
        print_arm(arm, size, shape, rate)
        ratio = statistics.median(
            a / b * first.batch_size / arm.batch_size for a, b in zip(arm.times_s, first.times_s, strict=True)
        )
        print(f"    an example takes {ratio:.3f} times as long as in ours", flush=True)


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--sizes", nargs="+", default=["small", "base"] if ON_GPU else ["tiny"], help="of configs/models"
    )
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES) if ON_GPU else ["t5"], choices=SHAPES)
    parser.add_argument("--batch_size", type=int, help="examples (default: 256, base 128, on a CPU 4; halved to fit)")
    parser.add_argument("--rounds", type=int, default=5 if ON_GPU else 3)
    parser.add_argument("--steps", type=int, default=10 if ON_GPU else 1, help="steps of an arm in a round")
    parser.add_argument("--shorter", type=int, default=1 if ON_GPU else 2, help="on a CPU, divide the lengths by this")
    parser.add_argument(
        "--items", action="store_true", help="switch each means of speed off alone, instead of the peer"
    )
    parser.add_argument("--no-peer", dest="peer", action="store_false")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = options_of()
    torch.set_flush_denormal(True)
    if not ON_GPU:
        torch.set_num_threads(1)
    torch._dynamo.config.recompile_limit = 64  # one forward serves all arms, each of which has a graph of its own
    rate = matmul_flops()
    name = torch.cuda.get_device_name() if ON_GPU else "cpu, one thread, CPU time"
    kernels = {"rope": True, "t5_bias": False}
    print(
        f"{name}; torch {torch.__version__}; cuDNN {torch.backends.cudnn.version()}; matmul {rate / 1e12:.3f} TFLOP/s"
    )
    for positions, rope in kernels.items():
        found = attention_backend(config_of("small", rope=rope), DEVICE, is_compiled=options.compile)
        print(f"attention of {positions}: {found}")
    print(f"{'':44}{'batch':>6}{'ms/step':>11}{'tokens/s':>13}{'TFLOP/s':>9}{'MFU %':>7}{'GiB':>8}")
    for size in options.sizes:
        for shape in options.shapes:
            bench(size, shape, options, rate)


if __name__ == "__main__":
    main()
