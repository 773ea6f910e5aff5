"""How a run is computed on the machine it finds: device, number format, compiler, attention kernels."""

from __future__ import annotations

import shutil
import warnings
from typing import NamedTuple

import torch

from corruptions import Lengths
from denoise.model.config import ModelConfig
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.train.config import BadRun, RunConfig

_FAST_MULTIPLE = 128


class Execution(NamedTuple):
    """What the options of a run come to on this machine."""

    device: torch.device
    """Where the model is computed."""
    dtype: torch.dtype
    """What it is computed in; weights, their gradients and the optimizer are float32 always."""
    is_compiled: bool
    """Whether the model and its loss are compiled."""

    def describe(self, config: RunConfig) -> str:
        """One line for whoever starts the run.

        >>> Execution(torch.device("cpu"), torch.float32, False).describe(RunConfig())
        'computing: cpu, float32, not compiled, attention: SDPA without a mask'
        """
        compiled = "compiled" if self.is_compiled else "not compiled"
        kernels = attention_backend(config.model, self.device, is_compiled=self.is_compiled, documents=config.documents)
        return f"computing: {self.device}, {str(self.dtype).removeprefix('torch.')}, {compiled}, attention: {kernels}"


def peak_flops_per_s(execution: Execution, num_processes: int) -> float | None:
    """What the maker says that all devices can do in this number format; None where Lightning has no figure."""
    from lightning.fabric.utilities.throughput import get_available_flops

    if execution.device.type != "cuda":
        return None
    with warnings.catch_warnings():  # it warns of each GPU that it does not know
        warnings.simplefilter("ignore")
        peak = get_available_flops(execution.device, execution.dtype)
    return peak * num_processes if peak else None


def execution_of(config: RunConfig) -> Execution:
    """Resolve what is `auto`. Raises BadRun for a device or a compiler that is not there."""
    device = _device(config)
    is_bf16 = config.precision == "bf16-mixed" or (config.precision == "auto" and device.type == "cuda")
    wants_compiler = config.compile is True or (config.compile == "auto" and device.type == "cuda")
    missing = why_not_compiled(device) if wants_compiler else None
    if missing is not None and config.compile is True:
        raise BadRun(f"compile is true, but {missing}; install it, or give --compile=false")
    return Execution(device, torch.bfloat16 if is_bf16 else torch.float32, wants_compiler and missing is None)


def set_up(model: EncoderDecoder, execution: Execution) -> None:
    """Make the model compute so; its weights, and their names in checkpoints, stay as they are."""
    model.compute_dtype = execution.dtype
    if execution.is_compiled:
        # One graph, one shape: a break or a shape that varies is a mistake of ours, and raises.
        model.compile(fullgraph=True, dynamic=False)


def why_not_compiled(device: torch.device) -> str | None:
    """What torch.compile lacks on this machine, or None.

    >>> why_not_compiled(torch.device("mps"))
    'torch.compile is not used on mps'
    """
    if device.type not in ("cpu", "cuda"):
        return f"torch.compile is not used on {device.type}"
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        if not has_triton():
            return "Triton, which compiles for GPUs, is not there or does not know this one"
    if _cpp_compiler() is None:
        return "there is no C++ compiler such as g++"
    return None


def compiler_trouble(error: Exception) -> BadRun:
    """What to do about a graph that cannot be compiled; the whole of it is in the error behind this one."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return BadRun(
        f"torch.compile failed ({reason[:200]}); --compile=false trains without it; if a run was killed while it "
        f"compiled, delete {cache_dir()}"
    )


def attention_backend(
    config: ModelConfig, device: torch.device, *, is_compiled: bool = True, documents: str = "joined"
) -> str:
    """The attention kernels that a model trains with, in words; `denoise doctor` shows it.

    >>> attention_backend(ModelConfig(positions="t5_bias"), torch.device("cpu"))
    'SDPA with a bias'
    """
    masked = config.positions == "t5_bias" or documents == "apart"
    if masked and device.type == "cuda" and is_compiled and not config.dropout:
        return "FlexAttention"
    if masked:
        return "SDPA with a bias" if config.positions == "t5_bias" else "SDPA with a mask"
    if device.type != "cuda":
        return "SDPA without a mask"
    return f"SDPA without a mask, cuDNN {_cudnn()} first"


def shape_advice(lengths: Lengths, device: torch.device) -> str | None:
    """One sentence for whoever chose the lengths, where the fast kernels of GPUs want others.

    >>> shape_advice(Lengths(512, 128), torch.device("cuda"))
    """
    odd = [f"{name} of {places}" for name, places in lengths._asdict().items() if places % _FAST_MULTIPLE]
    if device.type != "cuda" or not odd:
        return None
    return (
        f"the fastest attention kernels want lengths that are multiples of {_FAST_MULTIPLE}; this run has a "
        f"{' and a '.join(odd)}: --pad_target_to={_FAST_MULTIPLE} pads targets, --source_len chooses the source"
    )


def _device(config: RunConfig) -> torch.device:
    if config.device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if _is_there(name)))
    if not _is_there(config.device):
        raise BadRun(f"device is {config.device}, but PyTorch finds none on this machine; give --device=auto")
    return torch.device(config.device)


def _is_there(device: str) -> bool:
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]


def _cpp_compiler() -> str | None:
    from torch._inductor import config

    wanted = config.cpp.cxx if isinstance(config.cpp.cxx, (list, tuple)) else (config.cpp.cxx,)
    return next((found for name in wanted if name and (found := shutil.which(name))), None)


def _cudnn() -> str:
    version = torch.backends.cudnn.version()
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}" if version else "none"
