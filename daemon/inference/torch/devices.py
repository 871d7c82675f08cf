"""Where a model runs and in which numbers."""

from __future__ import annotations

import gc
import platform
from typing import Any

import psutil
import torch

from daemon.errors import EngineError

DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}
#: Metal's driver may keep so much for more work.
MOST_KEPT = 512 * 1024**2
#: What people call them.
NAMES = {"cuda": "NVIDIA GPU", "mps": "Apple GPU", "cpu": "CPU"}


def pick_device(chosen: str) -> torch.device:
    """The chosen device; "auto" is the first of cuda, mps, cpu that is there. Raises EngineError for an absent one."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if chosen == "auto":
        return torch.device(next(name for name, found in there.items() if found))
    if not there[chosen]:
        raise EngineError(f"This machine has no {chosen} device.", advice="Set model.device to auto.")
    return torch.device(chosen)


def pick_dtype(chosen: str, device: torch.device) -> torch.dtype:
    """The chosen precision; "auto", and what "int8" does not multiply, is bf16 where the device has it, else f32."""
    if chosen in DTYPES:
        return DTYPES[chosen]
    return torch.bfloat16 if has_bf16(device) else torch.float32


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies in bf16 itself; emulated, it would be slower than f32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    # Without oneDNN a CPU's bf16 products are plain loops, 10 to 50 times slower than float32's in a matrix library.
    # PyTorch's packages for the Mac are built without it (USE_MKLDNN=OFF in .ci/wheel/build_wheel.sh).
    onednn: Any = torch.backends.mkldnn
    if platform.system() == "Darwin" or not onednn.is_available():
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def has_int8(device: torch.device) -> bool:
    """Whether it multiplies numbers of 8 bits faster than of 16: a CPU with VNNI instructions."""
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(able.get("avx512_vnni") or able.get("avx_vnni"))


def check_int8(device: torch.device) -> None:
    if not has_int8(device):
        raise EngineError(
            f'The precision "int8" needs an x86 CPU with VNNI instructions; the device is {device.type} here.',
            advice="Set model.precision to auto.",
        )


def synchronize(device: torch.device) -> None:
    """Returns when the work given to the device is done, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory_of(device: torch.device) -> int:
    """Bytes held on the device, at their most where it keeps count; 0 on a CPU, whose process says it.

    Without what Metal's driver keeps for more work (`driver_allocated_memory`), which comes and goes.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return torch.mps.current_allocated_memory() if device.type == "mps" else 0


def free_memory(device: torch.device) -> int:
    """Bytes on the device that nobody holds.

    An Apple GPU shares the machine's memory: what other programs hold there, Metal's own limit does not count.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        metal = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0, min(metal, psutil.virtual_memory().available))
    return psutil.virtual_memory().available


def empty_cache(device: torch.device) -> None:
    """Hands freed memory back to the system."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def trim(device: torch.device) -> None:
    """Hands back what Metal's driver keeps, once that is much: it grows with every new shape (pytorch#164299)."""
    if device.type == "mps" and torch.mps.driver_allocated_memory() - torch.mps.current_allocated_memory() > MOST_KEPT:
        torch.mps.empty_cache()


def name_of(device: torch.device) -> str:
    """What the device is called, as far as it can be known."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
