"""Devices and precisions."""

from __future__ import annotations

import gc
import platform
from typing import Any

import psutil
import torch

from daemon.errors import EngineError

DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}
MLX_ONLY = ("f16", "int4")
#: Metal's driver may keep so much memory for reuse.
MAX_CACHED_BYTES = 512 * 1024**2
#: For people.
DISPLAY_NAMES = {"cuda": "NVIDIA GPU", "mps": "Apple GPU", "cpu": "CPU"}


def accelerators() -> dict[str, tuple[bool, bool]]:
    """By device: whether torch was built for it, and whether this machine has it."""
    return {
        "cuda": (torch.backends.cuda.is_built(), torch.cuda.is_available()),
        "mps": (torch.backends.mps.is_built(), torch.backends.mps.is_available()),
        "cpu": (True, True),
    }


def pick_device(chosen: str) -> torch.device:
    """The chosen device; "auto" is the first available of cuda, mps, cpu. Raises EngineError for a missing one."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if chosen == "auto":
        return torch.device(next(name for name, found in available.items() if found))
    if not available[chosen]:
        raise EngineError(f"This machine has no {chosen} device.", advice="Set model.device to auto.")
    return torch.device(chosen)


def pick_dtype(chosen: str, device: torch.device) -> torch.dtype:
    """The chosen precision; for "auto", and beside int8 products, bf16 where the device has it, else f32.

    Raises EngineError for a precision that only MLX has.
    """
    if chosen in MLX_ONLY:
        raise EngineError(
            f'The precision "{chosen}" is for MLX alone.', advice="Set model.precision to auto, or model.engine to mlx."
        )
    if chosen in DTYPES:
        return DTYPES[chosen]
    return torch.bfloat16 if has_bf16(device) else torch.float32


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 natively; emulation would be slower than f32."""
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
    """Whether it multiplies 8-bit numbers faster than 16-bit ones: a CPU with VNNI instructions."""
    capabilities = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(capabilities.get("avx512_vnni") or capabilities.get("avx_vnni"))


def require_int8(device: torch.device) -> None:
    if not has_int8(device):
        raise EngineError(
            f'The precision "int8" needs an x86 CPU with VNNI instructions; this device is {device.type}.',
            advice="Set model.precision to auto.",
        )


def synchronize(device: torch.device) -> None:
    """Waits until the device's queue is done, so that times are right."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory_bytes(device: torch.device) -> int:
    """Bytes held on the device, the peak where it is counted; 0 on a CPU, where the process's memory counts.

    Without what Metal's driver keeps for reuse (`driver_allocated_memory`), which fluctuates.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return torch.mps.current_allocated_memory() if device.type == "mps" else 0


def reset_cuda_peak() -> None:
    """The peak that `memory_bytes` gives begins again, from the bytes that are held now."""
    torch.cuda.reset_peak_memory_stats()


def free_memory(device: torch.device) -> int:
    """Free bytes on the device.

    An Apple GPU shares the machine's memory: Metal's own limit does not count the memory of other programs.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        metal = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0, min(metal, psutil.virtual_memory().available))
    return psutil.virtual_memory().available


def empty_cache(device: torch.device) -> None:
    """Returns freed memory to the system."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def trim(device: torch.device) -> None:
    """Returns what Metal's driver keeps, once it is large: it grows with every new shape (pytorch#164299)."""
    if device.type != "mps":
        return
    if torch.mps.driver_allocated_memory() - torch.mps.current_allocated_memory() > MAX_CACHED_BYTES:
        torch.mps.empty_cache()


def device_name(device: torch.device) -> str:
    """The device's name, as far as torch reports it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
