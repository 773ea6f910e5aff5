"""What torch sees of GPUs, and which attention kernels it would take."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

from denoise.doctor.finding import Finding, in_bytes


def torch_and_gpus() -> Iterator[Finding]:
    """Torch, its CUDA, the driver, each GPU."""
    import torch

    built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    yield Finding(name="torch", value=f"{torch.__version__}, built for {built_for}")
    driver = _driver()
    if torch.cuda.is_available():
        yield Finding(name="driver", value=driver or "not told")
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            is_old = about.major < 8
            yield Finding(
                name=f"GPU {number}",
                value=f"{about.name}, {in_bytes(about.total_memory)}, compute capability {about.major}.{about.minor}",
                state="warning" if is_old else "ok",
                advice="bfloat16 is slow before capability 8.0: --precision 32-true" if is_old else "",
            )
        yield from _cudnn()
        if torch.distributed.is_nccl_available():
            yield Finding(name="NCCL", value=".".join(map(str, torch.cuda.nccl.version())))
    elif driver:
        advice = "torch is built for CPU" if not torch.version.cuda else f"the driver may be too old for {built_for}"
        value = f"none for torch, though there is a driver {driver}"
        yield Finding(name="GPU", value=value, state="warning", advice=f"{advice}: see pytorch.org/get-started")
    elif torch.backends.mps.is_available():
        yield Finding(name="GPU", value="Apple's, as the device mps")
    else:
        advice = "the tiny model trains on two cores in minutes; small and base want a GPU"
        yield Finding(name="GPU", value="none", state="missing", advice=advice)


def bfloat16() -> Iterator[Finding]:
    """Whether bf16 is computed by the hardware."""
    import torch

    if torch.cuda.is_available():
        can = torch.cuda.is_bf16_supported(including_emulation=False)
        yield Finding(name="bfloat16", value="yes" if can else "no", state="ok" if can else "warning")
        return
    flags = set(re.findall(r"\b(amx_bf16|avx512_bf16)\b", _read("/proc/cpuinfo")))
    value = f"in hardware ({', '.join(sorted(flags))})" if flags else "not in hardware; 32-true is the default on a CPU"
    yield Finding(name="bfloat16", value=value)


def attention() -> Iterator[Finding]:
    """The kernels that torch takes for attention, with each kind of positions."""
    import torch
    from torch.nn.attention import SDPBackend

    from denoise.model.config import ModelConfig
    from denoise.train.execution import attention_backend

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    q = torch.zeros(1, 4, 128, 64, device=device, dtype=dtype, requires_grad=True)
    bias = torch.zeros(1, 4, 128, 128, device=device, dtype=dtype, requires_grad=True)
    masks: dict[Literal["rope", "t5_bias"], torch.Tensor | None] = {"rope": None, "t5_bias": bias}
    for positions, mask in masks.items():
        # The dispatcher's own question; without gradients it would choose others.
        chosen = SDPBackend(torch._fused_sdp_choice(q, q, q, mask, 0.0, False)).name.lower()
        taken = attention_backend(ModelConfig(positions=positions), torch.device(device))
        is_slow = device == "cuda" and positions == "rope" and chosen == "math"
        yield Finding(
            name="attention",
            value=f"{positions}: {taken}; SDPA takes {chosen.replace('_', ' ')}",
            state="warning" if is_slow else "ok",
            advice="no fast kernel takes it: update torch, or look for TORCH_... variables that forbid one"
            if is_slow
            else "",
        )


def _cudnn() -> Iterator[Finding]:
    import torch

    version = torch.backends.cudnn.version()
    if not version:
        yield Finding(name="cuDNN", value="none", state="warning", advice="attention is up to twice as fast with it")
        return
    shown = f"{version // 10000}.{version // 100 % 100}.{version % 100}"
    packaged = bundled_cudnn()
    others = system_cudnns(os.environ.get("LD_LIBRARY_PATH", ""))
    is_shadowed = packaged is not None and not packaged.startswith(shown)
    advice = f"torch came with {packaged}, which {others[0] if others else 'another'} hides: unset LD_LIBRARY_PATH"
    yield Finding(
        name="cuDNN",
        value=shown,
        state="warning" if is_shadowed else "ok",
        advice=advice if is_shadowed else "",
    )


def bundled_cudnn() -> str | None:
    """The version of the package that torch's wheel brings; None where cuDNN came otherwise."""
    names = (each.metadata["Name"] or "" for each in metadata.distributions())
    found = next((name for name in names if name.lower().startswith("nvidia-cudnn-cu")), None)
    return metadata.version(found) if found else None


def system_cudnns(library_path: str) -> list[str]:
    """Libraries of cuDNN in the folders of LD_LIBRARY_PATH: the loader takes them before torch's own."""
    folders = [Path(folder) for folder in library_path.split(":") if folder]
    return [str(path) for folder in folders if folder.is_dir() for path in sorted(folder.glob("libcudnn.so*"))]


def _driver() -> str | None:
    if path := shutil.which("nvidia-smi"):
        command = [path, "--query-gpu=driver_version", "--format=csv,noheader"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
            return done.stdout.split("\n")[0].strip() or None
        except (OSError, subprocess.SubprocessError):
            return None
    found = re.search(r"\s(\d+\.\d+(\.\d+)?)\s", _read("/proc/driver/nvidia/version"))
    return found[1] if found else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
